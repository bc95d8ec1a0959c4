"""Image file directories of TIFF and BigTIFF: types, fields and bounded reading (TIFF 6.0 section 2).

Files may be hostile: every count and offset is checked, and fields are read only when they are asked for, because a
stack of a thousand pages is opened by reading a few fields of each. tifffile does neither: it follows a directory that
points to itself, interprets makers' private tags, and holds a tile table as a tuple of Python integers.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from iipserve.containers.field_types import (
    BYTE_TYPES,
    CODES,
    INTEGER_TYPES,
    NUMBER_TYPES,
    RATIONAL_TYPES,
    TABLE_TYPES,
    TYPE_LENGTHS,
)
from iipserve.containers.tables import PAGE, PagedTable, Table, packed
from iipserve.errors import DecodeError

MAX_FIELDS = 1000
"""A directory of more is considered damaged."""
MAX_DIRECTORIES = 8192
"""Directories of a chain that are read."""
MAX_CHAIN_FIELDS = 200_000
"""Fields in all directories of a chain: directories may overlap in a small file. The chain is cut off after them."""
FIRST_READ = 512
"""Bytes read at once where a directory begins: nearly always all of it."""
MAX_NUMBERS = 1024
"""A field of more numbers is read as a table or not at all."""
MAX_BYTES = 16 * 1024 * 1024
"""A text, profile or packet of more bytes is not read."""


@dataclass(frozen=True, slots=True)
class Variant:
    """Byte order and offset size of a file."""

    order: str
    """`<` or `>`, as in `struct`."""
    first_offset_at: int
    """Where the header holds the offset of the first directory."""
    count: struct.Struct
    """How many fields a directory has, at its beginning."""
    entry: struct.Struct
    """Tag, type, count, and the values or their offset."""
    offset: struct.Struct
    integers: Mapping[int, struct.Struct]
    """Of one value, by type."""

    @classmethod
    def classic(cls, order: str) -> Variant:
        """TIFF, with offsets of 4 bytes."""
        return cls._of(order, "H", "I")

    @classmethod
    def big(cls, order: str) -> Variant:
        """BigTIFF, with offsets of 8 bytes."""
        return cls._of(order, "Q", "Q")

    @classmethod
    def _of(cls, order: str, count: str, offset: str) -> Variant:
        length = struct.calcsize("=" + offset)
        inline = {type for type in INTEGER_TYPES if TYPE_LENGTHS[type] <= length}
        return cls(
            order,
            first_offset_at=length,
            count=struct.Struct(order + count),
            entry=struct.Struct(f"{order}HH{offset}{length}s"),
            offset=struct.Struct(order + offset),
            integers={type: struct.Struct(order + CODES[type]) for type in inline},
        )


CLASSIC = {b"II*\0": Variant.classic("<"), b"MM\0*": Variant.classic(">")}
"""By the first four bytes of a file."""
BYTE_ORDER_MARKS = {"<": b"II*\0", ">": b"MM\0*"}
"""Byte order -> the first four bytes of a classic TIFF file."""
VARIANTS = {**CLASSIC, b"II+\0": Variant.big("<"), b"MM\0+": Variant.big(">")}


class Entry(NamedTuple):
    """A field as the directory holds it."""

    type: int
    size: int
    """Number of values; the specification's count."""
    inline: bytes
    """The values, or their offset where they do not fit."""


Row: TypeAlias = tuple[Any, ...]
"""Tag and fields of an `Entry`."""


class Field(NamedTuple):
    """A field with its values."""

    tag: int
    type: int
    value: bytes
    """The values, in the file's byte order."""


@dataclass(frozen=True, slots=True)
class Reader:
    """A TIFF structure, in a file or in memory."""

    variant: Variant
    read: Callable[[int, int], bytes]
    """(count, offset) -> as many bytes of `count` as there are."""
    length: int
    """In bytes."""

    @classmethod
    def of(cls, read: Callable[[int, int], bytes], head: bytes, length: int) -> Reader:
        """The reader of a file that begins with a key of `VARIANTS`; `read` as the field."""
        return cls(VARIANTS[head[:4]], read, length)

    @classmethod
    def of_block(cls, block: bytes) -> Reader:
        """The reader of a classic TIFF structure in memory, such as an Exif block.

        Raises:
            DecodeError: it does not begin like one.
        """
        variant = CLASSIC.get(block[:4])
        if variant is None:
            raise DecodeError("not a TIFF structure")
        return cls(variant, lambda count, offset: block[offset : offset + count], len(block))

    @property
    def byte_order(self) -> str:
        """`<` or `>`, as in `struct` and numpy."""
        return self.variant.order

    def bytes_at(self, offset: int, count: int) -> bytes:
        """Exactly `count` bytes.

        Raises:
            DecodeError: the file ends before that.
        """
        data = self.read(count, offset) if offset + count <= self.length else b""
        if len(data) != count:
            raise DecodeError("the file ends inside its directories; it is damaged or incompletely copied")
        return data

    def first_offset(self) -> int:
        """The offset of the first directory.

        Raises:
            DecodeError: the file ends before it.
        """
        codec = self.variant.offset
        (offset,) = codec.unpack(self.bytes_at(self.variant.first_offset_at, codec.size))
        return int(offset)


