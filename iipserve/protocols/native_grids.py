"""The grid in which a coverage is described: that of the image's own pixels, wherever clients can use it."""

from __future__ import annotations

import math
from functools import lru_cache

from iipserve.geo import crs
from iipserve.geo.grid import Affine, Bounds, GridRef
from iipserve.geo.layer import LayerEntry
from iipserve.geometry import Size
from iipserve.protocols.coverage_images import whole_grid
from iipserve.protocols.maps import shown_part

MAX_SPREAD = 16
"""Times the longer side of an image that a side of a grid made for it may have."""
MAX_GRIDS = 4096


class NoGrid(Exception):
    """An image has no place in the system."""


def native_grid(
    entry: LayerEntry, key: str, size: tuple[float, float] | None, *, by_resolution: bool
) -> GridRef:
    """The north-up grid in which a layer is described.

    It has the image's own pixels where these are upright, in any direction: of an image whose rows run northward, they
    are in the opposite order. For all others it has square pixels as large as the shorter side of the image's.

    Args:
        entry: as `coverage_options.offered` gives it.
        key: of the first of the systems in which it is offered.
        size: of the whole grid, in pixels, or of its pixels, in units of the system, where the service file states one;
            it counts with an extent only.
        by_resolution: `size` is of the pixels.

    Raises:
        NoGrid: the layer has no place in the system.
    """
    georeference, extent = entry.geo.georeference, entry.layer.extent
    if size is not None and extent is not None and key == georeference.crs:
        return GridRef.of_bounds(key, extent, _stated(extent, size, by_resolution=by_resolution))
    if key == georeference.crs and (own := _own_grid(entry)) is not None:
        return whole_grid(entry.layer, own) if entry.layer.images else own
    place = entry.place_in(key)
    if place is None:
        raise NoGrid
    return _square(key, place.bounds, place.resolution, georeference.size)


def _stated(extent: Bounds, size: tuple[float, float], *, by_resolution: bool) -> Size:
    across, down = size
    if by_resolution:
        across, down = extent.width / abs(across), extent.height / abs(down)
    return Size(max(1, round(across)), max(1, round(down)))


def _own_grid(entry: LayerEntry) -> GridRef | None:
    """The image's own pixels that are shown, from the upper left; None where these are not upright."""
    georeference = entry.geo.georeference
    mapping = georeference.mapping
    if not isinstance(mapping, Affine):
        return None
    if mapping.is_rectilinear:
        part = shown_part(entry.layer, georeference)
        if part is not None:
            return _upright(georeference.crs, mapping.shifted(part.x, part.y), part.size)
        return _upright(georeference.crs, mapping, georeference.size)
    if mapping.a == 0 == mapping.e and entry.layer.extent is None:
        turned = Affine(mapping.b, 0.0, mapping.c, 0.0, mapping.d, mapping.f)
        return _upright(georeference.crs, turned, Size(georeference.size.height, georeference.size.width))
    return None


def _upright(key: str, mapping: Affine, size: Size) -> GridRef:
    """The same pixels in the order in which x grows and y falls."""
    a, e, c, f = mapping.a, mapping.e, mapping.c, mapping.f
    if a < 0:
        a, c = -a, c + a * size.width
    if e > 0:
        e, f = -e, f + e * size.height
    return GridRef(key, Affine(a, 0.0, c, 0.0, e, f), size)


@lru_cache(maxsize=MAX_GRIDS)
def _square(key: str, bounds: Bounds, resolution: float, image: Size) -> GridRef:
    """Square pixels from the upper left corner of a box on, which cover it."""
    width = bounds.width
    if width < 0:
        width += crs.turn(key) or 0.0
    most = max(image) * MAX_SPREAD
    pixel = max(resolution, width / most, bounds.height / most)
    columns, rows = (max(1, math.ceil(side / pixel - 1e-6)) for side in (width, bounds.height))
    return GridRef(key, Affine(pixel, 0.0, bounds.min_x, 0.0, -pixel, bounds.max_y), Size(columns, rows))
