"""Pyramids whose smaller levels are marked as such and stored as the full size is: those of nearly all writers.

They are recognized without grouping directories into images and without reading the layout of each level. `pages` and
`pyramid` find the same levels in these files, in more time, and those of all other files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
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
from iipserve.geometry import Size, new_tuple
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
            if self.inside(rows) != self.inside_rows or len(RELEVANT & rows.keys()) != self.relevant:
                return None
            tables = rows[TILE_OFFSETS], rows[TILE_BYTE_COUNTS]
            outside = [rows[tag] for tag in self.outside]
            size = _size(directory, rows)
        except KeyError:
            return None
        if size is None or not _are_inside_file(directory, (*tables, *outside)):
            return None
        (width, height), (tile_width, tile_height) = size, self.layout.tile
        count = -(-width // tile_width) * -(-height // tile_height) * self.layout.planes
        for _, type, length, _ in tables:
            if type not in TABLE_TYPES or length < count:
                return None
        return size if all(self._is_equal(directory, row) for row in outside) else None

    def _is_equal(self, directory: Directory, row: Row) -> bool:
        """Whether a field whose values are elsewhere in the file is as that of the full size."""
        tag, type, size, _ = row
        own, value = self.outside[tag]
        if type != own[1] or size != own[2]:
            return False
        return tag not in READ or (value is not None and _value(directory, row) == value)


def _rows(directory: Directory) -> Rows | None:
    """The fields of a directory; None if it has one twice."""
    rows = {row[0]: row for row in directory.rows()}
    return rows if len(rows) == directory.size else None


def _size(directory: Directory, rows: Rows) -> Size | None:
    """The size of the image; None if it is invalid, or given in an unusual form. Raises `KeyError` without one."""
    integers = directory.reader.variant.integers
    (_, width_type, width_count, width), (_, height_type, height_count, height) = (
        rows[IMAGE_WIDTH],
        rows[IMAGE_LENGTH],
    )
    if width_count != 1 or height_count != 1 or width_type not in integers or height_type not in integers:
        return None
    (width,), (height,) = integers[width_type].unpack_from(width), integers[height_type].unpack_from(height)
    return new_tuple(Size, (width, height)) if 0 < width < 2**31 and 0 < height < 2**31 else None


def _are_inside_file(directory: Directory, rows: Iterable[Row]) -> bool:
    """Whether the values of fields are inside the file, wherever they are."""
    reader = directory.reader
    room, unpack, end = reader.variant.offset.size, reader.variant.offset.unpack, reader.length
    for _, type, size, inline in rows:
        length = TYPE_LENGTHS.get(type, 0) * size
        if length > room and unpack(inline)[0] + length > end:
            return False
    return True


def _value(directory: Directory, row: Row) -> bytes | None:
    """The values of a field; None if they are damaged, or more than are compared."""
    return directory.value(Entry(*row[1:])) if row[2] <= MAX_DEFINING else None
