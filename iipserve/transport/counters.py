"""Counters of all workers in memory that they share, made before the fork: each worker writes to a part of its own.

What a worker has counted stays when it dies, however it dies: the supervisor adds it to what all earlier workers have counted.
"""

from __future__ import annotations

import mmap
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from threading import Lock

BUCKETS = (0.00025, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper limits of the classes of durations, in seconds; a last class has the longer ones."""
ENTRIES = 384
"""Series of one worker; those beyond are not counted."""
KEY_LENGTH = 104
"""Bytes of the name of a series, its length included."""
ENTRY_LENGTH = 256
VALUES = (ENTRY_LENGTH - KEY_LENGTH) // 8
"""Numbers of a series: the sum, then one count for each class."""
GAUGE = "gauge "
"""Begins the names of series that are not added to those of earlier workers."""
HEADER_LENGTH = 8


class Counters:
    """The counters of all workers, and of those that have ended."""

    def __init__(self, workers: int) -> None:
        """Make room for `workers` at the same time, and for the supervisor."""
        length = ENTRIES * ENTRY_LENGTH
        self._memory = mmap.mmap(-1, HEADER_LENGTH + (1 + workers) * length)
        self._parts = [HEADER_LENGTH + index * length for index in range(1 + workers)]
        self._unused = self._parts[1:]
        self.own = WorkerCounters(self, self._parts[0])
        """Those of the supervisor, and of workers that have ended."""

    @property
    def memory(self) -> mmap.mmap:
        """All of it."""
        return self._memory

    def claim(self) -> WorkerCounters | None:
        """The counters of a new worker; None if there is no room for them."""
        return WorkerCounters(self, self._unused.pop()) if self._unused else None

    def free(self, worker: WorkerCounters | None) -> None:
        """Add what a worker that has ended has counted to the supervisor's counters."""
        if worker is None:
            return
        self._turn()
        for name, values in worker.series():
            if not name.startswith(GAUGE):
                self.own.merge(name, values)
        self._memory[worker.start : worker.start + ENTRIES * ENTRY_LENGTH] = bytes(ENTRIES * ENTRY_LENGTH)
        self._turn()
        self._unused.append(worker.start)

    def read(self) -> list[dict[str, list[float]]]:
        """The series of the supervisor, and of each worker that has any."""
        while True:
            before = self._generation()
            parts = [dict(WorkerCounters(self, start).series()) for start in self._parts]
            if before % 2 == 0 and before == self._generation():
                return [parts[0], *filter(None, parts[1:])]

    def _turn(self) -> None:
        """Mark the beginning, and then the end, of moving numbers from one part to another."""
        self._memory[:HEADER_LENGTH] = (self._generation() + 1).to_bytes(HEADER_LENGTH, "little")

    def _generation(self) -> int:
        return int.from_bytes(self._memory[:HEADER_LENGTH], "little")


class WorkerCounters:
    """The counters of one process. Safe for many threads."""

    def __init__(self, counters: Counters, start: int) -> None:
        """Those that begin at the byte `start`."""
        self.start = start
        self._memory = counters.memory
        self._lock = Lock()
        self._values: dict[str, memoryview[float]] = {}

    def add(self, name: str, amount: float = 1.0) -> None:
        """Add to a sum."""
        with self._lock:
            values = self._values.get(name) or self._new(name)
            values[0] += amount

    def observe(self, name: str, seconds: float) -> None:
        """Count a duration."""
        with self._lock:
            values = self._values.get(name) or self._new(name)
            values[0] += seconds
            values[1 + bisect_left(BUCKETS, seconds)] += 1

    def set(self, name: str, value: float) -> None:
        """Set the value of a gauge."""
        with self._lock:
            values = self._values.get(GAUGE + name) or self._new(GAUGE + name)
            values[0] = value

    def merge(self, name: str, amounts: list[float]) -> None:
        """Add all numbers of a series."""
        with self._lock:
            values = self._values.get(name) or self._new(name)
            for index, amount in enumerate(amounts):
                values[index] += amount

    def series(self) -> Iterator[tuple[str, list[float]]]:
        """Names and numbers of all series."""
        for start in range(self.start, self.start + ENTRIES * ENTRY_LENGTH, ENTRY_LENGTH):
            length = self._memory[start]
            if not length:
                return
            name = self._memory[start + 1 : start + 1 + length].decode("utf-8", "replace")
            yield name, list(self._view(start))

    def _new(self, name: str) -> memoryview[float]:
        """The numbers of a new series; those of no series, if there is no room. The lock is held."""
        encoded = name.encode()[: KEY_LENGTH - 1]
        if len(self._values) >= ENTRIES:
            return memoryview(bytearray(8 * VALUES)).cast("d")
        start = self.start + len(self._values) * ENTRY_LENGTH
        self._memory[start + 1 : start + 1 + len(encoded)] = encoded
        self._memory[start] = len(encoded)  # from here on others see it
        values = self._values[name] = self._view(start)
        return values

    def _view(self, start: int) -> memoryview[float]:
        return memoryview(self._memory)[start + KEY_LENGTH : start + ENTRY_LENGTH].cast("d")


def total(parts: list[dict[str, list[float]]]) -> Mapping[str, list[float]]:
    """The series of all parts, added."""
    found: dict[str, list[float]] = {}
    for part in parts:
        for name, values in part.items():
            known = found.get(name)
            found[name] = values if known is None else [a + b for a, b in zip(known, values, strict=True)]
    return found
