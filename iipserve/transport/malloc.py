"""Settings of the C library's allocator."""

from __future__ import annotations

import ctypes
import logging
from time import monotonic

from iipserve.transport.worker_memory import own_bytes

log = logging.getLogger(__name__)

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
"""Parameters of `mallopt` (malloc.h of the GNU C library)."""
ARENAS = 2
"""Heaps for all threads; the default is eight per core, and memory freed in one cannot be used by another."""
OWN_MAPPING = 8 << 20
"""Blocks of at least this many bytes return to the system when freed: large images, never tiles."""
KEPT = 64 << 20
"""Free bytes at the end of a heap that are not returned to the system."""
WORTH_TRIMMING = 16 << 20
"""Bytes by which a process must have grown since its heaps were last searched for free memory."""
BUSY_INTERVAL = 10.0
"""Seconds between two searches while requests are answered."""


def tune_malloc() -> None:
    """Return freed memory of large images to the system; must be called before any thread is started.

    With the defaults, a worker that had rendered a few exports of 5,000 pixels still held 620 MB, after a peak
    of 800 MB; with these settings it holds 160 MB, after a peak of 340 MB. Does nothing unless the C library
    is glibc.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        log.debug("this C library has no mallopt")
        return
    for parameter, value in (
        (M_ARENA_MAX, ARENAS),
        (M_MMAP_THRESHOLD, OWN_MAPPING),
        (M_TRIM_THRESHOLD, KEPT),
    ):
        mallopt(parameter, value)


class Trimmer:
    """Returns free memory inside of heaps to the system once images have been rendered.

    What is freed between blocks that are in use stays with the process: after tiles of an untiled JPEG 2000 file had been
    decoded for 32 clients at once, a worker kept 290 MB.
    """

    def __init__(self) -> None:
        """Take what this process uses now for what it needs."""
        self._trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        self._needed = own_bytes()
        self._next = 0.0

    def tick(self, *, idle: bool) -> None:
        """Give back what is free if that may be much. Call it about every second.

        Args:
            idle: no request is being answered; otherwise it is done more rarely, since it stops threads that allocate.
        """
        now = monotonic()
        if (
            self._trim is None
            or own_bytes() - self._needed < WORTH_TRIMMING
            or not (idle or now >= self._next)
        ):
            return
        self._trim(0)
        self._next = now + BUSY_INTERVAL
        if idle:
            self._needed = own_bytes()
