"""GeoJSON geometries that come with requests: checked for their form, before a library gets them.

Source: RFC 7946 section 3.1. Coordinates are longitude and latitude in degrees.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from iipserve.collections.boxes import boxes_of, is_finite
from iipserve.collections.crossings import MAX_CROSSINGS, check_crossings
from iipserve.errors import InvalidRequest
from iipserve.geo.grid import Bounds

MAX_POSITIONS = 10_000
FEW_POSITIONS = 30
"""Of a geometry that can be compared in a short time, whatever it is."""
MAX_LONGITUDE = 540.0
"""Polygons across the antimeridian may go on past 180 degrees."""
_DEPTHS: Final = {
    "Point": 0, "MultiPoint": 1, "LineString": 1, "MultiLineString": 2, "Polygon": 2, "MultiPolygon": 3,
}  # fmt: skip
"""How many lists are around a position."""
_SHORTEST: Final = {"LineString": 2, "MultiLineString": 2, "Polygon": 4, "MultiPolygon": 4}
"""Positions that a line, or a ring of a polygon, has at least."""


def read_geometry(value: object, max_crossings: int = MAX_CROSSINGS) -> str:
    """Check a geometry, and write it without what is not part of it: heights, foreign members.

    Args:
        value: GeoJSON.
        max_crossings: how often its lines may cross.

    Raises:
        InvalidRequest: it is not a GeoJSON geometry with finite coordinates on Earth, has too many of them, or crosses
            itself too often.
    """
    count = _count(value)
    if count > MAX_POSITIONS:
        raise InvalidRequest(f"a geometry has more than {MAX_POSITIONS} positions")
    geometry = _geometry(value, may_be_collection=True)
    text = json.dumps(geometry, separators=(",", ":"))
    if count > FEW_POSITIONS:
        check_crossings(text, max_crossings)
    return text


def _count(value: object) -> int:
    """How many positions a geometry has that is not checked yet; counting ends where there are too many.

    A list is at least one, so that many empty ones do not take long.
    """
    if not isinstance(value, Mapping):
        return 0
    kind = value.get("type")
    if kind == "GeometryCollection":
        return _total(value.get("geometries"), _count)
    depth = _DEPTHS.get(kind, 0) if isinstance(kind, str) else 0
    return _count_at(value.get("coordinates"), depth)


def _count_at(coordinates: object, depth: int) -> int:
    if depth < 2:
        return len(coordinates) if depth and isinstance(coordinates, Sequence) else 1
    return _total(coordinates, lambda part: _count_at(part, depth - 1))


def _total(parts: object, count: Callable[[object], int]) -> int:
    total = 0
    for part in parts if isinstance(parts, Sequence) else ():
        total += max(1, count(part))
        if total > MAX_POSITIONS:
            break
    return total


def box_geometry(numbers: Sequence[float]) -> str:
    """The GeoJSON of a box of four or six numbers, which may cross the antimeridian.

    Raises:
        InvalidRequest: the numbers are not a box.
    """
    rings = [[_ring(box)] for box in boxes_of(numbers)]
    return json.dumps({"type": "MultiPolygon", "coordinates": rings}, separators=(",", ":"))


def _ring(box: Bounds) -> list[list[float]]:
    west, south, east, north = box
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]


def positions(geometry: Mapping[str, Any]) -> Iterator[Sequence[float]]:
    """All positions of a checked geometry."""
    if geometry["type"] == "GeometryCollection":
        for part in geometry["geometries"]:
            yield from positions(part)
        return
    yield from _flat(geometry["coordinates"], _DEPTHS[geometry["type"]])


def _flat(coordinates: Any, depth: int) -> Iterator[Sequence[float]]:
    if depth == 0:
        yield coordinates
        return
    for part in coordinates:
        yield from _flat(part, depth - 1)


def _geometry(value: object, may_be_collection: bool) -> dict[str, Any]:
    if not isinstance(value, Mapping) or not isinstance(value.get("type"), str):
        raise InvalidRequest("a geometry is a GeoJSON object with a type")
    kind = value["type"]
    if kind == "GeometryCollection" and may_be_collection:
        return {
            "type": kind,
            "geometries": [_geometry(part, False) for part in _items(value.get("geometries"))],
        }
    if kind not in _DEPTHS:
        raise InvalidRequest(f"a geometry is one of {', '.join(_DEPTHS)}")
    return {"type": kind, "coordinates": _coordinates(value.get("coordinates"), _DEPTHS[kind], kind)}


def _coordinates(value: object, depth: int, kind: str) -> list[Any]:
    if depth == 0:
        return _position(value)
    parts = [_coordinates(part, depth - 1, kind) for part in _items(value)]
    if depth == 1:
        _check_line(parts, kind)
    return parts


def _items(value: object) -> Sequence[Any]:
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        raise InvalidRequest("the coordinates of a geometry are lists, none of them empty")
    return value


def _check_line(line: list[Any], kind: str) -> None:
    shortest = _SHORTEST.get(kind, 1)
    if len(line) < shortest:
        raise InvalidRequest(f"a line of a {kind} has {len(line)} positions; it takes {shortest}")
    if shortest == 4 and line[0] != line[-1]:
        raise InvalidRequest("a ring of a polygon ends where it starts")


def _position(value: object) -> list[float]:
    numbers = _items(value)
    if not 2 <= len(numbers) <= 4 or not all(is_finite(number) for number in numbers):
        raise InvalidRequest(
            "a position is two finite numbers, longitude and latitude, or three with a height"
        )
    x, y = float(numbers[0]), float(numbers[1])
    if abs(x) > MAX_LONGITUDE or abs(y) > 90:
        raise InvalidRequest(f"the position {x:g}, {y:g} is not on Earth; longitude comes first")
    return [x, y]
