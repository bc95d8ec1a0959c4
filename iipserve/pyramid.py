"""Maps tiles and regions of advertised levels to the levels stored in the file.

Protocols advertise levels that are the full size divided by powers of two and rounded up (DeepZoom, IIIF, Zoomify),
or `ImageInfo.resolution_sizes` (IIP). Files round in other ways and may lack levels. A `Placement` gives the stored level
to read, the region in it and the size of the result, so that every advertised tile exists with exactly the
advertised size.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from iipserve.geometry import Region, Size, ceil_div, new_tuple
from iipserve.image import ImageInfo

MIN_TOLERANT_SIDE = 64
"""Minimum side, in pixels, for which a stored level may be a pixel shorter than the advertised one; of smaller levels
a pixel is too large a part."""


class Placement(NamedTuple):
    """What to read, and the size of the result."""

    level: int
    region: Region
    """In pixels of the level. Overlaps the level; may extend one pixel past its right and bottom edge (see
    `RenderPlan.region`)."""
    size: Size


def place_tile(info: ImageInfo, grid_size: Size, region: Region) -> Placement:
    """Place one tile of an advertised level.

    Args:
        info: the image.
        grid_size: size of the advertised level.
        region: the tile, in pixels of the advertised level.
    """
    for index, level in enumerate(info.levels):
        if level.size == grid_size:
            return new_tuple(Placement, (index, region, region.size))
    width = grid_size.width
    for index, level in enumerate(info.levels):
        stored = level.size
        if 0 <= width - stored.width <= 1 and _matches(stored, grid_size):
            return Placement(index, _overlapping(region, stored), region.size)
    return _place_reduced_tile(info, grid_size, region)


def place_region(info: ImageInfo, region: Region, size: Size) -> Placement:
    """Place a region that is to be scaled to `size`, in the smallest level with enough pixels.

    Args:
        info: the image.
        region: in pixels of the full size, inside it.
        size: of the result, in pixels.
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


def _suffices(stored: int, wanted: int, numerator: int, denominator: int) -> bool:
    """Whether a level has enough pixels for a side.

    Args:
        stored: pixels of the region in the level, rounded.
        wanted: pixels of the result.
        numerator: `numerator / denominator` is the exact number of pixels of the region in the level; the
            difference to the rounded one matters for small regions.
        denominator: see `numerator`.
    """
    return wanted <= stored and (wanted >= MIN_TOLERANT_SIDE or wanted * denominator <= numerator)


def level_above(info: ImageInfo, size: Size) -> int:
    """The smallest stored level with neither side shorter than that of `size`; full size if all are smaller."""
    chosen = 0
    for index, level in enumerate(info.levels):
        if not size.fits_in(level.size):
            break
        chosen = index
    return chosen


def level_scale(info: ImageInfo, index: int) -> tuple[float, float]:
    """Pixels of a level per pixel of the full size, across and down.

    The inverse of a power of two where the level has the sides of the full size divided by it, rounded up or down: each
    of its pixels is then so many of the full size, and the last ones may be cut off or incomplete. The ratio of the
    sides otherwise.
    """
    full, size = info.size, info.levels[index].size
    factor = 1 << max(0, round(math.log2(full.width / size.width * full.height / size.height) / 2))
    if all(
        stored in (side // factor, ceil_div(side, factor)) for stored, side in zip(size, full, strict=True)
    ):
        return 1 / factor, 1 / factor
    return size.width / full.width, size.height / full.height


def _matches(stored: Size, advertised: Size) -> bool:
    """Whether the stored level can serve as the advertised one: each side is equal, or a pixel shorter."""
    return _side_matches(stored.width, advertised.width) and _side_matches(stored.height, advertised.height)


def _side_matches(stored: int, advertised: int) -> bool:
    return stored == advertised or (stored == advertised - 1 and advertised >= MIN_TOLERANT_SIDE)


def _overlapping(region: Region, stored: Size) -> Region:
    """The region, moved onto the level's last column or row where the level ends a pixel before it."""
    if region.x < stored.width and region.y < stored.height:
        return region
    x, y = min(region.x, stored.width - 1), min(region.y, stored.height - 1)
    return Region(x, y, region.width, region.height)


def _place_reduced_tile(info: ImageInfo, grid_size: Size, region: Region) -> Placement:
    """Place a tile of a level that the file lacks in the next larger stored level.

    If the sizes differ by a power of two, the edges are multiplied by it: every tile is then reduced by exactly that
    factor, and neighbors join without a seam. (With the ratio of the rounded sizes, a tile might be reduced from 511
    or 513 pixels instead of 512.)
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
    """The power of two by which both sides of the stored size are reduced to the advertised one, or None."""
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

    Rounding up is always accepted, also from a stored level that is a pixel short; rounding down (shown sizes of
    IIP) only if the side is long enough for the remainder to be negligible.
    """
    remainder = stored - advertised * factor
    maximum = factor - 1 if advertised >= MIN_TOLERANT_SIDE else 0
    return -factor <= remainder <= maximum


def _multiplied_span(start: int, stop: int, factor: int, length: int) -> tuple[int, int]:
    """Start and extent of a span multiplied by `factor`, clipped to the level's `length`.

    A span that starts past the end becomes the last pixel: the level is then a pixel short.
    """
    start = min(start * factor, length - 1)
    return start, min(stop * factor, length) - start
