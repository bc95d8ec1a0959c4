"""Turns of those who write to a file of SQLite, so that each comes to it.

SQLite lets a writer try again after pauses that get longer; while others write all the time, it may find no gap for ten
seconds. Here writers of all processes and threads wait by two locks on a file: who has the first one is next, and waits for
the second one, which a writer has. A writer that is done and wants to write again has to get the first one, so that the
next one comes before it. The locks are those of open files (fcntl(2), "Open file description locks"): they end with their
process, and exclude threads too.
"""

from __future__ import annotations

import fcntl
import os
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager

from iipserve.collections.companions import open_companion
from iipserve.collections.failures import UNAVAILABLE, unavailable
from iipserve.errors import StoreUnavailable

NEXT, WRITER = 0, 1
"""Bytes of the file that are locked."""
SHORTEST_PAUSE, LONGEST_PAUSE = 0.001, 0.02
"""Seconds between two attempts to get a lock."""


class WriteTurns:
    """Turns to write, by a file that all processes have."""

    def __init__(self, database: str, seconds: float) -> None:
        """Use a file next to a database, and wait so long at most."""
        self._database = database
        self._seconds = seconds

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Have the turn to write until the block ends. Raises `StoreUnavailable` if it does not come in time."""
        end = time.monotonic() + self._seconds
        with _opened(self._database) as file:
            _wait_for(file, NEXT, end)
            _wait_for(file, WRITER, end)
            _lock(file, NEXT, fcntl.F_UNLCK)
            yield


@contextmanager
def _opened(database: str) -> Iterator[int]:
    try:
        file = open_companion(database, ".turns")
    except OSError as error:
        raise unavailable(error) from error
    try:
        yield file
    finally:
        # and with it the locks
        os.close(file)


def _wait_for(file: int, byte: int, end: float) -> None:
    pause = SHORTEST_PAUSE
    while not _lock(file, byte, fcntl.F_WRLCK):
        if time.monotonic() > end:
            raise StoreUnavailable(UNAVAILABLE)
        time.sleep(pause)
        if byte == NEXT:
            pause = min(pause * 1.5, LONGEST_PAUSE)


def _lock(file: int, byte: int, kind: int) -> bool:
    """Lock or unlock a byte; False: another one has locked it."""
    try:
        fcntl.fcntl(file, fcntl.F_OFD_SETLK, struct.pack("hhqqi", kind, os.SEEK_SET, byte, 1, 0))
    except (BlockingIOError, PermissionError):  # EAGAIN or EACCES
        return False
    return True
