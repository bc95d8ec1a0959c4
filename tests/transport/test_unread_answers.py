"""Peers that do not read their answers, or send half a request: they hold no thread, little memory, and give way."""

from __future__ import annotations

import contextlib
import socket
import threading

import pytest

from iipserve.transport import shortage
from iipserve.transport.peer import PeerConnection
from tests.transport.client import (
    ABORT,
    COMPLETE,
    GET_VALUES,
    PARAMS,
    Peer,
    begin,
    pairs,
    record,
    request,
    stdin,
)
from tests.transport.conftest import Running, StartServer
from tests.transport.http_client import post
from tests.transport.processes import SECONDS, until
from tests.transport.stub import PIECE, TILE, pattern

LENGTH = 8_000_000
"""Bytes of an answer: more than sockets hold."""
PIECES = 200


def unread(server: Running, count: int, address: str) -> list[Peer]:
    """Peers that have asked for an answer longer than sockets hold, once all of them have to read before it goes on."""
    peers = [with_small_buffer(server.connect()) for _ in range(count)]
    for peer in peers:
        peer.send(request(address))
    until(lambda: len(sending(server)) == count)
    return peers


def with_small_buffer(peer: Peer) -> Peer:
    """Keep the system from enlarging it until it holds the answer."""
    peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    return peer


def parked(server: Running) -> list[PeerConnection]:
    return list(server.server._parked.values())


def sending(server: Running) -> list[PeerConnection]:
    return [found for found in parked(server) if found.outgoing.pending]


@pytest.mark.parametrize("unix", [False, True], ids=["TCP", "Unix socket"])
@pytest.mark.parametrize("address", [f"/bytes/{LENGTH}", f"/pieces/{PIECES}"])
def test_peers_that_do_not_read_hold_no_thread(start_server: StartServer, address: str, unix: bool) -> None:
    """Nor do their requests count as running, for which the worker would be replaced."""
    server = start_server(threads=2, unix=unix)
    peers = unread(server, 12, address)
    until(lambda: server.monitored.longest_running() == 0)
    assert server.connect().ask("/tile").body == TILE
    expected = (
        pattern(LENGTH) if "bytes" in address
        else b"".join(number.to_bytes(4, "big") + PIECE[4:] for number in range(PIECES))
    )  # fmt: skip
    for peer in peers:
        assert peer.answer().body == expected
        assert peer.ask("/tile").body == TILE


def test_peer_that_does_not_read_what_it_asks_about_the_server(start_server: StartServer) -> None:
    server = start_server(threads=1)
    peer = with_small_buffer(server.connect())
    peer.sock.setblocking(False)
    questions = memoryview(
        200_000 * record(GET_VALUES, 0, pairs({"FCGI_MAX_CONNS": "", "FCGI_MAX_REQS": ""}))
    )

    def ask_on() -> list[object]:
        nonlocal questions
        with contextlib.suppress(BlockingIOError):
            questions = questions[peer.sock.send(questions) :]
        return sending(server)

    until(ask_on)
    assert server.connect().ask("/tile").body == TILE


def test_request_that_follows_an_unread_answer_is_answered(start_server: StartServer) -> None:
    server = start_server(threads=1)
    [peer] = unread(server, 1, f"/bytes/{LENGTH}")
    peer.send(request("/tile", request_id=2) + request(f"/bytes/{LENGTH}", request_id=3))
    assert server.connect().ask("/tile").body == TILE
    assert peer.answer(1).body == pattern(LENGTH)
    assert peer.answer(2).body == TILE
    assert peer.answer(3).body == pattern(LENGTH)


def test_answers_beyond_the_memory_for_unread_ones_are_given_up(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shortage, "MAX_UNREAD_LENGTH", 3 * LENGTH + 10_000)
    first = unread(server, 3, f"/bytes/{LENGTH}")
    before = set(sending(server))
    last = with_small_buffer(server.connect())
    last.send(request(f"/bytes/{LENGTH}"))
    until(lambda: len(sending(server)) == 3 and set(sending(server)) != before)
    assert sorted(map(complete, first)) == [False, True, True]
    assert complete(last)


