"""From a source's tiles to the finished pixels of a plan: joined, converted for display, scaled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np

from iipserve.engine.scaling import scale, scale_in_strips
from iipserve.geometry import Region, Size, ceil_div
from iipserve.image import ImageInfo, Level
from iipserve.plan import RenderPlan
from iipserve.processing import Pixels
from iipserve.processing.display import DisplayTransform
from iipserve.sources import Source
from iipserve.sources.tiles import TileReader, join_tiles

STRIP_PIXELS = 8_000_000
"""Larger regions are read and scaled in horizontal strips of about this many pixels of the level."""
APRON_ROWS = 4
"""Rows of output added above and below a strip, so that strips join without a seam."""
ALIGN_ROWS = 16
"""Rows of the level within which such an apron is lengthened, to end as nearly as possible between two."""
FINISHED_PIXELS = 1_000_000
"""About so many finished pixels are made at once where what they are made of is held in memory."""


@dataclass(frozen=True, slots=True)
class LevelReader:
    """Reads regions of one level of a source, converts them for display and scales them."""

    source: Source
    level: int
    read_tile: TileReader
    to_display: DisplayTransform | None = None
    """None where what the source reads are finished pixels already."""
    nearest: bool = False

    @property
    def geometry(self) -> Level:
        """Of the level."""
        return self.source.info.levels[self.level]

    def __call__(self, region: Region, size: Size) -> Pixels:
        """A region, all at once, scaled to `size`."""
        if self.to_display is None:
            if self.source.reads_regions:
                return self.source.read_region(self.level, region, size)
            joined = join_tiles(self.source.info, self.level, region, self.read_tile)
            return scale(joined, size, nearest=self.nearest)
        if self.source.reads_regions:
            displayed = self._display_reduced(self.to_display, region, size)
        else:
            displayed = self._display(self.to_display, region)
        return scale(displayed, size, nearest=self.nearest)

    def _display(self, to_display: DisplayTransform, region: Region) -> Pixels:
        """Finished pixels of a region, with the pixels around it that its edges are made of taken into account."""
        level, apron = self.geometry.size, to_display.apron
        if not apron:
            return to_display(join_tiles(self.source.info, self.level, region, self.read_tile))
        left, top = min(apron, region.x), min(apron, region.y)
        right = min(apron, level.width - region.right)
        bottom = min(apron, level.height - region.bottom)
        around = Region(
            region.x - left, region.y - top, left + region.width + right, top + region.height + bottom
        )
        pixels = to_display(join_tiles(self.source.info, self.level, around, self.read_tile))
        return _inner(pixels, left, top, region.size)

    def _display_reduced(self, to_display: DisplayTransform, region: Region, size: Size) -> Pixels:
        """As `_display`, of a source that scales by itself, at the power of two next above `size`."""
        shrink = 1
        while 2 * shrink * size.width <= region.width and 2 * shrink * size.height <= region.height:
            shrink *= 2
        level, reduced = self.geometry.size, region.size.ceil_scaled(shrink)
        left, top = min(to_display.apron, region.x // shrink), min(to_display.apron, region.y // shrink)
        right = min(to_display.apron, (level.width - region.right) // shrink)
        bottom = min(to_display.apron, (level.height - region.bottom) // shrink)
        around = Region(
            region.x - left * shrink, region.y - top * shrink,
            region.width + (left + right) * shrink, region.height + (top + bottom) * shrink,
        )  # fmt: skip
        held = Size(left + reduced.width + right, top + reduced.height + bottom)
        return _inner(to_display(self.source.read_region(self.level, around, held)), left, top, reduced)


def read_plan(read: LevelReader, plan: RenderPlan) -> Pixels:
    """The finished pixels of `plan.view.region`, scaled to `plan.view.size`."""
    level_size = read.geometry.size
    region = _held(plan.view.region, level_size).clipped(level_size)
    if region is None:
        raise ValueError(f"{plan.view.region} lies outside level {plan.view.level} of {level_size}")
    if region != plan.view.region:
        return _padded(_read(read, region, region.size), plan.view.region.size)
    return _read(read, region, plan.view.size)


def _held(region: Region, size: Size) -> Region:
    """The region, moved by a pixel where it lies just past the edge of a level of `size`.

    The last column of an advertised level may be one pixel wide, and be the one that the file dropped
    when it rounded down: 3073 pixels in tiles of 256 are 1537 at the next level, and 1536 in the file.
    """
    x = region.x - (region.x == size.width)
    y = region.y - (region.y == size.height)
    return Region(x, y, region.width, region.height)


def read_strips(read: LevelReader, plan: RenderPlan) -> Iterator[Pixels]:
    """The pixels of `read_plan` in strips of full width, from top to bottom; made when they are asked for."""
    level, region, size = read.geometry, plan.view.region, plan.view.size
    if region.clipped(level.size) != region:
        yield read_plan(read, plan)  # a tile at the edge
    elif region.size == size:
        for part in _rows_of_tiles(region, level.tile.height):
            yield read(part, part.size)
    elif region.size.area <= STRIP_PIXELS:
        yield from scale_in_strips(read(region, region.size), size, _rows_at_once(size), nearest=read.nearest)
    else:
        yield from _scaled_strips(read, region, size)


def held_pixels(info: ImageInfo, plan: RenderPlan) -> tuple[int, int]:
    """How many pixels of the level, and of the finished picture, `read_strips` holds at once, at most."""
    region, size, tile_height = plan.view.region, plan.view.size, info.levels[plan.view.level].tile.height
    if region.size == size:
        rows_read = rows_made = tile_height
    elif region.size.area <= STRIP_PIXELS:
        rows_read, rows_made = region.height, _rows_at_once(size)
    else:
        rows_made = _rows_scaled(region, size, tile_height) + 2 * (APRON_ROWS + _reach(region, size))
        rows_read = ceil_div(rows_made * region.height, size.height) + 1
    return region.width * min(rows_read, region.height), size.width * min(rows_made, size.height)


def _read(read: LevelReader, region: Region, size: Size) -> Pixels:
    if read.source.reads_regions or region.size == size or region.size.area <= STRIP_PIXELS:
        return read(region, size)
    strips = _scaled_strips(read, region, size)
    first = next(strips)
    result = np.empty((size.height, size.width, first.shape[2]), first.dtype)
    top = 0
    for strip in chain((first,), strips):
        result[top : top + strip.shape[0]] = strip
        top += strip.shape[0]
    return result


def _inner(pixels: Pixels, x: int, y: int, size: Size) -> Pixels:
    """The rectangle of `size` at `x, y` of some pixels."""
    return np.ascontiguousarray(pixels[y : y + size.height, x : x + size.width])


def _padded(pixels: Pixels, size: Size) -> Pixels:
    """The pixels with the last row and column repeated up to `size`."""
    height, width = pixels.shape[:2]
    return np.pad(pixels, ((0, size.height - height), (0, size.width - width), (0, 0)), mode="edge")


def _rows_of_tiles(region: Region, tile_height: int) -> Iterator[Region]:
    """The region cut where one row of tiles ends and the next begins."""
    top = region.y
    while top < region.bottom:
        bottom = min((top // tile_height + 1) * tile_height, region.bottom)
        yield Region(region.x, top, region.width, bottom - top)
        top = bottom


def _scaled_strips(read: LevelReader, region: Region, size: Size) -> Iterator[Pixels]:
    """A large region scaled strip by strip: nothing but the strip is held in memory."""
    rows, reach = _rows_scaled(region, size, read.geometry.tile.height), _reach(region, size)
    for top in range(0, size.height, rows):
        bottom = min(top + rows, size.height)
        first = _nearest_edge(max(0, top - APRON_ROWS), -reach, region.height, size.height)
        last = _nearest_edge(min(size.height, bottom + APRON_ROWS), reach, region.height, size.height)
        part = Region(0, first, size.width, last - first).scaled(size, region.size)
        strip = Region(region.x, region.y + part.y, region.width, part.height)
        yield read(strip, Size(size.width, last - first))[top - first : bottom - first]


def _rows_scaled(region: Region, size: Size, tile_height: int) -> int:
    """Rows of output in a strip: neither it nor what it is made of is large."""
    rows_of_level = max(tile_height, STRIP_PIXELS // region.width)
    return max(1, min(rows_of_level * size.height // region.height, STRIP_PIXELS // size.width))


def _rows_at_once(size: Size) -> int:
    return max(1, FINISHED_PIXELS // size.width)


def _reach(region: Region, size: Size) -> int:
    """Rows of output among which `_nearest_edge` chooses."""
    return ALIGN_ROWS * size.height // region.height


def _nearest_edge(row: int, reach: int, height: int, new_height: int) -> int:
    """The row of output, up to `reach` rows further, that begins nearest to where one of the level does.

    Strips are read in whole rows of the level: the less is rounded, the better they join. It matters
    where they are enlarged.
    """
    step = -1 if reach < 0 else 1
    stop = min(max(row + reach, 0), new_height)
    return min(range(row, stop + step, step), key=lambda edge: _off_edge(edge * height, new_height))


def _off_edge(place: int, unit: int) -> int:
    """Distance of a place to the nearest multiple of `unit`."""
    return min(place % unit, -place % unit)
