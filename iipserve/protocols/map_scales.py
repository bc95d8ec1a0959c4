"""At which scales layers are drawn, and how large pixels of a scale are."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from iipserve.errors import InvalidRequest
from iipserve.geo import crs
from iipserve.geo.grid import GridRef
from iipserve.geo.layer import Layer

PIXEL = 0.00028
"""Metres of a pixel of a map of scale 1 (06-042, 7.2.4.6.9; SLD 02-070, section 10.2)."""
SEMI_MAJOR, ECCENTRICITY = 6378137.0, 0.0066943799901413165
"""Of the ellipsoid of WGS 84, in metres, and the square of its eccentricity."""
PROBE = 100.0
"""Metres, about, between places whose distance is measured."""
MIN_COSINE = 1e-6
"""Of a latitude at which degrees of longitude have a length."""


def scale_range(items: Mapping[str, str]) -> tuple[float, float]:
    """The scale denominators for which a layer is meant; 0 and infinity where nothing limits them."""
    return _number(items.get("minscaledenom", ""), 0.0), _number(items.get("maxscaledenom", ""), math.inf)


def _number(text: str, otherwise: float) -> float:
    try:
        value = float(text)
    except ValueError:
        return otherwise
    return value if math.isfinite(value) and value > 0 else otherwise


def scale_of(target: GridRef) -> float | None:
    """The denominator of the scale of a map; None for pixels of plain pictures."""
    if target.crs == crs.IMAGE:
        return None
    return target.affine.a * crs.metres_per_unit(target.crs) / PIXEL


def is_drawn(layer: Layer, target: GridRef) -> bool:
    """Whether a layer is drawn at the scale of a map: from its smallest denominator on, and below its largest."""
    low, high = scale_range(layer.metadata)
    scale = scale_of(target)
    return scale is None or low <= scale < high


def steps_at(key: str, place: tuple[float, float], metres: float) -> tuple[float, float]:
    """Width and height, in units of a system, of a pixel whose sides on the ground have a length.

    Args:
        key: of the system.
        place: x and y around which lengths are measured: along the ellipsoid, by its radii of curvature (EPSG guidance
            note 7-2, 1.3.2).
        metres: the length.

    Raises:
        InvalidRequest: the system has no lengths, or it has none at this place.
    """
    if key == crs.IMAGE:
        raise InvalidRequest("pixels of a plain picture have no size on the ground; state width or height")
    across, up = _metres_per_unit(key, place)
    if not (across > 0 and up > 0 and math.isfinite(across + up)):
        raise InvalidRequest(f"the place {place} of {crs.label(key)} has no scale; state another, or a box")
    return metres / across, metres / up


def _metres_per_unit(key: str, place: tuple[float, float]) -> tuple[float, float]:
    """The length of a unit along x and along y; 0 or NaN where there is none."""
    unit = crs.metres_per_unit(key)
    if not crs.is_earth(key):
        shrunk = math.cos(math.radians(place[1])) if crs.is_geographic(key) else 1.0
        return unit * (shrunk if shrunk > MIN_COSINE else 0.0), unit
    half = PROBE / unit / 2
    (x, y), moves = place, np.array([[0, -half, half, 0, 0], [0, 0, 0, -half, half]])
    lons, lats = crs.transformer(key, crs.WGS84)(x + moves[0], y + moves[1])
    phi = math.radians(float(lats[0]))
    if not (math.isfinite(phi) and math.cos(phi) > MIN_COSINE):
        return math.nan, math.nan
    bend = 1 - ECCENTRICITY * math.sin(phi) ** 2
    normal, meridian = (
        SEMI_MAJOR / math.sqrt(bend),
        SEMI_MAJOR * (1 - ECCENTRICITY) / bend**1.5,
    )
    return (
        _distance(lons[1:3], lats[1:3], normal * math.cos(phi), meridian) / (2 * half),
        _distance(lons[3:5], lats[3:5], normal * math.cos(phi), meridian) / (2 * half),
    )


def _distance(lons: np.ndarray, lats: np.ndarray, parallel: float, meridian: float) -> float:
    """Metres between two places next to each other, in degrees, where circles have these radii."""
    east = math.remainder(float(lons[1] - lons[0]), 360.0) if np.isfinite(lons).all() else math.nan
    return math.hypot(math.radians(east) * parallel, math.radians(float(lats[1] - lats[0])) * meridian)
