"""Request bodies over FastCGI: pieces, lengths that are wrong, limits, aborts, slow clients."""

from __future__ import annotations

import contextlib
import io
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from iipserve.config import Config
from iipserve.transport.bodies import MAX_MEMORY_LENGTH, BodyBuffer, NotStored, declared_length
from iipserve.transport.connection import Connection
from iipserve.transport.pool import FastCGIServer
from iipserve.transport.service import MonitoredApplication
from tests.transport.client import (
    ABORT,
    COMPLETE,
    PARAMS,
    STDIN,
    Peer,
    ask_all,
    begin,
    pairs,
    record,
    request,
    stdin,
)
from tests.transport.conftest import Running, StartServer
from tests.transport.processes import SECONDS, until
from tests.transport.stub import TILE, StubApplication, pattern

END = record(STDIN, 1)


def head(address: str, **params: str) -> bytes:
    """A POST without its body and the end of STDIN."""
    return request(address, REQUEST_METHOD="POST", **params)[: -len(END)]


@pytest.fixture
def peer(server: Running) -> Peer:
    return server.connect()


def test_stopping_lets_bodies_arrive(server: Running, peer: Peer) -> None:
    peer.send(head("/body/200000") + stdin(pattern(100_000)))
    until(lambda: [found.receives_body() for found in server.server._parked.values()] == [True])
    assert not server.server.stop(0.1)
    peer.send(stdin(pattern(200_000)[100_000:]) + END)
    until(lambda: server.server.stop(1))
    assert peer.answer().body == pattern(200_000)
    assert peer.at_end()


@pytest.mark.parametrize(
    ("size", "piece", "padding"),
    [
        (1, 1, 0),
        (700, 1, 0),
        (700, 1, 255),
        (200_000, 1000, 7),
        (MAX_MEMORY_LENGTH - 1, 65535, 0),
        (MAX_MEMORY_LENGTH, 65535, 0),
        (MAX_MEMORY_LENGTH + 1, 65535, 0),
        (3_000_000, 65535, 1),
    ],
)
@pytest.mark.parametrize("answer", ["whole", "chunks"])
def test_body_arrives_in_order(peer: Peer, size: int, piece: int, padding: int, answer: str) -> None:
    body = pattern(size)
    for _ in range(2):
        peer.send(head(f"/body/{size}?{answer}") + stdin(body, piece=piece, padding=padding) + END)
        assert peer.answer().body == body


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "PROPFIND"])
def test_body_arrives_with_any_method(peer: Peer, method: str) -> None:
    peer.send(request("/body/9", body=b"a body", REQUEST_METHOD=method))
    assert peer.answer().body == b"a body"


@pytest.mark.parametrize(
    "length", [None, "", "0", "00", "1", "6", "600", "-6", "+6", "6.0", "six", "\u00b2", "6\x00", "0" * 5000]
)
def test_end_of_stdin_counts_whatever_the_declared_length(peer: Peer, length: str | None) -> None:
    params = {} if length is None else {"CONTENT_LENGTH": length}
    peer.send(head("/body/600", **params) + stdin(b"a body") + END)
    assert peer.answer().body == b"a body"


def test_post_without_a_body_has_none(peer: Peer) -> None:
    peer.send(head("/body/9") + END)
    assert peer.answer().body == b"no body"


def test_body_that_ends_before_the_params_is_none(peer: Peer) -> None:
    params = pairs({"REQUEST_METHOD": "POST", "REQUEST_URI": "/body/9"})
    peer.send(begin() + END + record(PARAMS, 1, params) + record(PARAMS, 1))
    assert peer.answer().body == b"no body"


def test_body_that_begins_before_the_params_end_is_an_error(server: Running) -> None:
    peer = server.connect()
    peer.send(begin() + stdin(b"a") + record(PARAMS, 1) + END)
    assert peer.at_end()
    assert server.connect().ask("/tile").body == TILE


@pytest.mark.parametrize("address", ["/body/100", "/tile"])
def test_body_that_is_unwanted_is_dropped(server: Running, peer: Peer, address: str) -> None:
    peer.send(request(address, body=pattern(65_536), CONTENT_LENGTH="65536"))
    assert peer.answer().body in (b"no body", TILE)
    assert server.application.bodies in ([], [None])
    peer.send(request(address, body=pattern(65_537)))
    assert peer.answer().status == 413
    assert peer.ask("/tile").body == TILE


@pytest.mark.parametrize("length", [11, 10 * 2**30, int("9" * 5 + "0" * 4000)])
def test_body_declared_too_long_is_refused_before_it_is_sent(
    server: Running, peer: Peer, length: int
) -> None:
    peer.send(head("/body/10", CONTENT_LENGTH=str(length)))
    answer = peer.answer()
    assert answer.status == 413
    assert int(answer.body) == min(length, int(str(length)[:20]))
    assert peer.ask("/tile").body == TILE
    [body] = server.application.bodies
    assert body is not None
    assert body.file.read() == b""


