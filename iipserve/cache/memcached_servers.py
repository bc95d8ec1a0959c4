"""Several memcached servers: which of them holds a key, and which have failed."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pymemcache.client.rendezvous import RendezvousHash
from pymemcache.exceptions import (
    MemcacheError,
    MemcacheUnexpectedCloseError,
    MemcacheUnknownCommandError,
    MemcacheUnknownError,
)

from iipserve.cache.memcached_server import Server
from iipserve.config import MemcachedAddress

log = logging.getLogger(__name__)

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
FAILURES_AND_REFUSALS = (*FAILURES, MemcacheError)
"""The same, and answers of the protocol that refuse."""


class Ring(Protocol):
    """Servers by key: a key moves only if its own server comes or goes."""

    def get_node(self, key: str) -> str | None:
        """The name of the server of a key; None if there are no servers."""


@dataclass(slots=True, eq=False)
class Absence:
    """State of a server that failed."""

    retry_at: float
    """On the monotonic clock."""
    pause: float
    """Seconds between the last try and the next."""


class Servers:
    """All servers, and which of them answer. Safe for many threads.

    A failed server is left out: no request waits for it until a thread of its own has had an answer. pymemcache's
    HashClient (4.0) makes requests wait for retries, and raises errors if two threads meet the same failure.
    """

    def __init__(
        self,
        addresses: Iterable[MemcachedAddress],
        patience: float = PATIENCE,
        first_retry: float = FIRST_RETRY,
        ring: Callable[[Sequence[str]], Ring] | None = None,
    ) -> None:
        """Assume that all answer.

        Args:
            addresses: of the servers.
            patience, first_retry: as in `MemcachedCache`.
            ring: makes the ring of servers with these names; by default each key goes to the server of the highest score.
        """
        self._make_ring = ring or rendezvous
        self._servers = {str(address): Server(address, patience) for address in addresses}
        self._first_retry = first_retry
        self._lock = threading.Lock()
        self._absent: dict[str, Absence] = {}
        self._ring = self._present()

    def get(self, key: str) -> bytes | None:
        """The value of a key; None if there is none, or if the server responsible for it fails."""
        value: bytes | None = self._ask(key, Server.get, key.encode())
        return value

    def set(self, key: str, value: bytes, expiry: int, place: str | None = None) -> None:
        """Send a value to the server responsible for the key, without waiting for an answer; with `place`, to that of
        another key.
        """
        self._ask(place or key, Server.set, key, value, expiry)

    def _ask(self, key: str, command: Callable[..., Any], *arguments: object) -> Any:
        """The answer to `command` of the server responsible for `key`; None if it fails, or if all have failed."""
        if self._absent:
            self._retry_due()
        name = self._ring.get_node(key)
        if name is None:
            return None
        try:
            return command(self._servers[name], *arguments)
        except FAILURES as error:
            self._lose(name, error)
        except MemcacheError as error:
            # an answer of the protocol: out of memory, item too large for this server
            log.debug("memcached %s: %s", name, error)
        return None

    def _present(self) -> Ring:
        """The ring of those that answer."""
        return self._make_ring([name for name in self._servers if name not in self._absent])

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
        answers = _version(self._servers[name]) is not None
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


def rendezvous(names: Sequence[str]) -> Ring:
    """The ring in which each key goes to the server with the highest score for it."""
    ring: Ring = RendezvousHash(names, hash_function=_score)
    return ring


def _score(text: str, seed: int) -> int:
    """Rank of a server for a key. pymemcache's own, in Python, takes ten times as long."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def _version(server: Server) -> str | None:
    try:
        return server.version()
    except FAILURES_AND_REFUSALS:
        return None
