"""One memcached server: its connections, and how long its answers take.

Reference: doc/protocol.txt of memcached.
"""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Callable
from time import monotonic, perf_counter
from typing import Any, TypeVar

from pymemcache.client.base import Client
from pymemcache.exceptions import (
    MemcacheClientError,
    MemcacheIllegalInputError,
    MemcacheServerError,
    MemcacheUnexpectedCloseError,
    MemcacheUnknownCommandError,
    MemcacheUnknownError,
)

from iipserve.config import MemcachedAddress
from iipserve.leader import Delay, hand_over

T = TypeVar("T")

MAX_VALUE = 1_000_000
"""Bytes of a value: memcached's items end at 1 MiB, key and header included."""
MAX_ANSWER = 2 * MAX_VALUE
"""Bytes of an answer; a server that sends more does not hold what we sent."""
KEY = re.compile(r"[!-~]{1,250}")
"""What memcached takes for a key. It reads the value after another one as commands."""
RECEIVE_BYTES = 1 << 16
"""Bytes per read from a connection."""
NEAR_SECONDS = 0.0005
"""A server whose answers take less is waited for as it is: to change threads takes longer than most of them."""
END_OF_VALUE = b"\r\nEND\r\n"
ERRORS = {
    b"ERROR": MemcacheUnknownCommandError,
    b"CLIENT_ERROR": MemcacheClientError,
    b"SERVER_ERROR": MemcacheServerError,
}


class Server:
    """One server. Safe for many threads.

    Its methods raise what `memcached_servers.FAILURES` lists if it is absent, hangs or speaks another protocol, and
    other subclasses of `MemcacheError` for its refusals. pymemcache's pool (4.0) takes twice the time of a request.
    """

    def __init__(self, address: MemcachedAddress, patience: float) -> None:
        """Connect on first use; an answer may take twice `patience`, in seconds."""
        self._address = address
        self._patience = patience
        self._free: list[Connection] = []
        self._delay = Delay(NEAR_SECONDS)

    def get(self, key: bytes) -> bytes | None:
        """The value of a key, or None."""
        if self._delay.is_long():
            hand_over()
            return self._on_live_connection(lambda connection: connection.fetch(key))
        started = perf_counter()
        value = self._on_live_connection(lambda connection: connection.fetch(key))
        self._delay.measured(perf_counter() - started)
        return value

    def set(self, key: str, value: bytes, expiry: int) -> None:
        """Send a value, without waiting for an answer; `expiry` as in memcached's protocol.

        Raises:
            MemcacheIllegalInputError: the key is none, and nothing is sent; others as the class says.
        """
        if not is_valid(key):
            raise MemcacheIllegalInputError(f"{key!r} is no key")
        if self._delay.is_long():
            hand_over()
        self._on_live_connection(lambda connection: connection.set(key, value, expire=expiry, noreply=True))

    def version(self) -> str:
        """The version of the program."""
        answer: bytes = self._on_live_connection(lambda connection: connection.version())
        return answer.decode("ascii")

    def _on_live_connection(self, command: Callable[[Connection], T]) -> T:
        """The command's answer. Connections that the server has closed meanwhile do not count as a failure."""
        for _ in range(len(self._free)):
            try:
                connection = self._free.pop()
            except IndexError:  # taken by another thread
                break
            try:
                return self._answer(connection, command)
            except (MemcacheUnexpectedCloseError, ConnectionError):
                continue
        hand_over()
        return self._answer(Connection(self._address, self._patience), command)

    def _answer(self, connection: Connection, command: Callable[[Connection], T]) -> T:
        """The command's answer; the connection is kept, unless it fails."""
        try:
            answer = command(connection)
        except BaseException:
            connection.close()
            raise
        self._free.append(connection)
        return answer


def is_valid(key: str) -> bool:
    """Whether memcached takes this for a key."""
    return KEY.fullmatch(key) is not None


