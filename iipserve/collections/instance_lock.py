"""One service at a time holds a store: its processes share a lock, and another service cannot have it.

Whoever comes first takes the lock for itself alone, writes its name, and then shares it; whoever finds it taken shares it
too and compares the name. It is given back by the system when the last process ends, however it ends.
"""

from __future__ import annotations

import fcntl
import os
import time
from abc import ABC, abstractmethod
from contextlib import suppress

from iipserve.collections.companions import open_companion
from iipserve.errors import ConfigError

ATTEMPTS = 50
PAUSE = 0.1
"""Seconds between attempts: another process has the lock for itself alone only while it writes its name."""
MAX_HOLDER = 4096


class InstanceLock(ABC):
    """The right of a service to a store."""

    def acquire(self, holder: str) -> None:
        """Hold the store. Raises `ConfigError` if another service has it."""
        for _ in range(ATTEMPTS):
            if self._take_alone():
                self._write(holder)
                if self._share() and self._read() == holder:
                    return
            elif self._share():
                other = self._read()
                if other == holder:
                    return
                self.release()
                raise ConfigError(
                    f"the store is in use by another service, {other or 'whose name is unknown'}: "
                    "give each service a store of its own"
                )
            time.sleep(PAUSE)
        raise ConfigError("the store is being taken by another service")

    @abstractmethod
    def release(self) -> None:
        """Give it back; nothing if it is not held."""

    @abstractmethod
    def _take_alone(self) -> bool:
        """Take the lock alone, if nobody has it."""

    @abstractmethod
    def _share(self) -> bool:
        """Share the lock from now on, unless another process has it alone."""

    @abstractmethod
    def _read(self) -> str:
        """Name of the holder."""

    @abstractmethod
    def _write(self, holder: str) -> None:
        """Replace the name of the holder, while the lock is this process' alone."""


class FileLock(InstanceLock):
    """A lock on a file next to the store. For file systems where locks work, which SQLite needs as well."""

    def __init__(self, database: str) -> None:
        """Lock a file next to a database; open nothing yet."""
        self._database = database
        self._descriptor: int | None = None

    def release(self) -> None:
        """Close the file, which stays: who opens it later has the same lock."""
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = None

    def _take_alone(self) -> bool:
        return self._flock(fcntl.LOCK_EX)

    def _share(self) -> bool:
        return self._flock(fcntl.LOCK_SH)

    def _flock(self, kind: int) -> bool:
        descriptor = self._open()
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _open(self) -> int:
        if self._descriptor is None:
            try:
                self._descriptor = open_companion(self._database, ".lock")
            except OSError as error:
                raise ConfigError(f"the store cannot be locked: {error}") from error
        return self._descriptor

    def _read(self) -> str:
        return os.pread(self._open(), MAX_HOLDER, 0).decode(errors="replace")

    def _write(self, holder: str) -> None:
        with suppress(OSError):
            os.ftruncate(self._open(), 0)
            os.pwrite(self._open(), holder.encode(), 0)
