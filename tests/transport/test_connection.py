"""Raw bytes in, records out: each case is fed whole and byte by byte."""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import struct
import threading
import time
from typing import NamedTuple

import pytest

from tests.transport.client import (
    ABORT,
    BEGIN,
    CANT_MULTIPLEX,
    COMPLETE,
    DATA,
    END,
    FILTER,
    GET_VALUES,
    GET_VALUES_RESULT,
    PARAMS,
    RESPONDER,
    SECONDS,
    STDIN,
    STDOUT,
    UNKNOWN_ROLE,
    UNKNOWN_TYPE,
    Peer,
    Received,
    begin,
    end,
    pairs,
    record,
    request,
)
from tests.transport.conftest import Running, StartServer
from tests.transport.stub import TILE

ENVIRON = {"REQUEST_METHOD": "GET", "REQUEST_URI": "/tile"}


class Case(NamedTuple):
    """What a web server sends, and the management and END_REQUEST records it receives."""

    data: bytes
    expected: list[Received]
    closes: bool = False


CONVERSATIONS = {
    "request": Case(request(), [end(1, COMPLETE)]),
    "request without keeping": Case(request(keep=False), [end(1, COMPLETE)], closes=True),
    "largest id": Case(request(request_id=65535), [end(65535, COMPLETE)]),
    "two requests, the second sent early": Case(
        request() + request(request_id=2), [end(1, COMPLETE), end(2, COMPLETE)]
    ),
    "params in three records, padded": Case(
        begin()
        + b"".join(
            record(PARAMS, 1, pairs(ENVIRON)[part], 5) for part in (slice(0, 3), slice(3, 9), slice(9, None))
        )
        + record(PARAMS, 1, padding=255)
        + record(STDIN, 1),
        [end(1, COMPLETE)],
    ),
    "body ends before the params do": Case(
        begin() + record(STDIN, 1) + record(PARAMS, 1, pairs(ENVIRON)) + record(PARAMS, 1), [end(1, COMPLETE)]
    ),
    "body is read and forgotten": Case(request(body=b"x" * 300), [end(1, COMPLETE)]),
    "data is ignored": Case(begin() + record(DATA, 1, b"x") + request()[len(begin()) :], [end(1, COMPLETE)]),
    "records of no request are ignored": Case(
        record(PARAMS, 7, b"\xff") + record(STDIN, 7) + record(ABORT, 7) + request(), [end(1, COMPLETE)]
    ),
    "unknown type within a request is ignored": Case(record(99, 1, b"?") + request(), [end(1, COMPLETE)]),
    "filter role": Case(
        begin(role=FILTER) + record(PARAMS, 1) + record(STDIN, 1) + request(request_id=2),
        [end(1, UNKNOWN_ROLE), end(2, COMPLETE)],
    ),
    "unknown role without keeping": Case(begin(role=9, keep=False), [end(1, UNKNOWN_ROLE)], closes=True),
    "second request on a busy connection": Case(
        begin(1) + begin(2) + record(PARAMS, 2, b"\x01\x01ab") + record(STDIN, 2) + request()[len(begin()) :],
        [end(2, CANT_MULTIPLEX), end(1, COMPLETE)],
    ),
    "abort before the params end": Case(
        begin() + record(PARAMS, 1, b"\x01\x01a") + record(ABORT, 1) + request(request_id=2),
        [end(1, COMPLETE), end(2, COMPLETE)],
    ),
    "abort before the body ends, without keeping": Case(
        request(keep=False)[:-8] + record(ABORT, 1), [end(1, COMPLETE)], closes=True
    ),
    "abort after the answer is ignored": Case(
        request() + record(ABORT, 1) + request(), [end(1, COMPLETE)] * 2
    ),
    "values": Case(
        record(GET_VALUES, 0, pairs({"FCGI_MAX_CONNS": "", "FCGI_MAX_REQS": "", "FCGI_MPXS_CONNS": ""})),
        [
            Received(
                GET_VALUES_RESULT,
                0,
                pairs({"FCGI_MAX_CONNS": "4", "FCGI_MAX_REQS": "4", "FCGI_MPXS_CONNS": "0"}),
            )
        ],
    ),
    "unknown value": Case(
        record(GET_VALUES, 0, pairs({"FCGI_COLOR": "", "FCGI_MPXS_CONNS": ""})),
        [Received(GET_VALUES_RESULT, 0, pairs({"FCGI_MPXS_CONNS": "0"}))],
    ),
    "no values": Case(record(GET_VALUES, 0), [Received(GET_VALUES_RESULT, 0, b"")]),
    "values while a request is read": Case(
        begin() + record(GET_VALUES, 0) + request()[len(begin()) :],
        [Received(GET_VALUES_RESULT, 0, b""), end(1, COMPLETE)],
    ),
    "unknown management type": Case(
        record(77, 0, b"anything", 3) + request(),
        [Received(UNKNOWN_TYPE, 0, b"\x4d" + bytes(7)), end(1, COMPLETE)],
    ),
}


