"""Files too large for memory: written to an unnamed temporary file, and read from it in pieces."""

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
"""Bytes per read."""


class LargeFile:
    """A complete file on disk, whose space is freed with the last reference.

    Safe for many threads, each iterating over it at its own pace.
    """

    def __init__(self, descriptor: int) -> None:
        """Take over a descriptor of a file that no longer changes."""
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
    """A temporary file for the output of an encoder.

    Every method but `close` raises `Overloaded` if the disk is full.
    """

    def __init__(self) -> None:
        with _room():
            self._file = tempfile.TemporaryFile()  # noqa: SIM115  # closed by `close`

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write bytes at the current position."""
        with _room():
            self._file.write(data)

    def seek(self, position: int) -> None:
        """Move to a position, which may be past the end."""
        with _room():
            self._file.seek(position)

    def file(self) -> LargeFile:
        """The file as written so far; it outlives the writer."""
        with _room():
            self._file.flush()
            return LargeFile(os.dup(self._file.fileno()))

    def close(self) -> None:
        """Release the writer, whether or not writing succeeded. Call once."""
        with suppress(OSError):  # flushing fails again on a full disk
            self._file.close()


class SpillingWriter:
    """Collects bytes in memory; once they are many, in a temporary file.

    Every method but `close` raises `Overloaded` if the disk is full.
    """

    def __init__(self, max_held: int) -> None:
        """Hold at most `max_held` bytes in memory."""
        self._max_held = max_held
        self._held = bytearray()
        self._file: LargeFileWriter | None = None

    def write(self, data: bytes) -> None:
        """Append bytes."""
        if self._file is None and len(self._held) + len(data) > self._max_held:
            self._file = LargeFileWriter()
            self._file.write(self._held)
            self._held.clear()
        if self._file is None:
            self._held += data
        else:
            self._file.write(data)

    def body(self) -> bytes | LargeFile:
        """What has been written; it outlives the writer."""
        return bytes(self._held) if self._file is None else self._file.file()

    def close(self) -> None:
        """Release the writer, whether or not writing succeeded."""
        if self._file is not None:
            self._file.close()


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        log.error("a large image cannot be written to %s: %s", tempfile.gettempdir(), error.strerror)
        raise Overloaded(
            "the server lacks disk space for an image of this size; try again later, or request a smaller one"
        ) from error
