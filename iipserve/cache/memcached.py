"""memcached: finished bytes shared by all workers, also of several machines.

A key stands for one plan, image version included, in one installation; so nothing in it is ever stale.
A server that fails is left alone: no request waits for it again until a thread of its own has heard
from it.
"""

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

from iipserve.cache import RenditionCache
from iipserve.cache.framing import pack, unpack
from iipserve.leader import hand_over
from iipserve.plan import RenderPlan, Rendition

log = logging.getLogger(__name__)

MAX_VALUE = 1_000_000
"""Bytes; larger values are not sent: memcached's items end at 1 MiB, key and header included."""
MAX_ANSWER = 2 * MAX_VALUE
"""Bytes; whoever answers more is no memcached that we filled."""
RECEIVE_BYTES = 1 << 16
MAX_RELATIVE_SECONDS = 30 * 24 * 3600
"""Seconds; memcached takes larger times for seconds since 1970."""
LAST_TIME = 2**31 - 1
"""Latest time, in seconds since 1970, that memcached can read."""
PATIENCE = 0.2
"""Seconds that connecting may take, and that a whole answer may take."""
FIRST_RETRY, LAST_RETRY = 10.0, 300.0
"""Seconds until a failed server is tried again; doubled after each failure, up to the last."""

FAILURES = (
    OSError, MemcacheUnexpectedCloseError, MemcacheUnknownError, MemcacheUnknownCommandError,
    # pymemcache 4.0 raises these two for answers it cannot take apart
    ValueError, LookupError,
)  # fmt: skip
"""What a server that is absent, hangs or speaks something else makes pymemcache raise."""


class MemcachedCache(RenditionCache):
    """Renditions in one or several memcached servers. Safe for many threads, and before a fork."""

    def __init__(
        self,
        servers: Iterable[tuple[str, int]],
        timeout_seconds: int,
        *,
        namespace: str = "",
        patience: float = PATIENCE,
        first_retry: float = FIRST_RETRY,
    ) -> None:
        """Nothing is connected before it is needed.

        Args:
            servers: host and port of each; a key lives on one of them.
            timeout_seconds: how long a rendition is kept; 0 is for ever.
            namespace: tells installations that share servers apart, such as their FILESYSTEM_PREFIX.
            patience: seconds to wait for a server, at most, before it counts as failed.
            first_retry: seconds until a failed server is tried again for the first time.
        """
        self._servers = Servers(servers, patience, first_retry)
        self._timeout = timeout_seconds
        installation = hashlib.blake2b(namespace.encode("utf-8", "surrogateescape"), digest_size=6)
        self._prefix = f"iipserve:{installation.hexdigest()}:"

    def key(self, plan: RenderPlan) -> str:
        """The key of a plan's rendition, the same for every worker of one installation."""
        return self._prefix + plan.digest

    def get(self, plan: RenderPlan) -> Rendition | None:
        """The rendition of exactly this plan, or None."""
        key = self.key(plan)
        value = self._servers.ask(key, lambda pool: pool.get(key))
        return unpack(value, plan.digest) if value else None

    def set(self, plan: RenderPlan, rendition: Rendition) -> None:
        """Send a rendition off without waiting for an answer; one of a megabyte or more is not sent."""
        value = pack(rendition, plan.digest)
        if len(value) > MAX_VALUE:
            return
        key, expiry = self.key(plan), expiry_time(self._timeout, time.time())
        self._servers.ask(key, lambda pool: pool.set(key, value, expire=expiry, noreply=True))

    def clear(self) -> None:
        """Do nothing: this process holds none of it, and others still want what the servers hold."""

    def versions(self) -> dict[str, str | None]:
        """What each server says its version is, by `host:port`; None where it does not answer."""
        return self._servers.versions()


def expiry_time(seconds: int, now: float) -> int:
    """A time to live as memcached's protocol wants it: above 30 days as a date, 0 for ever."""
    if seconds <= MAX_RELATIVE_SECONDS:
        return seconds
    moment = int(now) + seconds
    return moment if moment <= LAST_TIME else 0


@dataclass(slots=True, eq=False)
class Absence:
    """A server that failed."""

    retry_at: float
    """On the monotonic clock."""
    pause: float
    """Seconds between the last try and the next."""


class Servers:
    """Connection pools by server, and who of them answers. Safe for many threads.

    pymemcache's own HashClient would do, but that its bookkeeping of failed servers raises errors when
    two threads meet the same failure (4.0), and makes requests wait for the retries.
    """

    def __init__(self, addresses: Iterable[tuple[str, int]], patience: float, first_retry: float) -> None:
        """All are taken to answer until one fails; arguments as in `MemcachedCache`."""
        self._pools = {f"{host}:{port}": _pool((host, port), patience) for host, port in addresses}
        self._first_retry = first_retry
        self._lock = threading.Lock()
        self._absent: dict[str, Absence] = {}
        self._ring = self._present()

    def ask(self, key: str, command: Callable[[PooledClient], Any]) -> Any:
        """What the server that holds `key` answers to `command`; None if it fails, or if all have."""
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
            # an answer that follows the protocol: out of memory, item too large for this server
            log.debug("memcached %s: %s", name, error)
        return None

    def versions(self) -> dict[str, str | None]:
        """What each server says its version is; None where it does not answer."""
        return {name: _version(pool) for name, pool in self._pools.items()}

    def _present(self) -> RendezvousHash:
        """The ring of those that answer: a key moves only when its own server comes or goes."""
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
        log.warning("memcached %s fails, and is left out until it answers again: %s", name, reason)

    def _retry_due(self) -> None:
        """Start a thread for each server whose time has come."""
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
    """Rank of a server for a key; pymemcache's own, in Python, takes ten times as long."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def _on_live_connection(pool: PooledClient, command: Callable[[PooledClient], Any]) -> Any:
    """The command's answer; that pooled connections were closed meanwhile is not yet a failure."""
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


def _pool(address: tuple[str, int], patience: float) -> PooledClient:
    pool = PooledClient(address, connect_timeout=patience, timeout=patience)
    pool.client_class = Connection
    return pool


class Connection(Client):  # type: ignore[misc]  # pymemcache carries no types
    """One connection, to whichever of the host's addresses takes it.

    pymemcache 4.0 tries only the first: for `localhost` that may be ::1, where memcached is not listening.
    """

    def _connect(self) -> None:
        self.close()
        self.sock = BoundedSocket(socket.create_connection(self.server, self.connect_timeout), self.timeout)


class BoundedSocket(socket.socket):
    """A connection on which one question and its whole answer take bounded time and bytes."""

    def __init__(self, connected: socket.socket, patience: float) -> None:
        """Take a connected socket over; each question with its answer may take `patience` seconds."""
        super().__init__(fileno=connected.detach())
        self.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._patience = patience
        self._deadline = 0.0
        self._left = 0

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send a question; the time of its answer begins."""
        self._deadline = time.monotonic() + self._patience
        self._left = MAX_ANSWER
        self.settimeout(self._patience)
        super().sendall(data, flags)

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        """The next bytes of the answer, as many as there are.

        Raises:
            TimeoutError: the answer's time is over.
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
        """Close silently when a cache becomes garbage with its pools; a plain socket would warn."""
        self.close()
