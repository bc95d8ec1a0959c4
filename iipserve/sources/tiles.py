"""Regions of a level joined from its tiles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from iipserve.geometry import Region, TileGrid, ceil_div
from iipserve.image import ImageInfo
from iipserve.processing import Pixels
from iipserve.sources import cut

TileReader: TypeAlias = Callable[[int, int, int], Pixels]
"""(level, column, row) -> the decoded tile, clipped to the level."""
PartReader: TypeAlias = Callable[[int, int, int, Region], Pixels]
"""(level, column, row, part) -> a part of the decoded tile; the part is in pixels of the level."""


Parts: TypeAlias = Callable[[int, int, Region], NDArray[Any]]
"""(column, row, part) -> a part of a tile; the part is in pixels of the level."""


def join_tiles(
    info: ImageInfo, level: int, region: Region, read_tile: TileReader, read_part: PartReader | None = None
) -> Pixels:
    """The pixels of a region that is inside a level, from the tiles it touches.

    Args:
        info: of the image.
        level: index of the level.
        region: in pixels of the level.
        read_tile: reads whole tiles.
        read_part: reads what the region needs of other tiles; by default it is cut out of the whole.
    """
    geometry = info.levels[level]
    grid = TileGrid(geometry.size, geometry.tile)

    def read(column: int, row: int, part: Region) -> Pixels:
        if read_part is None or part == grid.region(column, row):
            return cut(read_tile(level, column, row), grid.tile, part)
        return read_part(level, column, row, part)

    return join_parts(grid, region, info.bands, np.dtype(info.dtype), read)


def join_parts(grid: TileGrid, region: Region, bands: int, dtype: np.dtype[Any], read: Parts) -> NDArray[Any]:
    """The samples of a region that is inside a grid, from the parts of tiles that it touches; contiguous.

    Args:
        grid: of the tiles.
        region: in pixels of the level.
        bands: of the samples.
        dtype: of the samples.
        read: reads the part of a tile.
    """
    columns = range(region.x // grid.tile.width, ceil_div(region.right, grid.tile.width))
    rows = range(region.y // grid.tile.height, ceil_div(region.bottom, grid.tile.height))
    if len(columns) == len(rows) == 1:
        return np.ascontiguousarray(read(columns[0], rows[0], region))
    joined = np.empty((region.height, region.width, bands), dtype)
    for row in rows:
        top, bottom = _inside(row, grid.tile.height, region.y, region.bottom)
        for column in columns:
            left, right = _inside(column, grid.tile.width, region.x, region.right)
            pixels = read(column, row, Region(left, top, right - left, bottom - top))
            joined[top - region.y : bottom - region.y, left - region.x : right - region.x] = pixels
    return joined


def _inside(index: int, side: int, start: int, stop: int) -> tuple[int, int]:
    """The part of a span that is inside the tile of an index."""
    return max(start, index * side), min(stop, (index + 1) * side)
