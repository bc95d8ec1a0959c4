"""Where an image has data: cells of a reduced size, of which each has some or none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from iipserve.geometry import Region, Size, ceil_div
from iipserve.image import ImageInfo
from iipserve.processing import Pixels
from iipserve.processing.missing import Mask, may_miss, missing_pixels
from iipserve.sources import Source
from iipserve.sources.tiles import join_tiles

MAX_SIDE = 1024
"""Cells across or down."""
MIN_SIDE = 512
"""Pixels of the longer side of the level that is read, if the file has levels."""
STRIP_PIXELS = 1 << 22
"""Read at once, about, if the tiles of the file are not higher."""


class ValidCells(NamedTuple):
    """Which parts of an image have data."""

    cells: NDArray[np.bool_]
    """Shape (rows, columns)."""
    sides: tuple[float, float]
    """Width and height of a cell, in pixels of the full size. The last ones may reach past the edges."""
    is_exact: bool
    """Every pixel of the full size was read; else pixels may be left out that a smaller level does not show."""


def valid_cells(source: Source, max_pixels: int | None = None) -> ValidCells | None:
    """Where an image has data; None if all of its pixels have, or more would have to be read to find that out.

    A pixel has none if it is missing (`processing.missing`), or clear by opacity or a mask in the file.

    Args:
        source: of the image.
        max_pixels: that are read at most; None: any number.

    Raises:
        DecodeError: the image is damaged.
    """
    info = source.info
    if not (info.has_alpha or may_miss(info)):
        return None
    level = _level(info)
    size = info.levels[level].size
    if max_pixels is not None and size.area > max_pixels:
        return None
    cells, factor = _read(source, level, size)
    if cells.all():
        return None
    across, down = info.size.width / size.width, info.size.height / size.height
    return ValidCells(cells, (factor * across, factor * down), level == 0)


def _level(info: ImageInfo) -> int:
    """The smallest level that is not smaller than it helps."""
    usable = [index for index, level in enumerate(info.levels) if max(level.size) >= MIN_SIDE]
    return usable[-1] if usable else 0


def _read(source: Source, level: int, size: Size) -> tuple[NDArray[np.bool_], int]:
    """The cells of a level, and pixels of the level in each, across and down."""
    factor = ceil_div(max(size), MAX_SIDE)
    cells = np.zeros((ceil_div(size.height, factor), ceil_div(size.width, factor)), np.bool_)
    for strip in _strips(source, level):
        if source.reads_regions:
            pixels = source.read_region(level, strip, strip.size)
        else:
            pixels = join_tiles(source.info, level, strip, source.read_tile)
        first, part = _reduced(~_hidden(pixels, source.info), strip.y, factor)
        cells[first : first + len(part)] |= part
    return cells, factor


def _strips(source: Source, level: int) -> Iterator[Region]:
    """Rows from top to bottom, as many at once as are not too large: of whole tiles, unless the source reads any region."""
    geometry = source.info.levels[level]
    (width, height), unit = geometry.size, 1 if source.reads_regions else geometry.tile.height
    rows = unit * max(1, STRIP_PIXELS // (width * unit))
    for top in range(0, height, rows):
        yield Region(0, top, width, min(rows, height - top))


def _hidden(pixels: Pixels, info: ImageInfo) -> Mask:
    """Which pixels have no data."""
    missing = missing_pixels(pixels, info)
    hidden = np.zeros(pixels.shape[:2], np.bool_) if missing is None else missing
    return hidden | (pixels[..., -1] == 0) if info.has_alpha else hidden


def _reduced(valid: Mask, top: int, factor: int) -> tuple[int, Mask]:
    """The first row of cells that rows from `top` on are in, and the cells in which any of them is valid."""
    height, width = valid.shape
    across = np.logical_or.reduceat(valid, np.arange(0, width, factor), axis=1)
    first = top // factor
    starts = np.maximum(np.arange(first, ceil_div(top + height, factor)) * factor - top, 0)
    return first, np.logical_or.reduceat(across, starts, axis=0)
