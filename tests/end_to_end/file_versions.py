"""Which version of a file was in place at which time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class History:
    """The versions of one image."""

    versions: list[list[float]] = field(default_factory=list)
    """Value, time before it was put in place, and time after the next one was."""

    def change(self, value: int, put: Callable[[], None]) -> None:
        """Put a version in place."""
        self.versions.append([value, time.monotonic(), float("inf")])
        put()
        if len(self.versions) > 1:
            self.versions[-2][2] = time.monotonic()

    def allows(self, value: int, start: float, end: float) -> bool:
        """Whether a version of this value was in place at some time of a request."""
        return any(
            version == value and begin <= end and start <= over
            for version, begin, over in self.versions[-4000:]
        )
