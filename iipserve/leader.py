"""Taking turns: of many threads one runs, until it steps aside for something that takes long.

Threads that run Python at the same time only hand the interpreter's lock to and fro: a cached tile cost
three times as much CPU time with eight threads as with one. So one thread serves connection after
connection, and whoever is about to decode, to wait for another thread or to use the network says
`step_aside()`: the next thread goes on serving, and the caller goes on by itself.
"""

from __future__ import annotations

import threading
from time import monotonic

PATIENCE = 0.1
"""Seconds after which a thread that neither finishes nor steps aside loses its turn."""


class _Own(threading.local):
    """What each thread knows of itself."""

    turn: Turn | None = None


_own = _Own()


def step_aside() -> None:
    """Let another thread go on serving. Does nothing in a thread that has no turn, or has it no longer."""
    if _own.turn is not None:
        _own.turn.give()


class Turn:
    """The right to run, held by one of the threads that take it.

    Nothing depends on there being one only: a thread that loses its turn finishes what it does.
    """

    def __init__(self) -> None:
        self._holder: int | None = None
        self._busy_since = 0.0
        """On the monotonic clock; 0 while the holder waits for something to do."""
        self._free = threading.Condition()
        self._next_in_line = threading.Lock()

    def take(self) -> None:
        """Wait for the turn; it is kept by a thread that has it."""
        if self.is_mine():
            return
        _own.turn = self
        # only the next in line waits with an eye on the clock
        with self._next_in_line, self._free:
            while self._holder is not None and not self._is_stuck():
                self._free.wait(PATIENCE)
            self._holder = threading.get_ident()
            self._busy_since = 0.0

    def give(self) -> None:
        """Let the next thread have the turn, if this one has it."""
        if self.is_mine():
            with self._free:
                if self.is_mine():
                    self._holder = None
                    self._free.notify()

    def is_mine(self) -> bool:
        """Whether this thread has the turn."""
        return self._holder == threading.get_ident()

    def begin(self) -> None:
        """The holder has something to do: it may lose its turn if that takes too long."""
        self._busy_since = monotonic()

    def rest(self) -> None:
        """The holder waits for something to do, for as long as it takes."""
        self._busy_since = 0.0

    def _is_stuck(self) -> bool:
        since = self._busy_since
        return bool(since) and monotonic() - since > PATIENCE
