"""Which pixels of an image a place is."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from iipserve.geo import crs
from iipserve.geo.georeference import Georeference
from iipserve.geo.grid import Bounds
from iipserve.geo.mapping import Coordinates, to_ground, to_pixels
from iipserve.geometry import Region
from iipserve.protocols.feature_info.places import Place

PARTS = np.linspace(0.0, 1.0, 21)
"""Where points of each edge of an area are that are transformed to pixels."""
SNAP = 1e-3
"""Pixels by which an edge of an area may be past an edge between pixels without reaching the next one."""
TURNS = (0, 1, -1)
"""Around the globe, by which places are moved to where the image is."""
HALF_TURN = 180.0
"""In degrees."""


class Spot(NamedTuple):
    """What an image has of a place."""

    x: float
    y: float
    """In the image's coordinate reference system."""
    longitude: float | None
    latitude: float | None
    """In degrees of WGS 84; None where the image is not on the Earth."""
    column: int
    row: int
    """Of the pixel, at full size."""
    area: Region
    """In pixels of the full size."""
    outline: tuple[tuple[float, float], ...] = ()
    """Longitude and latitude of the corners of the pixel, around it; none where the image is not on the Earth."""


def locate(place: Place, georeference: Georeference, part: Region | None = None) -> Spot | None:
    """The pixels of an image at a place.

    Args:
        place: in any coordinate reference system.
        georeference: of the image.
        part: of the image that is shown, in pixels of the full size; None for all.

    Returns:
        None if the point, or without one the area, is outside.

    Raises:
        NoTransformation: the two systems are not of one body.
    """
    shown = part or Region.of_size(georeference.size)
    with np.errstate(all="ignore"):
        attempts = (_located(place, georeference, shown, turns) for turns in TURNS)
        return next((spot for spot in attempts if spot is not None), None)


def _located(place: Place, georeference: Georeference, shown: Region, turns: int) -> Spot | None:
    """The place, moved by whole turns around the globe in the image's coordinate reference system."""
    turn = crs.turn(georeference.crs)
    if turns and turn is None:
        return None
    own = place.point or _middle(place.area)
    x, y = crs.transformer(place.point_crs or place.crs, georeference.crs)(
        np.array(own[:1]), np.array(own[1:])
    )
    xs, ys = crs.transformer(place.crs, georeference.crs)(*_outline(place.area))
    xs, ys = np.append(x, xs), np.append(y, ys)
    if turn is not None:
        xs = _unwrapped(xs, turn) + turns * turn
    columns, rows = to_pixels(georeference.mapping, xs, ys)
    area = _region_around(columns[1:], rows[1:])
    area = area and _clipped(area, shown)
    if place.point is None:
        return area and _middle_of(area, georeference)
    pixel = _pixel(float(columns[0]), float(rows[0]), shown)
    if pixel is None:
        return None
    return _spot(float(xs[0]), float(ys[0]), pixel, area or Region(*pixel, 1, 1), georeference)


def _middle(area: Bounds) -> tuple[float, float]:
    return area.min_x / 2 + area.max_x / 2, area.min_y / 2 + area.max_y / 2


def _middle_of(area: Region, georeference: Georeference) -> Spot:
    """The middle pixel of a region."""
    pixel = area.x + area.width // 2, area.y + area.height // 2
    xs, ys = to_ground(georeference.mapping, np.array([pixel[0] + 0.5]), np.array([pixel[1] + 0.5]))
    return _spot(float(xs[0]), float(ys[0]), pixel, area, georeference)


def _spot(x: float, y: float, pixel: tuple[int, int], area: Region, georeference: Georeference) -> Spot:
    longitude, latitude = geographic(georeference.crs, x, y) or (None, None)
    outline = () if longitude is None else _corners(georeference, pixel, longitude)
    return Spot(x, y, longitude, latitude, *pixel, area, outline)


def _corners(
    georeference: Georeference, pixel: tuple[int, int], near: float
) -> tuple[tuple[float, float], ...]:
    """Longitude and latitude of the corners of a pixel, within half a turn of a longitude; none if one has no place."""
    column, row = pixel
    columns, rows = np.array([column, column + 1, column + 1, column]), np.array([row, row, row + 1, row + 1])
    xs, ys = to_ground(georeference.mapping, columns.astype(float), rows.astype(float))
    lons, lats = crs.transformer(georeference.crs, crs.WGS84)(xs, ys)
    if not (np.isfinite(lons).all() and np.isfinite(lats).all()):
        return ()
    lons = lons - 2 * HALF_TURN * np.rint((lons - near) / (2 * HALF_TURN))
    return tuple(zip(lons.tolist(), lats.tolist(), strict=True))


def geographic(key: str, x: float, y: float) -> tuple[float, float] | None:
    """Longitude, from -180 to 180, and latitude of a point; None where it is not on the Earth."""
    if not crs.is_earth(key):
        return None
    xs, ys = crs.transformer(key, crs.WGS84)(np.array([x]), np.array([y]))
    longitude, latitude = float(xs[0]), float(ys[0])
    if not (math.isfinite(longitude) and math.isfinite(latitude)):
        return None
    return (longitude if abs(longitude) <= HALF_TURN else math.remainder(longitude, 2 * HALF_TURN)), latitude


def _unwrapped(xs: Coordinates, turn: float) -> Coordinates:
    """The coordinates within half a turn of the first."""
    return xs - turn * np.rint((xs - xs[0]) / turn) if math.isfinite(xs[0]) else xs


def _outline(area: Bounds) -> tuple[Coordinates, Coordinates]:
    """Points along the edges of a box."""
    xs, ys = (
        start * PARTS[::-1] + stop * PARTS
        for start, stop in ((area.min_x, area.max_x), (area.min_y, area.max_y))
    )
    same = np.ones(len(PARTS))
    return (
        np.concatenate([xs, xs, area.min_x * same, area.max_x * same]),
        np.concatenate([area.min_y * same, area.max_y * same, ys, ys]),
    )


def _region_around(columns: Coordinates, rows: Coordinates) -> Region | None:
    """The pixels that meet the box around some places; None if none of them is finite."""
    known = np.isfinite(columns) & np.isfinite(rows)
    if not known.any():
        return None
    x, right = _span(columns[known])
    y, bottom = _span(rows[known])
    return Region(x, y, right - x, bottom - y)


def _span(places: Coordinates) -> tuple[int, int]:
    first = math.floor(float(places.min()) + SNAP)
    return first, max(first + 1, math.ceil(float(places.max()) - SNAP))


def _clipped(region: Region, shown: Region) -> Region | None:
    inside = region._replace(x=region.x - shown.x, y=region.y - shown.y).clipped(shown.size)
    return inside and inside._replace(x=inside.x + shown.x, y=inside.y + shown.y)


def _pixel(column: float, row: float, shown: Region) -> tuple[int, int] | None:
    """Column and row of the pixel that contains a place; None outside."""
    if not (math.isfinite(column) and math.isfinite(row)):
        return None
    x, y = math.floor(column), math.floor(row)
    return (x, y) if shown.x <= x < shown.right and shown.y <= y < shown.bottom else None
