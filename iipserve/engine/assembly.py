"""From a source's tiles to the pixels of a plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np

from iipserve.engine.scaling import scale
from iipserve.geometry import Region, Size, TileGrid, ceil_div
from iipserve.plan import RenderPlan
from iipserve.processing import Pixels
from iipserve.sources import Source

TileReader: TypeAlias = Callable[[int, int, int], Pixels]
"""(level, column, row) -> the decoded tile, clipped to the level."""

STRIP_PIXELS = 8_000_000
"""Larger regions are read and scaled in horizontal strips of about this many pixels of the level."""
APRON_ROWS = 4
"""Rows of output added above and below a strip, so that strips join without a seam."""


def read_plan(source: Source, plan: RenderPlan, read_tile: TileReader, *, nearest: bool = False) -> Pixels:
    """The pixels of `plan.region`, scaled to `plan.size`."""
    level_size = source.info.levels[plan.level].size
    region = _held(plan.region, level_size).clipped(level_size)
    if region is None:
        raise ValueError(f"{plan.region} lies outside level {plan.level} of {level_size}")
    if region != plan.region:
        return _padded(_read(source, plan.level, region, region.size, read_tile, nearest), plan.region.size)
    return _read(source, plan.level, region, plan.size, read_tile, nearest)


def _held(region: Region, size: Size) -> Region:
    """The region, moved by a pixel where it lies just past the edge of a level of `size`.

    The last column of an advertised level may be one pixel wide, and be the one that the file dropped
    when it rounded down: 3073 pixels in tiles of 256 are 1537 at the next level, and 1536 in the file.
    """
    x = region.x - (region.x == size.width)
    y = region.y - (region.y == size.height)
    return Region(x, y, region.width, region.height)


def _read(
    source: Source, level: int, region: Region, size: Size, read_tile: TileReader, nearest: bool
) -> Pixels:
    if source.reads_regions:
        return source.read_region(level, region, size)
    if region.size == size:
        return join_tiles(source, level, region, read_tile)
    if region.size.area <= STRIP_PIXELS:
        return scale(join_tiles(source, level, region, read_tile), size, nearest=nearest)
    return _read_in_strips(source, level, region, size, read_tile, nearest)


def join_tiles(source: Source, level: int, region: Region, read_tile: TileReader) -> Pixels:
    """The pixels of a region of one level, put together from the tiles it touches."""
    geometry = source.info.levels[level]
    grid = TileGrid(geometry.size, geometry.tile)
    columns = range(region.x // grid.tile.width, ceil_div(region.right, grid.tile.width))
    rows = range(region.y // grid.tile.height, ceil_div(region.bottom, grid.tile.height))
    if len(columns) == len(rows) == 1:
        return _cut(read_tile(level, columns[0], rows[0]), region, columns[0], rows[0], grid)
    joined = np.empty((region.height, region.width, source.info.bands), source.info.dtype)
    for row in rows:
        for column in columns:
            _paste(
                read_tile(level, column, row),
                joined,
                region,
                column * grid.tile.width,
                row * grid.tile.height,
            )
    return joined


def _cut(pixels: Pixels, region: Region, column: int, row: int, grid: TileGrid) -> Pixels:
    x, y = region.x - column * grid.tile.width, region.y - row * grid.tile.height
    return np.ascontiguousarray(pixels[y : y + region.height, x : x + region.width])


def _paste(pixels: Pixels, joined: Pixels, region: Region, x: int, y: int) -> None:
    """Copy the part of a tile, whose corner is at `x, y` of the level, that lies in the region."""
    left, top = max(x, region.x), max(y, region.y)
    right, bottom = min(x + pixels.shape[1], region.right), min(y + pixels.shape[0], region.bottom)
    joined[top - region.y : bottom - region.y, left - region.x : right - region.x] = pixels[
        top - y : bottom - y, left - x : right - x
    ]


def _padded(pixels: Pixels, size: Size) -> Pixels:
    """The pixels with the last row and column repeated up to `size`."""
    height, width = pixels.shape[:2]
    return np.pad(pixels, ((0, size.height - height), (0, size.width - width), (0, 0)), mode="edge")


def _read_in_strips(
    source: Source, level: int, region: Region, size: Size, read_tile: TileReader, nearest: bool
) -> Pixels:
    """A large region scaled strip by strip: only the strip and the result are held in memory."""
    result = np.empty((size.height, size.width, source.info.bands), source.info.dtype)
    for top, bottom in _strips(region, size, source.info.levels[level].tile.height):
        first, last = max(0, top - APRON_ROWS), min(size.height, bottom + APRON_ROWS)
        part = Region(0, first, size.width, last - first).scaled(size, region.size)
        strip = Region(region.x, region.y + part.y, region.width, part.height)
        pixels = join_tiles(source, level, strip, read_tile)
        scaled = scale(pixels, Size(size.width, last - first), nearest=nearest)
        result[top:bottom] = scaled[top - first : bottom - first]
    return result


def _strips(region: Region, size: Size, tile_height: int) -> Iterator[tuple[int, int]]:
    """First and last row (exclusive) of each strip of output."""
    rows_of_level = max(tile_height, STRIP_PIXELS // region.width)
    rows = max(1, rows_of_level * size.height // region.height)
    for top in range(0, size.height, rows):
        yield top, min(top + rows, size.height)
