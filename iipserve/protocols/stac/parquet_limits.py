"""Tables in Parquet that would take too much to read: known from the descriptions in the file, before anything is decoded.

Sources: Apache Parquet format 2.10 (`parquet.thrift`); Apache Thrift compact protocol.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO, TypeAlias

from iipserve.errors import InvalidRequest

MAGIC = b"PAR1"
MAX_FOOTER = 4 << 20
"""Bytes of the description of a file."""
MAX_PARSED = 1 << 19
"""Bytes of descriptions that are gone through, which is all but their texts: of the file and of its pages together."""
MAX_PAGES = 1 << 14
"""Of all columns: each is a place of the file to go to."""
MAX_DEPTH = 60
"""Structures in each other; a list is two of them."""
MAX_VALUES = 1 << 24
"""Of a column in a group of rows: they could all be of one row, which is read as a whole."""
MAX_PAGE = 256 << 20
"""Bytes of a page of a column, once it is decompressed; it is read as a whole."""
MAX_HEADER = 1 << 16
"""Bytes of the description of a page, with its statistics."""
NESTED = 16
"""Structures in each other of a description."""
PAGE_COUNTS = (5, 7, 8)
"""Fields of a page's description that say how many values it has: data, dictionary, data of version 2."""
Struct: TypeAlias = Mapping[int, Any]
"""Values by the numbers of their fields."""


def check_limits(file: BinaryIO) -> None:
    """See that a file can be read in parts of limited size. Its position is at the beginning afterwards.

    Raises:
        InvalidRequest: it cannot, or is no Parquet.
    """
    try:
        footer, place, parsed = _footer(file)
        _check_depth(footer[2])
        columns = [column[3] for group in footer.get(4, ()) for column in group[1]]
        _check_places(columns, place)
        pages = _Pages(file, parsed)
        for column in columns:
            _check_column(pages, column)
    except InvalidRequest:  # which is a ValueError
        raise
    except (KeyError, IndexError, TypeError, AttributeError, ValueError, struct.error) as error:
        raise _unreadable("its description is malformed") from error
    finally:
        file.seek(0)


def _unreadable(reason: str) -> InvalidRequest:
    return InvalidRequest(f"the file is no GeoParquet that can be read: {reason}")


def _footer(file: BinaryIO) -> tuple[Struct, int, int]:
    """The description of a file, where it begins, and how many bytes of it were gone through."""
    end = file.seek(0, 2)
    if end < 12:
        raise _unreadable("it is too short")
    file.seek(end - 8)
    length, magic = struct.unpack("<I4s", file.read(8))
    if magic != MAGIC or length > end - 12:
        raise _unreadable("it does not end as Parquet does")
    if length > MAX_FOOTER:
        raise _unreadable(
            f"its description has {length} bytes; up to {MAX_FOOTER} are read, of fewer columns or row groups"
        )
    file.seek(end - 8 - length)
    reader = _Reader(file.read(length))
    return reader.struct(), end - 8 - length, reader.parsed


def _check_depth(elements: Sequence[Struct]) -> None:
    """See how deep the elements of a schema, which follow each other as a tree is walked, are in each other."""
    open_ = [1]
    for element in elements:
        while open_ and not open_[-1]:
            open_.pop()
        open_[-1] -= 1
        if len(open_) > MAX_DEPTH:
            raise _unreadable(f"its columns are more than {MAX_DEPTH} structures in each other")
        if children := element.get(5):
            open_.append(children)


def _place(column: Struct) -> tuple[int, int]:
    """Where a column begins and ends: at its dictionary, if it has one, wherever its data are said to be."""
    start = column.get(11, column[9])
    return start, start + column[7]


def _check_places(columns: Iterable[Struct], end: int) -> None:
    """See that columns follow each other between the beginning and the description of a file, which begins at `end`."""
    before = 0
    for start, stop in sorted(_place(column) for column in columns):
        if not before <= start <= stop <= end:
            raise _unreadable("its columns are in each other or beyond their part of the file")
        before = stop


def _check_column(pages: _Pages, column: Struct) -> None:
    stated, seen = column[5], 0
    if not 0 <= stated <= MAX_VALUES:
        raise _too_many(stated)
    for page in pages.between(*_place(column)):
        if not 0 <= page[2] <= MAX_PAGE:
            raise _unreadable(f"a page of a column has {page[2]} bytes; up to {MAX_PAGE} are read")
        counts = [page[field][1] for field in PAGE_COUNTS if field in page]
        count = max(counts, default=0)
        seen += count
        if min(counts, default=0) < 0 or count > MAX_VALUES or seen > 2 * MAX_VALUES:
            raise _too_many(seen)


def _too_many(count: int) -> InvalidRequest:
    return _unreadable(
        f"a column has {count} values in a group of rows; up to {MAX_VALUES} are read, of smaller groups"
    )


class _Pages:
    """The descriptions of the pages of a file, of which no more are read than the limits allow.

    Args:
        file: that has them.
        parsed: bytes of its description that were gone through.
    """

    def __init__(self, file: BinaryIO, parsed: int) -> None:
        self._file = file
        self._count, self._parsed = 0, parsed

    def between(self, place: int, end: int) -> Iterator[Struct]:
        """Those of a column."""
        while place < end:
            self._count += 1
            if self._count > MAX_PAGES:
                raise _unreadable(f"its columns have more than {MAX_PAGES} pages; up to that many are read")
            self._file.seek(place)
            reader = _Reader(self._file.read(min(MAX_HEADER, end - place)), self._parsed)
            page = reader.struct()
            self._parsed = reader.parsed
            if page[3] < 0:
                raise ValueError
            place += reader.place + page[3]
            yield page


class _Reader:
    """Reads structures of Thrift's compact protocol.

    Args:
        content: bytes of them.
        parsed: bytes that were gone through before, of `MAX_PARSED`.
    """

    def __init__(self, content: bytes, parsed: int = 0) -> None:
        self._content = content
        self.place = 0
        self._before = parsed

    @property
    def parsed(self) -> int:
        """Bytes that have been gone through."""
        return self._before + self.place

    def struct(self, depth: int = 0) -> Struct:
        """The structure that is next."""
        found: dict[int, Any] = {}
        number = 0
        while kind := self._byte():
            number = number + (kind >> 4) if kind >> 4 else self._integer()
            kind &= 15
            found[number] = kind == 1 if kind in (1, 2) else self._value(kind, depth)
            self._check_parsed()
        return found

    def _value(self, kind: int, depth: int) -> Any:
        self._check_parsed()
        if depth > NESTED:
            raise ValueError
        if kind in (1, 2, 3):
            return self._byte()
        if kind in (4, 5, 6):
            return self._integer()
        if kind == 7:
            return self._skipped(8)
        if kind == 8:
            return self._skipped(self._varint())
        if kind in (9, 10):
            head = self._byte()
            count = head >> 4 if head >> 4 < 15 else self._varint()
            if count > len(self._content):
                raise ValueError
            return [self._value(head & 15, depth + 1) for _ in range(count)]
        if kind == 12:
            return self.struct(depth + 1)
        raise ValueError

    def _byte(self) -> int:
        self.place += 1
        return self._content[self.place - 1]

    def _skipped(self, count: int) -> None:
        """Texts and numbers that are of no use."""
        self.place += count
        self._before -= count

    def _check_parsed(self) -> None:
        if self._before + self.place > MAX_PARSED:
            raise _unreadable(
                f"its descriptions are too long; up to {MAX_PARSED} bytes are read, of fewer columns, row groups or pages"
            )

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
            if shift > 63:
                raise ValueError

    def _integer(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)
