"""Folders whose new images are added to collections."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

Seen = tuple[int, int]
"""Bytes, and time of the last change in nanoseconds."""


class Watch:
    """Finds images that have come, or changed, and are complete."""

    def __init__(self, paths: Callable[[], Iterable[tuple[str, str]]]) -> None:
        """Look at nothing yet.

        Args:
            paths: identifiers and paths of the images at present.
        """
        self._paths = paths
        self._settling: dict[str, Seen] = {}
        self._taken: dict[str, Seen] = {}

    def ready(self) -> list[str]:
        """Images that are new or changed, and as they were the last time this was called: nobody is writing them."""
        settling, ready = {}, []
        for identifier, path in self._paths():
            try:
                status = os.stat(path)
            except OSError:
                continue
            seen = status.st_size, status.st_mtime_ns
            if self._taken.get(identifier) == seen:
                continue
            if self._settling.get(identifier) == seen:
                self._taken[identifier] = seen
                ready.append(identifier)
            else:
                settling[identifier] = seen
        self._settling = settling
        return ready

    def again(self, identifiers: Iterable[str]) -> None:
        """Give images once more that could not be added."""
        for identifier in identifiers:
            self._taken.pop(identifier, None)
