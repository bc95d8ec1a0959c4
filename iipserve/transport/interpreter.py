"""Settings of Python's interpreter."""

from __future__ import annotations

import sys

SWITCH_INTERVAL = 0.0005
"""Seconds after which a thread that runs Python code lets another one run that waits for the interpreter's lock; Python's
is 5 ms, which a tile would wait several times while bundles are put together: once for each call of the system."""


def tune_switching() -> None:
    """Let threads that serve tiles run soon while others make large things."""
    sys.setswitchinterval(SWITCH_INTERVAL)
