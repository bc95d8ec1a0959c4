"""Clients that are slow, idle or hostile, all at once, against the command: no worker ends, and others are served."""

from __future__ import annotations

import contextlib
import resource
import socket
from functools import partial
from pathlib import Path

import pytest

from tests.ports import free_port
from tests.transport.client import connect, request
from tests.transport.http_client import Client
from tests.transport.processes import Command, echo_http, until
from tests.transport.stub import TILE

LINES = b"GET /tile HTTP/1.1\r\nHost: a\r\n"
UNREAD = "/zeros/8000000"
"""An answer that is longer than sockets hold."""
IDLE = min(3000, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2)
"""As many as the limit of descriptors lets this process have."""
HTTP_ATTACKS = (
    (20, LINES + b"Connection: close\r\n\r\n"),
    (20, b"\x16\x03\x01\x00\xa5 no HTTP\r\n\r\n"),
    (200, LINES + b"X: "),
    (140, LINES.replace(b"/tile", UNREAD.encode()) + b"\r\n"),
    (20, 500 * (LINES + b"\r\n")),
    (IDLE, b""),
)
"""How many clients send what, and neither read nor close."""
FASTCGI_ATTACKS = ((140, request(UNREAD)), (50, request()[:20]), (50, b""))


def attack(stack: contextlib.ExitStack, port: int, count: int, data: bytes) -> None:
    """Open connections that send `data`; where descriptors are short, the server may close one at any time."""
    for _ in range(count):
        sock = stack.enter_context(socket.socket())
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(60)
        sock.connect(("127.0.0.1", port))
        with contextlib.suppress(ConnectionError):
            sock.sendall(data)


def ask_http(port: int) -> bytes:
    with Client(("127.0.0.1", port)) as client:
        return client.ask("/tile")[2]


def ask_fastcgi(port: int) -> bytes:
    with connect(("127.0.0.1", port)) as peer:
        return peer.ask("/tile").body


def workers(command: Command) -> list[str]:
    supervisor = command.process.pid
    return Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()


@pytest.mark.parametrize("limit", [(), ("prlimit", "--nofile=120")], ids=["", "few descriptors"])
def test_slow_clients_take_nothing_from_others(tmp_path: Path, limit: tuple[str, ...]) -> None:
    http, fastcgi = free_port(), free_port()
    command = Command(
        tmp_path, "--http", f"127.0.0.1:{http}", "--bind", f"127.0.0.1:{fastcgi}", wrapper=limit, WORKERS="2"
    )
    with contextlib.ExitStack() as stack:
        stack.callback(command.stop)
        until(lambda: echo_http(http))
        before = until(lambda: len(found := workers(command)) == 2 and found)
        over_http, over_fastcgi = partial(ask_http, http), partial(ask_fastcgi, fastcgi)
        for port, attacks, asks in (
            (http, HTTP_ATTACKS, (over_http, over_fastcgi)),
            (fastcgi, FASTCGI_ATTACKS, (over_fastcgi, over_http)),
        ):
            for count, data in attacks:
                attack(stack, port, count, data)
                # the first one is accepted after all attackers, so nobody makes room by closing the second one
                assert [ask() for ask in asks] == [TILE, TILE]
        assert workers(command) == before
    log = command.log.read_text()
    assert "Traceback" not in log, log
