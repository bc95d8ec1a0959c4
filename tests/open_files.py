"""Which files this process has open, by their paths: other tests leave descriptors that close, or are taken anew, at any time."""

from __future__ import annotations

import gc
import os
from contextlib import suppress
from pathlib import Path


def open_paths(start: Path | str) -> list[str]:
    """Paths of open files that begin so, once for each descriptor."""
    gc.collect()
    paths = []
    for descriptor in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            paths.append(os.readlink(f"/proc/self/fd/{descriptor}"))
    return [path for path in paths if path.startswith(str(start))]
