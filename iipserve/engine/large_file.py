"""Finished files too large for memory: written to a temporary file without a name, and read from it in pieces."""

from __future__ import annotations

import logging
import os
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from iipserve.errors import Overloaded

log = logging.getLogger(__name__)

PIECE_LENGTH = 1 << 18
"""Bytes that are read at once."""


class LargeFile:
    """A finished file on disk; the disk gives its room back with the last reference.

    Safe for many threads, each iterating over it at its own pace.
    """

    def __init__(self, descriptor: int) -> None:
        """Take over a descriptor of a file that does not change any more."""
        weakref.finalize(self, os.close, descriptor)
        self._descriptor = descriptor
        self._length = os.fstat(descriptor).st_size

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[bytes]:
        position = 0
        while position < self._length:
            piece = os.pread(self._descriptor, PIECE_LENGTH, position)
            if not piece:
                raise OSError("a temporary file has become shorter")
            position += len(piece)
            yield piece


class LargeFileWriter:
    """A temporary file that is written, as an encoder's output.

    Every method raises `Overloaded` when there is no room for the file.
    """

    def __init__(self) -> None:
        with _room():
            self._file = tempfile.TemporaryFile()  # noqa: SIM115  # closed by `close`

    def write(self, data: bytes | memoryview) -> None:
        """Put bytes where the file stands."""
        with _room():
            self._file.write(data)

    def seek(self, position: int) -> None:
        """Let the file stand at a position, also past its end."""
        with _room():
            self._file.seek(position)

    def finished(self) -> LargeFile:
        """The file as it is now; it outlives the writer."""
        with _room():
            self._file.flush()
            return LargeFile(os.dup(self._file.fileno()))

    def close(self) -> None:
        """Write no more; to be called once, however the writing went."""
        with suppress(OSError):  # a full disk takes no more of a file that failed for it
            self._file.close()


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        log.error("a large image cannot be written to %s: %s", tempfile.gettempdir(), error.strerror)
        raise Overloaded(
            "the server has no room to make an image of this size; ask again later, or for a smaller one"
        ) from error
