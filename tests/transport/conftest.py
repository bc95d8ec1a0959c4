"""A FastCGI server in this process, with a stub of the application."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from io import FileIO
from pathlib import Path
from typing import Any

import pytest

from iipserve.config import Config
from iipserve.config.addresses import TcpAddress, UnixAddress
from iipserve.transport.balance import WorkerSlot
from iipserve.transport.pool import FastCGIServer
from iipserve.transport.service import MonitoredApplication
from iipserve.transport.sockets import listen
from tests.transport.client import SECONDS, Peer, connect
from tests.transport.stub import StubApplication


class Running:
    """A server under test."""

    def __init__(
        self, listener: socket.socket, config: Config, *, http: bool = False, slot: WorkerSlot | None = None
    ) -> None:
        self.listener = listener
        self.address: Any = listener.getsockname()
        self.application = StubApplication(config)
        self.monitored = MonitoredApplication(self.application, config)
        self.server = FastCGIServer(
            self.monitored, [] if http else [listener], config, slot, http=[listener] if http else []
        )
        self._peers: list[Peer] = []
        self.server.start()

    def connect(self) -> Peer:
        peer = connect(self.address)
        self._peers.append(peer)
        return peer

    def close(self) -> None:
        self.application.released.set()
        for peer in self._peers:
            peer.sock.close()
        assert self.server.stop(SECONDS), "a thread did not end"
        self.listener.close()


StartServer = Callable[..., Running]


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[StartServer]:
    """Starts a server; keyword arguments are settings, `unix` is for a Unix socket, `http` for HTTP, `host` the address."""
    started: list[Running] = []

    def start(*, unix: bool = False, http: bool = False, host: str = "127.0.0.1", **settings: Any) -> Running:
        config = Config(**({"threads": 4, "request_timeout": 10.0} | settings))
        place = UnixAddress(str(tmp_path / "socket")) if unix else TcpAddress(host, 0)
        started.append(Running(listen(place, 1024), config, http=http))
        return started[-1]

    yield start
    for running in started:
        running.close()
    left = [thread.name for thread in threading.enumerate() if thread.name.startswith("connections-")]
    assert not left


@pytest.fixture
def server(start_server: StartServer) -> Running:
    """A server on TCP with four threads."""
    return start_server()


@pytest.fixture
def http_server(start_server: StartServer) -> Running:
    """A server for HTTP with four threads."""
    return start_server(http=True)


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every write to a temporary file fails with ENOSPC."""

    def open_full(*_: object, **__: object) -> FileIO:
        return Path("/dev/full").open("w+b", buffering=0)

    monkeypatch.setattr("tempfile.TemporaryFile", open_full)
