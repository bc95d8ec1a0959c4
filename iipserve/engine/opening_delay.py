"""Whether files open so quickly that the leader does it, or another thread is let to serve meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import get_ident
from time import perf_counter

from iipserve.leader import PATIENCE, Delay, hand_over, leads

SHORT_SECONDS = 0.002
"""An opening that takes less is not worth a change of threads, which takes 50 microseconds there and back."""
HANGING_SECONDS = 0.02
"""While one takes longer than this, other threads hand over before theirs."""


class OpeningDelay:
    """Lets the leader open files itself while that is quick. Safe for many threads.

    A leader that opens a file on storage that hangs is replaced after `leader.PATIENCE`, as any other. Until the storage
    answers, every further opening hands over first, so only the first one costs the others that time.
    """

    def __init__(self) -> None:
        """Assume quick storage."""
        self._delay = Delay(SHORT_SECONDS)
        self._begun: dict[int, float] = {}
        """Time at which the openings in progress began, by thread."""

    @contextmanager
    def opening(self) -> Iterator[None]:
        """Open a file in the block, after handing over if that takes long at present."""
        begun = perf_counter()
        if leads() and (self._hangs(begun) or self._delay.is_long()):
            hand_over()
        is_measured, thread = leads(), get_ident()
        self._begun[thread] = begun
        try:
            yield
        finally:
            del self._begun[thread]
            seconds = perf_counter() - begun
            # threads that are not the leader wait for the interpreter lock too, and slow formats hand over meanwhile
            if is_measured and (leads() or seconds > PATIENCE):
                self._delay.measured(seconds)

    def _hangs(self, now: float) -> bool:
        return any(now - begun > HANGING_SECONDS for begun in tuple(self._begun.values()))
