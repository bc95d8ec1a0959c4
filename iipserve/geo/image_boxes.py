"""Boxes around images wherever coordinates can be transformed to, which maps have to meet to show something of them."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from iipserve.geo import crs
from iipserve.geo.crs import NoTransformation
from iipserve.geo.georeference import Georeference
from iipserve.geo.grid import Bounds
from iipserve.geo.mapping import to_ground

SAMPLES = 17
"""Places across and down an image."""
MARGIN = 1 / 32
"""Part of a box by which it is widened, since an image may bend between these places."""
MAX_BOXES = 16384
"""Boxes that are remembered: those of the images of collections."""
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
