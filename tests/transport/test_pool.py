from __future__ import annotations

import contextlib
import errno
import json
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from iipserve.config import Config
from iipserve.config.addresses import TcpAddress
from iipserve.transport.balance import ConnectionCounts
from iipserve.transport.pool import LISTENER_EVENTS, FastCGIServer
from iipserve.transport.service import MonitoredApplication
from iipserve.transport.sockets import listen
from tests.transport.client import ask_all, connect, request
from tests.transport.conftest import Running, StartServer
from tests.transport.processes import SECONDS, until
from tests.transport.stub import TILE, StubApplication


@pytest.mark.parametrize("unix", [False, True], ids=["TCP", "Unix socket"])
@pytest.mark.parametrize("threads", [1, 4, 64])
def test_500_connections_at_once(start_server: StartServer, threads: int, unix: bool) -> None:
    server = start_server(threads=threads, unix=unix)
    peers = [server.connect() for _ in range(500)]
    for _ in range(4):
        assert {answer.body for answer in ask_all(peers, "/tile")} == {TILE}


def test_500_connections_that_are_not_kept(start_server: StartServer) -> None:
    server = start_server(threads=8)
    peers = [server.connect() for _ in range(500)]
    for peer in peers:
        peer.send(request("/tile", keep=False))
    for peer in peers:
        assert peer.answer().body == TILE
        assert peer.at_end()


def test_connections_from_before_the_start_keep_no_thread() -> None:
    """Their sockets were made before the listener had its timeouts."""
    with listen(TcpAddress("127.0.0.1", 0), 100) as listener:
        address = listener.getsockname()
        early = [connect(address) for _ in range(3)]
        try:
            server = Running(listener, Config(threads=2))
            assert {answer.body for answer in ask_all(early, "/tile")} == {TILE}
            assert server.connect().ask("/tile").body == TILE
            server.close()
        finally:
            for peer in early:
                peer.sock.close()


def test_idle_connections_keep_no_thread(start_server: StartServer) -> None:
    server = start_server(threads=2)
    idle = [server.connect() for _ in range(50)]
    ask_all(idle, "/tile")
    halves = [server.connect() for _ in range(10)]
    for peer in halves:
        peer.send(request()[:20])
    assert server.connect().ask("/tile").body == TILE
    assert {answer.body for answer in ask_all(idle, "/tile")} == {TILE}
    for peer in halves:
        peer.send(request()[20:])
        assert peer.answer().body == TILE


def test_requests_that_wait_for_others_leave_their_threads_to_others(
    start_server: StartServer, tmp_path: Path
) -> None:
    """Twice as many as there are threads; one more is refused, and does not wait."""
    server = start_server(threads=2)
    waiting = [server.connect() for _ in range(4)]
    for peer in waiting:
        peer.send(request(f"/waiting{tmp_path}/file"))
    until(lambda: server.server._leadership.waiting == 4)
    assert server.connect().ask("/tile").body == TILE
    assert server.connect().ask(f"/waiting{tmp_path}/file").status == 503
    (tmp_path / "file").touch()
    assert [peer.answer().body for peer in waiting] == [b"done"] * 4
    assert {answer.body for answer in ask_all(waiting, "/tile")} == {TILE}
    until(lambda: len(server.server._threads) == 2)


def test_busy_connections_do_not_starve_others(start_server: StartServer) -> None:
    """Two that never pause take turns with one that has waited."""
    server = start_server(threads=1)
    ended = threading.Event()

    def ask_on() -> None:
        with connect(server.address) as peer:
            while not ended.is_set():
                assert peer.ask("/tile").body == TILE

    busy = [threading.Thread(target=ask_on) for _ in range(2)]
    for thread in busy:
        thread.start()
    try:
        for _ in range(20):
            with connect(server.address) as peer:
                assert peer.ask("/tile").body == TILE
    finally:
        ended.set()
        for thread in busy:
            thread.join()


def test_connections_beyond_the_threads_wait_and_are_answered(start_server: StartServer) -> None:
    server = start_server(threads=2)
    waiting = [server.connect() for _ in range(2)]
    for peer in waiting:
        peer.send(request("/wait"))
    until(lambda: server.monitored.longest_running() > 0.1)
    late = [server.connect() for _ in range(20)]
    for peer in late:
        peer.send(request("/tile", keep=False))
    late[0].sock.settimeout(0.3)
    with pytest.raises(TimeoutError):
        late[0].receive()
    late[0].sock.settimeout(SECONDS)
    server.application.released.set()
    assert [peer.answer().body for peer in waiting] == [b"released"] * 2
    assert {peer.answer().body for peer in late} == {TILE}


def test_threads_work_at_once(start_server: StartServer) -> None:
    server = start_server(threads=8)
    peers = [server.connect() for _ in range(8)]
    assert {answer.body for answer in ask_all(peers, "/together/8")} == {b"together"}


