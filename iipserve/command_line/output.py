"""Standard output of commands, whose reader may go away before the end, as `head` does."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TextIO, cast

CLOSED = 128 + 13
"""Exit status of a command that nobody reads any more: of shells, for SIGPIPE."""


class Output:
    """A stream that ends the command where it cannot be written: quietly if its reader has gone, else with the reason."""

    def __init__(self, stream: TextIO | None) -> None:
        """Without a stream, as of a daemon whose descriptor 1 is closed, nothing is written."""
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text.

        Raises:
            SystemExit: it cannot be written.
        """
        self._try(lambda stream: stream.write(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write texts, each as it is made.

        Raises:
            SystemExit: one cannot be written.
        """
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Write what is held back.

        Raises:
            SystemExit: it cannot be written.
        """
        self._try(lambda stream: stream.flush())

    def isatty(self) -> bool:
        """Whether somebody reads it on a terminal."""
        return self._stream is not None and self._stream.isatty()

    def _try(self, work: Callable[[TextIO], object]) -> None:
        if self._stream is None:
            return
        try:
            work(self._stream)
        except OSError as error:
            self._forget(self._stream)
            if isinstance(error, BrokenPipeError):
                raise SystemExit(CLOSED) from None
            sys.stderr.write(f"standard output cannot be written: {error.strerror}\n")
            raise SystemExit(1) from None

    def _forget(self, stream: TextIO) -> None:
        """Let what is still held back go nowhere: the interpreter would try again at its end, and complain."""
        self._stream = None
        with suppress(OSError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)


def standard_output() -> TextIO:
    """Standard output, for a command."""
    return cast("TextIO", Output(sys.stdout))
