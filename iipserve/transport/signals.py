"""Signals that end a process, held back while it cannot handle them."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

HELD = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGABRT, signal.SIGUSR1, signal.SIGHUP)


@contextmanager
def held_back() -> Iterator[None]:
    """Deliver signals that arrive meanwhile at the end of the block, or at `let_through`."""
    signal.pthread_sigmask(signal.SIG_BLOCK, HELD)
    try:
        yield
    finally:
        let_through()


def let_through() -> None:
    """Deliver what was held back: this process can now handle it."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD)
