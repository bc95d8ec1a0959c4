"""Connections spread evenly over worker processes, through memory they share.

Kept connections stay with the process that accepted them, and the kernel does not care whether that is
always the same one. So each worker notes how many it holds, and one that is woken for a new connection
passes the turn on when another holds clearly fewer.
"""

from __future__ import annotations

import contextlib
import mmap
import os

ABSENT = 2**31 - 1
"""Noted for places without a worker, and by workers that cannot take a connection now."""
TOLERANCE = 1
"""How many connections more than another a worker may have and still take the next."""


class Balance:
    """The notes of all workers. Made before the fork."""

    def __init__(self, places: int) -> None:
        """With so many places for workers, all of them free."""
        self.counts = memoryview(mmap.mmap(-1, 4 * places)).cast("i")
        self.wakers = [os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK) for _ in range(places)]
        self._free = list(range(places))
        for place in self._free:
            self.counts[place] = ABSENT

    def take(self) -> Share | None:
        """A place for a new worker, or None when there is none left: it then takes what comes."""
        return Share(self, self._free.pop()) if self._free else None

    def give_back(self, share: Share | None) -> None:
        """The worker that had this place has ended."""
        if share is not None:
            share.note(ABSENT)
            self._free.append(share.place)


class Share:
    """One worker's place among the others."""

    def __init__(self, balance: Balance, place: int) -> None:
        """Number `place` of `balance`."""
        self.place = place
        self.waker = balance.wakers[place]
        """Descriptor that becomes readable when another worker passes its turn on to this one."""
        self._balance = balance

    def note(self, connections: int) -> None:
        """Tell the others how many connections this worker holds."""
        self._balance.counts[self.place] = connections

    def pass_on(self, connections: int) -> bool:
        """Wake the worker with the fewest connections, if it has clearly fewer; whether one was woken."""
        counts = self._balance.counts.tolist()
        fewest = min(counts)
        if connections <= fewest + TOLERANCE:
            return False
        os.eventfd_write(self._balance.wakers[counts.index(fewest)], 1)
        return True

    def heed(self) -> None:
        """Take note of having been woken."""
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self.waker)
