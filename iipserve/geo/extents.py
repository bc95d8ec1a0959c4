"""Boxes in other coordinate reference systems: around poles, across the antimeridian, always finite.

A box, or an image, is followed by a sheet of sample points over it. Points that have no place in the other system, or
that are not led back to where they came from, are left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from iipserve.geo import crs, mapping
from iipserve.geo.crs import NoTransformation
from iipserve.geo.georeference import Georeference
from iipserve.geo.grid import Bounds
from iipserve.geo.proj import Coordinates

SAMPLES = 25
"""Points along an edge, corners included: every 15 degrees of the whole globe."""
CLOSE = 1e-4
"""Part of a box's size by which a point may miss itself on its way back."""
PRECISION = 1e-8
"""Part of the largest coordinate by which a point may miss itself besides."""
FAR = 1e12
"""No unit is so short that a place on a globe has such a coordinate."""
WHOLE = 1e-9
"""Degrees that a box may lack and still be the whole globe."""
KINK = 4.0
"""By how many times a curve bends more at a kink than next to it."""
MIN_GAP = 45.0
"""Degrees without any sample, below which scattered samples are all around the globe."""
MAX_BOXES = 8192
"""Images whose boxes in degrees are remembered, 300 bytes each: documents state them, and other boxes follow from them."""
MERCATOR_LATITUDE = math.degrees(math.atan(math.sinh(math.pi)))
"""Where the square of the web's Mercator projection ends."""


class Sheet(NamedTuple):
    """Places of a grid of sample points, in one system."""

    key: str
    xs: Coordinates
    ys: Coordinates
    """Both of shape (SAMPLES, SAMPLES)."""


def transform_bounds(source: str, target: str, bounds: Bounds) -> Bounds | None:
    """The box, in another system, around a box; clipped to the square of the web's Mercator projection in that.

    Args:
        source: key of the system of `bounds`.
        target: key of the system of the result.
        bounds: `min_x` may be above `max_x` in degrees, across the antimeridian.

    Returns:
        Finite. Geographic boxes are between -180 and 180 degrees, and have `min_x` above `max_x` where they cross the
        antimeridian. None where the box has no place in the target.

    Raises:
        UnknownCrs: of a key that is none.
        NotInstalled: the extra `geo` is not.
    """
    if not all(abs(value) < FAR for value in bounds) or bounds.max_y < bounds.min_y:
        return None
    if bounds.max_x < bounds.min_x:
        turn = crs.turn(source)
        if turn is None:
            return None
        bounds = bounds._replace(max_x=bounds.max_x + turn)
    return _bounds_of(_sheet(source, bounds), target)


def bounds_in(georeference: Georeference, target: str, extent: Bounds | None = None) -> Bounds | None:
    """The box around an image, as `transform_bounds` gives it; in its own system that of its outer edges, unchanged.

    Args:
        georeference: of the image.
        target: key of the system of the result.
        extent: in the image's system; only the part of the image inside it counts.
    """
    own = _own_bounds(georeference, extent)
    if own is None or georeference.crs == target:
        return own
    around = geographic_bounds(georeference, extent)
    if target == crs.WGS84:
        return around
    return _bounds_of(_image_sheet(georeference, own if extent else None), target, around)


@lru_cache(maxsize=MAX_BOXES)
def geographic_bounds(georeference: Georeference, extent: Bounds | None = None) -> Bounds | None:
    """As `bounds_in`, in degrees of WGS 84 between -180 and 180; None where it is not on the Earth."""
    own = _own_bounds(georeference, extent)
    if own is None:
        return None
    return _bounds_of(_image_sheet(georeference, own if extent else None), crs.WGS84)


def _own_bounds(georeference: Georeference, extent: Bounds | None) -> Bounds | None:
    """The box of the outer edges in the image's system, inside `extent`; None where that leaves nothing."""
    own = georeference.grid.bounds if georeference.grid else _around([_image_sheet(georeference, None)])
    if own is not None and extent is not None:
        own = Bounds(*map(max, own[:2], extent[:2]), *map(min, own[2:], extent[2:]))
    is_usable = own is not None and all(abs(value) < FAR for value in own)
    return own if own and is_usable and own.width >= 0 and own.height >= 0 else None


def _image_sheet(georeference: Georeference, inside: Bounds | None) -> Sheet:
    """Points all over an image, or over a box in its system."""
    if inside is not None:
        return _sheet(georeference.crs, inside)
    width, height = georeference.size
    columns, rows = np.meshgrid(np.linspace(0, width, SAMPLES), np.linspace(0, height, SAMPLES))
    return Sheet(georeference.crs, *mapping.to_ground(georeference.mapping, columns, rows))


