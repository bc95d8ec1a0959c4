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
"""A stored level may be a pixel short of the advertised one if the side is at least this long; below, a
pixel is too large a part of the picture."""


class Placement(NamedTuple):
    """What to read, and the size it comes out at."""

    level: int
    region: Region
    """In the level's pixels; may reach one pixel past its right and bottom edge (see `RenderPlan.region`)."""
    size: Size


def place_tile(info: ImageInfo, grid_size: Size, region: Region) -> Placement:
    """Find one tile of an advertised level.

    Args:
        info: the image.
        grid_size: size of the advertised level.
        region: the tile, in pixels of the advertised level.
    """
    for index, level in enumerate(info.levels):
        if _stands_for(level.size, grid_size):
            return Placement(index, region, region.size)
    index = level_above(info, grid_size)
    return Placement(index, region.scaled(grid_size, info.levels[index].size), region.size)


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
        if not size.fits_in(level_region.size):
            break
        chosen, chosen_region = index, level_region
    return Placement(chosen, chosen_region, size)


def level_above(info: ImageInfo, size: Size) -> int:
    """The smallest stored level that is not smaller than `size` on either side, else the largest."""
    chosen = 0
    for index, level in enumerate(info.levels):
        if not size.fits_in(level.size):
            break
        chosen = index
    return chosen


def _stands_for(stored: Size, advertised: Size) -> bool:
    """Whether the stored level may be shown as the advertised one: equal, or a pixel short."""
    return _side_stands_for(stored.width, advertised.width) and _side_stands_for(
        stored.height, advertised.height
    )


def _side_stands_for(stored: int, advertised: int) -> bool:
    return stored == advertised or (stored == advertised - 1 and advertised >= MIN_TOLERANT_SIDE)