class Connection(Client):  # type: ignore[misc]  # pymemcache carries no types
    """One connection, to the first of the host's addresses that accepts it.

    pymemcache 4.0 tries only one: for `localhost` that may be ::1, where memcached is not listening.
    """

    sock: BoundedSocket | None

    def __init__(self, address: MemcachedAddress, patience: float) -> None:
        """Connect on first use, within `patience` seconds."""
        super().__init__(address, connect_timeout=patience, timeout=patience)

    def _connect(self) -> None:
        self.close()
        self.sock = BoundedSocket(connect(self.server, self.connect_timeout), self.timeout)

    def fetch(self, key: bytes) -> bytes | None:
        """The value of a key, or None: usually one `send` and one `recv`, half the time of pymemcache's `get`.

        Raises:
            ValueError: what is received is no answer to this request.
            MemcacheError, OSError: see `Server`.
        """
        if self.sock is None:
            self._connect()
        sock = self.sock
        assert sock is not None, "connected"
        sock.sendall(b"get %b\r\n" % key)
        answer = sock.received()
        while (end := answer.find(b"\r\n")) < 0:
            answer += sock.received()
        if answer == b"END\r\n":
            return None
        start = end + 2
        stop = start + _value_length(answer[:end], key)
        length = stop + len(END_OF_VALUE)
        if len(answer) < length:
            answer = sock.completed(answer, length)
        if len(answer) != length or not answer.endswith(END_OF_VALUE):
            raise ValueError("a value does not end where it says")
        return answer[start:stop]


def _value_length(line: bytes, key: bytes) -> int:
    """Bytes of a value, by the line that precedes it: `VALUE <key> <flags> <bytes>`.

    Raises:
        ValueError: it is another line.
        MemcacheError: it states an error.
    """
    words = line.split(b" ")
    if words[0] == b"VALUE":
        if len(words) != 4 or words[1] != key or not words[3].isdigit():
            raise ValueError("a value is not announced as the one asked for")
        return int(words[3])
    error = ERRORS.get(words[0], MemcacheUnknownError)
    raise error(line[:100].decode("ascii", "backslashreplace"))


def connect(address: MemcachedAddress, seconds: float) -> socket.socket:
    """Connect to a server within `seconds`.

    Raises:
        OSError: it does not listen.
    """
    if not address.is_path:
        return socket.create_connection(address, seconds)
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(seconds)
        connection.connect(address.host)
    except OSError:
        connection.close()
        raise
    return connection


class BoundedSocket(socket.socket):
    """A connection that bounds the time of a request with its answer, and the bytes of the answer."""

    def __init__(self, connected: socket.socket, patience: float) -> None:
        """Take over a connected socket; each request and its answer may take twice `patience`, in seconds."""
        super().__init__(fileno=connected.detach())
        self.settimeout(None)
        # by the kernel: a timeout set through Python costs two more calls of it for each
        timeval = struct.pack("@ll", int(patience), int(patience % 1 * 1_000_000))
        self.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeval)
        self.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeval)
        if self.family != socket.AF_UNIX:
            self.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._patience = patience
        self._deadline = 0.0
        self._left = 0

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send a request, and start the time of its answer."""
        self._deadline = monotonic() + self._patience
        self._left = MAX_ANSWER
        super().sendall(data, flags)

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        """The next bytes of the answer that are available.

        Raises:
            TimeoutError: the answer takes too long.
            OSError: the connection failed, or the answer is too long.
        """
        try:
            received = super().recv(RECEIVE_BYTES, flags)
        except BlockingIOError as error:
            raise TimeoutError("timed out") from error
        if monotonic() > self._deadline:
            raise TimeoutError("timed out")
        self._left -= len(received)
        if self._left < 0:
            raise OSError(f"an answer of more than {MAX_ANSWER} bytes")
        return received

    def received(self) -> bytes:
        """The next bytes of the answer, at least one.

        Raises:
            MemcacheUnexpectedCloseError: the server has closed the connection.
            OSError: as `recv`.
        """
        received = self.recv(RECEIVE_BYTES)
        if not received:
            raise MemcacheUnexpectedCloseError
        return received

    def completed(self, beginning: bytes, length: int) -> bytes:
        """The answer that begins so, up to this length at least; raises as `received`."""
        if length > MAX_ANSWER:
            raise OSError(f"an answer of more than {MAX_ANSWER} bytes")
        pieces, missing = [beginning], length - len(beginning)
        while missing > 0:
            pieces.append(self.received())
            missing -= len(pieces[-1])
        return b"".join(pieces)

    def __del__(self) -> None:
        """Close without the warning of a plain socket when a cache is collected with its connections."""
        self.close()
