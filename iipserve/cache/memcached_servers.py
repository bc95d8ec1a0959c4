"""Several memcached servers, by pymemcache: which of them holds a key, and which have failed."""

from __future__ import annotations

import hashlib
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from pymemcache.client.base import Client, PooledClient
from pymemcache.client.rendezvous import RendezvousHash
from pymemcache.exceptions import (
    MemcacheError,
    MemcacheUnexpectedCloseError,
    MemcacheUnknownCommandError,
    MemcacheUnknownError,
)

from iipserve.config import MemcachedAddress
from iipserve.leader import hand_over

log = logging.getLogger(__name__)

MAX_VALUE = 1_000_000
"""Bytes of a value: memcached's items end at 1 MiB, key and header included."""
MAX_ANSWER = 2 * MAX_VALUE
"""Bytes of an answer; a server that sends more does not hold what we sent."""
RECEIVE_BYTES = 1 << 16
"""Bytes per read from a connection."""
PATIENCE = 0.2
"""Maximum seconds for connecting, and for a whole answer."""
FIRST_RETRY, LAST_RETRY = 10.0, 300.0
"""Seconds until a failed server is tried again; doubled after each failure, up to the last."""

FAILURES = (
    OSError, MemcacheUnexpectedCloseError, MemcacheUnknownError, MemcacheUnknownCommandError,
    # pymemcache 4.0 raises these two for answers it cannot parse
    ValueError, LookupError,
)  # fmt: skip
"""What pymemcache raises if a server is absent, hangs or speaks another protocol."""


@dataclass(slots=True, eq=False)
class Absence:
    """State of a server that failed."""

    retry_at: float
    """On the monotonic clock."""
    pause: float
    """Seconds between the last try and the next."""


class Servers:
    """Connection pools of all servers, and which servers answer. Safe for many threads.

    A failed server is left out: no request waits for it until a thread of its own has had an answer. pymemcache's
    HashClient (4.0) makes requests wait for retries, and raises errors if two threads meet the same failure.
    """

    def __init__(self, addresses: Iterable[MemcachedAddress], patience: float, first_retry: float) -> None:
        """Assume that all answer; arguments as in `MemcachedCache`."""
        self._pools = {str(address): _pool(address, patience) for address in addresses}
        self._first_retry = first_retry
        self._lock = threading.Lock()
        self._absent: dict[str, Absence] = {}
        self._ring = self._present()

    def ask(self, key: str, command: Callable[[PooledClient], Any]) -> Any:
        """The answer to `command` of the server responsible for `key`; None if it fails, or if all have failed."""
        if self._absent:
            self._retry_due()
        name = self._ring.get_node(key)
        if name is None:
            return None
        hand_over()
        try:
            return _on_live_connection(self._pools[name], command)
        except FAILURES as error:
            self._lose(name, error)
        except MemcacheError as error:
            # an answer of the protocol: out of memory, item too large for this server
            log.debug("memcached %s: %s", name, error)
        return None

    def _present(self) -> RendezvousHash:
        """The ring of those that answer; a key moves only if its own server comes or goes."""
        return RendezvousHash(
            [name for name in self._pools if name not in self._absent], hash_function=_score
        )

    def _lose(self, name: str, error: Exception) -> None:
        with self._lock:
            if name in self._absent:
                return
            self._absent[name] = Absence(time.monotonic() + self._first_retry, self._first_retry)
            self._ring = self._present()
        reason = str(error) or type(error).__name__
        log.warning("memcached %s fails and is left out until it answers again: %s", name, reason)

    def _retry_due(self) -> None:
        """Start a thread for each server that is due for a retry."""
        now = time.monotonic()
        with self._lock:
            due = {name: absence for name, absence in self._absent.items() if absence.retry_at <= now}
            for absence in due.values():
                absence.retry_at = float("inf")
        for name in due:
            threading.Thread(target=self._retry, args=(name,), name=f"memcached {name}", daemon=True).start()

    def _retry(self, name: str) -> None:
        answers = _version(self._pools[name]) is not None
        with self._lock:
            if answers:
                del self._absent[name]
                self._ring = self._present()
            else:
                absence = self._absent[name]
                absence.pause = min(2 * absence.pause, LAST_RETRY)
                absence.retry_at = time.monotonic() + absence.pause
        if answers:
            log.warning("memcached %s answers again", name)


def _score(text: str, seed: int) -> int:
    """Rank of a server for a key. pymemcache's own, in Python, takes ten times as long."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def _on_live_connection(pool: PooledClient, command: Callable[[PooledClient], Any]) -> Any:
    """The command's answer. Pooled connections that the server has closed do not count as a failure."""
    for _ in range(len(pool.client_pool.free)):
        try:
            return command(pool)
        except (MemcacheUnexpectedCloseError, ConnectionError):
            continue  # the pool has dropped that connection
    return command(pool)


def _version(pool: PooledClient) -> str | None:
    try:
        return str(_on_live_connection(pool, lambda pool: pool.version()).decode("ascii"))
    except (*FAILURES, MemcacheError):
        return None


def _pool(address: MemcachedAddress, patience: float) -> PooledClient:
    pool = PooledClient(address, connect_timeout=patience, timeout=patience)
    pool.client_class = Connection
    return pool


class Connection(Client):  # type: ignore[misc]  # pymemcache carries no types
    """One connection, to the first of the host's addresses that accepts it.

    pymemcache 4.0 tries only one: for `localhost` that may be ::1, where memcached is not listening.
    """

    def _connect(self) -> None:
        self.close()
        self.sock = BoundedSocket(connect(self.server, self.connect_timeout), self.timeout)


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
        """Take over a connected socket; each request with its answer may take `patience` seconds."""
        super().__init__(fileno=connected.detach())
        if self.family != socket.AF_UNIX:
            self.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._patience = patience
        self._deadline = 0.0
        self._left = 0

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send a request, and start the time of its answer."""
        self._deadline = time.monotonic() + self._patience
        self._left = MAX_ANSWER
        self.settimeout(self._patience)
        super().sendall(data, flags)

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        """The next bytes of the answer that are available.

        Raises:
            TimeoutError: the answer takes too long.
            OSError: the connection failed, or the answer is too long.
        """
        remaining = self._deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError("timed out")
        self.settimeout(remaining)
        received = super().recv(RECEIVE_BYTES, flags)
        self._left -= len(received)
        if self._left < 0:
            raise OSError(f"an answer of more than {MAX_ANSWER} bytes")
        return received

    def __del__(self) -> None:
        """Close without the warning of a plain socket when a cache is collected with its pools."""
        self.close()
