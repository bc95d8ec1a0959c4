"""Images whose rows and columns are stored in another order than they are displayed in (Orientation 2 to 8)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from iipserve.errors import TileNotFound
from iipserve.geometry import Region, Size, TileGrid
from iipserve.image import ImageInfo, Level, LevelStorage, PhysicalResolution
from iipserve.processing import Pixels
from iipserve.sources import Bands, Source
from iipserve.sources.tiles import join_tiles


class Orientation(NamedTuple):
    """What makes stored pixels upright: flips first, then transposition."""

    rows: bool
    """The order of rows is reversed."""
    columns: bool
    """The order of columns is reversed."""
    transposed: bool
    """Rows become columns."""

    def pixels(self, stored: Pixels) -> Pixels:
        """Stored pixels made upright."""
        flipped = stored[:: -1 if self.rows else 1, :: -1 if self.columns else 1]
        return np.ascontiguousarray(flipped.transpose(1, 0, 2) if self.transposed else flipped)

    def size(self, size: Size) -> Size:
        """The upright size of a stored one, or the stored size of an upright one."""
        return Size(size.height, size.width) if self.transposed else size

    def stored_region(self, region: Region, stored: Size) -> Region:
        """The region of a stored level of size `stored` that holds an upright region."""
        x, y, width, height = region.x, region.y, region.width, region.height
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

XMP_ORIENTATION = re.compile(rb"""(\btiff:Orientation\s*(?:=\s*["']|>)\s*)([1-8])(?=\s*["'<])""")
"""Of an attribute or an element of an XMP packet (XMP specification part 2, section 3.1)."""


def xmp_orientation(packet: bytes) -> int:
    """The value of tiff:Orientation; 0 if it is missing."""
    found = XMP_ORIENTATION.search(packet)
    return int(found[2]) if found else 0


def upright(source: Source, value: int) -> Source:
    """The source made upright; itself if `value`, of the field Orientation, is 1 or undefined."""
    orientation = ORIENTATIONS.get(value)
    return OrientedSource(source, orientation) if orientation else source


class OrientedSource(Source):
    """Another source made upright. Tiles are joined from those of the other; none is passed through as stored."""

    def __init__(self, source: Source, orientation: Orientation) -> None:
        """Make `source` upright; it must read tiles."""
        self._source = source
        self._orientation = orientation
        self.info = reoriented(source.info, orientation)
        self.holds_descriptor, self.memory = source.holds_descriptor, source.memory

    def read_tile(self, level: int, column: int, row: int, quality_layers: int = 0) -> Pixels:
        """Decode one tile of the upright level, clipped to it.

        Raises:
            TileNotFound: there is no such level or tile.
            DecodeError: a stored tile it is made of is damaged or missing in the file.
        """
        region = None
        if 0 <= level < len(self.info.levels):
            geometry = self.info.levels[level]
            region = TileGrid(geometry.size, geometry.tile).region(column, row)
        if region is None:
            raise TileNotFound(f"there is no tile {column},{row} of level {level}")
        return self.read_upright(level, region, quality_layers)

    def read_stored(self, region: Region, bands: Bands) -> Pixels:
        """As `Source.read_stored`, of the upright image."""
        stored = self._orientation.stored_region(region, self._source.info.size)
        return self._orientation.pixels(self._source.read_stored(stored, bands))

    def storage(self, level: int) -> LevelStorage:
        """As `Source.storage`."""
        return self._source.storage(level)

    def decoding_memory(self, level: int, region: Region) -> int:
        """As much as for the stored region."""
        stored = self._orientation.stored_region(region, self._source.info.levels[level].size)
        return self._source.decoding_memory(level, stored)

    def read_upright(self, level: int, region: Region, quality_layers: int) -> Pixels:
        """A region of an upright level.

        Raises:
            DecodeError: a stored tile it is made of is damaged or missing in the file.
        """
        stored = self._orientation.stored_region(region, self._source.info.levels[level].size)
        return self._orientation.pixels(self._read_stored(level, stored, quality_layers))

    def _read_stored(self, level: int, region: Region, quality_layers: int) -> Pixels:
        """A region of a level as it is stored."""
        source = self._source

        def read(level: int, column: int, row: int) -> Pixels:
            return source.read_tile(level, column, row, quality_layers)

        return join_tiles(source.info, level, region, read)


def reoriented(info: ImageInfo, orientation: Orientation) -> ImageInfo:
    """The `ImageInfo` of the upright image, whose embedded metadata no longer asks for rotation."""
    resolution = info.resolution
    if resolution and orientation.transposed:
        resolution = PhysicalResolution(resolution.y, resolution.x)
    return replace(
        info,
        levels=tuple(
            Level(orientation.size(level.size), orientation.size(level.tile)) for level in info.levels
        ),
        tile=orientation.size(info.tile),
        stored=info.stored and info.stored._replace(tile=orientation.size(info.stored.tile)),
        resolution=resolution,
        xmp=XMP_ORIENTATION.sub(rb"\g<1>1", info.xmp) if info.xmp else info.xmp,
    )
