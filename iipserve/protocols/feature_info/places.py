"""Places that are asked about: a point of a map and the area around it, in a coordinate reference system."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from iipserve.geo import crs
from iipserve.geo.grid import Bounds, GridRef

REACH = 2
"""Pixels of a map on each side of the one asked about that belong to its area: 5 x 5 in all."""
ORACLE_CODES = {
    "8192": "EPSG:4326", "8199": "EPSG:4209", "8237": "EPSG:4230", "8260": "EPSG:4267", "8265": "EPSG:4269",
    "8307": "EPSG:4326", "8311": "EPSG:4283",
}  # fmt: skip
"""Geographic systems by Oracle Spatial's own codes (its table SDO_COORD_REF_SYS), where that is none of EPSG."""


class Place(NamedTuple):
    """A point and an area around it, or an area alone."""

    crs: str
    """Key of the coordinate reference system of the area."""
    area: Bounds
    """Over which statistics are made."""
    point: tuple[float, float] | None = None
    """x and y; None: the middle of what the image has of the area."""
    point_crs: str = ""
    """Key of the coordinate reference system of the point; empty: that of the area."""


def pixel_of_grid(grid: GridRef, column: int, row: int) -> Place:
    """The center of a pixel of a map or a tile, and the pixels around it, also those of neighboring tiles.

    Args:
        grid: of the map or tile.
        column: of the pixel, from 0.
        row: of the pixel, from 0.
    """
    corners = [
        grid.affine.apply(column + x, row + y) for x in (-REACH, REACH + 1) for y in (-REACH, REACH + 1)
    ]
    xs, ys = zip(*corners, strict=True)
    return Place(
        grid.crs, Bounds(min(xs), min(ys), max(xs), max(ys)), grid.affine.apply(column + 0.5, row + 0.5)
    )


def point_of_level(point: tuple[float, float], point_crs: str, key: str, cell: tuple[float, float]) -> Place:
    """A point, and 5 x 5 pixels of a level around it.

    Args:
        point: x and y.
        point_crs: key of their coordinate reference system.
        key: of that of the level.
        cell: width and height of a pixel of the level, in units of its system.

    Raises:
        NoTransformation: there is none between the two systems.
        UnknownCrs: of a key that is none.
    """
    xs, ys = crs.transformer(point_crs, key)(np.array(point[:1]), np.array(point[1:]))
    x, y = float(xs[0]), float(ys[0])
    width, height = cell[0] * (REACH + 0.5), cell[1] * (REACH + 0.5)
    return Place(key, Bounds(x - width, y - height, x + width, y + height), point, point_crs)


def key_of_srid(text: str) -> str:
    """The key of a coordinate reference system by its number: EPSG's, ESRI's where EPSG has none, or Oracle's.

    Coordinates with it are x before y, longitude before latitude. Names in other forms are read as well.

    Raises:
        UnknownCrs: the text names none.
        NotInstalled: the extra `geo` is not.
    """
    number = text.strip()
    if not (number.isascii() and number.isdecimal()):
        return crs.parse(text).key
    if number in ORACLE_CODES:
        return ORACLE_CODES[number]
    try:
        return crs.parse(f"EPSG:{number}").key
    except crs.UnknownCrs:
        return crs.parse(f"ESRI:{number}").key
