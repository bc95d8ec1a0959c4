"""The log says once that a web server opens a connection for each request."""

from __future__ import annotations

import logging

import pytest

from iipserve.transport import logs, short_connections
from tests.transport.client import request
from tests.transport.conftest import Running

LIMIT = 5


@pytest.mark.parametrize("keep", [False, True])
def test_many_are_said_once(
    server: Running, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, *, keep: bool
) -> None:
    monkeypatch.setattr(short_connections, "MANY", LIMIT)
    said = []
    with caplog.at_level(logging.INFO, logs.START):
        for _ in range(2 * LIMIT):
            peer = server.connect()
            peer.sock.sendall(request(keep=keep))
            assert peer.answer().status == 200
            said.append(sum("fastcgi_keep_conn" in record.message for record in caplog.records))
    assert said == ([0] * LIMIT + [0] * LIMIT if keep else [0] * (LIMIT - 1) + [1] * (LIMIT + 1))
