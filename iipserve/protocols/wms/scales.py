"""At which scales layers are drawn."""

from __future__ import annotations

from iipserve.geo import crs
from iipserve.geo.layer import Layer
from iipserve.protocols.wms.links import scale_range
from iipserve.protocols.wms.query import MapQuery

PIXEL = 0.00028
"""Metres of a pixel of a map of scale 1 (06-042, 7.2.4.6.9; SLD 02-070, section 10.2)."""


def scale_of(query: MapQuery) -> float | None:
    """The denominator of the scale of a map; None for pixels of plain pictures."""
    if query.crs.key == crs.IMAGE:
        return None
    return query.bounds.width / query.size.width * crs.metres_per_unit(query.crs.key) / PIXEL


def is_drawn(layer: Layer, query: MapQuery) -> bool:
    """Whether a layer is drawn at the scale of a map: from its smallest denominator on, and below its largest."""
    low, high = scale_range(layer.metadata)
    scale = scale_of(query)
    return scale is None or low <= scale < high
