"""TIFF directories: fields by tag, with every count and offset checked (TIFF 6.0 section 2, BigTIFF).

tifffile reads the fields. Its page list does not come into it: that follows a directory which points to
itself for ever, interprets makers' private tags, and holds a tile table as a tuple of Python integers.
"""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, BinaryIO, NamedTuple, TypeAlias, cast

import numpy as np
import tifffile
from numpy.typing import NDArray

from iipserve.errors import DecodeError

Table: TypeAlias = NDArray[np.unsignedinteger[Any]]

FORMATS = {
    b"II*\0": tifffile.TIFF.CLASSIC_LE,
    b"MM\0*": tifffile.TIFF.CLASSIC_BE,
    b"II+\0": tifffile.TIFF.BIG_LE,
    b"MM\0+": tifffile.TIFF.BIG_BE,
}
"""By the first four bytes of a file; the last two are BigTIFF."""

TYPE_LENGTHS = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
    16: 8,
    17: 8,
    18: 8,
}
"""Bytes per value of each field type."""
BYTE_TYPES = frozenset({1, 2, 6, 7})
INTEGER_TYPES = frozenset({1, 3, 4, 6, 8, 9, 13, 16, 17, 18})
RATIONAL_TYPES = frozenset({5, 10})
TABLE_TYPES = {3: "u2", 4: "u4", 13: "u4", 16: "u8", 18: "u8"}
"""SHORT, LONG, IFD, LONG8 and IFD8 as numpy knows them."""

MAX_FIELDS = 1000
"""More in one directory are taken for damage."""
MAX_DIRECTORIES = 256
"""Further ones of a chain are not looked at."""
MAX_NUMBERS = 1024
"""A field of more numbers is read as a table or not at all."""
MAX_BYTES = 16 * 1024 * 1024
"""A text, profile or packet of more bytes is not read."""


class Entry(NamedTuple):
    """One field as it stands in the directory."""

    type: int
    number: int
    """Of values."""
    offset: int
    """Of the field itself, in the file."""
    header: bytes
    """The field itself: tag, type, count, and the values or their offset."""


@dataclass(frozen=True, slots=True)
class Reader:
    """An open TIFF file; stands in for the `TiffFile` that tifffile's tags ask for format and handle.

    Moves the position of its handle: for one thread, while the file is being opened.
    """

    tiff: Any
    """tifffile's constants of this byte order and offset size."""
    filehandle: Any
    """tifffile's handle."""
    descriptor: int
    length: int
    """Of the file, in bytes."""

    @classmethod
    def of(cls, stream: BinaryIO, head: bytes, length: int) -> Reader:
        """The reader of a file that begins with one of the signatures of `FORMATS`."""
        handle = tifffile.FileHandle(stream, name="image", offset=0, size=length)
        return cls(FORMATS[head[:4]], handle, stream.fileno(), length)

    def bytes_at(self, offset: int, count: int) -> bytes:
        """Exactly `count` bytes.

        Raises:
            DecodeError: the file ends before.
        """
        data = os.pread(self.descriptor, count, offset) if offset + count <= self.length else b""
        if len(data) != count:
            raise DecodeError("The file ends inside its directories; it is damaged or not completely copied")
        return data


