"""Sizes, regions and tile grids: integer arithmetic shared by all protocols."""

from __future__ import annotations

import math
from typing import NamedTuple


def ceil_div(value: int, divisor: int) -> int:
    """`value / divisor` rounded up, in integers."""
    return -(-value // divisor)


def round_half_up(value: float) -> int:
    """The nearest integer; halves round up (Python's `round` rounds them to even)."""
    return math.floor(value + 0.5)


def scale_side(length: int, numerator: int, denominator: int) -> int:
    """`length * numerator / denominator` in whole pixels, halves rounded up, at least 1."""
    return max(1, (2 * length * numerator + denominator) // (2 * denominator))


new_tuple = tuple.__new__
"""`new_tuple(Size, (width, height))` takes a quarter of the time of `Size(width, height)`: for the path of every tile."""


class Size(NamedTuple):
    """Extent in pixels."""

    width: int
    """At least 1 pixel."""
    height: int
    """At least 1 pixel."""

    @property
    def area(self) -> int:
        """Number of pixels."""
        return self.width * self.height

    def fits_in(self, other: Size) -> bool:
        """Whether neither side is longer than that of `other`."""
        return self.width <= other.width and self.height <= other.height

    def ceil_scaled(self, divisor: int) -> Size:
        """Both sides divided by `divisor` and rounded up (DeepZoom, IIIF and JPEG 2000 levels)."""
        return Size(ceil_div(self.width, divisor), ceil_div(self.height, divisor))

    def fitted(self, box: Size) -> Size:
        """The largest size of this aspect ratio inside `box`: one side is the box's, the other rounded to nearest."""
        if box.width * self.height <= box.height * self.width:
            return Size(box.width, scale_side(self.height, box.width, self.width))
        return Size(scale_side(self.width, box.height, self.height), box.height)

    def floor_halved(self) -> Size:
        """Both sides halved and rounded down, at least 1 (TIFF pyramids as libvips and iipsrv build them)."""
        return Size(max(1, self.width // 2), max(1, self.height // 2))


class Region(NamedTuple):
    """A rectangle of pixels in one level: origin at the top left, right and bottom edges exclusive."""

    x: int
    """Left edge, in pixels of the level."""
    y: int
    """Top edge, in pixels of the level."""
    width: int
    """At least 1 pixel."""
    height: int
    """At least 1 pixel."""

    @classmethod
    def of_size(cls, size: Size) -> Region:
        """The region that covers a whole level."""
        return cls(0, 0, size.width, size.height)

    @property
    def size(self) -> Size:
        """Width and height as a `Size`."""
        return new_tuple(Size, self[2:])

    @property
    def right(self) -> int:
        """The first column to the right of the region."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """The first row below the region."""
        return self.y + self.height

    @property
    def area(self) -> int:
        """Number of pixels."""
        return self.width * self.height

    def touches(self, other: Region) -> bool:
        """Whether they overlap, or share an edge or a corner."""
        return (
            self.x <= other.right
            and other.x <= self.right
            and self.y <= other.bottom
            and other.y <= self.bottom
        )

    def clipped(self, size: Size) -> Region | None:
        """The part inside a level of `size`, or None if that is empty."""
        if self.x >= 0 and self.y >= 0 and self.right <= size.width and self.bottom <= size.height:
            return self
        x, y = max(0, self.x), max(0, self.y)
        right, bottom = min(self.right, size.width), min(self.bottom, size.height)
        if right <= x or bottom <= y:
            return None
        return Region(x, y, right - x, bottom - y)

    def scaled(self, from_size: Size, to_size: Size) -> Region:
        """The same part of the image in pixels of another level.

        Both edges are rounded to the nearest pixel, so that adjacent regions stay adjacent. The result has at least
        1 pixel, and is inside `to_size` if this region is inside `from_size`.
        """
        x, width = _scale_span(self.x, self.right, from_size.width, to_size.width)
        y, height = _scale_span(self.y, self.bottom, from_size.height, to_size.height)
        return Region(x, y, width, height)


def common_region(one: Region, other: Region) -> Region | None:
    """What two regions have in common; None if that is empty."""
    x, y = max(one.x, other.x), max(one.y, other.y)
    right, bottom = min(one.right, other.right), min(one.bottom, other.bottom)
    return Region(x, y, right - x, bottom - y) if x < right and y < bottom else None


def _scale_span(start: int, stop: int, length: int, new_length: int) -> tuple[int, int]:
    """Start and extent of a span of `length` pixels mapped onto `new_length` pixels."""
    new_start = min((2 * start * new_length + length) // (2 * length), new_length - 1)
    new_stop = (2 * stop * new_length + length) // (2 * length)
    return new_start, max(1, new_stop - new_start)


class TileGrid(NamedTuple):
    """A level divided into tiles; the tiles of the last column and row are clipped to the level."""

    size: Size
    """The level's size."""
    tile: Size
    """The size of an unclipped tile."""

    @property
    def columns(self) -> int:
        """Number of tiles across."""
        return ceil_div(self.size.width, self.tile.width)

    @property
    def rows(self) -> int:
        """Number of tiles down."""
        return ceil_div(self.size.height, self.tile.height)

    @property
    def tile_count(self) -> int:
        """Number of tiles; their indices run row by row from 0 to `tile_count - 1`."""
        return self.columns * self.rows

    def region(self, column: int, row: int) -> Region | None:
        """The pixels of one tile, clipped to the level, or None outside the grid."""
        (width, height), (tile_width, tile_height) = self
        x, y = column * tile_width, row * tile_height
        if column < 0 or row < 0 or x >= width or y >= height:
            return None
        across, down = width - x, height - y
        if across > tile_width:
            across = tile_width
        if down > tile_height:
            down = tile_height
        return new_tuple(Region, (x, y, across, down))
