"""The memory of a worker process, which is replaced when it has grown too much."""

from __future__ import annotations

import mmap
import os

from iipserve.config import Config
from iipserve.config.memory import MARGIN, replaced_bytes

PAGE_LENGTH = os.sysconf("SC_PAGE_SIZE")


def own_bytes() -> int:
    """Resident memory of this process that is not of files or shared (proc(5), statm)."""
    with open("/proc/self/statm", "rb") as file:
        _, resident, shared, *_ = map(int, file.read().split())
    return (resident - shared) * PAGE_LENGTH


class SharedFlag:
    """What a worker tells the supervisor: yes, once. Made before the fork."""

    def __init__(self) -> None:
        """Not set."""
        self._memory = mmap.mmap(-1, 1)

    def __bool__(self) -> bool:
        return self._memory[0] != 0

    def set(self) -> None:
        """Say yes."""
        self._memory[0] = 1


class MemoryLimit:
    """Tells when this worker has grown too much. Made once it is ready to serve."""

    def __init__(self, config: Config) -> None:
        """Take the setting; one that even a new worker would exceed is raised, since replacing that is no use."""
        self.bytes = max(replaced_bytes(config), MARGIN * own_bytes())

    def excess(self) -> int | None:
        """The bytes of this process if they are too many, else None."""
        used = own_bytes()
        return used if used > self.bytes else None
