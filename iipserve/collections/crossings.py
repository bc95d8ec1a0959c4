"""How often the lines of a geometry cross each other: a few hundred points in any order take minutes to be made a valid
polygon, or to be related to others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from iipserve.errors import InvalidRequest

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

MAX_CROSSINGS: Final = 20_000
"""Pairs of segments with a point in common, besides those that follow one another. Some 300 points in any order have as
many, and take 0.3 s."""
CHUNK = 100
"""Segments that are compared with all others at once."""


def check_crossings(geojson: str, limit: int = MAX_CROSSINGS) -> None:
    """See that a geometry can be compared in a short time.

    Raises:
        InvalidRequest: its lines cross more often than `limit`.
    """
    import shapely

    shape = shapely.from_geojson(geojson, on_invalid="ignore")
    if shape is None:
        return
    parts = shape.geoms if shape.geom_type == "GeometryCollection" else (shape,)
    if len(parts) == 1 and _is_plain(parts[0]):
        return
    lines = [line for part in parts for line in _lines(part)]
    if lines and _crosses_more_than(_segments(lines), limit):
        raise InvalidRequest(f"the lines of a geometry cross each other more than {limit} times")


def _is_plain(part: BaseGeometry) -> bool:
    """Whether nothing of it crosses or overlaps, which takes little to find out."""
    import shapely

    dimension = shapely.get_dimensions(part)
    return bool(dimension == 0 or (part.is_simple if dimension == 1 else part.is_valid))


def _lines(part: BaseGeometry) -> Sequence[BaseGeometry]:
    import shapely

    parts = shapely.get_parts(part)
    dimension = shapely.get_dimensions(part)
    return list(shapely.get_rings(parts) if dimension == 2 else parts[:0] if dimension == 0 else parts)


def _segments(lines: Sequence[BaseGeometry]) -> Any:
    """Each segment of the lines as a line of its own: an array of them."""
    import numpy as np
    import shapely

    points, line = shapely.get_coordinates(lines, return_index=True)
    is_segment = line[:-1] == line[1:]
    return shapely.linestrings(np.stack((points[:-1][is_segment], points[1:][is_segment]), axis=1))


def _crosses_more_than(segments: Any, limit: int) -> bool:
    import shapely

    tree = shapely.STRtree(segments)
    crossings = 0
    for start in range(0, len(segments), CHUNK):
        some = segments[start : start + CHUNK]
        # each meets itself and two neighbors; pairs are found twice
        crossings += tree.query(some, predicate="intersects").shape[1] - 3 * len(some)
        if crossings > 2 * limit:
            return True
    return False