@pytest.mark.parametrize("declared", ["", "5", "100000"])
@pytest.mark.parametrize("limit", [10, 100_000])
@pytest.mark.parametrize("piece", [1000, 65535])
def test_body_that_grows_too_long_is_refused_before_its_end(
    peer: Peer, declared: str, limit: int, piece: int
) -> None:
    declared = "" if declared and int(declared) > limit else declared
    peer.send(head(f"/body/{limit}", CONTENT_LENGTH=declared) + stdin(pattern(limit), piece=piece))
    peer.send(stdin(pattern(5000)))
    answer = peer.answer()
    assert (answer.status, answer.body) == (413, str(limit + 1).encode())
    assert peer.ask("/tile").body == TILE


@pytest.mark.parametrize("size", [1_000_000, 10_000_000])
@pytest.mark.parametrize("keep", [False, True])
def test_long_body_that_is_refused_does_not_lose_the_answer(peer: Peer, size: int, keep: bool) -> None:
    """The peer sends the whole body before it reads."""
    peer.send(request("/body/10", body=pattern(size), keep=keep, REQUEST_METHOD="POST"))
    assert peer.answer().status == 413
    assert peer.ask("/tile").body == TILE if keep else peer.at_end()


@pytest.mark.parametrize("request_id", [1, 2])
@pytest.mark.parametrize("rest", [0, 1, 100_000], ids=["none of it", "a byte", "100,000 bytes"])
@pytest.mark.parametrize("ends", [False, True], ids=["without its end", "with its end"])
def test_rest_of_a_refused_body_is_dropped_until_the_next_request(
    peer: Peer, request_id: int, rest: int, ends: bool
) -> None:
    """A web server that streams bodies either goes on with the old one or begins the next request."""
    peer.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for _ in range(30):
        peer.send(head("/body/10", CONTENT_LENGTH="1000000"))
        assert peer.answer().status == 413
        peer.send(stdin(pattern(rest)) + (END if ends else b""))
        peer.send(request("/body/10", request_id, body=b"a body", REQUEST_METHOD="POST"))
        assert peer.answer(request_id).body == b"a body"


