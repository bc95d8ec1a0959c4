"""Footprints: outlines of the pixels of an image that have data, in degrees of WGS 84.

A footprint contains every pixel that has data, so that no map of several images has a hole where one of them would show
something; it may be larger by a few pixels. Across 180 degrees it is split (RFC 7946, 3.1.9), and around a pole it
reaches to that.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from iipserve.engine.valid_area import ValidCells
from iipserve.geo import crs, load
from iipserve.geo.extents import geographic_bounds
from iipserve.geo.georeference import PIXEL_SPACE, Georeference
from iipserve.geo.grid import Bounds
from iipserve.geo.mapping import to_ground, to_pixels
from iipserve.geometry import Size

MAX_PARTS = 64
"""Polygons of an outline in pixels, before cells are joined to larger ones."""
MAX_VERTICES = 160
"""Of an outline in pixels, before it is simplified further."""
MIN_HOLE = 0.002
"""Part of the image below which a hole is left out."""
EDGES = 32
"""Parts of the longer side of an image that are projected by themselves."""
PRECISION = 1 / 4000
"""Part of its size by which the edge of a footprint may be further out than that of the image, and half a pixel at most."""
PROBES = 24
"""Places across and down an outline that prove its footprint."""
CLOSE = 1e-9
"""Degrees."""
WHOLE = 1e-9
"""Degrees that a footprint may lack and still go around the globe."""

Coordinates = NDArray[np.float64]


class Footprint(NamedTuple):
    """Where an image has data."""

    geometry: Mapping[str, Any]
    """GeoJSON: Polygon or MultiPolygon, between -180 and 180 degrees."""
    boxes: tuple[Bounds, ...]
    """Around it, as of `collections.values.Item`: two where it crosses 180 degrees, the one that ends there first."""


def footprint(georeference: Georeference, valid: ValidCells | None) -> Footprint | None:
    """The footprint of an image; None where it has no place on the Earth.

    Args:
        georeference: of the image.
        valid: where it has data; None: everywhere. Where it has none at all, its whole outline counts.

    Raises:
        NotInstalled: the extra `collections` is not.
    """
    if georeference.crs == PIXEL_SPACE or not crs.is_earth(georeference.crs):
        return None
    around = geographic_bounds(georeference)
    if around is None:
        return None
    load("rasterio")
    from shapely import MultiPolygon, get_parts, make_valid, unary_union

    outline = pixel_outline(valid, georeference.size)
    found = [polygon for part in get_parts(outline) for polygon in _located(part, georeference)]
    # parts that touched each other may overlap once they are loosened
    found = [each for each in _polygons(unary_union(make_valid(found))) if each.area > 0]
    if not _holds(found, outline, georeference):
        found = _boxes_as_polygons(around)
    return Footprint(_geojson(found[0] if len(found) == 1 else MultiPolygon(found)), _boxes(found))


# -- in pixels -------------------------------------------------------------------------------------


def pixel_outline(valid: ValidCells | None, size: Size) -> Any:
    """The outline, in pixel coordinates of the full size, of at most some `MAX_VERTICES` vertices: shapely's polygons."""
    from shapely import box, transform, unary_union

    whole = box(0, 0, size.width, size.height)
    if valid is None or not valid.cells.any():
        return whole
    parts, sides = _parts(valid)
    outline = transform(unary_union(parts), lambda places: (places - 1) * sides).intersection(whole)
    return _simplified(outline, max(sides), is_exact=valid.is_exact and max(sides) <= 1).intersection(whole)


def _parts(valid: ValidCells) -> tuple[list[Any], tuple[float, float]]:
    """Polygons around cells, and the sides of these. A cell is a unit, from 1 on: rasterio warns of what begins at 0."""
    from rasterio import Affine
    from rasterio.features import shapes
    from shapely.geometry import shape

    cells, sides = valid.cells, valid.sides
    while True:
        found = shapes(cells.astype(np.uint8), mask=cells, transform=Affine(1, 0, 1, 0, 1, 1))
        parts = [shape(each) for each, _ in found]
        if len(parts) <= MAX_PARTS:
            return parts, sides
        cells, sides = _coarser(cells), (sides[0] * 2, sides[1] * 2)


