"""Which connections give way when descriptors or memory are short."""

from __future__ import annotations

import math
import resource
import threading
from collections.abc import Iterator, Sequence

from iipserve.config.memory import MAX_UNREAD_LENGTH
from iipserve.transport.peer import PeerConnection

RESERVED_SHARE = 4
"""One part in this many of the descriptors is for files."""


def max_connections() -> int:
    """How many connections a process may hold, by its limit of open descriptors."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return limit - limit // RESERVED_SHARE


def first_to_close(parked: Sequence[PeerConnection]) -> PeerConnection | None:
    """The one that has been idle longest, else the one whose peer has for the longest time not sent or read on.

    `parked` is in the order in which connections were last served.
    """
    idle = next((connection for connection in parked if connection.idle()), None)
    return idle or min(parked, key=lambda connection: connection.waiting_since, default=None)


class HeldMemory:
    """Bytes that connections hold of unread answers and of requests that have not arrived entirely."""

    def __init__(self) -> None:
        """Of no connection."""
        self._lock = threading.Lock()
        self._total = 0

    def update(self, connection: PeerConnection, length: int) -> bool:
        """Take what a connection holds now. Returns whether all together hold more than `MAX_UNREAD_LENGTH`."""
        with self._lock:
            self._total += length - connection.counted_length
            connection.counted_length = length
            return self._total > MAX_UNREAD_LENGTH


def in_excess(parked: Sequence[PeerConnection]) -> Iterator[PeerConnection]:
    """Those to close so that all together hold no more than `MAX_UNREAD_LENGTH`.

    First those whose peers have not read or sent on for the longest time.
    """
    holding = [(connection.counted_length, connection) for connection in parked if connection.counted_length]
    excess = sum(length for length, _ in holding) - MAX_UNREAD_LENGTH
    holding.sort(key=lambda entry: entry[1].waiting_since or math.inf)
    for length, connection in holding[:-1]:
        if excess <= 0:
            return
        excess -= length
        yield connection
