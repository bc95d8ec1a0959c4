"""Spreads connections evenly over the worker processes, through shared memory.

A kept connection stays with the process that accepted it, and the kernel may wake the same process again and
again. So each worker publishes how many connections it holds, and a worker that is woken for a new connection
leaves it to another one that holds clearly fewer.
"""

from __future__ import annotations

import contextlib
import mmap
import os

ABSENT = 2**31 - 1
"""Count of a slot without a worker, and of a worker that cannot take a connection now."""
TOLERANCE = 1
"""How many connections more than the least loaded worker one may hold and still accept the next."""


class ConnectionCounts:
    """The connection counts of all workers. Made before the fork."""

    def __init__(self, slots: int) -> None:
        """Make room for `slots` workers."""
        self.counts = memoryview(mmap.mmap(-1, 4 * slots)).cast("i")
        self.wakers = [os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK) for _ in range(slots)]
        self._unused = list(range(slots))
        for index in self._unused:
            self.counts[index] = ABSENT

    def claim(self) -> WorkerSlot | None:
        """A slot for a new worker; None if all are in use, and the worker then accepts every connection."""
        return WorkerSlot(self, self._unused.pop()) if self._unused else None

    def free(self, slot: WorkerSlot | None) -> None:
        """Take back the slot of a worker that has ended."""
        if slot is not None:
            slot.publish(ABSENT)
            self._unused.append(slot.index)


class WorkerSlot:
    """One worker's entry among the counts."""

    def __init__(self, counts: ConnectionCounts, index: int) -> None:
        """Entry `index` of `counts`."""
        self.index = index
        self.waker = counts.wakers[index]
        """Descriptor that becomes readable when another worker leaves a connection to this one."""
        self._counts = counts

    def publish(self, connections: int) -> None:
        """Set how many connections this worker holds, for the others to read."""
        self._counts.counts[self.index] = connections

    def wake_least_loaded(self, connections: int) -> bool:
        """Wake the worker with the fewest connections if it holds clearly fewer than `connections`.

        Returns whether one was woken.
        """
        counts = self._counts.counts.tolist()
        fewest = min(counts)
        if connections <= fewest + TOLERANCE:
            return False
        os.eventfd_write(self._counts.wakers[counts.index(fewest)], 1)
        return True

    def acknowledge(self) -> None:
        """Reset the waker."""
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self.waker)
