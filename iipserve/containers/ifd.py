"""TIFF directories: fields by tag, with every count and offset checked (TIFF 6.0 section 2, BigTIFF).

tifffile knows the forms of the file. Its page list does not come into it: that follows a directory which points
to itself for ever, interprets makers' private tags, and holds a tile table as a tuple of Python integers. Nor do
its fields: a stack of a thousand pages is opened by reading some of the fields of each.
"""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

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
CODES = {
    1: "B",
    3: "H",
    4: "I",
    5: "I",
    6: "b",
    8: "h",
    9: "i",
    10: "i",
    11: "f",
    12: "d",
    13: "I",
    16: "Q",
    17: "q",
    18: "Q",
}
"""Types of numbers as `struct` knows them; RATIONAL and SRATIONAL are two each."""
RATIONAL_TYPES = frozenset({5, 10})
REAL_TYPES = RATIONAL_TYPES | {11, 12}
TABLE_TYPES = {3: "u2", 4: "u4", 13: "u4", 16: "u8", 18: "u8"}
"""SHORT, LONG, IFD, LONG8 and IFD8 as numpy knows them."""

MAX_FIELDS = 1000
"""More in one directory are taken for damage."""
MAX_DIRECTORIES = 8192
"""Further ones of a chain are not looked at."""
MAX_CHAIN_FIELDS = 200_000
"""In all directories of a chain; those behind are not looked at. Directories may overlap in a small file."""
FIRST_READ = 512
"""Bytes that are read at once where a directory begins: nearly always all of it."""
MAX_NUMBERS = 1024
"""A field of more numbers is read as a table or not at all."""
MAX_BYTES = 16 * 1024 * 1024
"""A text, profile or packet of more bytes is not read."""


class Entry(NamedTuple):
    """One field as it stands in the directory."""

    type: int
    number: int
    """Of values."""
    header: bytes
    """The field itself: tag, type, count, and the values or their offset."""


@dataclass(frozen=True, slots=True)
class Reader:
    """An open TIFF file."""

    tiff: Any
    """tifffile's constants of this byte order and offset size."""
    descriptor: int
    length: int
    """Of the file, in bytes."""

    @classmethod
    def of(cls, descriptor: int, head: bytes, length: int) -> Reader:
        """The reader of a file that begins with one of the signatures of `FORMATS`."""
        return cls(FORMATS[head[:4]], descriptor, length)

    def bytes_at(self, offset: int, count: int) -> bytes:
        """Exactly `count` bytes.

        Raises:
            DecodeError: the file ends before.
        """
        data = os.pread(self.descriptor, count, offset) if offset + count <= self.length else b""
        if len(data) != count:
            raise DecodeError("The file ends inside its directories; it is damaged or not completely copied")
        return data

    def bytes_from(self, offset: int, count: int) -> bytes:
        """`count` bytes, or as many as there are."""
        return os.pread(self.descriptor, count, offset) if offset < self.length else b""


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
        if entry is None or entry.type in REAL_TYPES:
            return ()
        return self._numbers(entry)

    def integer(self, tag: int, default: int) -> int:
        """The first value of a field of integers."""
        return next(iter(self.integers(tag)), default)

    def reals(self, tag: int) -> tuple[float, ...]:
        """All values of a field of numbers of any type; a fraction by zero is not a number."""
        entry = self.entries.get(tag)
        if entry is None:
            return ()
        numbers = self._numbers(entry)
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

    def _numbers(self, entry: Entry) -> tuple[Any, ...]:
        """The numbers of a field, fractions as two each; nothing when they are none, damaged, or too many."""
        code = CODES.get(entry.type)
        if code is None or not 0 < entry.number <= MAX_NUMBERS:
            return ()
        count = 2 * entry.number if entry.type in RATIONAL_TYPES else entry.number
        data = self.raw(entry)
        return struct.unpack(f"{self.reader.tiff.byteorder}{count}{code}", data) if data else ()

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
    place = 8 if reader.tiff.version == 43 else 4
    (offset,) = struct.unpack(reader.tiff.offsetformat, reader.bytes_at(place, reader.tiff.offsetsize))
    directory = read_directory(reader, offset)
    visited, fields = {offset}, len(directory.entries)
    while True:
        yield directory
        offset = directory.following
        if offset == 0 or offset in visited or len(visited) >= MAX_DIRECTORIES or fields > MAX_CHAIN_FIELDS:
            return
        visited.add(offset)
        try:
            directory = read_directory(reader, offset)
        except DecodeError:
            return
        fields += len(directory.entries)


def read_directory(reader: Reader, offset: int) -> Directory:
    """The directory at an offset of the file.

    Raises:
        DecodeError: it is damaged, or the file ends before it.
    """
    tiff = reader.tiff
    data = reader.bytes_from(offset, FIRST_READ)
    if len(data) < tiff.tagnosize:
        data = reader.bytes_at(offset, tiff.tagnosize)
    (count,) = struct.unpack_from(tiff.tagnoformat, data)
    if not 0 < count <= MAX_FIELDS:
        raise DecodeError(f"A directory of {count} fields; 1 to {MAX_FIELDS} are read")
    start, stop = tiff.tagnosize, tiff.tagnosize + count * tiff.tagsize
    if len(data) < stop + tiff.offsetsize:
        data = reader.bytes_at(offset, stop + tiff.offsetsize)
    entries: dict[int, Entry] = {}
    for at in range(start, stop, tiff.tagsize):
        header = data[at : at + tiff.tagsize]
        tag, type, number, _ = struct.unpack(tiff.tagheaderformat, header)
        entries.setdefault(tag, Entry(type, number, header))
    (following,) = struct.unpack_from(tiff.offsetformat, data, stop)
    return Directory(reader, entries, following)
