"""Which connections give way when descriptors or memory are short."""

from __future__ import annotations

import resource
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


def unread_in_excess(parked: Sequence[PeerConnection]) -> Iterator[PeerConnection]:
    """Those to close so that unread answers take no more than `MAX_UNREAD_LENGTH`, the least recently read first."""
    unread = [
        (connection.outgoing.memory(), connection) for connection in parked if connection.outgoing.pending
    ]
    excess = sum(length for length, _ in unread) - MAX_UNREAD_LENGTH
    unread.sort(key=lambda entry: entry[1].waiting_since)
    for length, connection in unread[:-1]:
        if excess <= 0:
            return
        excess -= length
        yield connection
