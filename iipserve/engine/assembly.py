"""Regions of any extent, with bounded memory: large ones are read and scaled in strips."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import numpy as np

from iipserve.engine.admission import Cost
from iipserve.engine.level_reader import LevelReader, reduced
from iipserve.engine.scaling import scale_in_strips
from iipserve.geometry import Region, Size, ceil_div
from iipserve.processing import Pixels
from iipserve.processing.layout import with_full_opacity
from iipserve.processing.missing import may_miss

STRIP_PIXELS = 8_000_000
"""Larger regions are read and scaled in horizontal strips of about this many pixels of the level."""
MAX_ALIGNED_ROWS = 4096
"""By which such a strip may be higher, for the sake of whole tiles and aprons: an estimate."""
STRIP_COPIES = 4
"""Copies of a strip's display pixels: scaled, cut, changed, and regrouped by the encoder."""
APRON_ROWS = 4
"""Rows of output added above and below a strip, so that strips join without a seam."""
ALIGN_ROWS = 16
"""Rows of the level by which such an apron may be extended, to end as nearly as possible between two."""
BATCH_PIXELS = 1_000_000
"""Output pixels per batch when the input region is already in memory."""


def read_region(read: LevelReader, region: Region, size: Size) -> Pixels:
    """The display pixels of a region, scaled.

    Args:
        read: of the level.
        region: in pixels of the level; may extend a pixel past its right and bottom edges (see `Crop.region`).
        size: of the result, in pixels.
    """
    level_size = read.geometry.size
    if region.clipped(level_size) is region:
        return _read(read, region, size)
    inside = _moved_inside(region, level_size).clipped(level_size)
    if inside is None:
        raise ValueError(f"{region} is outside level {read.level} of {level_size}")
    return _padded(_read(read, inside, inside.size), region.size)


def region_cost(read: LevelReader, region: Region, size: Size) -> Cost:
    """The cost of `read_region`."""
    if read.source.reads_regions:
        held = reduced(region.size, size).area
    elif region.size == size or region.size.area <= STRIP_PIXELS:
        held = min(region.width * region.height, STRIP_PIXELS + region.width * MAX_ALIGNED_ROWS)
    else:
        held, _ = held_pixels(read.geometry.tile.height, region, size)
    return read.cost(region, size, held)


def read_strips(read: LevelReader, region: Region, size: Size) -> Iterator[Pixels]:
    """The pixels of `read_region` in strips of full width, from top to bottom, each made on demand."""
    level = read.geometry
    if region.clipped(level.size) != region:
        yield _marked(read, read_region(read, region, size))  # a tile at the edge
    elif region.size == size:
        for part in _rows_of_tiles(region, level.tile.height):
            yield _marked(read, read(part, part.size))
    elif region.size.area <= STRIP_PIXELS and not (read.marks_missing or may_miss(read.source.info)):
        yield from scale_in_strips(read(region, region.size), size, _batch_rows(size), nearest=read.nearest)
    else:
        yield from _scaled_strips(read, region, size)


def strips_cost(read: LevelReader, region: Region, size: Size) -> Cost:
    """The cost of `read_strips`, strips changed and encoded one by one.

    One strip of the level is held while the next is read, and the strip made of it while it is scaled, changed and
    encoded.
    """
    held, made = held_pixels(read.geometry.tile.height, region, size)
    return read.cost(region, size, 2 * held, STRIP_COPIES * made)


def held_pixels(tile_height: int, region: Region, size: Size) -> tuple[int, int]:
    """The largest strip of `read_strips`, in pixels of the level and of the result.

    Args:
        tile_height: of the level.
        region: in pixels of the level.
        size: of the result, in pixels.
    """
    if region.size == size:
        rows_read = rows_made = tile_height
    elif region.size.area <= STRIP_PIXELS:
        rows_read, rows_made = region.height, _batch_rows(size)
    else:
        rows_made = _strip_rows(region, size, tile_height) + 2 * (APRON_ROWS + _reach(region, size))
        rows_read = ceil_div(rows_made * region.height, size.height) + 1
    return region.width * min(rows_read, region.height), size.width * min(rows_made, size.height)


def _moved_inside(region: Region, size: Size) -> Region:
    """The region, moved by a pixel where it begins just past the edge of a level of `size`.

    The last column of an advertised level may be one pixel wide, and be the one that the file dropped
    when it rounded down: 3073 pixels in tiles of 256 are 1537 at the next level, and 1536 in the file.
    """
    x = region.x - (region.x == size.width)
    y = region.y - (region.y == size.height)
    return Region(x, y, region.width, region.height)


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


def _marked(read: LevelReader, strip: Pixels) -> Pixels:
    """A strip, with opacity where others of the same image may have some."""
    return with_full_opacity(strip) if read.marks_missing else strip


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
    """A large region scaled strip by strip; only one strip is held in memory."""
    rows, reach = _strip_rows(region, size, read.geometry.tile.height), _reach(region, size)
    for top in range(0, size.height, rows):
        bottom = min(top + rows, size.height)
        first = _nearest_edge(max(0, top - APRON_ROWS), -reach, region.height, size.height)
        last = _nearest_edge(min(size.height, bottom + APRON_ROWS), reach, region.height, size.height)
        part = Region(0, first, size.width, last - first).scaled(size, region.size)
        strip = Region(region.x, region.y + part.y, region.width, part.height)
        pixels = _marked(read, read(strip, Size(size.width, last - first)))
        yield pixels[top - first : bottom - first]


def _strip_rows(region: Region, size: Size, tile_height: int) -> int:
    """Rows of output per strip, so that neither it nor what it is made of is large."""
    rows_of_level = max(tile_height, STRIP_PIXELS // region.width)
    return max(1, min(rows_of_level * size.height // region.height, STRIP_PIXELS // size.width))


def _batch_rows(size: Size) -> int:
    return max(1, BATCH_PIXELS // size.width)


def _reach(region: Region, size: Size) -> int:
    """Rows of output among which `_nearest_edge` chooses."""
    return ALIGN_ROWS * size.height // region.height


def _nearest_edge(row: int, reach: int, height: int, new_height: int) -> int:
    """The row of output, up to `reach` rows further, whose edge is nearest to an edge between rows of the level.

    Strips are read in whole rows of the level: the less is rounded, the better they join. It matters
    where they are enlarged.
    """
    step = -1 if reach < 0 else 1
    stop = min(max(row + reach, 0), new_height)
    return min(range(row, stop + step, step), key=lambda edge: _off_edge(edge * height, new_height))


def _off_edge(position: int, unit: int) -> int:
    """Distance of a position to the nearest multiple of `unit`."""
    return min(position % unit, -position % unit)
