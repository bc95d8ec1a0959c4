"""Boxes around images wherever coordinates can be transformed to, which maps have to meet to show something of them."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from iipserve.geo import crs
from iipserve.geo.crs import NoTransformation
from iipserve.geo.georeference import Georeference
from iipserve.geo.grid import Bounds, GridRef
from iipserve.geo.mapping import to_ground
from iipserve.geometry import Region

SAMPLES = 17
"""Places across and down an image."""
MARGIN = 1 / 32
"""Part of a box by which it is widened, since an image may bend between these places."""
MAX_BOXES = 16384
"""Boxes that are remembered: those of the images of collections."""
AROUND = 3.0
"""Pixels of a map by which such boxes are widened: smaller levels of an image may end a pixel further out."""
EVERYWHERE = Bounds(-np.inf, -np.inf, np.inf, np.inf)


@lru_cache(maxsize=MAX_BOXES)
def box_in(georeference: Georeference, key: str) -> Bounds | None:
    """A box around an image in a system, which may be too large; None if no part of the image has a place there.

    Unlike `extents.bounds_in`, it does not end where the system is of use, as maps do not either.
    """
    columns, rows = np.meshgrid(
        np.linspace(0, georeference.size.width, SAMPLES), np.linspace(0, georeference.size.height, SAMPLES)
    )
    xs, ys = to_ground(georeference.mapping, columns, rows)
    if georeference.crs != key:
        try:
            xs, ys = crs.transformer(georeference.crs, key)(xs, ys)
        except NoTransformation:
            return None
    finite = np.isfinite(xs) & np.isfinite(ys)
    if not finite.all():
        return EVERYWHERE if finite.any() else None
    across, down = float(np.ptp(xs)) * MARGIN, float(np.ptp(ys)) * MARGIN
    return Bounds(
        float(xs.min()) - across, float(ys.min()) - down, float(xs.max()) + across, float(ys.max()) + down
    )


def region_on(source: Georeference, target: GridRef) -> Region | None:
    """The part of a map outside of which an image shows nothing: a box, which may be too large; None if it is empty."""
    box, whole = box_in(source, target.crs), Region.of_size(target.size)
    if box is None:
        return None
    if not target.affine.is_rectilinear or not all(map(math.isfinite, box)) or _turns_back(box, target):
        return whole
    inverse = target.affine.inverse()
    corners = inverse.apply(box.min_x, box.min_y), inverse.apply(box.max_x, box.max_y)
    (left, right), (top, bottom) = map(sorted, zip(*corners, strict=True))
    width, height = target.size
    x, y = max(0, math.floor(min(left - AROUND, width))), max(0, math.floor(min(top - AROUND, height)))
    end, last = (
        min(width, math.ceil(max(right + AROUND, 0))),
        min(height, math.ceil(max(bottom + AROUND, 0))),
    )
    return Region(x, y, end - x, last - y) if x < end and y < last else None


def _turns_back(box: Bounds, target: GridRef) -> bool:
    """Whether an image may show some turns around the globe away from its box."""
    turn, own = crs.turn(target.crs), target.bounds
    if turn is None:
        return False
    return own.max_x - box.min_x >= turn or box.max_x - own.min_x >= turn
