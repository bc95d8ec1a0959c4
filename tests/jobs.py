"""Waits for jobs on collections."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

SECONDS = 120.0
UNFINISHED = ("accepted", "running")


def finished(look: Callable[[], Any]) -> Any:
    """The document of a job once it has ended, by a callable that gets it."""
    end = time.monotonic() + SECONDS
    while (job := look())["status"] in UNFINISHED:
        assert time.monotonic() < end, job
        time.sleep(0.02)
    return job
