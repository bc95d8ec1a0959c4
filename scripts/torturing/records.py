"""What clients note of their requests, and what is done to the server meanwhile."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

MAX_NOTED = 1000
"""Events that one client keeps."""


class Event(NamedTuple):
    """Something that is not as it has to be."""

    at: float
    """Seconds of the monotonic clock, which is the same in all processes."""
    cause: str
    detail: str


class Timing(NamedTuple):
    """When a tile was complete, and after how many seconds."""

    at: float
    seconds: float


@dataclass
class Record:
    """What one client did."""

    asked: Counter[str] = field(default_factory=Counter)
    """Requests by kind."""
    ways: Counter[str] = field(default_factory=Counter)
    """Requests by way."""
    wrong: list[Event] = field(default_factory=list)
    failed: list[Event] = field(default_factory=list)
    lost: list[Event] = field(default_factory=list)
    """Requests on a worker that was killed, which were repeated."""
    suspected: int = 0
    """Requests that were refused because two workers were killed while they answered them."""
    renewed: int = 0
    timings: list[Timing] = field(default_factory=list)
    wrong_count: int = 0
    failed_count: int = 0

    def note_wrong(self, cause: str, detail: str) -> None:
        """Note a wrong answer."""
        self.wrong_count += 1
        self.wrong += [Event(time.monotonic(), cause, detail)] * (len(self.wrong) < MAX_NOTED)

    def note_failed(self, cause: str, detail: str) -> None:
        """Note a request without the answer that it has to have."""
        self.failed_count += 1
        self.failed += [Event(time.monotonic(), cause, detail)] * (len(self.failed) < MAX_NOTED)

    def add(self, other: Record) -> None:
        """Add what another client did."""
        self.asked += other.asked
        self.ways += other.ways
        for name in ("wrong", "failed", "lost", "timings"):
            getattr(self, name).extend(getattr(other, name))
        self.suspected += other.suspected
        self.renewed += other.renewed
        self.wrong_count += other.wrong_count
        self.failed_count += other.failed_count


class Kills:
    """The times at which workers were killed, in a file that all processes read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.touch()

    def begin(self) -> None:
        """Note that a worker is about to be killed."""
        self._write(f"{time.monotonic()!r} ")

    def end(self) -> None:
        """Note that it has been."""
        self._write(f"{time.monotonic()!r}\n")

    def count(self) -> int:
        """How many workers have been killed."""
        return len(self._path.read_text().splitlines())

    def within(self, start: float, end: float) -> bool:
        """Whether a worker was killed at some time of a request."""
        for line in self._path.read_text().splitlines():
            first, *last = map(float, line.split())
            if first <= end and start <= (last[0] if last else end):
                return True
        return False

    def _write(self, text: str) -> None:
        with self._path.open("a") as file:
            file.write(text)