class Directory:
    """One image file directory. Fields are read when they are asked for; a damaged one counts as absent."""

    __slots__ = ("_stop", "beginning", "entries", "following", "offset", "reader")

    entries: dict[int, Entry]
    """By tag; the first of a repeated tag. Unpacked on first use."""

    def __init__(self, reader: Reader, offset: int, beginning: bytes, stop: int, following: int) -> None:
        """A directory whose fields are in memory.

        Args:
            reader: of its file.
            offset: of the directory in the file.
            beginning: what was read there: the directory, and often some of its values after it.
            stop: where its last field ends in `beginning`.
            following: offset of the next directory of the chain; 0 at its end.
        """
        self.reader = reader
        self.offset = offset
        self.beginning = beginning
        self.following = following
        self._stop = stop

    def __getattr__(self, name: str) -> dict[int, Entry]:
        """The entries, of which most directories of a pyramid need none: see `rows`."""
        if name != "entries":
            raise AttributeError(name)
        # half the time of the constructor
        entries = {row[0]: tuple.__new__(Entry, row[1:]) for row in self.rows()}
        if len(entries) < self.size:
            entries |= {row[0]: Entry(*row[1:]) for row in reversed(tuple(self.rows()))}
        self.entries = entries
        return entries

    @property
    def size(self) -> int:
        """How many fields there are, repeated ones included."""
        variant = self.reader.variant
        return (self._stop - variant.count.size) // variant.entry.size

    def rows(self) -> Iterator[Row]:
        """All fields in the order of the file, as `Entry` without names."""
        variant = self.reader.variant
        return variant.entry.iter_unpack(self.beginning[variant.count.size : self._stop])

    def __contains__(self, tag: int) -> bool:
        """Whether the field is there, damaged or not."""
        return tag in self.entries

    def count(self, tag: int) -> int:
        """The number of values a field claims to have; 0 when it is absent."""
        entry = self.entries.get(tag)
        return entry.size if entry else 0

    def is_cut_off(self, tag: int) -> bool:
        """Whether the file ends before the values of a field do."""
        entry = self.entries.get(tag)
        length = TYPE_LENGTHS.get(entry.type, 0) * entry.size if entry else 0
        if entry is None or length <= len(entry.inline):
            return False
        (offset,) = self.reader.variant.offset.unpack(entry.inline)
        return bool(offset + length > self.reader.length)

    def integers(self, tag: int) -> tuple[int, ...]:
        """All values of a field of integers; empty when it is absent."""
        return self._numbers(tag, INTEGER_TYPES)

    def integer(self, tag: int, default: int) -> int:
        """The first value of a field of integers."""
        entry = self.entries.get(tag)
        if entry is None:
            return default
        one = self.reader.variant.integers.get(entry.type) if entry.size == 1 else None
        if one is not None:
            return int(one.unpack_from(entry.inline)[0])
        return next(iter(self.integers(tag)), default)

    def reals(self, tag: int) -> tuple[float, ...]:
        """All values of a field of numbers of any type; a fraction with denominator 0 is NaN."""
        numbers = self._numbers(tag, NUMBER_TYPES)
        if not numbers:
            return ()
        if self.entries[tag].type in RATIONAL_TYPES:
            terms = numbers[0::2], numbers[1::2]
            return tuple(top / bottom if bottom else math.nan for top, bottom in zip(*terms, strict=True))
        return tuple(float(number) for number in numbers)

    def text(self, tag: int) -> str:
        """A text without control characters; empty when it is absent."""
        data = self.data(tag)
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            text = data.decode("cp1252", "replace")
        # TIFF 6.0 section 2: a field may hold several strings, each ended by NUL
        lines = "\n".join(part for part in text.split("\0") if part)
        return "".join(c for c in lines if c >= " " or c in "\t\n\r").strip()

    def data(self, tag: int) -> bytes:
        """The bytes of a field of bytes or text; empty when it is absent or larger than `MAX_BYTES`."""
        entry = self.entries.get(tag)
        return (self.value(entry) or b"") if entry and entry.type in BYTE_TYPES else b""

    def value(self, entry: Entry) -> bytes | None:
        """The values of a field in the file's byte order; None when they are damaged or more than `MAX_BYTES`."""
        length = TYPE_LENGTHS.get(entry.type)
        if length is None or length * entry.size > MAX_BYTES:
            return None
        try:
            return self._bytes(entry, length * entry.size)
        except DecodeError:
            return None

    def table(self, tag: int, count: int) -> Table:
        """The first `count` values of a field of unsigned integers, packed as in the file.

        Raises:
            DecodeError: there are fewer, or the file ends before them.
        """
        entry = self.entries.get(tag)
        if entry is None or entry.type not in TABLE_TYPES or entry.size < count:
            raise DecodeError(
                f"field {tag} holds {self.count(tag)} values instead of {count}; the file is damaged"
            )
        data = self._bytes(entry, count * TYPE_LENGTHS[entry.type])
        return packed(data, CODES[entry.type], self.reader.byte_order)

    def holds_table(self, tag: int, count: int) -> bool:
        """Whether `table` succeeds, without reading it."""
        entry = self.entries.get(tag)
        return (
            entry is not None
            and entry.type in TABLE_TYPES
            and entry.size >= count
            and not self.is_cut_off(tag)
        )

    def paged_table(self, tag: int, count: int) -> Sequence[int]:
        """As `table`, but a longer one than a page stays in the file.

        Raises:
            DecodeError: there are fewer values, or the file ends before them.
        """
        entry = self.entries.get(tag)
        if entry is None or count <= PAGE or entry.type not in TABLE_TYPES or entry.size < count:
            return self.table(tag, count)
        (offset,) = self.reader.variant.offset.unpack(entry.inline)
        if offset + count * TYPE_LENGTHS[entry.type] > self.reader.length:
            return self.table(tag, count)
        return PagedTable(self.reader.bytes_at, offset, CODES[entry.type], self.reader.byte_order, count)

    def _numbers(self, tag: int, types: Iterable[int]) -> tuple[Any, ...]:
        """The numbers of a field of these types, fractions as two each; empty when it is damaged or too long."""
        entry = self.entries.get(tag)
        if entry is None or entry.type not in types or entry.size > MAX_NUMBERS:
            return ()
        data = self.value(entry)
        return _unpack(self.reader.byte_order, entry.type, data) if data else ()

    def _bytes(self, entry: Entry, count: int) -> bytes:
        """The first `count` bytes of a field's values.

        Raises:
            DecodeError: the file ends before them.
        """
        if TYPE_LENGTHS[entry.type] * entry.size <= len(entry.inline):
            return entry.inline[:count]
        (offset,) = self.reader.variant.offset.unpack(entry.inline)
        start = offset - self.offset
        if 0 <= start <= len(self.beginning) - count:
            return self.beginning[start : start + count]
        return self.reader.bytes_at(offset, count)