def test_single_answer_may_take_more_than_that(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shortage, "MAX_UNREAD_LENGTH", 1000)
    [peer] = unread(server, 1, f"/bytes/{LENGTH}")
    assert peer.answer().body == pattern(LENGTH)


def test_stopping_lets_peers_read_their_answers(server: Running) -> None:
    peers = unread(server, 6, f"/bytes/{LENGTH}")
    assert not server.server.stop(0.1)
    stopped: list[bool] = []
    thread = threading.Thread(target=lambda: stopped.append(server.server.stop(SECONDS)))
    thread.start()
    for peer in peers:
        assert peer.answer().body == pattern(LENGTH)
        assert peer.at_end()
    thread.join()
    assert stopped == [True]


def complete(peer: Peer) -> bool:
    """Whether the whole answer arrives, and not only its beginning."""
    try:
        return peer.answer().body == pattern(LENGTH)
    except (AssertionError, ConnectionError):
        return False


def half(server: Running, held: int) -> Peer:
    """A peer with half a request, once the server has read it and holds `held` connections."""
    peer = server.connect()
    peer.send(begin())
    until(lambda: [found.idle() for found in tuple(server.server._parked.values())] == [False] * held)
    return peer


def test_connections_beyond_the_maximum_replace_idle_and_half_sent_ones(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Idle ones first, then those that have waited longest."""
    monkeypatch.setattr("iipserve.transport.pool.max_connections", lambda: 5)
    server = start_server()
    halves = [half(server, number) for number in range(1, 5)]
    idle = server.connect()
    assert idle.ask("/tile").body == TILE
    until(lambda: len(server.server._parked) == 5)
    for oldest in (idle, halves[0], halves[1]):
        halves.append(half(server, 5))
        assert oldest.at_end()
    for peer in halves[2:]:
        peer.send(request()[len(begin()) :])
        assert peer.answer().body == TILE


def test_connections_beyond_the_maximum_replace_unread_ones(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iipserve.transport.pool.max_connections", lambda: 3)
    server = start_server()
    peers = unread(server, 3, f"/bytes/{LENGTH}")
    assert server.connect().ask("/tile").body == TILE
    assert sorted(map(complete, peers)) == [False, True, True]


@pytest.mark.parametrize("address", [f"/bytes/{LENGTH}", f"/pieces/{PIECES}"])
def test_unread_answer_is_given_up_in_time(start_server: StartServer, address: str) -> None:
    server = start_server(request_timeout=0.2)
    unread(server, 3, address)
    until(lambda: server.server.tick() or not server.server._parked)


SENT = 40_000
"""Bytes of half a request."""
FIELDS = 5 * (b"X: " + SENT // 5 * b"x" + b"\r\n")
HALVES = {
    "FastCGI, head": (False, begin() + record(PARAMS, 1, SENT * b"x")),
    "FastCGI, body": (False, request("/body/60000", REQUEST_METHOD="POST")[:-8] + stdin(SENT * b"x")),
    "HTTP, head": (True, b"GET / HTTP/1.1\r\n" + FIELDS),
    "HTTP, body": (True, post("/body/60000", SENT * b"x" + bytes(9))[:-9]),
}


@pytest.mark.parametrize(("http", "half"), HALVES.values(), ids=HALVES)
def test_requests_that_do_not_arrive_beyond_the_memory_for_them_are_given_up(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch, http: bool, half: bytes
) -> None:
    """Those that came first."""
    monkeypatch.setattr(shortage, "MAX_UNREAD_LENGTH", 3 * SENT + 10_000)
    server = start_server(http=http)
    peers = [server.connect() for _ in range(6)]
    for number, peer in enumerate(peers, 1):
        peer.send(half)
        until(
            lambda: sum(each.counted_length >= SENT for each in parked(server)) == min(number, 3)  # noqa: B023
        )
    for peer in peers[:3]:
        assert peer.at_end()
    assert len(parked(server)) == 3
    if http:
        return
    for peer in peers[3:]:
        peer.send(record(ABORT, 1))
        assert peer.answer().protocol_status == COMPLETE
