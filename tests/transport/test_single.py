"""The command on a listening socket it was given as descriptor 0."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.transport.client import ask_all, connect, request
from tests.transport.processes import Command, HeldRequest, echo, fetch, until
from tests.transport.stub import TILE


@pytest.fixture(params=["TCP", "Unix socket"])
def listener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[socket.socket]:
    if request.param == "TCP":
        found = socket.create_server(("127.0.0.1", 0), backlog=600)
    else:
        found = socket.socket(socket.AF_UNIX)
        found.bind(str(tmp_path / "socket"))
        found.listen(600)
    with found:
        yield found


@pytest.fixture
def command(listener: socket.socket, tmp_path: Path) -> Iterator[Command]:
    command = Command(tmp_path, stdin=listener)
    yield command
    command.stop()


def test_one_process_serves_many_connections(command: Command, listener: socket.socket) -> None:
    address = listener.getsockname()
    assert until(lambda: echo(address))["pid"] == command.process.pid
    peers = [connect(address) for _ in range(200)]
    assert {answer.body for answer in ask_all(peers, "/tile")} == {TILE}
    for peer in peers:
        peer.sock.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGINT])
def test_signal_ends_it_when_requests_are_answered(
    command: Command, listener: socket.socket, tmp_path: Path, number: int
) -> None:
    address = listener.getsockname()
    until(lambda: echo(address))
    held = HeldRequest(tmp_path, partial(fetch, address))
    command.signal(number)
    held.finish(after=0.7)
    assert command.end() == (0, "")
    assert held.body() == b"done"


def test_signal_while_it_starts_is_an_ordinary_end(listener: socket.socket, tmp_path: Path) -> None:
    command = Command(tmp_path, stdin=listener, FILESYSTEM_SUFFIX="ending")
    assert command.end() == (0, "")


def test_hup_drops_caches(command: Command, listener: socket.socket) -> None:
    address = listener.getsockname()
    with connect(address) as peer:
        until(lambda: echo(address))
        peer.ask("/tile")
        command.signal(signal.SIGHUP)
        assert until(lambda: echo(address)["cleared"] == 1)
        assert peer.ask("/tile").body == TILE


def test_request_that_hangs_does_not_keep_it_from_ending(listener: socket.socket, tmp_path: Path) -> None:
    command = Command(tmp_path, stdin=listener, REQUEST_TIMEOUT="1")
    try:
        until(lambda: echo(listener.getsockname()))
        with connect(listener.getsockname()) as peer:
            peer.send(request("/sleep/60"))
            until(lambda: "has been running for more than 1 seconds" in command.log.read_text())
            command.signal(signal.SIGTERM)
            assert command.end() == (0, "")
    finally:
        command.stop()


def test_invalid_setting_is_reported_and_ends_the_start(listener: socket.socket, tmp_path: Path) -> None:
    command = Command(tmp_path, stdin=listener, FILESYSTEM_SUFFIX="invalid")
    code, err = command.end()
    assert (code, err) == (1, "FILESYSTEM_SUFFIX is 'invalid'; any other value will do\n")