def receive(peer: Peer, case: Case) -> list[Received]:
    """The expected number of records other than STDOUT."""
    found: list[Received] = []
    while len(found) < len(case.expected):
        received = peer.receive()
        assert received is not None, "the connection ends too early"
        if received.kind != STDOUT:
            found.append(received)
    return found


@pytest.mark.parametrize("slowly", [False, True], ids=["whole", "byte by byte"])
@pytest.mark.parametrize("case", CONVERSATIONS.values(), ids=CONVERSATIONS.keys())
def test_conversation(server: Running, case: Case, slowly: bool) -> None:
    peer = server.connect()
    peer.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    (peer.send_slowly if slowly else peer.send)(case.data)
    assert receive(peer, case) == case.expected
    if case.closes:
        assert peer.at_end()
    else:
        assert peer.ask("/tile").body == TILE


MALFORMED = {
    "version 0": record(BEGIN, 1, bytes(8), version=0),
    "version 2": begin() + record(PARAMS, 1, version=2),
    "HTTP instead": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "begin without a body": record(BEGIN, 1),
    "begin with a long body": record(BEGIN, 1, bytes(9)),
    "begin with id 0": record(BEGIN, 0, struct.pack(">HB5x", RESPONDER, 1)),
    "begins twice": begin() + begin(),
    "params with id 0": record(PARAMS, 0, pairs(ENVIRON)),
    "values with an id": record(GET_VALUES, 1),
    "values that are no pairs": record(GET_VALUES, 0, b"\x05a"),
    "params that are no pairs": begin() + record(PARAMS, 1, b"\x09\x09abc") + record(PARAMS, 1),
    "params after their end": begin() + record(PARAMS, 1) + record(PARAMS, 1, pairs(ENVIRON)),
    "answer of an application": record(STDOUT, 1, b"Status: 200 OK\r\n\r\n"),
    "end of a request": record(END, 1, bytes(8)),
    "noise": bytes(range(2, 256)),
}


@pytest.mark.parametrize("slowly", [False, True], ids=["whole", "byte by byte"])
@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_records_close_their_connection_and_no_other(
    server: Running, data: bytes, slowly: bool, caplog: pytest.LogCaptureFixture
) -> None:
    other = server.connect()
    assert other.ask("/tile").body == TILE
    peer = server.connect()
    peer.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        (peer.send_slowly if slowly else peer.send)(data)
        peer.sock.shutdown(socket.SHUT_WR)
        assert peer.receive_all() == []
    except OSError as error:
        # The server may have closed the connection while the rest was still being sent.
        assert slowly, error  # noqa: PT017
    warnings = [entry.getMessage() for entry in caplog.records if entry.levelno >= logging.WARNING]
    assert len(warnings) == 1
    assert "\n" not in warnings[0]
    assert other.ask("/tile").body == TILE