def test_connections_that_are_closed_are_forgotten(server: Running) -> None:
    for _ in range(3):
        peers = [server.connect() for _ in range(50)]
        ask_all(peers, "/tile")
        for peer in peers:
            peer.sock.close()
    until(lambda: not server.server._parked)


def test_without_descriptors_idle_connections_make_room(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    idle = []
    for number in (1, 2, 3):
        idle.append(server.connect())
        idle[-1].ask("/tile")
        until(lambda: len(server.server._parked) == number)  # noqa: B023
    failures = iter([errno.EMFILE, errno.EMFILE])
    accept = socket.socket.accept

    def failing(listener: socket.socket) -> tuple[socket.socket, object]:
        if (number := next(failures, None)) is not None:
            raise OSError(number, "Too many open files")
        return accept(listener)

    monkeypatch.setattr(socket.socket, "accept", failing)
    assert server.connect().ask("/tile").body == TILE
    assert idle[0].at_end()
    assert idle[1].at_end()
    assert idle[2].ask("/tile").body == TILE


def test_without_descriptors_and_idle_connections_a_new_one_waits(
    server: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failures = iter([errno.ENFILE])
    accept = socket.socket.accept

    def failing(listener: socket.socket) -> tuple[socket.socket, object]:
        if (number := next(failures, None)) is not None:
            raise OSError(number, "Too many open files in system")
        return accept(listener)

    monkeypatch.setattr(socket.socket, "accept", failing)
    peer = server.connect()
    peer.send(request())
    until(lambda: "has to wait" in caplog.text)
    server.server.tick()
    assert peer.answer().body == TILE


def test_internal_error_in_a_connection_ends_no_thread(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    server = start_server(threads=1)
    monkeypatch.setattr(server.server.params, "decode", lambda block: {}["error"])
    peer = server.connect()
    peer.send(request())
    assert peer.at_end()
    assert "internal error" in caplog.text
    monkeypatch.undo()
    assert json.loads(server.connect().ask("/echo").body)["method"] == "GET"


def test_internal_error_while_waiting_ends_no_thread(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    server = start_server(threads=1)
    leadership = server.server._leadership
    failures, busy = iter([RuntimeError("the test lets it fail")]), leadership.busy

    def failing() -> None:
        if error := next(failures, None):
            raise error
        busy()

    monkeypatch.setattr(leadership, "busy", failing)
    assert server.connect().ask("/tile").body == TILE
    assert "internal error" in caplog.text


class FullEpoll:
    """An epoll set that has no room for one further descriptor."""

    def __init__(self, epoll: Any, refused: Callable[[int], bool]) -> None:
        self._epoll, self._refused = epoll, refused

    def __getattr__(self, name: str) -> Any:
        return getattr(self._epoll, name)

    def register(self, descriptor: int, events: int) -> None:
        if self._refused(descriptor):
            self._refused = lambda _: False
            raise OSError(errno.ENOSPC, "No space left on device")
        self._epoll.register(descriptor, events)


def test_listener_that_cannot_be_registered_again_is_tried_again(
    server: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    listener = server.listener.fileno()
    full = FullEpoll(server.server._epoll, lambda descriptor: descriptor == listener)
    monkeypatch.setattr(server.server, "_epoll", full)
    assert server.connect().ask("/tile").body == TILE
    assert "have to wait" in caplog.text
    later = server.connect()
    later.send(request())
    server.server.tick()
    assert later.answer().body == TILE


def test_connection_that_cannot_be_registered_is_closed(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = server.listener.fileno()
    full = FullEpoll(server.server._epoll, lambda descriptor: descriptor != listener)
    monkeypatch.setattr(server.server, "_epoll", full)
    assert server.connect().at_end()
    assert server.connect().ask("/tile").body == TILE


def test_worker_that_is_woken_looks_at_all_listeners() -> None:
    """Connections of several listeners that are left to it may wake it once."""
    config, slot = Config(threads=1), ConnectionCounts(1).claim()
    assert slot is not None
    with contextlib.ExitStack() as stack:
        listeners = [stack.enter_context(listen(TcpAddress("127.0.0.1", 0), 10)) for _ in range(2)]
        application = MonitoredApplication(StubApplication(config), config)
        server = FastCGIServer(application, listeners[:1], config, slot, http=listeners[1:])
        for listener in listeners:
            listener.setblocking(False)
            server._epoll.register(listener, LISTENER_EVENTS)
            stack.enter_context(connect(listener.getsockname()))
        reported: set[int] = set()
        while len(reported) < 2:
            reported |= dict(server._epoll.poll(SECONDS)).keys()
        accepted = server._accept_when_woken(slot)
        assert accepted is not None
        accepted.close()
        assert [descriptor for descriptor, _ in server._epoll.poll(SECONDS)] == [listeners[1].fileno()]
