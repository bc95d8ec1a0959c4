"""Leader/Followers: of many threads, one serves at a time, until it hands over before slow work.

Threads that run Python at the same time spend their time passing the interpreter lock around: a cached tile
cost three times as much CPU time with eight threads as with one. So one thread, the leader, serves
connection after connection. Before it decodes, waits for another thread or uses the network, it calls
`hand_over()`: the next thread becomes the leader, and the caller continues on its own.

Reference: D. C. Schmidt et al., "Pattern-Oriented Software Architecture", volume 2 (2000), Leader/Followers.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic

from iipserve.errors import Overloaded

PATIENCE = 0.1
"""Seconds after which a leader that neither finishes nor hands over is replaced."""
PROBE_INTERVAL = 32
"""Every so many times that something takes long, the leader waits for it all the same, to find out whether it still does."""

MAX_WAITING = 2
"""Times `THREADS`: threads that wait for other requests, besides as many as `THREADS` that serve."""


class _ThreadState(threading.local):
    """The leadership that the current thread acquired last."""

    leadership: Leadership | None = None


_thread = _ThreadState()


def hand_over() -> None:
    """Let another thread serve. Does nothing in a thread that is not the leader."""
    if _thread.leadership is not None:
        _thread.leadership.release()


def leads() -> bool:
    """Whether the current thread is a leader."""
    return _thread.leadership is not None and _thread.leadership.is_mine()


class waiting_long:  # noqa: N801 (used as a function)
    """While the current thread waits for other requests: another one may take its place among those that serve.

    Raises:
        Overloaded: on entering; too many wait already.
    """

    __slots__ = ("_leadership",)

    def __init__(self) -> None:
        self._leadership = _thread.leadership

    def __enter__(self) -> None:
        """Begin to wait."""
        if self._leadership is not None:
            self._leadership.begin_waiting()

    def __exit__(self, *_: object) -> None:
        """End waiting."""
        if self._leadership is not None:
            self._leadership.end_waiting()


class Delay:
    """How long something takes that is waited for, as a moving average: whether to hand over before it."""

    def __init__(self, short: float) -> None:
        """Count what takes less than `short`, in seconds, as quicker than changing threads. It is, until it is measured."""
        self._short = short
        self._average = 0.0
        self._unmeasured = 0

    def is_long(self) -> bool:
        """Whether to hand over; False every `PROBE_INTERVAL` times."""
        if self._average < self._short:
            return False
        self._unmeasured += 1
        return self._unmeasured % PROBE_INTERVAL != 0

    def measured(self, seconds: float) -> None:
        """Add a measurement. Long ones count twice `short`, so that a single one makes no difference."""
        self._average += (min(seconds, 2 * self._short) - self._average) / 4


class Leadership:
    """The right to serve, held by one of the threads that acquire it.

    Not a lock: a leader that is replaced continues its work in parallel with its successor.
    """

    def __init__(self, *, max_waiting: int = 0, replace: Callable[[], None] = lambda: None) -> None:
        """Nobody leads yet.

        Args:
            max_waiting: how many threads may wait for other requests at a time; 0 is no limit.
            replace: called in each of them before it waits.
        """
        self.waiting = 0
        """Threads that wait for other requests."""
        self._max_waiting = max_waiting
        self._replace = replace
        self._leader: int | None = None
        self._busy_since = 0.0
        """On the monotonic clock; 0 while the leader waits for work."""
        self._available = threading.Condition()
        self._next_in_line = threading.Lock()

    def acquire(self) -> None:
        """Wait to become the leader, one that waits for work. A thread that is the leader already stays it."""
        if self.is_mine():
            with self._available:
                if self.is_mine():  # still: it may just have been replaced
                    self._busy_since = 0.0
                    return
        _thread.leadership = self
        # only the next in line waits with a timeout
        with self._next_in_line, self._available:
            while self._leader is not None and not self._is_stuck():
                self._available.wait(PATIENCE)
            self._leader = threading.get_ident()
            self._busy_since = 0.0

    def release(self) -> None:
        """Let the next thread become the leader, if this thread is the leader."""
        if self.is_mine():
            with self._available:
                if self.is_mine():
                    self._leader = None
                    self._available.notify()

    def is_mine(self) -> bool:
        """Whether this thread is the leader."""
        return self._leader == threading.get_ident()

    def busy(self) -> None:
        """Mark the leader as working: it is replaced if that takes longer than `PATIENCE`."""
        self._busy_since = monotonic()

    def goes_on(self) -> bool:
        """Mark the current thread as working on something further, if it is the leader; False if it is not."""
        is_leader = self.is_mine()
        if is_leader:
            self.busy()
        return is_leader

    def begin_waiting(self) -> None:
        """Hand over, and count the current thread among those that wait for other requests.

        Raises:
            Overloaded: they are too many already.
        """
        self.release()
        with self._available:
            if self._max_waiting and self.waiting >= self._max_waiting:
                raise Overloaded("too many requests wait for others; ask again later")
            self.waiting += 1
        self._replace()

    def end_waiting(self) -> None:
        """Count the current thread no longer."""
        with self._available:
            self.waiting -= 1

    def _is_stuck(self) -> bool:
        since = self._busy_since
        return bool(since) and monotonic() - since > PATIENCE
