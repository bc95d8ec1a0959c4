"""Files for libvips, read by position.

libvips maps files that it opens itself: one that is truncated meanwhile ends the process by SIGBUS.
"""

from __future__ import annotations

import os
from typing import Any

from iipserve.errors import UnsupportedImage
from iipserve.libvips import pyvips

HELD_LOADERS = frozenset({"gifload", "webpload"})
"""Loaders that hold the whole file in memory; they are given it at once, as libvips would read 4 KiB at a time."""
MAX_HELD_BYTES = 1 << 28


class FileReader:
    """Reads one open file. Safe for many threads."""

    def __init__(self, descriptor: int) -> None:
        """Read from a descriptor, which stays the caller's."""
        self._descriptor = descriptor
        self._failure: OSError | None = None

    def check_size(self, loader: str) -> None:
        """Check that the file is small enough for its loader.

        Raises:
            UnsupportedImage: it is too large.
        """
        length = self.length()
        if loader in HELD_LOADERS and length > MAX_HELD_BYTES:
            kind = loader.removesuffix("load").upper()
            raise UnsupportedImage(
                f"the {kind} file has {length} bytes; at most {MAX_HELD_BYTES} are supported"
            )

    def load(self, loader: str, **options: Any) -> Any:
        """The result of libvips' operation `loader` for the file.

        Raises:
            pyvips.Error: the file cannot be read; see `check`.
        """
        if loader in HELD_LOADERS:
            return pyvips.Operation.call(f"{loader}_buffer", self.read(self.length(), 0), **options)
        position = _Position(self)
        source = pyvips.SourceCustom()
        source.on_read(position.read)
        source.on_seek(position.seek)
        result = pyvips.Operation.call(f"{loader}_source", source, **options)
        image = result[0] if isinstance(result, list) else result
        image._references.append(source)  # as `pyvips.Image.new_from_source` does
        return result

    def check(self) -> None:
        """Check that no reading has failed since the last call.

        Raises:
            OSError: the first failure.
        """
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def read(self, count: int, offset: int) -> bytes:
        """Bytes of the file; none where it cannot be read, as no exception may pass through C."""
        try:
            return os.pread(self._descriptor, count, offset)
        except OSError as error:
            self._failure = self._failure or error
            return b""

    def length(self) -> int:
        """Present length of the file in bytes."""
        return os.fstat(self._descriptor).st_size


class _Position:
    """The place of one loader in the file."""

    def __init__(self, reader: FileReader) -> None:
        self._reader = reader
        self._offset = 0

    def read(self, count: int) -> bytes:
        data = self._reader.read(count, self._offset)
        self._offset += len(data)
        return data

    def seek(self, offset: int, whence: int) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._offset}.get(whence)
        self._offset = (self._reader.length() if start is None else start) + offset
        return self._offset