def _sheet(key: str, bounds: Bounds) -> Sheet:
    across = np.linspace(bounds.min_x, bounds.max_x, SAMPLES)
    return Sheet(key, *np.meshgrid(across, np.linspace(bounds.max_y, bounds.min_y, SAMPLES)))


def _bounds_of(sheet: Sheet, target: str, around: Bounds | None = None) -> Bounds | None:
    """The box around a sheet in another system; `around` is its box in degrees of WGS 84, if that is known."""
    try:
        if crs.is_geographic(target):
            return _degrees(sheet, target)
        if crs.is_earth(sheet.key) and crs.is_earth(target):
            return _projected(sheet, target, around)
        return _around([_followed(sheet, target)])
    except NoTransformation:
        return None


def _followed(sheet: Sheet, target: str) -> Sheet:
    """The sheet in another system; infinite at points that have no place there."""
    xs, ys, turn = sheet.xs, sheet.ys, crs.turn(sheet.key)
    at_pole = np.zeros(xs.shape, bool)
    if turn is not None and crs.is_geographic(sheet.key):
        ys = np.clip(ys, -turn / 4, turn / 4)
        at_pole = np.abs(ys) > turn / 4 - WHOLE
    there = crs.transformer(sheet.key, target)(xs, ys)
    back = crs.transformer(target, sheet.key)(*there)
    with np.errstate(invalid="ignore"):
        off_x, off_y = np.abs(back[0] - xs), np.abs(back[1] - ys)
        if turn is not None:
            off_x = np.abs(off_x - turn * np.rint(off_x / turn))
        off = max(_tolerated(xs), _tolerated(ys))
        lost = ~(((off_x <= off) | at_pole) & (off_y <= off))
    return Sheet(target, *(np.where(lost, np.inf, values) for values in there))


def _tolerated(values: Coordinates) -> float:
    """By how much points of a sheet may miss themselves."""
    known = values[np.isfinite(values)]
    return float(np.ptp(known) * CLOSE + np.abs(known).max() * PRECISION) if known.size else 0.0


# -- geographic systems ----------------------------------------------------------------------------


def _degrees(sheet: Sheet, target: str) -> Bounds | None:
    """The box in a geographic system."""
    turn = crs.turn(target) or 360.0
    followed = _followed(sheet, target)
    known = np.isfinite(followed.xs)
    if not known.any():
        return None
    south, north = _range([followed.ys])
    west, east = _arc(followed.xs, turn)
    if crs.turn(sheet.key) is None:
        poles = [pole for pole in (-turn / 4, turn / 4) if _contains_pole(sheet, target, pole)]
        if poles:
            west, east, south, north = -turn / 2, turn / 2, min(south, *poles), max(north, *poles)
    return Bounds(west, max(south, -turn / 4), east, min(north, turn / 4))


def _contains_pole(sheet: Sheet, target: str, pole: float) -> bool:
    """Whether a pole is inside the outline of a sheet of a system where it is a point."""
    xs, ys = crs.transformer(target, sheet.key)(np.zeros(1), np.full(1, pole))
    edge_x, edge_y = _outline(sheet.xs), _outline(sheet.ys)
    if not (np.isfinite(xs[0]) and np.isfinite(edge_x).all()):
        return False
    way = np.unwrap(np.arctan2(edge_y - ys[0], edge_x - xs[0]))
    return bool(abs(way[-1] - way[0]) > math.pi)


