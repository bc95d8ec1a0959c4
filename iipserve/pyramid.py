"""Where in the file's own levels a tile or region of an advertised picture lies.

Protocols advertise grids whose levels are the full size divided by powers of two and rounded up
(DeepZoom, IIIF, Zoomify), or shown sizes (IIP). Files round as they like and may lack levels. A
`Placement` says which stored level to read, which of its pixels, and how large they come out, so
that every advertised tile exists with exactly the advertised size.
"""

from __future__ import annotations

from typing import NamedTuple

from iipserve.geometry import Region, Size
from iipserve.image import ImageInfo

MIN_TOLERANT_SIDE = 64
"""A stored level may be a pixel off the advertised one if the side is at least this long; below, a pixel
is too large a part of the picture."""


class Placement(NamedTuple):
    """What to read, and the size it comes out at."""

    level: int
    region: Region
    """In the level's pixels. Overlaps the level; may reach one pixel past its right and bottom edge (see
    `RenderPlan.region`)."""
    size: Size


def place_tile(info: ImageInfo, grid_size: Size, region: Region) -> Placement:
    """Find one tile of an advertised level.

    Args:
        info: the image.
        grid_size: size of the advertised level.
        region: the tile, in pixels of the advertised level.
    """
    width = grid_size.width
    for index, level in enumerate(info.levels):
        stored = level.size
        if 0 <= width - stored.width <= 1 and _stands_for(stored, grid_size):
            return Placement(index, _overlapping(region, stored), region.size)
    return _place_reduced_tile(info, grid_size, region)


def place_region(info: ImageInfo, region: Region, size: Size) -> Placement:
    """Find any region, to be scaled to `size`, in the level just above that size.

    Args:
        info: the image.
        region: inside the full size, in its pixels.
        size: wanted, in pixels.
    """
    chosen, chosen_region = 0, region
    for index, level in enumerate(info.levels):
        level_region = region.scaled(info.size, level.size)
        if not (
            _suffices(level_region.width, size.width, region.width * level.size.width, info.size.width)
            and _suffices(
                level_region.height, size.height, region.height * level.size.height, info.size.height
            )
        ):
            break
        chosen, chosen_region = index, level_region
    return Placement(chosen, chosen_region, size)


def _suffices(there: int, wanted: int, numerator: int, denominator: int) -> bool:
    """Whether a level has enough pixels for a side.

    Args:
        there: pixels of the region in the level, rounded.
        wanted: pixels that are to come out.
        numerator: with `denominator`, the pixels of the region in the level, exactly; what rounding adds
            is too large a part of small regions.
        denominator: see there.
    """
    return wanted <= there and (wanted >= MIN_TOLERANT_SIDE or wanted * denominator <= numerator)


def level_above(info: ImageInfo, size: Size) -> int:
    """The smallest stored level that is not smaller than `size` on either side, else the largest."""
    chosen = 0
    for index, level in enumerate(info.levels):
        if not size.fits_in(level.size):
            break
        chosen = index
    return chosen


def _stands_for(stored: Size, advertised: Size) -> bool:
    """Whether the stored level may be shown as the advertised one: each side is equal, or a pixel short."""
    return _side_stands_for(stored.width, advertised.width) and _side_stands_for(
        stored.height, advertised.height
    )


def _side_stands_for(stored: int, advertised: int) -> bool:
    return stored == advertised or (stored == advertised - 1 and advertised >= MIN_TOLERANT_SIDE)


def _overlapping(region: Region, stored: Size) -> Region:
    """The region itself, or the level's last column or row where the level ends a pixel before it."""
    if region.x < stored.width and region.y < stored.height:
        return region
    x, y = min(region.x, stored.width - 1), min(region.y, stored.height - 1)
    return Region(x, y, region.width, region.height)


def _place_reduced_tile(info: ImageInfo, grid_size: Size, region: Region) -> Placement:
    """A tile of a level that the file lacks, from the stored level above.

    Where the two sizes are a power of two apart, the edges are multiplied by it: every tile is then
    reduced by exactly that factor and neighbors join without a seam. (In the ratio of the rounded
    sizes, a tile might come out of 511 or 513 pixels where 512 belong to it.)
    """
    index = level_above(info, grid_size)
    stored = info.levels[index].size
    factor = _factor_between(stored, grid_size)
    if factor is None:
        return Placement(index, region.scaled(grid_size, stored), region.size)
    x, width = _multiplied_span(region.x, region.right, factor, stored.width)
    y, height = _multiplied_span(region.y, region.bottom, factor, stored.height)
    return Placement(index, Region(x, y, width, height), region.size)


def _factor_between(stored: Size, grid_size: Size) -> int | None:
    """The power of two that leads from the stored size to the advertised one on both sides, or None."""
    factor = 2
    while factor < 2 * max(stored.width, stored.height):
        if _is_factor(factor, stored.width, grid_size.width) and _is_factor(
            factor, stored.height, grid_size.height
        ):
            return factor
        factor *= 2
    return None


def _is_factor(factor: int, stored: int, advertised: int) -> bool:
    """Whether a stored side, or one a pixel longer, divided by `factor` is the advertised side.

    Rounding up always counts, also from a stored level that is itself a pixel short; rounding down
    (shown sizes of IIP) only where the part of a pixel that is left over does not matter.
    """
    left_over = stored - advertised * factor
    most = factor - 1 if advertised >= MIN_TOLERANT_SIDE else 0
    return -factor <= left_over <= most


def _multiplied_span(start: int, stop: int, factor: int, length: int) -> tuple[int, int]:
    """Start and extent of a span `factor` times as long, cut off at the level's `length`.

    A span that starts at the very end is the level's last pixel: the level is then a pixel short.
    """
    start = min(start * factor, length - 1)
    return start, min(stop * factor, length) - start