def test_request_reaches_the_application_as_it_was_sent(server: Running) -> None:
    long = "v" * 5000
    answer = server.connect().ask("/echo/a%2Fb?FIF=c%20d&e", HTTP_X_LONG=long, HTTP_COOKIE="\u00e9", HTTPS="")
    seen = json.loads(answer.body)
    assert (seen["path"], seen["query"], seen["over_http"]) == ("/echo/a%2Fb", "FIF=c%20d&e", False)
    assert seen["environ"]["HTTP_X_LONG"] == long
    assert seen["environ"]["HTTP_COOKIE"] == "\u00e9"
    assert seen["environ"]["HTTPS"] == ""


def test_request_without_params_is_answered(server: Running) -> None:
    """iipsrv dies of a missing REQUEST_METHOD."""
    peer = server.connect()
    peer.send(begin() + record(PARAMS, 1) + record(STDIN, 1))
    assert peer.answer().status == 404


@pytest.mark.parametrize("keep", [False, True])
def test_body_that_is_too_long_is_refused(server: Running, keep: bool) -> None:
    peer = server.connect()
    peer.send(request(body=b"x" * 65536, keep=True))
    assert peer.answer().status == 200
    peer.send(request(body=b"x" * 200_000, keep=keep))
    assert peer.answer().status == 413
    assert peer.ask("/tile").body == TILE if keep else peer.at_end()


@pytest.mark.parametrize("parts", [1, 3, 1000])
def test_headers_that_are_too_long_are_refused(server: Running, parts: int) -> None:
    peer = server.connect()
    size = 70_000 // parts
    params = b"".join(record(PARAMS, 1, bytes(min(size, 65535))) for _ in range(max(parts, 2)))
    peer.send(begin() + params)
    answer = peer.answer()
    assert answer.status == 431
    assert answer.headers["access-control-allow-origin"] == "*"
    peer.send(record(PARAMS, 1) + record(STDIN, 1))
    assert peer.ask("/tile").body == TILE


def test_headers_of_64_kilobytes_are_read(server: Running) -> None:
    assert server.connect().ask("/tile", HTTP_COOKIE="c" * 65_000).body == TILE


@pytest.mark.parametrize("address", ["/tile", "/bytes/3000000", "/pieces/100"])
def test_client_that_vanishes_is_harmless(
    server: Running, address: str, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(20):
        peer = server.connect()
        peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        data = request(address)
        peer.send(data[: len(data) - number])
        if number == 0:
            assert peer.receive()
        peer.sock.close()
    assert server.connect().ask("/tile").body == TILE
    assert not [entry for entry in caplog.records if entry.levelno >= logging.WARNING]


def test_half_a_request_is_given_up_in_time(
    start_server: StartServer, caplog: pytest.LogCaptureFixture
) -> None:
    server = start_server(request_timeout=1.0)
    idle, halves = server.connect(), [server.connect() for _ in range(3)]
    assert idle.ask("/tile").body == TILE
    for peer, part in zip(halves, (3, 20, -9), strict=True):
        peer.send(request()[:part])
    ended = threading.Event()
    threading.Thread(target=tick, args=(server, ended)).start()
    try:
        assert all(peer.at_end() for peer in halves)
    finally:
        ended.set()
    assert "not complete in time" in caplog.text
    assert idle.ask("/tile").body == TILE


def test_request_that_trickles_in_is_given_up_in_time(start_server: StartServer) -> None:
    server = start_server(request_timeout=1.0)
    peer = server.connect()
    peer.send(begin())
    ended = threading.Event()
    threading.Thread(target=trickle, args=(peer, ended)).start()
    assert ended.wait(SECONDS)


def trickle(peer: Peer, ended: threading.Event) -> None:
    """Send params without an end, until the connection is closed."""
    with contextlib.suppress(OSError):
        while True:
            peer.send(record(PARAMS, 1, b"\x01\x01ab"))
            time.sleep(0.01)
    ended.set()


def tick(server: Running, ended: threading.Event) -> None:
    while not ended.wait(0.2):
        server.server.tick()
