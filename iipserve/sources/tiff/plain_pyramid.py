"""Pyramids whose smaller levels are marked as such and stored as the full size is: those of nearly all writers.

They are recognized without grouping directories into images and without reading the layout of each level. `pages` and
`pyramid` find the same levels in these files, in more time, and those of all other files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from iipserve.containers.field_types import TABLE_TYPES, TYPE_LENGTHS, FieldType
from iipserve.containers.ifd import Directory, Entry, Row
from iipserve.containers.tags import (
    COMPRESSION,
    IMAGE_LENGTH,
    IMAGE_WIDTH,
    JPEG2000_SCHEMES,
    NEW_SUBFILE_TYPE,
    ORIENTATION,
    REDUCED_IMAGE,
    SUB_IFDS,
    TILE_BYTE_COUNTS,
    TILE_OFFSETS,
    TILE_WIDTH,
    Compression,
)
from iipserve.geometry import Size, TileGrid, new_tuple
from iipserve.sources.tiff.codec import FIELDS
from iipserve.sources.tiff.conventions import role_of
from iipserve.sources.tiff.layout import DEFINING, MAX_DEFINING, READ, Layout, read_layout
from iipserve.sources.tiff.pages import MAX_MEMBERS, kind_of
from iipserve.sources.tiff.pyramid import shows_all

RELEVANT = frozenset({*DEFINING, *FIELDS}) - {ORIENTATION}
"""Fields that layouts and codecs depend on, except in JPEG 2000."""

Rows = Mapping[int, Row]
"""By tag."""


class PlainPyramid(NamedTuple):
    """The levels of an image."""

    full: Layout
    smaller: Sequence[tuple[int, Size]]
    """Offset of the directory, and size, of each further level: from the largest to the smallest."""


def read_plain(chain: Sequence[Directory]) -> PlainPyramid | None:
    """The levels of the only image of a file; None if it is not stored as this module describes.

    Args:
        chain: all directories; at least one.

    Raises:
        UnsupportedImage, DecodeError: as `read_layout`, for the full size.
    """
    first = chain[0]
    compression = first.integer(COMPRESSION, Compression.NONE)
    if TILE_WIDTH not in first or SUB_IFDS in first or compression == Compression.OLD_JPEG:
        return None
    if compression in JPEG2000_SCHEMES or len(chain) > MAX_MEMBERS or kind_of(first) or role_of(first, first):
        return None
    full = read_layout(first)
    smaller = _smaller_levels(chain, full) if full.type.bits != 24 else None
    return None if smaller is None else PlainPyramid(full, smaller)


def _smaller_levels(chain: Sequence[Directory], full: Layout) -> list[tuple[int, Size]] | None:
    """Offset and size of all levels but the first; None if one of them is not as this module describes."""
    levels: list[tuple[int, Size]] = []
    storage, last = _Storage.of(chain[0], full), full.size
    for directory in chain[1:]:
        size = storage.size_of(directory) if storage else None
        if (
            size is None
            or size == last
            or not size.fits_in(last)
            or not shows_all(full.size, size, full.tile)
        ):
            return None
        last = size
        levels.append((directory.offset, size))
    return levels


class _Storage(NamedTuple):
    """How the full size is stored."""

    layout: Layout
    inside: Callable[[Rows], Any]
    """Gets the relevant fields whose values are in the directory itself."""
    inside_rows: Any
    """These fields."""
    outside: Mapping[int, tuple[Row, bytes | None]]
    """The other relevant fields, with their values if all levels must have the same."""
    relevant: int
    """How many relevant fields there are."""
    marked: Row
    """The field that marks a smaller level."""

    @classmethod
    def of(cls, full: Directory, layout: Layout) -> _Storage | None:
        """That of a directory; None if it has a field twice, or in an unusual form."""
        rows, variant = _rows(full), full.reader.variant
        if rows is None:
            return None
        room = variant.offset.size
        relevant = RELEVANT & rows.keys()
        outside = [tag for tag in relevant if TYPE_LENGTHS.get(rows[tag][1], 0) * rows[tag][2] > room]
        if TILE_WIDTH in outside:
            return None
        inside: Callable[[Rows], Any] = itemgetter(*relevant.difference(outside))
        values = {tag: (rows[tag], _value(full, rows[tag]) if tag in READ else None) for tag in outside}
        one = variant.integers[FieldType.LONG].pack(REDUCED_IMAGE).ljust(room, b"\0")
        return cls(
            layout, inside, inside(rows), values, len(relevant), (NEW_SUBFILE_TYPE, FieldType.LONG, 1, one)
        )

    def size_of(self, directory: Directory) -> Size | None:
        """The size of a level that is marked, stored as the full size is, and has whole tables; else None."""
        rows = _rows(directory)
        if rows is None or rows.get(NEW_SUBFILE_TYPE) != self.marked:
            return None
        try:
            if self.inside(rows) != self.inside_rows or not self._has_outside(directory, rows):
                return None
            size = _size(directory, rows)
            tables = rows[TILE_OFFSETS], rows[TILE_BYTE_COUNTS]
        except KeyError:
            return None
        if size is None:
            return None
        count = TileGrid(size, self.layout.tile).tile_count * self.layout.planes
        return size if all(_holds_table(directory, row, count) for row in tables) else None

    def _has_outside(self, directory: Directory, rows: Rows) -> bool:
        """Whether a directory has the relevant fields whose values are elsewhere, and no further ones.

        Raises:
            KeyError: one is missing.
        """
        if len(RELEVANT & rows.keys()) != self.relevant:
            return False
        for tag, (row, value) in self.outside.items():
            own = rows[tag]
            if own[1:3] != row[1:3] or _end(directory, own) > directory.reader.length:
                return False
            if tag in READ and (value is None or _value(directory, own) != value):
                return False
        return True


def _rows(directory: Directory) -> Rows | None:
    """The fields of a directory; None if it has one twice."""
    rows = {row[0]: row for row in directory.rows()}
    return rows if len(rows) == directory.size else None


def _size(directory: Directory, rows: Rows) -> Size | None:
    """The size of the image; None if it is invalid, or given in an unusual form. Raises `KeyError` without one."""
    integers = directory.reader.variant.integers
    sides = []
    for tag in (IMAGE_WIDTH, IMAGE_LENGTH):
        _, type, size, inline = rows[tag]
        if size != 1 or type not in integers:
            return None
        sides.append(integers[type].unpack_from(inline)[0])
    width, height = sides
    return new_tuple(Size, (width, height)) if 0 < width < 2**31 and 0 < height < 2**31 else None


def _holds_table(directory: Directory, row: Row, count: int) -> bool:
    """As `Directory.holds_table`."""
    return row[1] in TABLE_TYPES and row[2] >= count and _end(directory, row) <= directory.reader.length


def _end(directory: Directory, row: Row) -> int:
    """Where the values of a field end in the file; 0 if they are in the directory itself."""
    _, type, size, inline = row
    length = TYPE_LENGTHS.get(type, 0) * size
    if length <= len(inline):
        return 0
    return int(directory.reader.variant.offset.unpack(inline)[0]) + length


def _value(directory: Directory, row: Row) -> bytes | None:
    """The values of a field; None if they are damaged, or more than are compared."""
    return directory.value(Entry(*row[1:])) if row[2] <= MAX_DEFINING else None
