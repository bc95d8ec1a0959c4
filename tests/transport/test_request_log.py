"""The line of each request: its fields in both forms, over FastCGI and HTTP, and the requests that are slow."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from iipserve.config import Config
from iipserve.exchange import ENCODING, READING, WAITING, Exchange, phase, running
from iipserve.http import Response
from iipserve.image import ImageName
from iipserve.transport import logs
from iipserve.transport.answered import answered
from iipserve.transport.records import where_time_went
from tests.transport.client import request
from tests.transport.conftest import Running, StartServer
from tests.transport.http_client import Client
from tests.transport.processes import until
from tests.transport.stub import TILE

SLOW = {"slow_request": 1}
"""Every request that waits at all."""


@pytest.fixture
def logged(start_server: StartServer, own_log: Path) -> Callable[..., Running]:
    """Starts a server that logs to `own_log`."""

    def start(*, http: bool = False, **settings: Any) -> Running:
        settings = {"verbosity": 2, "logfile": str(own_log), "log_format": "json"} | settings
        logs.set_up(Config(**settings))
        return start_server(http=http, **settings)

    return start


def objects(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def one(path: Path) -> dict[str, Any]:
    (found,) = until(lambda: objects(path))
    return dict(found)


def test_fields_over_fastcgi(logged: Callable[..., Running], own_log: Path) -> None:
    with logged().connect() as peer:
        peer.send(request("/tile?a=b", REMOTE_ADDR="192.0.2.7", HTTP_X_REQUEST_ID="5f-3"))
        assert peer.answer().body == TILE
    found = one(own_log)
    expected = {"client": "192.0.2.7", "id": "5f-3", "method": "GET", "address": "/tile?a=b", "status": 200}
    assert expected.items() <= found.items()
    assert (found["bytes"], found["cache"], found["level"]) == (len(TILE), "none", "INFO")
    assert 0 < found["ms"] < 60_000
    assert "complete" not in found


@pytest.mark.parametrize(
    ("trust", "client"), [(True, "203.0.113.9"), (False, "127.0.0.1")], ids=["trusted", "not trusted"]
)
def test_fields_over_http(logged: Callable[..., Running], own_log: Path, trust: bool, client: str) -> None:
    with Client(logged(http=True, trust_forwarded=trust).address) as connection:
        lines = ("X-Forwarded-For: 198.51.100.1, 203.0.113.9", "X-Request-Id: a b")
        assert connection.ask("/tile", *lines, method="HEAD")[0] == 200
    found = one(own_log)
    assert (found["client"], found["method"], found["bytes"]) == (client, "HEAD", 0)
    assert re.fullmatch("[0-9a-f]{32}", found["id"]), "another one than a front end would make"


def test_bytes_of_bodies_that_are_made_while_they_are_sent(
    logged: Callable[..., Running], own_log: Path
) -> None:
    with logged().connect() as peer:
        assert len(peer.ask("/pieces/3").body) == 3 * 65536
    assert one(own_log)["bytes"] == 3 * 65536


def test_an_answer_that_breaks_off_is_not_complete(logged: Callable[..., Running], own_log: Path) -> None:
    with logged().connect() as peer:
        peer.send(request("/breaking"))
        assert peer.receive_all()
    found = until(lambda: [each for each in objects(own_log) if "complete" in each])
    assert [each["complete"] for each in found] == [False]


def test_a_fault_is_an_error_of_a_kind(logged: Callable[..., Running], own_log: Path) -> None:
    with logged().connect() as peer:
        assert peer.ask("/raise").status == 500
    found = until(lambda: [each for each in objects(own_log) if "status" in each])
    assert [(each["status"], each["error"]) for each in found] == [(500, "InternalError")]


def test_each_request_has_one_line(logged: Callable[..., Running], own_log: Path) -> None:
    server = logged(http=True)
    with Client(server.address) as client:
        for number in range(20):
            assert client.ask(f"/tile?{number}")[0] == 200
    until(lambda: len(objects(own_log)) >= 20)
    assert [each["address"] for each in objects(own_log)] == [f"/tile?{number}" for number in range(20)]


def test_slow_requests_are_logged_at_level_1(logged: Callable[..., Running], own_log: Path) -> None:
    with logged(verbosity=1, log_format="text", **SLOW).connect() as peer:
        assert peer.ask("/sleep/0.06").status == 200
    line = until(lambda: own_log.exists() and own_log.read_text())
    assert re.search(
        r" WARNING slow request \(\d+\.\d s: anything else \d+\.\d s\): GET /sleep/0\.06 200 ", line
    )


def test_quick_requests_are_not_logged_at_level_1(logged: Callable[..., Running], own_log: Path) -> None:
    server = logged(verbosity=1, slow_request=60_000)
    with server.connect() as peer:
        assert peer.ask("/tile").status == 200
    server.close()
    assert objects(own_log) == []


@pytest.mark.parametrize("settings", [{"slow_request": 0}, {"verbosity": 0, **SLOW}])
def test_no_slow_request_is_logged(
    logged: Callable[..., Running], own_log: Path, settings: dict[str, int]
) -> None:
    server = logged(**({"verbosity": 1} | settings))
    with server.connect() as peer:
        assert peer.ask("/sleep/0.06").status == 200
    server.close()
    assert objects(own_log) == []


@pytest.mark.parametrize("http", [False, True], ids=["FastCGI", "HTTP"])
def test_a_client_that_reads_slowly_is_what_is_slow(
    logged: Callable[..., Running], own_log: Path, http: bool
) -> None:
    server = logged(verbosity=1, http=http, **SLOW)
    with Client(server.address) as client:
        client.send(b"GET /bytes/9000000 HTTP/1.1\r\nHost: a\r\n\r\n" if http else request("/bytes/9000000"))
        until(lambda: server.server._parked and next(iter(server.server._parked.values())).outgoing.pending)
        began, received = monotonic(), 0
        until(lambda: monotonic() - began > 0.05)
        while received < 9_000_000:
            received += len(client.sock.recv(1 << 20))
    found = one(own_log)
    assert found["message"].startswith("slow request (")
    assert found["sending_ms"] > 40
    assert "sending" in found["message"]


def test_a_line_of_a_request_and_that_of_its_slowness_have_the_same_id() -> None:
    exchange = exchange_of(started=monotonic())
    first, second = (answered(exchange, trusted=True, complete=True) for _ in range(2))
    assert first.id == second.id != answered(exchange_of(started=0.0), trusted=True, complete=True).id


def exchange_of(*, started: float) -> Exchange:
    found = Exchange()
    found.started = started
    found.response = Response(HTTPStatus.OK, ())
    found.images = [ImageName(f"{letter}.tif") for letter in "aabcde"]
    return found


def test_time_of_a_phase_is_not_that_of_the_one_around_it(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("iipserve.exchange.monotonic", lambda: clock[0])
    monkeypatch.setattr("iipserve.transport.answered.monotonic", lambda: clock[0])

    def spend(seconds: float) -> None:
        clock[0] += seconds

    exchange = running[threading.get_ident()] = exchange_of(started=0.0)
    try:
        spend(1)
        with phase(ENCODING):
            spend(2)
            with phase(READING, "a.tif"):
                assert exchange.reading == "a.tif"
                spend(10)
                with phase(WAITING):
                    spend(4)
                spend(3)
            assert exchange.reading == ""
            spend(5)
    finally:
        del running[threading.get_ident()]
    record = answered(exchange, trusted=True, complete=True)
    assert record.phases == {ENCODING: 7, READING: 13, WAITING: 4}
    assert record.seconds == 25
    assert where_time_went(record) == "25.0 s: reading 13.0 s, encoding 7.0 s, waiting 4.0 s"
    assert record.image == "a.tif b.tif c.tif +2"
