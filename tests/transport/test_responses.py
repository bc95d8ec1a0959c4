"""Responses as records: sizes, chunks, failures, aborts, peers that vanish."""

from __future__ import annotations

import socket
import threading
import tracemalloc
from collections.abc import Iterator
from http import HTTPStatus

import pytest

from iipserve.http import Response
from tests.transport.client import (
    ABORT,
    COMPLETE,
    SECONDS,
    STDOUT,
    end,
    record,
    request,
)
from tests.transport.conftest import Running, StartServer
from tests.transport.stub import PIECE, TILE, pattern


@pytest.mark.parametrize("unix", [False, True], ids=["TCP", "Unix socket"])
@pytest.mark.parametrize("size", [0, 1, 65_000, 65_528, 65_529, 200_000, 5_000_000])
def test_answer_of_any_size_arrives(start_server: StartServer, size: int, unix: bool) -> None:
    peer = start_server(unix=unix).connect()
    for _ in range(2):
        answer = peer.ask(f"/bytes/{size}")
        assert answer.headers["content-length"] == str(size)
        assert answer.body == pattern(size)


def test_status_and_headers_are_those_of_the_application(server: Running) -> None:
    peer = server.connect()
    assert [peer.ask(f"/status/{code}").status for code in (204, 303, 304, 404, 415, 500)] == [
        204, 303, 304, 404, 415, 500,
    ]  # fmt: skip
    head = peer.ask("/tile", REQUEST_METHOD="HEAD")
    assert (head.headers["content-length"], head.body) == (str(len(TILE)), b"")


def test_records_are_no_longer_than_the_protocol_allows(server: Running) -> None:
    peer = server.connect()
    peer.send(request("/bytes/200000"))
    sizes = []
    while (received := peer.receive()) and received.kind == STDOUT:
        sizes.append(len(received.content))
    assert max(sizes) == 65_528
    assert sizes[-1] == 0


def test_pieces_are_sent_as_they_are_made(server: Running) -> None:
    peer = server.connect()
    for _ in range(2):
        body = peer.ask("/pieces/40").body
        assert body == b"".join(number.to_bytes(4, "big") + PIECE[4:] for number in range(40))


@pytest.mark.parametrize(
    ("address", "memory"), [("/pieces/1600", 16_000_000), ("/zeros/104857600", 120_000_000)]
)
def test_large_answer_is_not_copied(server: Running, address: str, memory: int) -> None:
    """Of 100 MB in chunks none are kept; of 100 MB in one piece no copy is made."""
    peer = server.connect()
    tracemalloc.start()
    try:
        peer.send(request(address))
        total = 0
        while (received := peer.receive()) and received.kind == STDOUT:
            total += len(received.content)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert total > 100_000_000
    assert peak < memory


def test_failure_of_the_application_is_an_answer(server: Running, caplog: pytest.LogCaptureFixture) -> None:
    peer = server.connect()
    answer = peer.ask("/raise")
    assert answer.status == 500
    assert answer.headers["access-control-allow-origin"] == "*"
    assert b"stub" not in answer.body
    assert "the stub was asked to fail" in caplog.text
    assert peer.ask("/tile").body == TILE


@pytest.mark.parametrize("kind", ["break", "wide"])
def test_header_that_would_break_out_is_withheld(server: Running, kind: str) -> None:
    peer = server.connect()
    answer = peer.ask(f"/header/{kind}")
    assert answer.status == 500
    assert "x-odd" not in answer.headers
    assert peer.ask("/tile").body == TILE


def test_body_that_breaks_off_is_not_passed_for_whole(
    server: Running, caplog: pytest.LogCaptureFixture
) -> None:
    peer = server.connect()
    peer.send(request("/breaking"))
    records = peer.receive_all()
    assert {received.kind for received in records} == {STDOUT}
    assert sum(len(received.content) for received in records) > len(PIECE)
    assert "the disk is gone" in caplog.text
    assert server.connect().ask("/tile").body == TILE


def test_peer_that_sends_no_more_still_gets_its_answer(server: Running) -> None:
    peer = server.connect()
    peer.send(request("/bytes/3000000"))
    peer.sock.shutdown(socket.SHUT_WR)
    assert len(peer.answer().body) == 3_000_000
    assert peer.at_end()


def test_request_and_end_that_arrive_together(server: Running) -> None:
    """Epoll reports them as one event; a connection that waited for a second one would stay open."""
    for _ in range(100):
        peer = server.connect()
        peer.ask("/tile")
        peer.send(request("/tile"))
        peer.sock.shutdown(socket.SHUT_WR)
        assert peer.answer().body == TILE
        assert peer.at_end()


@pytest.mark.parametrize("address", ["/pieces/4000", "/bytes/60000000"])
def test_abort_stops_an_answer(server: Running, address: str) -> None:
    peer = server.connect()
    peer.send(request(address))
    first = peer.receive()
    assert first is not None
    peer.send(record(ABORT, 1))
    total = len(first.content)
    while (received := peer.receive()) and received.kind == STDOUT:
        total += len(received.content)
    assert received == end(1, COMPLETE)
    assert total < 50_000_000
    assert peer.ask("/tile").body == TILE


def test_request_that_comes_while_each_piece_is_taken_at_once_is_answered_next(server: Running) -> None:
    """Nothing is pending then, and epoll reports it no more: it has been read while looking for an abort."""
    taken, pieces = threading.Semaphore(0), 20

    def stepwise(_: str) -> Response:
        def made() -> Iterator[bytes]:
            for _ in range(pieces):
                yield PIECE
                assert taken.acquire(timeout=SECONDS)

        return Response(HTTPStatus.OK, (("Content-Type", "image/tiff"),), made())

    server.application.answer_stepwise = stepwise  # type: ignore[attr-defined]
    peer, length = server.connect(), 0
    peer.send(request("/stepwise"))
    for number in range(pieces):
        while length < (number + 1) * len(PIECE):
            received = peer.receive()
            assert received is not None
            length += len(received.content)
        if number == 4:
            peer.send(request("/tile", request_id=2))
        taken.release()
    while (received := peer.receive()) and received.kind == STDOUT:
        pass
    assert received == end(1, COMPLETE)
    assert peer.answer(2).body == TILE


@pytest.mark.parametrize("address", ["/pieces/400", "/bytes/20000000"])
@pytest.mark.parametrize("split", [0, 5, 30])
def test_request_that_comes_during_an_answer_is_answered_next(
    server: Running, address: str, split: int
) -> None:
    """What is read while looking for an abort is not lost, wherever it was cut."""
    peer = server.connect()
    following = request("/tile", request_id=2)
    peer.send(request(address) + following[:split])
    first = peer.receive()
    assert first is not None
    peer.send(following[split:])
    while (received := peer.receive()) and received.kind == STDOUT:
        pass
    assert received == end(1, COMPLETE)
    assert peer.answer(2).body == TILE


def test_pieces_are_dropped_when_the_client_vanishes(server: Running) -> None:
    peer = server.connect()
    peer.send(request("/pieces/100000"))
    assert peer.receive()
    peer.sock.close()
    assert server.application.released.wait(SECONDS)


def test_client_that_does_not_read_is_given_up_in_time(start_server: StartServer) -> None:
    server = start_server(request_timeout=1.0, threads=1)
    peer = server.connect()
    peer.send(request("/bytes/60000000"))
    assert peer.receive()
    assert server.connect().ask("/tile").body == TILE
