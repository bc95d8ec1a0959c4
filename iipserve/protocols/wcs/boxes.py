"""Boxes of requests, as far as they are known before any image is: of many images, only those inside are opened."""

from __future__ import annotations

import math

from iipserve.geo import crs
from iipserve.geo.crs import AxisRule
from iipserve.geo.grid import Bounds
from iipserve.protocols.wcs.axes import Axis, axis_of
from iipserve.protocols.wcs.query import AxesDomain, BoxDomain, Domain, SampleDomain

MARGIN = 0.01
"""Part of a box by which it is made larger on each side: coordinates are rounded, and pixels are whole."""


def box_of(domain: Domain, key: str) -> Bounds | None:
    """A box, in the system of a layer, outside of which a request needs no image; None where that is not known.

    Args:
        domain: what is asked for.
        key: of the system of the footprints of the layer; empty where their index does not say.
    """
    if isinstance(domain, AxesDomain):
        found = _of_axes(domain, key)
    elif isinstance(domain, BoxDomain):
        other = domain.response_crs is not None and domain.response_crs.key != key
        found = None if other or domain.crs.key != key else domain.bounds
    else:
        found = _of_samples(domain, key)
    if found is None:
        return None
    across, down = (side * MARGIN if math.isfinite(side) else 0.0 for side in (found.width, found.height))
    return Bounds(found.min_x - across, found.min_y - down, found.max_x + across, found.max_y + down)


def _of_axes(domain: AxesDomain, key: str) -> Bounds | None:
    own = domain.subsetting_crs is None or domain.subsetting_crs.key == key
    if not own or not (domain.output_crs is None or domain.output_crs.key == key):
        return None
    limits = {Axis.X: (-math.inf, math.inf), Axis.Y: (-math.inf, math.inf)}
    for subset in domain.subsets:
        axis = axis_of(subset.axis)
        if axis in limits:
            low, high = subset.low, subset.low if subset.is_slice else subset.high
            try:
                limits[axis] = float(low or -math.inf), float(high or math.inf)
            except ValueError:
                return None
    (west, east), (south, north) = limits[Axis.X], limits[Axis.Y]
    return Bounds(west, south, east, north)


def _of_samples(domain: SampleDomain, key: str) -> Bounds | None:
    name = domain.crs or domain.base_crs
    other = domain.base_crs is not None and domain.base_crs.key != key
    if domain.box is None or name is None or name.key != key or other:
        return None
    first, second, third, fourth = domain.box
    if crs.axis_order(name, AxisRule.WCS_1_1):
        first, second, third, fourth = second, first, fourth, third
    step = max(map(abs, domain.offsets), default=0.0)
    return Bounds(first - step, second - step, third + step, fourth + step)
