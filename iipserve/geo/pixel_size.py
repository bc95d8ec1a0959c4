"""Sizes of pixels on the ground, in metres, whatever the coordinate reference system."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from iipserve.geo import crs
from iipserve.geo.georeference import PIXEL_SPACE, Georeference
from iipserve.geo.grid import Bounds, GridRef
from iipserve.geo.mapping import to_ground
from iipserve.geo.places import NEIGHBORS, PROBES
from iipserve.geo.proj import Coordinates

RADIUS = 6378137.0
"""Semi-major axis of WGS 84, in metres."""
ECCENTRICITY_SQUARED = 0.0066943799901413165
MAX_SIZES = 8192


@lru_cache(maxsize=MAX_SIZES)
def pixel_size(georeference: Georeference) -> float | None:
    """The shorter side of a pixel of the full size, in metres on the ground; None where it has no place on the Earth.

    The median of nine places of the image. Degrees of longitude are as long as they are at the place's latitude, and
    likewise the metres of a projection that enlarges, so that sizes of all systems can be compared.
    """
    if georeference.crs == PIXEL_SPACE:
        return None
    width, height = georeference.size
    columns, rows = PROBES[0] * width + NEIGHBORS[0], PROBES[1] * height + NEIGHBORS[1]
    try:
        xs, ys = crs.transformer(georeference.crs, crs.WGS84)(*to_ground(georeference.mapping, columns, rows))
    except crs.NoTransformation:
        return None
    with np.errstate(invalid="ignore"):
        turned = xs[1:] - xs[0]
        across, up = degree_lengths(ys[0])
        sides = np.hypot((turned - 360 * np.rint(turned / 360)) * across, (ys[1:] - ys[0]) * up).min(axis=0)
        sides = sides[np.isfinite(sides) & (sides > 0)]
    return float(np.median(sides)) if len(sides) else None


def degree_lengths(latitudes: Coordinates) -> tuple[Coordinates, Coordinates]:
    """The lengths of a degree of longitude and of one of latitude on the ellipsoid of WGS 84, in metres.

    By its radii of curvature (Snyder, Map projections: a working manual, USGS 1395, equations 4-18 and 4-20).
    """
    sine = np.sin(np.radians(latitudes))
    flat = 1 - ECCENTRICITY_SQUARED * sine**2
    normal = RADIUS / np.sqrt(flat)
    return (
        np.radians(normal * np.cos(np.radians(latitudes))),
        np.radians(normal * (1 - ECCENTRICITY_SQUARED) / flat),
    )


def grid_pixel_size(grid: GridRef, box: Bounds) -> float:
    """As `pixel_size`, of a map; the height of its pixels where these have no other size.

    Args:
        grid: of the map.
        box: of the map, in degrees.
    """
    return pixel_size(Georeference(grid.crs, grid.affine, grid.size)) or height(box) / grid.size.height


def height(box: Bounds) -> float:
    """The height of a box in degrees, in metres on the ground."""
    _, up = degree_lengths(np.array([(box.min_y + box.max_y) / 2]))
    return float((box.max_y - box.min_y) * up[0])
