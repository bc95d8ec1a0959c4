"""Boxes around images wherever coordinates can be transformed to, which maps have to meet to show something of them."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from iipserve.geo import crs
from iipserve.geo.crs import NoTransformation
from iipserve.geo.georeference import Georeference
from iipserve.geo.grid import Affine, Bounds, GridRef
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
MAX_REGIONS = 1024
"""Images on a map that are remembered: those of the maps that are being made."""
MAX_FRAMES = 64
"""Maps."""
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


@lru_cache(maxsize=MAX_REGIONS)
def region_on(source: Georeference, target: GridRef) -> Region | None:
    """The part of a map outside of which an image shows nothing: a box, which may be too large; None if it is empty."""
    box, frame = box_in(source, target.crs), _frame(target)
    if box is None:
        return None
    if frame.inverse is None or not all(map(math.isfinite, box)) or frame.turns_to(box):
        return Region.of_size(target.size)
    corners = frame.inverse.apply(box.min_x, box.min_y), frame.inverse.apply(box.max_x, box.max_y)
    (left, right), (top, bottom) = map(sorted, zip(*corners, strict=True))
    width, height = target.size
    x, y = max(0, math.floor(min(left - AROUND, width))), max(0, math.floor(min(top - AROUND, height)))
    end, last = (
        min(width, math.ceil(max(right + AROUND, 0))),
        min(height, math.ceil(max(bottom + AROUND, 0))),
    )
    return Region(x, y, end - x, last - y) if x < end and y < last else None


class _Frame(NamedTuple):
    """What is known of a map before images are placed on it."""

    bounds: Bounds
    turn: float | None
    """How far x grows around the globe."""
    inverse: Affine | None
    """None where rows and columns are not along x and y."""

    def turns_to(self, box: Bounds) -> bool:
        """Whether an image may show some turns around the globe away from its box."""
        if self.turn is None:
            return False
        return self.bounds.max_x - box.min_x >= self.turn or box.max_x - self.bounds.min_x >= self.turn


@lru_cache(maxsize=MAX_FRAMES)
def _frame(target: GridRef) -> _Frame:
    affine = target.affine
    is_grid = affine.is_rectilinear and affine.a * affine.e
    return _Frame(target.bounds, crs.turn(target.crs), affine.inverse() if is_grid else None)
