"""Footprints as GeoJSON: tests of geometries by shapely, for databases that have none of their own."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from iipserve.collections.rows import plain, to_json
from iipserve.collections.values import Json
from iipserve.errors import InvalidRequest
from iipserve.geo.grid import Bounds

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

MAX_KEPT = 256
"""Geometries of searches that are kept as shapely has them."""


def meets(footprint: str | None, other: str) -> bool:
    """Whether two GeoJSON geometries have a point in common; False without a footprint."""
    if footprint is None:
        return False
    import shapely

    one, two = _valid(shapely.from_geojson(footprint)), _kept(other)
    return bool(shapely.intersects(one, two))


def geometry_of(geometry: Json) -> BaseGeometry:
    """The geometry of GeoJSON, made valid where rings cross themselves. Raises `InvalidRequest`."""
    import shapely

    try:
        return _valid(shapely.from_geojson(to_json(plain(geometry))))
    except (shapely.errors.GEOSException, ValueError, TypeError, RecursionError) as error:
        raise InvalidRequest("the geometry is not one of GeoJSON (RFC 7946)") from error


def bounds_of(geometry: Json) -> Bounds:
    """The box of a geometry. Raises `InvalidRequest`, for an empty geometry too."""
    shape = geometry_of(geometry)
    if shape.is_empty:
        raise InvalidRequest("the geometry has no coordinates")
    return Bounds(*shape.bounds)


def box_geometry(box: Bounds) -> dict[str, Any]:
    """A box as GeoJSON: a polygon, or a line or point where it has no width or height."""
    west, south, east, north = box
    if west == east and south == north:
        return {"type": "Point", "coordinates": [west, south]}
    if west == east or south == north:
        return {"type": "LineString", "coordinates": [[west, south], [east, north]]}
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


@lru_cache(MAX_KEPT)
def _kept(text: str) -> BaseGeometry:
    import shapely

    return _valid(shapely.from_geojson(text))


def _valid(shape: BaseGeometry) -> BaseGeometry:
    import shapely

    return shape if shapely.is_valid(shape) else shapely.make_valid(shape)
