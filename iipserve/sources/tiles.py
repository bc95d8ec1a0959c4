"""Regions of a level joined from its tiles."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from iipserve.geometry import Region, TileGrid, ceil_div
from iipserve.image import ImageInfo
from iipserve.processing import Pixels

TileReader: TypeAlias = Callable[[int, int, int], Pixels]
"""(level, column, row) -> the decoded tile, clipped to the level."""


def join_tiles(info: ImageInfo, level: int, region: Region, read_tile: TileReader) -> Pixels:
    """The pixels of a region that is inside a level, from the tiles it touches."""
    geometry = info.levels[level]
    grid = TileGrid(geometry.size, geometry.tile)
    columns = range(region.x // grid.tile.width, ceil_div(region.right, grid.tile.width))
    rows = range(region.y // grid.tile.height, ceil_div(region.bottom, grid.tile.height))
    if len(columns) == len(rows) == 1:
        x, y = region.x - columns[0] * grid.tile.width, region.y - rows[0] * grid.tile.height
        pixels = read_tile(level, columns[0], rows[0])
        return np.ascontiguousarray(pixels[y : y + region.height, x : x + region.width])
    joined = np.empty((region.height, region.width, info.bands), info.dtype)
    for row in rows:
        for column in columns:
            pixels = read_tile(level, column, row)
            _paste(pixels, joined, column * grid.tile.width - region.x, row * grid.tile.height - region.y)
    return joined


def _paste(pixels: Pixels, target: Pixels, x: int, y: int) -> None:
    """Copy the part of a tile that is inside the target; `x, y` is its corner there, and may be negative."""
    left, top = max(0, -x), max(0, -y)
    part = pixels[top : target.shape[0] - y, left : target.shape[1] - x]
    target[y + top : y + top + part.shape[0], x + left : x + left + part.shape[1]] = part
