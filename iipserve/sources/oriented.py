"""Pictures whose rows and columns are stored in another order than they are to be seen in (Orientation 2 to 8)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from iipserve.errors import TileNotFound
from iipserve.geometry import Region, Size, TileGrid, ceil_div
from iipserve.image import ImageInfo, Level, PhysicalResolution
from iipserve.processing import Pixels
from iipserve.sources import Source


class Orientation(NamedTuple):
    """What makes stored pixels upright: flips first, then rows become columns."""

    rows: bool
    """The order of rows is reversed."""
    columns: bool
    """The order of columns is reversed."""
    transposed: bool

    def pixels(self, stored: Pixels) -> Pixels:
        """Stored pixels as they are to be seen."""
        flipped = stored[:: -1 if self.rows else 1, :: -1 if self.columns else 1]
        return np.ascontiguousarray(flipped.transpose(1, 0, 2) if self.transposed else flipped)

    def size(self, size: Size) -> Size:
        """A stored size as it is to be seen, or the other way round."""
        return Size(size.height, size.width) if self.transposed else size

    def stored_region(self, seen: Region, stored: Size) -> Region:
        """Where in a stored level of size `stored` a region lies that is seen."""
        x, y, width, height = seen.x, seen.y, seen.width, seen.height
        if self.transposed:
            x, y, width, height = y, x, height, width
        x = stored.width - x - width if self.columns else x
        y = stored.height - y - height if self.rows else y
        return Region(x, y, width, height)


ORIENTATIONS: Mapping[int, Orientation] = {
    2: Orientation(rows=False, columns=True, transposed=False),
    3: Orientation(rows=True, columns=True, transposed=False),
    4: Orientation(rows=True, columns=False, transposed=False),
    5: Orientation(rows=False, columns=False, transposed=True),
    6: Orientation(rows=True, columns=False, transposed=True),
    7: Orientation(rows=True, columns=True, transposed=True),
    8: Orientation(rows=False, columns=True, transposed=True),
}
"""By the value of Orientation (TIFF 6.0 page 36, Exif 2.32 section 4.6.4); 1 is upright."""

XMP_ORIENTATION = re.compile(rb"""(tiff:Orientation\s*(?:=\s*["']|>)\s*)[2-8]""")


def upright(source: Source, value: int) -> Source:
    """The source, shown upright; itself if `value` (of the Orientation field) is 1 or undefined."""
    orientation = ORIENTATIONS.get(value)
    return OrientedSource(source, orientation) if orientation else source


class OrientedSource(Source):
    """Another source, turned. Its tiles are put together from those of the other; none is handed out as stored."""

    def __init__(self, source: Source, orientation: Orientation) -> None:
        """Show `source`, which reads tiles, as `orientation` says."""
        self._source = source
        self._orientation = orientation
        self.info = reoriented(source.info, orientation)

    def read_tile(self, level: int, column: int, row: int, quality_layers: int = 0) -> Pixels:
        """Decode one tile of the turned level, clipped to it.

        Raises:
            TileNotFound: there is no such level or tile.
            DecodeError: a tile of which it is made is damaged or missing in the file.
        """
        region = None
        if 0 <= level < len(self.info.levels):
            geometry = self.info.levels[level]
            region = TileGrid(geometry.size, geometry.tile).region(column, row)
        if region is None:
            raise TileNotFound(f"there is no tile {column},{row} of level {level}")
        stored = self._orientation.stored_region(region, self._source.info.levels[level].size)
        return self._orientation.pixels(self._read(level, stored, quality_layers))

    def _read(self, level: int, region: Region, quality_layers: int) -> Pixels:
        """A region of the other source, put together from its tiles."""
        info = self._source.info
        tile = info.levels[level].tile
        result = np.empty((region.height, region.width, info.bands), info.dtype)
        for row in range(region.y // tile.height, ceil_div(region.bottom, tile.height)):
            for column in range(region.x // tile.width, ceil_div(region.right, tile.width)):
                pixels = self._source.read_tile(level, column, row, quality_layers)
                _paste(pixels, result, column * tile.width - region.x, row * tile.height - region.y)
        return result


def _paste(pixels: Pixels, target: Pixels, x: int, y: int) -> None:
    """Copy the part of a tile, whose corner is at `x, y` of the target (or before it), that lies inside."""
    left, top = max(0, -x), max(0, -y)
    part = pixels[top : target.shape[0] - y, left : target.shape[1] - x]
    target[y + top : y + top + part.shape[0], x + left : x + left + part.shape[1]] = part


def reoriented(info: ImageInfo, orientation: Orientation) -> ImageInfo:
    """The facts of the turned image; what it embeds must not ask for being turned again."""
    resolution = info.resolution
    if resolution and orientation.transposed:
        resolution = PhysicalResolution(resolution.y, resolution.x)
    return replace(
        info,
        levels=tuple(
            Level(orientation.size(level.size), orientation.size(level.tile)) for level in info.levels
        ),
        tile=orientation.size(info.tile),
        resolution=resolution,
        xmp=XMP_ORIENTATION.sub(rb"\g<1>1", info.xmp) if info.xmp else info.xmp,
    )