def _unpack(order: str, type: int, data: bytes) -> tuple[Any, ...]:
    code = CODES[type]
    return struct.unpack(f"{order}{len(code) * len(data) // TYPE_LENGTHS[type]}{code[0]}", data)


def read_chain(reader: Reader) -> Iterator[Directory]:
    """The directories of the main chain.

    A chain that leads back to itself, out of the file or to a damaged directory ends there.

    Raises:
        DecodeError: the first directory is damaged.
    """
    offset = reader.first_offset()
    directory = read_directory(reader, offset)
    visited, fields = {offset}, directory.size
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
        fields += directory.size


def read_directory(reader: Reader, offset: int, *, min_fields: int = 1) -> Directory:
    """The directory at an offset of the file.

    Raises:
        DecodeError: it is damaged or has fewer than `min_fields` fields, or the file ends before its end.
    """
    variant = reader.variant
    start = variant.count.size
    data = reader.read(FIRST_READ, offset) if offset < reader.length else b""
    if len(data) < start:
        data = reader.bytes_at(offset, start)
    (count,) = variant.count.unpack_from(data)
    if not min_fields <= count <= MAX_FIELDS:
        raise DecodeError(f"a directory of {count} fields; {min_fields} to {MAX_FIELDS} are read")
    stop = start + count * variant.entry.size
    if len(data) < stop + variant.offset.size:
        data = reader.bytes_at(offset, stop) + reader.read(variant.offset.size, offset + stop)
    # some writers end the file before the offset of the next directory
    (following,) = variant.offset.unpack_from(data[stop:].ljust(variant.offset.size, b"\0"))
    return Directory(reader, offset, data, stop, following)
