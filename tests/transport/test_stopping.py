"""A server that stops: what has arrived and what is on its way is answered, and it ends all the same."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from iipserve.config import Config
from iipserve.config.addresses import TcpAddress
from iipserve.transport import ending
from iipserve.transport.balance import ConnectionCounts
from iipserve.transport.http_connection import HttpConnection
from iipserve.transport.peer import PeerConnection
from iipserve.transport.pool import FastCGIServer
from iipserve.transport.service import MonitoredApplication
from iipserve.transport.sockets import listen
from tests.transport.client import Peer, request
from tests.transport.conftest import Running, StartServer
from tests.transport.http_client import Client
from tests.transport.processes import SECONDS, until
from tests.transport.stub import TILE, StubApplication


def stopping(server: Running) -> Future[bool]:
    """Stop it in another thread; it accepts no more."""
    pool = ThreadPoolExecutor(1)
    stopped = pool.submit(server.server.stop, SECONDS)
    pool.shutdown(wait=False)
    until(lambda: server.server.stopping)
    return stopped


def waiting(server: Running) -> Peer:
    """A peer that waits for an answer."""
    peer = server.connect()
    peer.send(request("/wait"))
    until(lambda: server.monitored.longest_running() > 0)
    return peer


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections of which nothing is to be expected are closed at once."""
    monkeypatch.setattr(ending, "NEW_SECONDS", 0.0)
    monkeypatch.setattr(ending, "IDLE_SECONDS", 0.0)


@pytest.fixture
def patiently(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are kept for longer than the test takes."""
    monkeypatch.setattr(ending, "NEW_SECONDS", 2 * SECONDS)
    monkeypatch.setattr(ending, "IDLE_SECONDS", 2 * SECONDS)


def test_requests_finish(server: Running) -> None:
    idle, busy = server.connect(), waiting(server)
    idle.ask("/tile")
    stopped = stopping(server)
    assert idle.at_end()
    assert not stopped.done()
    server.application.released.set()
    assert busy.answer().body == b"released"
    assert busy.at_end()
    assert stopped.result(SECONDS)


@pytest.mark.usefixtures("at_once")
def test_what_has_arrived_is_answered(start_server: StartServer) -> None:
    server = start_server(threads=1)
    late = server.connect()
    late.ask("/tile")
    until(lambda: server.server._parked)
    busy = waiting(server)
    late.send(request())
    stopped = stopping(server)
    threading.Timer(0.2, server.application.released.set).start()
    assert busy.answer().body == b"released"
    assert late.answer().body == TILE
    assert stopped.result(SECONDS)


@pytest.mark.usefixtures("patiently")
@pytest.mark.parametrize("http", [False, True], ids=["fastcgi", "http"])
def test_what_waits_to_be_accepted_is_answered_and_others_are_refused(
    start_server: StartServer, http: bool
) -> None:
    server = start_server(threads=1, http=http)
    asked = b"GET /%s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    busy, late = server.connect(), server.connect()
    busy.send(asked % b"wait" if http else request("/wait"))
    until(lambda: server.monitored.longest_running() > 0)
    after = server.connect()  # no thread is free to accept it
    for peer in (late, after):
        peer.send(asked % b"tile" if http else request())
    server.server.refuse()
    with pytest.raises(ConnectionRefusedError):
        server.connect()
    stopped = stopping(server)
    server.application.released.set()
    for peer in (late, after):
        assert TILE in peer.sock.makefile("rb").read()
    busy.sock.close()
    assert stopped.result(SECONDS)


@pytest.mark.usefixtures("patiently")
@pytest.mark.parametrize("used", [False, True], ids=["new", "kept"])
def test_what_is_on_its_way_is_answered(server: Running, used: bool) -> None:
    peer = server.connect()
    if used:
        peer.ask("/tile")
    until(lambda: server.server._parked)
    stopped = stopping(server)
    peer.send(request())
    assert peer.answer().body == TILE
    assert peer.at_end()
    assert stopped.result(SECONDS)


@pytest.mark.usefixtures("patiently")
def test_connection_that_another_worker_has_left_to_this_one_is_answered() -> None:
    slot = ConnectionCounts(1).claim()
    assert slot is not None
    with listen(TcpAddress("127.0.0.1", 0), 10) as listener:
        server = Running(listener, Config(threads=1), slot=slot)
        kept = server.connect()
        until(lambda: server.server._parked)
        stopped = stopping(server)
        left = server.connect()
        os.eventfd_write(slot.waker, 1)
        for peer in (left, kept):
            assert peer.ask("/tile").body == TILE
        assert stopped.result(SECONDS)
        server.close()


@pytest.mark.usefixtures("patiently")
def test_http_client_is_told_of_the_end_by_its_next_answer(http_server: Running) -> None:
    with Client(http_server.address) as client:
        assert client.ask("/tile")[1]["connection"] == "keep-alive"
        stopped = stopping(http_server)
        status, headers, body = client.ask("/tile")
        assert (status, headers["connection"], body) == (200, "close", TILE)
        assert stopped.result(SECONDS)


def test_waiting_for_a_time_takes_no_longer_than_that(start_server: StartServer) -> None:
    """The supervisor would take the worker for hanging."""
    server = start_server(threads=1)
    late = server.connect()
    until(lambda: server.server._parked)
    busy = waiting(server)
    late.send(request("/wait"))
    with ThreadPoolExecutor(1) as pool:
        assert not pool.submit(server.server.stop, 0.1).result(SECONDS)
        server.application.released.set()
    assert [peer.answer().body for peer in (busy, late)] == [b"released"] * 2


@pytest.mark.usefixtures("at_once")
def test_refused_clients_that_go_on_sending_do_not_delay_the_end(http_server: Running) -> None:
    with Client(http_server.address) as client:
        client.send(b"\x16\x03\x01 no HTTP\r\n\r\n")
        assert client.answer()[0] == 400
        ended = threading.Event()

        def send_on() -> None:
            with contextlib.suppress(OSError):
                while not ended.wait(0.001):
                    client.send(b"x")

        sender = threading.Thread(target=send_on)
        sender.start()
        try:
            assert stopping(http_server).result(SECONDS)
        finally:
            ended.set()
            sender.join()


def test_connection_that_a_thread_takes_meanwhile_is_left_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    config = Config(threads=1)
    server = FastCGIServer(MonitoredApplication(StubApplication(config), config), [], config)
    pairs = [socket.socketpair() for _ in range(3)]
    connections: list[PeerConnection] = [HttpConnection(own, server) for own, _ in pairs]
    server._parked.update((each.fileno(), each) for each in connections)

    def taken(connection: PeerConnection, *_: float) -> bool:
        """A thread takes all but the first one before they are closed."""
        for each in connections[1:]:
            server._parked.pop(each.fileno(), None)
        return True

    monkeypatch.setattr(ending, "is_over", taken)
    server._close_finished()
    assert [own.fileno() < 0 for own, _ in pairs] == [True, False, False]
    for pair in pairs:
        for each in pair:
            each.close()
