"""Clients that send most of a body, or do not read: the memory of the worker, as the system counts it."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.end_to_end.processes import forget_peak, peak
from tests.ports import free_port
from tests.transport.client import request, stdin
from tests.transport.http_client import post
from tests.transport.processes import Command, echo, fetch, until

CLIENTS = 500
LONG, SHORT = 300_000, 60_000
"""Bytes of a body that have been sent; one of them is longer than what is held in memory (64 KiB)."""
MAX_HELD = 4 << 20
"""Bytes of requests that the worker may hold; 256 MiB but for this test."""
OVERHEAD = 16
"""Megabytes for 500 connections themselves, and what arrives at once."""


UNREAD = 1_000_000
"""Bytes of an answer."""
ESTABLISHED = 1
"""State of a connection that neither side has closed (TCP_ESTABLISHED of Linux)."""


def fastcgi_half(length: int) -> bytes:
    return request("/body/900000", REQUEST_METHOD="POST")[:-8] + stdin(length * b"x")


def http_half(length: int) -> bytes:
    return post("/body/900000", length * b"x" + bytes(9))[:-9]


QUESTIONS = {
    fastcgi_half: request(f"/bytes/{UNREAD}"),
    http_half: post(f"/bytes/{UNREAD}", b"", method="GET"),
}
Attack: TypeAlias = tuple[Path, Callable[[int, int], list[socket.socket]]]


@pytest.fixture(params=[fastcgi_half, http_half], ids=["FastCGI", "HTTP"])
def attack(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Attack]:
    """The folder of the worker in /proc, and what has some clients send so many bytes of a longer body, and returns them.

    With 0 bytes they ask for a long answer instead, and do not read it.
    """
    fastcgi, http = free_port(), free_port()
    arguments = ("--bind", f"127.0.0.1:{fastcgi}", "--http", f"127.0.0.1:{http}")
    command = Command(tmp_path, *arguments, STUB_MAX_HELD=str(MAX_HELD), TMPDIR=str(tmp_path))
    with contextlib.ExitStack() as clients:
        clients.callback(command.stop)
        worker = Path(f"/proc/{until(lambda: echo(('127.0.0.1', fastcgi)))['pid']}")
        port = fastcgi if request.param is fastcgi_half else http

        def send(count: int, length: int) -> list[socket.socket]:
            data = request.param(length) if length else QUESTIONS[request.param]
            forget_peak(worker)
            sent = [clients.enter_context(socket.socket()) for _ in range(count)]
            for client in sent:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                client.connect(("127.0.0.1", port))
                client.sendall(data)
            return sent

        yield worker, send
        assert fetch(("127.0.0.1", fastcgi), "/tile")
        assert worker.exists()


def stored(worker: Path) -> list[int]:
    """Lengths of the bodies that the worker keeps in files."""
    lengths = []
    for descriptor in (worker / "fd").iterdir():
        with contextlib.suppress(OSError):
            if str(descriptor.readlink()).endswith("(deleted)"):
                lengths.append(os.stat(descriptor).st_size)
    return lengths


def sockets(worker: Path) -> int:
    """How many the worker has open."""
    count = 0
    for descriptor in (worker / "fd").iterdir():
        with contextlib.suppress(OSError):
            count += str(descriptor.readlink()).startswith("socket:")
    return count


def kept(clients: list[socket.socket]) -> int:
    """How many the worker has not closed the connection of."""
    states = [client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] for client in clients]
    return states.count(ESTABLISHED)


def test_long_bodies_wait_on_the_disk(attack: Attack) -> None:
    """150 MB of them."""
    worker, send = attack
    before = peak(worker)
    send(CLIENTS, LONG)
    until(lambda: sum(length > LONG - 20_000 for length in stored(worker)) == CLIENTS)
    assert peak(worker) - before < OVERHEAD


def test_short_ones_are_given_up_beyond_the_memory_for_them(
    attack: Attack,
) -> None:
    """30 MB of them, of which 4 MiB are kept."""
    worker, send = attack
    before = peak(worker)
    clients = send(CLIENTS, SHORT)
    until(lambda: kept(clients) <= MAX_HELD // SHORT + 16)
    assert peak(worker) - before < MAX_HELD / 1e6 + OVERHEAD


def test_unread_answers_are_given_up_beyond_the_memory_for_them(attack: Attack) -> None:
    """60 MB of them."""
    worker, send = attack
    before = peak(worker)
    for client in send(60, 0):
        assert client.recv(1, socket.MSG_PEEK), "all of its answer has been made"
    # those given up do not show at the clients, who would have to read what is on its way
    until(lambda: sockets(worker) <= MAX_HELD // UNREAD + 16)
    assert peak(worker) - before < MAX_HELD / 1e6 + OVERHEAD
