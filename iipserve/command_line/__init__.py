"""What commands that run once have in common: progress, settings, exit statuses."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TextIO

from iipserve.config import Config, load
from iipserve.errors import IIPServeError

INTERRUPTED = 130
"""Exit status after Ctrl-C, as of shells."""


def settings(environ: Mapping[str, str], err: TextIO) -> Config | None:
    """The settings of a command, which logs errors only; None after mistakes have been written.

    Args:
        environ: environment with the settings.
        err: stream for mistakes.
    """
    loaded = load(environ)
    if loaded.mistakes:
        err.writelines(f"{line}\n" for line in loaded.mistakes.values())
        return None
    logging.getLogger("iipserve").setLevel(logging.ERROR)
    return loaded.config


@contextmanager
def terminable() -> Iterator[None]:
    """SIGTERM ends the block as Ctrl-C does, so that what it has begun is removed."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def finished(work: Callable[[], int], err: TextIO) -> int:
    """The exit status of a command that goes on where it was when it is run again.

    Args:
        work: does it, and gives the status.
        err: stream for what ends it early: an error, or Ctrl-C.
    """
    try:
        return work()
    except (IIPServeError, OSError) as error:
        err.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        err.write("\ninterrupted; what is done is kept, and the same command goes on\n")
        return INTERRUPTED
