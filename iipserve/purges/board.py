"""Memory that the workers of one host share: what one of them purges, all do."""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from iipserve.purges import MAX_BYTES, Purges

HEAD = struct.Struct("=Qd")
"""How often the text has changed, and when other hosts were last asked, on the monotonic clock."""
LENGTH = struct.Struct("=Q")
"""Of a text, before it."""
ROOM = LENGTH.size + MAX_BYTES
"""Of each of two texts, which are used in turn: that of a process that is killed while it writes is not read."""
LOCK, LEADER = 0, 1
"""Bytes of the file that are locked: while it is read or changed; by the process that asks other hosts."""


class PurgeBoard:
    """The purges that are known on this host. Made before the fork; safe for many threads and processes."""

    def __init__(self) -> None:
        """None are known."""
        self._file = os.memfd_create("iipserve-purges")
        length = HEAD.size + 2 * ROOM
        os.truncate(self._file, length)
        self._memory = mmap.mmap(self._file, length)
        self._changes = memoryview(self._memory)[:8].cast("Q")
        self._exchanged = memoryview(self._memory)[8:16].cast("d")
        self._threads = threading.Lock()

    @property
    def changes(self) -> int:
        """How often something has been added: looking takes no lock."""
        return self._changes[0]

    @property
    def exchanged_at(self) -> float:
        """When other hosts were last asked, in seconds of the monotonic clock; 0 if they never were."""
        return self._exchanged[0]

    @exchanged_at.setter
    def exchanged_at(self, moment: float) -> None:
        self._exchanged[0] = moment

    def read(self) -> tuple[int, Purges]:
        """How often something has been added, and all purges."""
        with self._locked():
            return self._read()

    def add(self, purges: Purges) -> Purges:
        """Add purges; all that are known now."""
        with self._locked():
            changes, known = self._read()
            merged = known.merged(purges)
            if merged != known:
                text, start = merged.encoded(), _start(changes + 1)
                self._memory[start : start + LENGTH.size + len(text)] = LENGTH.pack(len(text)) + text
                self._changes[0] = changes + 1
            return merged

    def leads(self) -> bool:
        """Whether this process is the one that asks other hosts; another one takes over when it ends."""
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, LEADER)
        except OSError:
            return False
        return True

    def _read(self) -> tuple[int, Purges]:
        changes = self.changes
        start = _start(changes)
        (length,) = LENGTH.unpack_from(self._memory, start)
        text = self._memory[start + LENGTH.size : start + LENGTH.size + length]
        return changes, Purges.decoded(text) if text else Purges()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """The kernel's lock excludes other processes, but not other threads, and ends with its process."""
        with self._threads:
            fcntl.lockf(self._file, fcntl.LOCK_EX, 1, LOCK)
            try:
                yield
            finally:
                fcntl.lockf(self._file, fcntl.LOCK_UN, 1, LOCK)


def _start(changes: int) -> int:
    """Where the text is that so many changes have made."""
    return HEAD.size + changes % 2 * ROOM