def _coarser(cells: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Cells of twice the sides."""
    height, width = cells.shape
    even = np.pad(cells, ((0, height % 2), (0, width % 2)))
    quarters = even.reshape(even.shape[0] // 2, 2, even.shape[1] // 2, 2)
    return np.asarray(quarters.any(axis=(1, 3)), np.bool_)


def _simplified(outline: Any, slack: float, *, is_exact: bool) -> Any:
    """An outline with fewer vertices and without small holes, which contains this one."""
    from shapely import get_num_coordinates

    result = outline.simplify(0)
    if not is_exact or get_num_coordinates(result) > MAX_VERTICES:
        result = outline.buffer(slack, join_style="mitre").simplify(slack)
    while get_num_coordinates(result) > MAX_VERTICES and slack < math.hypot(*outline.bounds[2:]):
        slack *= 2
        result = outline.buffer(slack, join_style="mitre").simplify(slack)
    return _without_small_holes(result, outline.envelope.area * MIN_HOLE)


def _without_small_holes(outline: Any, least: float) -> Any:
    from shapely import MultiPolygon, Polygon, get_parts

    return MultiPolygon([
        Polygon(part.exterior, [hole for hole in part.interiors if Polygon(hole).area >= least])
        for part in get_parts(outline)
    ])  # fmt: skip


# -- in degrees ------------------------------------------------------------------------------------


def _located(part: Any, georeference: Georeference) -> list[Any]:
    """A polygon of pixels as polygons in degrees, between -180 and 180; none where it has no place."""
    from shapely import Polygon, is_valid, make_valid, segmentize

    if georeference.crs != crs.WGS84 or georeference.grid is None:
        part = segmentize(part, max(georeference.size) / EDGES)
    exterior = _ring(part.exterior, georeference)
    if len(exterior) < 4:
        return []
    turns = round((exterior[-1, 0] - exterior[0, 0]) / 360)
    if turns:
        return _around_pole(exterior, turns, part, georeference)
    holes = [_next_to(_ring(hole, georeference), exterior) for hole in part.interiors]
    polygon = Polygon(exterior, [hole for hole in holes if len(hole) >= 4])
    polygon = _loosened(polygon if is_valid(polygon) else make_valid(polygon), georeference)
    return [split for each in _polygons(polygon) for split in _between_seams(each)]


def _ring(ring: Any, georeference: Georeference) -> Coordinates:
    """Longitudes and latitudes of a ring of pixels, shape (points, 2), without jumps at 180 degrees.

    Points that have no place are left out.
    """
    columns, rows = np.array(ring.coords).T
    places = to_ground(georeference.mapping, columns, rows)
    xs, ys = crs.transformer(georeference.crs, crs.WGS84)(*places)
    there = np.isfinite(xs) & np.isfinite(ys)
    xs, ys = xs[there], np.clip(ys[there], -90.0, 90.0)
    if georeference.crs != crs.WGS84:
        xs = np.unwrap(xs, period=360)
    return np.stack([xs, ys], axis=1)


def _next_to(hole: Coordinates, exterior: Coordinates) -> Coordinates:
    """A ring by whole turns further, so that it is among the longitudes of another one."""
    if len(hole):
        hole[:, 0] -= 360 * round((hole[:, 0].mean() - exterior[:, 0].mean()) / 360)
    return hole


def _loosened(polygon: Any, georeference: Georeference) -> Any:
    """A polygon that contains this one and has no more vertices than it needs; edges of degrees stay as they are."""
    if georeference.crs == crs.WGS84 and georeference.grid is not None:
        return polygon
    west, south, east, north = polygon.bounds
    diagonal, pixels = math.hypot(east - west, north - south), math.hypot(*georeference.size)
    slack = diagonal * min(PRECISION, 0.5 / pixels)
    return polygon.buffer(slack, join_style="mitre").simplify(slack) if slack > 0 else polygon


def _around_pole(exterior: Coordinates, turns: int, part: Any, georeference: Georeference) -> list[Any]:
    """What is between a ring that goes around the globe and the pole that it goes around."""
    import antimeridian
    from shapely import Polygon

    is_north = _contains(part, georeference, 90.0)
    if not is_north and not _contains(part, georeference, -90.0):
        is_north = bool(exterior[:, 1].mean() > 0)
    # what is on the left of a ring is inside: to the east around the north pole, to the west around the south pole
    if (turns > 0) != is_north:
        exterior = exterior[::-1]
    fixed = antimeridian.fix_polygon(Polygon(exterior), fix_winding=False, great_circle=False)
    return list(_polygons(fixed))


def _contains(part: Any, georeference: Georeference, latitude: float) -> bool:
    """Whether a pole is in a polygon of pixels."""
    from shapely import Point

    try:
        xs, ys = crs.transformer(crs.WGS84, georeference.crs)(np.zeros(1), np.full(1, latitude))
    except crs.NoTransformation:
        return False
    columns, rows = to_pixels(georeference.mapping, xs, ys)
    return bool(np.isfinite([columns[0], rows[0]]).all()) and part.contains(Point(columns[0], rows[0]))


def _between_seams(polygon: Any) -> list[Any]:
    """A polygon of any longitudes without jumps, as polygons between -180 and 180 degrees."""
    from shapely import box, transform

    west, south, east, north = polygon.bounds
    if east - west >= 360 - WHOLE:
        return [box(-180.0, max(south, -90.0), 180.0, min(north, 90.0))]
    parts: list[Any] = []
    for turn in range(math.floor((west + 180) / 360), math.floor((east + 180) / 360) + 1):
        part = polygon.intersection(box(turn * 360.0 - 180, -90.0, turn * 360.0 + 180, 90.0))
        parts += _polygons(transform(part, partial(_turned, turn)))
    return parts


def _turned(turn: int, places: Coordinates) -> Coordinates:
    """Longitudes of one turn around the globe, between -180 and 180 degrees."""
    return np.stack([np.clip(places[:, 0] - turn * 360.0, -180.0, 180.0), places[:, 1]], axis=1)


def _holds(polygons: Sequence[Any], outline: Any, georeference: Georeference) -> bool:
    """Whether places all over an outline of pixels are in polygons in degrees: not where its edge is too close to a pole."""
    from shapely import MultiPolygon, contains_properly, points

    left, top, right, bottom = outline.bounds
    columns, rows = (each.ravel() for each in np.meshgrid(
        np.linspace(left, right, PROBES + 2)[1:-1], np.linspace(top, bottom, PROBES + 2)[1:-1]
    ))  # fmt: skip
    inside = contains_properly(outline, points(columns, rows))
    places = to_ground(georeference.mapping, columns[inside], rows[inside])
    xs, ys = crs.transformer(georeference.crs, crs.WGS84)(*places)
    there = np.isfinite(xs) & np.isfinite(ys)
    probes = points((xs[there] + 180) % 360 - 180, np.clip(ys[there], -90, 90))
    return bool(polygons) and bool(MultiPolygon(list(polygons)).buffer(CLOSE).covers(probes).all())


def _polygons(geometry: Any) -> Iterator[Any]:
    """The polygons of a geometry of any kind."""
    from shapely import get_parts

    for part in get_parts(geometry):
        if part.geom_type == "Polygon":
            yield part
        elif part.geom_type == "MultiPolygon":
            yield from _polygons(part)


def _boxes_as_polygons(around: Bounds) -> list[Any]:
    """The box of an image whose outline has no place."""
    from shapely import box

    if around.min_x <= around.max_x:
        return [box(*around)]
    return [box(*around._replace(max_x=180.0)), box(*around._replace(min_x=-180.0))]


def _boxes(polygons: Sequence[Any]) -> tuple[Bounds, ...]:
    """The box around polygons, or one on each side of 180 degrees where they cross that."""
    bounds = [polygon.bounds for polygon in polygons]
    ends = [box for box in bounds if box[2] >= 180 and box[0] > -180]
    begins = [box for box in bounds if box[0] <= -180 and box[2] < 180]
    if not (ends and begins) or any(box[0] <= -180 and box[2] >= 180 for box in bounds):
        return (_around(bounds),)
    whole = _around(bounds)
    west = min(box[0] for box in bounds if box[0] + box[2] > 0)
    east = max(box[2] for box in bounds if box[0] + box[2] <= 0)
    return whole._replace(min_x=west), whole._replace(max_x=east)


def _around(boxes: Sequence[tuple[float, ...]]) -> Bounds:
    west, south, east, north = zip(*boxes, strict=True)
    return Bounds(min(west), min(south), max(east), max(north))


def _geojson(geometry: Any) -> Mapping[str, Any]:
    """GeoJSON of a geometry, exterior rings counterclockwise (RFC 7946, 3.1.6)."""
    from shapely.geometry import mapping
    from shapely.geometry.polygon import orient

    if geometry.geom_type == "Polygon":
        geometry = orient(geometry)
    else:
        geometry = type(geometry)([orient(part) for part in geometry.geoms])
    found = mapping(geometry)
    return {"type": found["type"], "coordinates": _as_lists(found["coordinates"])}


def _as_lists(coordinates: Any) -> Any:
    return (
        [_as_lists(each) for each in coordinates]
        if isinstance(coordinates, (tuple, list))
        else float(coordinates)
    )
