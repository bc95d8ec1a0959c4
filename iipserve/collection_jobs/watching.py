"""Folders whose new images are added to collections."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

Seen = tuple[int, int]
"""Bytes, and time of the last change in nanoseconds."""


class Watch:
    """Finds images that have come, or changed, and are complete."""

    def __init__(
        self, paths: Callable[[], Iterable[tuple[str, str]]], is_image: Callable[[str], bool]
    ) -> None:
        """Look at nothing yet.

        Args:
            paths: identifiers and paths of the files at present.
            is_image: whether the file at a path looks like an image.
        """
        self._paths = paths
        self._is_image = is_image
        self._settling: dict[str, Seen] = {}
        self._taken: dict[str, Seen] = {}

    @property
    def is_settling(self) -> bool:
        """There are files that may still be written."""
        return bool(self._settling)

    def ready(self) -> list[str]:
        """Images that are new or changed, and as they were the last time this was called: nobody is writing them."""
        settling, taken, ready = {}, {}, []
        for identifier, path in self._paths():
            try:
                status = os.stat(path)
            except OSError:
                continue
            seen = status.st_size, status.st_mtime_ns
            if self._taken.get(identifier) == seen:
                taken[identifier] = seen
            elif self._settling.get(identifier) != seen:
                settling[identifier] = seen
            else:
                taken[identifier] = seen
                if self._is_image(path):
                    ready.append(identifier)
        self._settling, self._taken = settling, taken
        return ready

    def again(self, identifiers: Iterable[str]) -> None:
        """Give images once more that could not be added."""
        for identifier in identifiers:
            self._taken.pop(identifier, None)