def _outline(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values along the edges, once around to the first again."""
    return np.concatenate([values[0], values[1:, -1], values[-1, -2::-1], values[-2::-1, 0]])


def _arc(longitudes: NDArray[np.float64], turn: float) -> tuple[float, float]:
    """West and east end of longitudes, between minus and plus half a turn; west is the larger one across the seam."""
    outline = _outline(longitudes)
    if np.isfinite(outline).all():
        way = np.unwrap(outline, period=turn)
        sides = np.stack([way[start : start + SAMPLES] for start in range(0, way.size - 1, SAMPLES - 1)])
        west, east = _ends(float(way.min()), float(way.max()), sides)
    else:
        west, east = _scattered(longitudes[np.isfinite(longitudes)] % turn, turn)
    if east - west >= turn - WHOLE:
        return -turn / 2, turn / 2
    turns = math.floor((west + turn / 2) / turn) * turn
    west, east = west - turns, east - turns
    return west, east - turn if east > turn / 2 else east


def _scattered(longitudes: NDArray[np.float64], turn: float) -> tuple[float, float]:
    """The ends of the widest gap between longitudes, from its east to its west."""
    known = np.sort(longitudes)
    gaps = np.diff(known, append=known[0] + turn)
    widest = int(np.argmax(gaps))
    if gaps[widest] < MIN_GAP / 360.0 * turn:
        return 0.0, turn
    return float(known[widest] + gaps[widest]), float(known[widest] + turn)


# -- projected systems -----------------------------------------------------------------------------


def _projected(sheet: Sheet, target: str, around: Bounds | None) -> Bounds | None:
    """The box in a projected system: of what is in or near its area of use, and of each side of its seam."""
    around = around or _degrees(sheet, crs.WGS84)
    if around is None:
        return None
    unwrapped = around._replace(max_x=around.max_x + 360.0) if around.max_x < around.min_x else around
    pieces = list(_pieces(unwrapped, _usable(target)))
    is_whole = unwrapped.width >= 360.0 and (crs.turn(target) or crs.turn(sheet.key)) is not None
    if pieces == [unwrapped] and not is_whole:
        found = _around([_followed(sheet, target)])
    else:
        found = _around([_followed(_sheet(crs.WGS84, piece), target) for piece in pieces])
    if found is None or target != crs.WEB_MERCATOR:
        return found
    limit = crs.WEB_MERCATOR_LIMIT
    return Bounds(*(min(max(value, -limit), limit) for value in found))


def _usable(target: str) -> Bounds:
    """Where a system is used, in degrees, and half as far again; not toward the poles of a cylindrical projection."""
    if target == crs.WEB_MERCATOR:
        return Bounds(-180.0, -MERCATOR_LATITUDE, 180.0, MERCATOR_LATITUDE)
    area = crs.area_of_use(target) or Bounds(-180.0, -90.0, 180.0, 90.0)
    east = area.max_x + 360.0 if area.max_x < area.min_x else area.max_x
    middle, half = (area.min_x + east) / 2, min(east - area.min_x, 180.0)
    further = 0.0 if crs.turn(target) is not None else area.height / 2
    south, north = max(-90.0, area.min_y - further), min(90.0, area.max_y + further)
    return Bounds(middle - half, south, middle + half, north)


def _pieces(box: Bounds, within: Bounds) -> Iterator[Bounds]:
    """What of a box is in another one, both in degrees and at most once around the globe wide."""
    south, north = max(box.min_y, within.min_y), min(box.max_y, within.max_y)
    for turns in (-720.0, -360.0, 0.0, 360.0, 720.0):
        west, east = max(box.min_x + turns, within.min_x), min(box.max_x + turns, within.max_x)
        if south <= north and (west < east or west == east == box.min_x == box.max_x):
            yield Bounds(west, south, east, north)


def _around(sheets: list[Sheet]) -> Bounds | None:
    """The box around all points of sheets of one system that have a place."""
    if not any(np.isfinite(sheet.xs).any() for sheet in sheets):
        return None
    (left, right), (bottom, top) = (
        _range([sheet.xs for sheet in sheets]),
        _range([sheet.ys for sheet in sheets]),
    )
    return Bounds(left, bottom, right, top)


def _range(sheets: list[Coordinates]) -> tuple[float, float]:
    """Minimum and maximum over sheets of samples, of which some are finite, and along their edges between samples."""
    known = np.concatenate([values[np.isfinite(values)] for values in sheets])
    edges = np.concatenate([[values[0], values[-1], values[:, 0], values[:, -1]] for values in sheets])
    return _ends(float(known.min()), float(known.max()), edges)


def _ends(low: float, high: float, edges: Coordinates) -> tuple[float, float]:
    """Minimum and maximum of curves through samples whose own are known; most often they are those of a corner."""
    corners = edges[:, [0, -1]]
    if not (corners <= low).any():
        low = min(low, -_peak(-edges))
    if not (corners >= high).any():
        high = max(high, _peak(edges))
    return low, high


def _peak(curves: Coordinates) -> float:
    """The largest value of parabolas through each three samples next to one another, where the middle one is largest.

    Curves with a kink there, as meridians have at a pole, are left out.

    Args:
        curves: shape (curves, samples), not all finite.
    """
    before, middle, after = curves[:, :-2], curves[:, 1:-1], curves[:, 2:]
    with np.errstate(invalid="ignore", divide="ignore"):
        bend = before - 2 * middle + after
        beside = np.pad(bend, ((0, 0), (1, 1)), mode="edge")
        is_smooth = np.maximum(beside[:, :-2], beside[:, 2:]) < bend / KINK
        tops = middle - (after - before) ** 2 / (8 * bend)
        tops = tops[(middle >= before) & (middle >= after) & is_smooth & np.isfinite(tops)]
    return float(tops.max(initial=-math.inf))
