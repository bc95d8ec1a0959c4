"""memcached for tests: the real program, and servers that misbehave."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.ports import free_port


def memcached_command(*options: str) -> list[str]:
    """The command that runs memcached with these options; the test is skipped where it is not installed."""
    program = shutil.which("memcached")
    if program is None:
        pytest.skip("the program memcached is not installed")
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    return [program, *options, "-m", "16", "-t", "1", *user]


@contextmanager
def running_memcached(*options: str) -> Iterator[None]:
    """memcached with other options, ended in the end."""
    with subprocess.Popen(memcached_command(*options), stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.kill()


class Memcached:
    """A memcached process that can be stopped and started again on the same port."""

    def __init__(self) -> None:
        self.port = free_port()
        self._command = memcached_command("-l", "127.0.0.1", "-p", str(self.port), "-U", "0")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Run it and wait until it listens."""
        self._process = subprocess.Popen(self._command, stderr=subprocess.DEVNULL)
        give_up = time.monotonic() + 120
        while True:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            assert time.monotonic() < give_up, "memcached does not start"
            time.sleep(0.01)

    def stop(self) -> None:
        """End it, if it runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def signal(self, number: int) -> None:
        """Send it a signal, if it runs."""
        if self._process is not None:
            self._process.send_signal(number)

    def command(self, line: str) -> bytes:
        """What it answers to one line of its protocol."""
        with socket.create_connection(("127.0.0.1", self.port), 60) as connection:
            connection.sendall(line.encode() + b"\r\n")
            return connection.recv(65536)

    def statistic(self, name: str) -> int:
        """One of its counters."""
        found = [line for line in self.command("stats").splitlines() if line.split()[1:2] == [name.encode()]]
        return int(found[0].split()[2])


@contextmanager
def started() -> Iterator[Memcached]:
    """A memcached that runs until the block ends."""
    memcached = Memcached()
    memcached.start()
    try:
        yield memcached
    finally:
        memcached.stop()


class FakeServer:
    """Accepts connections and treats each as configured; counts them and what they sent."""

    def __init__(self, treat: Callable[[socket.socket, bytes], None]) -> None:
        self._treat = treat
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = [self._listener]
        self.port = int(self._listener.getsockname()[1])
        self.questions = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Close the listener and all connections."""
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._open.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while question := connection.recv(1 << 20):
                self.questions += 1
                self._treat(connection, question)


def stay_silent(connection: socket.socket, question: bytes) -> None:
    """Never answer."""


def hang_up(connection: socket.socket, question: bytes) -> None:
    """Close the connection instead of answering."""
    connection.shutdown(socket.SHUT_RDWR)


def drip(connection: socket.socket, question: bytes) -> None:
    """Answer a byte at a time, without end."""
    while True:
        connection.sendall(b"V")
        time.sleep(0.02)


def flood(connection: socket.socket, question: bytes) -> None:
    """Answer without end, as fast as possible."""
    while True:
        connection.sendall(b"x" * 65536)


def answering(text: bytes) -> Callable[[socket.socket, bytes], None]:
    """Always answer this."""

    def treat(connection: socket.socket, question: bytes) -> None:
        connection.sendall(text)

    return treat


@contextmanager
def fake_server(treat: Callable[[socket.socket, bytes], None]) -> Iterator[FakeServer]:
    """A misbehaving server, closed in the end."""
    server = FakeServer(treat)
    try:
        yield server
    finally:
        server.close()
