"""Warnings of libraries (libvips, GDAL, tifffile) in the log: with the image that was read, and limited in rate."""

from __future__ import annotations

import logging
from threading import Lock
from time import monotonic

from iipserve.exchange import images_being_read

PERIOD = 60.0
"""Seconds."""
MAX_PER_PERIOD = 20
"""Different lines of libraries in one period."""
MAX_IMAGES = 3
"""Images that are named."""


class ForeignWarnings(logging.Filter):
    """Adds to messages of other packages which image was being read, and lets through a limited number of them.

    One damaged file can cause thousands of warnings, and most of them say the same.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lock = Lock()
        self._began = 0.0
        self._messages: set[str] = set()
        """Those of this period that were let through."""
        self._dropped = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a message is logged; one of another package is completed."""
        if record.name.partition(".")[0] == "iipserve":
            return True
        images, message = images_being_read(), record.getMessage()
        if images:
            named = ", ".join(map(repr, images[:MAX_IMAGES])) + (", ..." if len(images) > MAX_IMAGES else "")
            message = f"{named}: {message}"
        is_kept, dropped = self._admits(message)
        if dropped:
            message = f"{message} ({dropped} messages of libraries before it were left out)"
        record.msg, record.args = message, None
        return is_kept

    def _admits(self, message: str) -> tuple[bool, int]:
        """Whether a message is logged, and how many were left out before it."""
        now = monotonic()
        with self._lock:
            if now - self._began >= PERIOD:
                self._began = now
                self._messages.clear()
            if message in self._messages or len(self._messages) >= MAX_PER_PERIOD:
                self._dropped += 1
                return False, 0
            self._messages.add(message)
            dropped, self._dropped = self._dropped, 0
            return True, dropped
