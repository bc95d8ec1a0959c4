"""How footprints are related to other geometries, by shapely; and the functions in Python that SQLite calls.

Geometries are in degrees (CRS84), split at 180 degrees. A geometry of a request that goes on past 180 degrees is moved to
where it is on Earth.
"""

from __future__ import annotations

import math
import threading
import unicodedata
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from iipserve.collections.boxes import Boxes
from iipserve.errors import InvalidRequest
from iipserve.geo.grid import Bounds

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

MAX_PARTS = 8
"""Parts of a geometry that are looked up by a box of their own."""
MAX_PREPARED = 16
"""Geometries of recent requests that a thread keeps."""
_RELATIONS: Final = {
    "s_intersects": "intersects",
    "s_equals": "equals",
    "s_touches": "touches",
    "s_crosses": "crosses",
    "s_overlaps": "overlaps",
    "s_within": "contains",
    "s_contains": "within",
}
"""Of a footprint to a geometry, by the function of shapely that takes the geometry first."""


class _Prepared(threading.local):
    """Geometries by their WKB. Each thread has its own: preparing one is not safe for several."""

    def __init__(self) -> None:
        self.shapes: OrderedDict[bytes, BaseGeometry] = OrderedDict()


_prepared = _Prepared()


def shape_of(geojson: str) -> BaseGeometry:
    """The shape of a geometry that `geometries` has checked, valid and between -180 and 180 degrees.

    Raises:
        InvalidRequest: it has no area or length that anything could meet.
    """
    import shapely

    try:
        shape = shapely.from_geojson(geojson)
        # all that is in one of its polygons: where two overlap, "linework" has a hole
        shape = (
            shape if shape.is_valid else shapely.make_valid(shape, method="structure", keep_collapsed=True)
        )
        shape = _on_earth(shape)
    except shapely.errors.ShapelyError:
        raise InvalidRequest("a geometry is not one that can be compared") from None
    if shape.is_empty:
        raise InvalidRequest("a geometry is empty")
    return shape


def _on_earth(shape: BaseGeometry) -> BaseGeometry:
    import shapely
    from shapely.affinity import translate

    west, _, east, _ = shape.bounds
    if west >= -180 and east <= 180:
        return shape
    world = shapely.box(-180, -90, 180, 90)
    return shapely.union_all([world.intersection(translate(shape, turn)) for turn in (-360, 0, 360)])


def boxes_around(shape: BaseGeometry) -> Boxes:
    """Boxes that are around all of a shape: those of its parts, if there are few."""
    parts = getattr(shape, "geoms", (shape,))
    return tuple(Bounds(*part.bounds) for part in (parts if len(parts) <= MAX_PARTS else (shape,)))


def related(relation: str, footprint: str | None, wkb: bytes) -> bool | None:
    """Whether a footprint is in a relation of CQL2 to a geometry; None where there is no footprint.

    Args:
        relation: `s_intersects` and the like.
        footprint: GeoJSON.
        wkb: the other geometry, valid.
    """
    if footprint is None:
        return None
    import shapely

    shape = shapely.from_geojson(footprint, on_invalid="ignore")
    if shape is None:
        return None
    if not shape.is_valid:
        shape = shapely.make_valid(shape)
    other = _shape_of_wkb(wkb)
    if relation == "s_disjoint":
        return not shapely.intersects(other, shape)
    return bool(getattr(shapely, _RELATIONS[relation])(other, shape))


def _shape_of_wkb(wkb: bytes) -> BaseGeometry:
    import shapely

    shapes = _prepared.shapes
    shape = shapes.get(wkb)
    if shape is None:
        shape = shapely.from_wkb(wkb)
        shapely.prepare(shape)
        shapes[wkb] = shape
        if len(shapes) > MAX_PREPARED:
            shapes.popitem(last=False)
    return shape


def folded(function: str, text: str | None) -> str | None:
    """A text without differences of case (`casei`) or of accents (`accenti`)."""
    if not isinstance(text, str):
        return None
    if function == "casei":
        return text.lower()
    apart = unicodedata.normalize("NFD", text)
    return "".join(character for character in apart if not "\u0300" <= character <= "\u036f")


def computed(operator: str, left: float | None, right: float | None) -> float | None:
    """The result of arithmetic; None where it has none: division by zero, a number that is too large."""
    if left is None or right is None:
        return None
    try:
        result = _ARITHMETIC[operator](float(left), float(right))
    except (ArithmeticError, ValueError):
        return None
    return result if isinstance(result, float) and math.isfinite(result) else None


_ARITHMETIC: Final[dict[str, Callable[[float, float], Any]]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "%": math.fmod,
    "^": math.pow,
    "div": lambda a, b: float(math.trunc(a / b)),
}


def register(connection: Any) -> None:
    """Give a connection of `sqlite3` the functions that conditions call."""
    connection.create_function("iipserve_related", 3, related, deterministic=True)
    connection.create_function("iipserve_fold", 2, folded, deterministic=True)
    connection.create_function("iipserve_compute", 3, computed, deterministic=True)