@pytest.mark.parametrize("surplus", [0, 1])
def test_rest_of_a_refused_body_is_bounded(peer: Peer, surplus: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iipserve.transport.peer.MAX_SURPLUS_LENGTH", 500_000)
    peer.send(head("/body/10", CONTENT_LENGTH="11"))
    assert peer.answer().status == 413
    peer.send(stdin(pattern(500_000 + surplus)))
    assert peer.at_end() if surplus else peer.ask("/tile").body == TILE


def test_rest_of_a_refused_body_is_bounded_on_a_connection_to_be_closed(
    peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iipserve.transport.peer.MAX_SURPLUS_LENGTH", 500_000)
    with pytest.raises(ConnectionError):
        peer.send(request("/body/10", body=pattern(50_000_000), keep=False, REQUEST_METHOD="POST"))


@pytest.mark.parametrize("keep", [False, True])
def test_rest_of_a_refused_body_holds_no_thread(start_server: StartServer, keep: bool) -> None:
    server = start_server(threads=1)
    refused = [server.connect() for _ in range(30)]
    for peer in refused:
        start = request("/body/10", keep=keep, REQUEST_METHOD="POST", CONTENT_LENGTH="1000000")
        peer.send(start[: -len(END)])
        assert peer.answer().status == 413
        peer.send(stdin(pattern(100_000))[:-1])
    assert server.connect().ask("/tile").body == TILE


def test_refused_peer_that_never_closes_is_given_up(
    start_server: StartServer, caplog: pytest.LogCaptureFixture
) -> None:
    server = start_server(request_timeout=1.0)
    peer = server.connect()
    peer.send(request("/body/10", body=pattern(100_000), keep=False, REQUEST_METHOD="POST"))
    assert peer.answer().status == 413
    assert peer.at_end()
    until(lambda: server.server.tick() or not server.server._held)
    assert caplog.text == ""


def test_answer_to_a_refused_body_arrives_though_the_server_ends(start_server: StartServer) -> None:
    server = start_server()
    peer = server.connect()
    peer.send(head("/body/10", CONTENT_LENGTH="1000000"))
    ended = threading.Thread(target=server.server.stop, args=(SECONDS,))
    until(lambda: server.application.bodies)
    ended.start()
    with contextlib.suppress(ConnectionError):
        peer.send(stdin(pattern(1_000_000)) + END)
    ended.join()
    assert peer.answer().status == 413


def test_abort_drops_the_body(server: Running, peer: Peer) -> None:
    peer.send(head("/body/200000") + stdin(pattern(100_000)) + record(ABORT, 1))
    assert peer.answer().protocol_status == COMPLETE
    assert peer.ask("/tile").body == TILE
    assert server.application.bodies == []


@pytest.mark.parametrize("length", [0, 5, 100_000])
def test_client_that_leaves_before_the_end_never_reaches_the_application(
    server: Running, length: int
) -> None:
    with server.connect() as peer:
        peer.send(head("/body/200000", CONTENT_LENGTH="100000") + stdin(pattern(length)) + END[:-1])
        until(lambda: server.server._parked)
    until(lambda: not server.server._held)
    assert server.application.bodies == []


@pytest.mark.parametrize("size", [10, 100_000])
def test_file_is_closed_after_the_answer(server: Running, peer: Peer, size: int) -> None:
    peer.send(request(f"/body/{size}", body=pattern(size), REQUEST_METHOD="POST"))
    peer.answer()
    peer.ask("/tile")
    [body] = server.application.bodies
    assert body is not None
    assert body.file.closed


@pytest.mark.usefixtures("full_disk")
@pytest.mark.parametrize("ends", [False, True], ids=["while it comes", "at its end"])
def test_body_the_disk_has_no_room_for_is_refused(
    server: Running, peer: Peer, caplog: pytest.LogCaptureFixture, ends: bool
) -> None:
    size = MAX_MEMORY_LENGTH + 1 if ends else 1_000_000
    peer.send(head("/body/2000000") + stdin(pattern(size)) + END)
    assert peer.answer().status == 503
    assert peer.ask("/tile").body == TILE
    assert "No space left on device" in caplog.text
    assert server.connect().ask("/tile").body == TILE
    assert server.application.bodies == []


def test_missing_folder_for_temporary_files_is_no_crash(
    peer: Peer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    peer.send(head("/body/2000000") + stdin(pattern(100_000)) + END)
    assert peer.answer().status == 503


def test_failure_to_find_the_limit_is_an_answer(
    server: Running, peer: Peer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(server.application, "max_body_length", lambda request: {}["limit"])
    peer.send(request("/tile", body=b"x", REQUEST_METHOD="POST"))
    assert peer.answer().body == TILE
    assert "KeyError" in caplog.text


def test_slow_bodies_hold_no_thread(start_server: StartServer) -> None:
    server = start_server(threads=1)
    slow = [server.connect() for _ in range(30)]
    for peer in slow:
        peer.send(head("/body/200000") + stdin(pattern(100_000)))
    others = [server.connect() for _ in range(10)]
    assert {answer.body for answer in ask_all(others, "/tile")} == {TILE}
    for peer in slow:
        peer.send(stdin(pattern(10)) + END)
        assert peer.answer().body == pattern(100_000) + pattern(10)


class Clock:
    """Replaces `time.monotonic`."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("iipserve.transport.peer.monotonic", clock)
    return clock


Feed = Callable[[bytes, float], bool]


@pytest.fixture
def slow(clock: Clock) -> Iterator[Feed]:
    """A connection with a timeout of 10 seconds; the function sends to it and lets it read."""
    config = Config(request_timeout=10.0, threads=1)
    server = FastCGIServer(MonitoredApplication(StubApplication(config), config), [], config)
    ours, theirs = socket.socketpair()
    found = Connection(ours, server)

    def feed(data: bytes, seconds: float) -> bool:
        """Send `data` and advance the clock; return whether the connection is still open then."""
        theirs.sendall(data)
        kept = found.run()
        while kept and found.may_have_more():
            kept = found.run()
        clock.now += seconds
        return kept and not found.expired(clock.now)

    with theirs:
        yield feed
        found.close()


def test_body_that_makes_progress_may_take_any_time(slow: Feed) -> None:
    assert slow(head("/body/10000000"), 6)
    for _ in range(10):
        assert slow(stdin(pattern(65_536)), 6)


def test_body_that_trickles_is_given_up(slow: Feed) -> None:
    assert slow(head("/body/10000000") + stdin(pattern(65_536)), 1)
    assert [slow(stdin(b"x"), 3) for _ in range(4)] == [True, True, True, False]


def test_long_body_is_in_a_file_without_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    buffer = BodyBuffer(1_000_000)
    for _ in range(3):
        buffer.add(pattern(60_000))
    body = buffer.body()
    assert body is not None
    assert os.readlink(f"/proc/self/fd/{body.file.fileno()}").startswith(str(tmp_path))
    assert os.listdir(tmp_path) == []
    assert (body.length, body.file.read()) == (180_000, pattern(60_000) * 3)
    buffer.close()
    assert body.file.closed


def test_short_body_is_in_memory() -> None:
    buffer = BodyBuffer(MAX_MEMORY_LENGTH)
    buffer.add(pattern(MAX_MEMORY_LENGTH))
    body = buffer.body()
    assert body is not None
    assert isinstance(body.file, io.BytesIO)
    buffer.close()


@pytest.mark.usefixtures("full_disk")
def test_body_that_cannot_be_stored_can_be_closed() -> None:
    buffer = BodyBuffer(1_000_000)
    with pytest.raises(NotStored):
        buffer.add(pattern(1_000_000))
    buffer.close()


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("", None),
        ("0", 0),
        ("007", 7),
        ("x", None),
        ("-1", None),
        ("1" * 30, int("1" * 20)),
        ("\u0663", None),
    ],
)
def test_declared_length(text: str, length: int | None) -> None:
    assert declared_length({"CONTENT_LENGTH": text}) == length