@dataclass(frozen=True, slots=True, eq=False)
class Directory:
    """One image file directory. Fields are read when they are asked for; a damaged one counts as absent."""

    reader: Reader
    entries: dict[int, Entry]
    """By tag; the first of a repeated tag."""
    following: int
    """Offset of the next directory of the chain; 0 at its end."""

    def __contains__(self, tag: int) -> bool:
        """Whether the field is there, damaged or not."""
        return tag in self.entries

    def number(self, tag: int) -> int:
        """How many values a field says it has; 0 when it is absent."""
        entry = self.entries.get(tag)
        return entry.number if entry else 0

    def integers(self, tag: int) -> tuple[int, ...]:
        """All values of a field of integers; nothing when it is absent."""
        entry = self.entries.get(tag)
        if entry is None or entry.type not in INTEGER_TYPES or entry.number > MAX_NUMBERS:
            return ()
        value = self._value(entry)
        if isinstance(value, (bytes, bytearray)):
            return tuple(value)
        return tuple(int(number) for number in (value if isinstance(value, tuple) else (value,)))

    def integer(self, tag: int, default: int) -> int:
        """The first value of a field of integers."""
        return next(iter(self.integers(tag)), default)

    def reals(self, tag: int) -> tuple[float, ...]:
        """All values of a field of numbers of any type; a fraction by zero is not a number."""
        entry = self.entries.get(tag)
        if entry is None or entry.number > MAX_NUMBERS or entry.type in (2, 7):
            return ()
        value = self._value(entry)
        numbers = tuple(value) if isinstance(value, (tuple, bytes)) else (value,)
        if entry.type in RATIONAL_TYPES:
            terms = numbers[0::2], numbers[1::2]
            return tuple(top / bottom if bottom else math.nan for top, bottom in zip(*terms, strict=True))
        return tuple(float(number) for number in numbers)

    def text(self, tag: int) -> str:
        """A text, without control characters; empty when it is absent."""
        data = self.data(tag)
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            text = data.decode("cp1252", "replace")
        # TIFF 6.0 section 2: a field may hold several strings, each ended by NUL
        lines = "\n".join(part for part in text.split("\0") if part)
        return "".join(c for c in lines if c >= " " or c in "\t\n\r").strip()

    def data(self, tag: int) -> bytes:
        """The bytes of a field of bytes or text; nothing when it is absent or larger than `MAX_BYTES`."""
        entry = self.entries.get(tag)
        return self.raw(entry) if entry and entry.type in BYTE_TYPES else b""

    def raw(self, entry: Entry) -> bytes:
        """The values of a field in the file's byte order; nothing when they are damaged or too large."""
        size = TYPE_LENGTHS.get(entry.type, 0) * entry.number
        if not 0 < size <= MAX_BYTES:
            return b""
        try:
            return self._bytes(entry, size)
        except DecodeError:
            return b""

    def table(self, tag: int, count: int) -> Table:
        """The first `count` values of a field of integers, as stored: 2, 4 or 8 bytes each, any byte order.

        Raises:
            DecodeError: there are fewer, or the file ends before.
        """
        entry = self.entries.get(tag)
        if entry is None or entry.type not in TABLE_TYPES or entry.number < count:
            raise DecodeError(
                f"The level has {count} tiles, but the file lists {self.number(tag)}; it is damaged"
            )
        kind = np.dtype(self.reader.tiff.byteorder + TABLE_TYPES[entry.type])
        return np.frombuffer(self._bytes(entry, count * kind.itemsize), kind)

    def _value(self, entry: Entry) -> Any:
        """What tifffile makes of a field; an empty tuple when it is damaged."""
        try:
            tag = tifffile.TiffTag.fromfile(cast(Any, self.reader), offset=entry.offset, header=entry.header)
            value = tag.value
        except (struct.error, ValueError, OSError, OverflowError):
            return ()
        return () if value is None else value

    def _bytes(self, entry: Entry, wanted: int) -> bytes:
        """The first `wanted` bytes of a field's values."""
        tiff = self.reader.tiff
        place = entry.header[-tiff.offsetsize :]
        if TYPE_LENGTHS[entry.type] * entry.number <= tiff.tagoffsetthreshold:
            return place[:wanted]
        (offset,) = struct.unpack(tiff.offsetformat, place)
        return self.reader.bytes_at(offset, wanted)


def read_chain(reader: Reader) -> Iterator[Directory]:
    """The directories of the main chain.

    A chain that leads back to itself, out of the file or into damage ends there: what stands before is good.

    Raises:
        DecodeError: the first directory is damaged.
    """
    return islice(_follow(reader), MAX_DIRECTORIES)


def _follow(reader: Reader) -> Iterator[Directory]:
    place = 8 if reader.tiff.version == 43 else 4
    (offset,) = struct.unpack(reader.tiff.offsetformat, reader.bytes_at(place, reader.tiff.offsetsize))
    directory = read_directory(reader, offset)
    visited = {offset}
    while True:
        yield directory
        offset = directory.following
        if offset == 0 or offset in visited:
            return
        visited.add(offset)
        try:
            directory = read_directory(reader, offset)
        except DecodeError:
            return


def read_directory(reader: Reader, offset: int) -> Directory:
    """The directory at an offset of the file.

    Raises:
        DecodeError: it is damaged, or the file ends before it.
    """
    tiff = reader.tiff
    (count,) = struct.unpack(tiff.tagnoformat, reader.bytes_at(offset, tiff.tagnosize))
    if not 0 < count <= MAX_FIELDS:
        raise DecodeError(f"A directory of {count} fields; 1 to {MAX_FIELDS} are read")
    start = offset + tiff.tagnosize
    data = reader.bytes_at(start, count * tiff.tagsize + tiff.offsetsize)
    entries: dict[int, Entry] = {}
    for at in range(0, count * tiff.tagsize, tiff.tagsize):
        header = data[at : at + tiff.tagsize]
        tag, type, number, _ = struct.unpack(tiff.tagheaderformat, header)
        entries.setdefault(tag, Entry(type, number, start + at, header))
    (following,) = struct.unpack(tiff.offsetformat, data[-tiff.offsetsize :])
    return Directory(reader, entries, following)
