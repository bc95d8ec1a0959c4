"""Footprints that clients state: geometries of GeoJSON, split at 180 degrees, and the boxes around them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

from iipserve.collections.boxes import boxes_of
from iipserve.collections.geometries import positions, read_geometry
from iipserve.errors import InvalidRequest
from iipserve.geo.grid import Bounds


class Footprint(NamedTuple):
    """A geometry and the boxes around it, as `values.Item` has them."""

    geometry: Mapping[str, Any]
    bounds: tuple[Bounds, ...]


def stated_footprint(geometry: Any, box: Any = None) -> Footprint:
    """The footprint that a geometry is.

    Args:
        geometry: GeoJSON. Polygons that go on past 180 degrees are split there (RFC 7946, section 3.1.9).
        box: the member `bbox` next to it; if its west is greater than its east, the geometry crosses 180 degrees.

    Raises:
        InvalidRequest: it is no geometry of GeoJSON, or the box is none.
    """
    if box is not None and not isinstance(box, list):
        raise InvalidRequest("bbox is not an array of numbers")
    stated = () if box is None else boxes_of(box)
    checked = json.loads(read_geometry(geometry))
    if any(abs(position[0]) > 180 for position in positions(checked)):
        checked = _split_geometry(checked)
    parts = list(map(_bounds, _parts(checked)))
    if len(stated) == 2:
        return Footprint(checked, _of_equal_latitudes(*stated))
    return Footprint(checked, _across(parts) or (_around(parts),))


def _split_geometry(geometry: dict[str, Any]) -> dict[str, Any]:
    if geometry["type"] not in ("Polygon", "MultiPolygon"):
        raise InvalidRequest(f"a {geometry['type']} has longitudes beyond 180 degrees; polygons may")
    import antimeridian

    found: dict[str, Any] = json.loads(json.dumps(antimeridian.fix_geojson(geometry, great_circle=False)))
    return found


def _parts(geometry: Mapping[str, Any]) -> Iterator[list[Any]]:
    """The positions of each polygon, line or point."""
    kind = geometry["type"]
    if kind == "GeometryCollection":
        for part in geometry["geometries"]:
            yield from _parts(part)
    elif kind.startswith("Multi"):
        single = kind.removeprefix("Multi")
        for coordinates in geometry["coordinates"]:
            yield list(positions({"type": single, "coordinates": coordinates}))
    else:
        yield list(positions(geometry))


def _bounds(points: list[Any]) -> Bounds:
    xs, ys = [point[0] for point in points], [point[1] for point in points]
    return Bounds(min(xs), min(ys), max(xs), max(ys))


def _around(parts: list[Bounds]) -> Bounds:
    return Bounds(
        min(part.min_x for part in parts),
        min(part.min_y for part in parts),
        max(part.max_x for part in parts),
        max(part.max_y for part in parts),
    )


def _across(parts: list[Bounds]) -> tuple[Bounds, ...]:
    """Two boxes for parts that end at 180 degrees and begin at -180: what is between them is their largest gap."""
    reached: list[list[float]] = []
    for start, stop in sorted((part.min_x, part.max_x) for part in parts):
        if reached and start <= reached[-1][1]:
            reached[-1][1] = max(reached[-1][1], stop)
        else:
            reached.append([start, stop])
    if len(reached) < 2 or reached[0][0] != -180 or reached[-1][1] != 180:
        return ()
    _, east, west = max((after[0] - before[1], before[1], after[0]) for before, after in pairwise(reached))
    around = _around(parts)
    return around._replace(min_x=west, max_x=180.0), around._replace(min_x=-180.0, max_x=east)


def _of_equal_latitudes(west: Bounds, east: Bounds) -> tuple[Bounds, ...]:
    south, north = min(west.min_y, east.min_y), max(west.max_y, east.max_y)
    return west._replace(min_y=south, max_y=north), east._replace(min_y=south, max_y=north)
