"""What of its layers a map shows, and how large (20-058, clauses 11 to 13): boxes, intervals, centers, sizes, scales."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from iipserve.errors import InvalidRequest
from iipserve.geo import crs
from iipserve.geo.crs import AxisRule, CrsName, Form, quoted
from iipserve.geo.extents import transform_bounds
from iipserve.geo.grid import Bounds
from iipserve.geo.ows.kvp import Parameters
from iipserve.geo.places import Place
from iipserve.geometry import Size
from iipserve.protocols.map_scales import PIXEL, steps_at
from iipserve.protocols.map_tiles import NotThere
from iipserve.protocols.map_values import box, invalid, number, whole
from iipserve.protocols.ogcapi.subset import CRS84, Subset

POLE = 90.0
"""Latitude, in degrees."""
USUAL_SIDE = 1024
"""Pixels of a side of a map whose size is not stated, at most."""


class Sides(NamedTuple):
    """A box as far as it is stated."""

    min_x: float | None
    min_y: float | None
    max_x: float | None
    """Below `min_x` across the antimeridian."""
    max_y: float | None

    def completed(self, known: Bounds | None) -> Bounds | None:
        """The box, with sides of another one where they are not stated; None if it has no area."""
        if None in self and known is None:
            return None
        own = [side for side in (known or self) if side is not None]
        left, bottom, right, top = (
            other if side is None else side for side, other in zip(self, own, strict=True)
        )
        return Bounds(left, bottom, right, top) if bottom < top and left != right else None


class Area(NamedTuple):
    """What a request states. Sizes, scales and boxes follow from one another."""

    sides: Sides | None
    """None without a box."""
    sides_crs: CrsName
    center: tuple[float, float] | None
    """x and y."""
    center_crs: CrsName
    width: int | None
    """In pixels."""
    height: int | None
    metres: float | None
    """Of the ground, that a pixel shows in either direction."""
    text: str
    """The box or the center as the client wrote it."""


class Whole(NamedTuple):
    """Where the layers of a map are."""

    bounds: Bounds
    """`max_x` is above `min_x`."""
    resolution: float
    """Side of the smallest pixel."""


# -- requests --------------------------------------------------------------------------------------


def read_area(parameters: Parameters, subset: Subset, limit: Size) -> Area:
    """What a request states.

    Args:
        parameters: of the request.
        subset: of the request.
        limit: of width and height.

    Raises:
        OwsError: a value is malformed, or contradicts another.
        UnknownCrs: a system is unknown.
        NotThere: an interval is outside of its axis.
        InvalidRequest: a size is above the limit.
    """
    text, center = parameters.get("bbox"), parameters.get("center")
    sides, sides_crs = _sides(subset), subset.crs
    stated = [name for name, value in (("bbox", text), ("subset", sides), ("center", center)) if value]
    if len(stated) > 1:
        raise invalid(f"{' and '.join(stated)} exclude each other; state one of them", stated[1])
    if text:
        sides_crs = _system(parameters, "bbox-crs")
        sides = Sides(*_box(text, sides_crs))
    width, height = (
        _pixels(parameters, name, most) for name, most in zip(("width", "height"), limit, strict=True)
    )
    metres = _metres(parameters)
    if sides and metres and (width or height):
        raise invalid(
            "scale-denominator and width or height exclude each other where a box is stated",
            "scale-denominator",
        )
    center_crs = _system(parameters, "center-crs") if center else CRS84
    place = _center(center, center_crs) if center else None
    return Area(
        sides, sides_crs, place, center_crs, width, height, metres, text or center or parameters.get("subset")
    )


def _system(parameters: Parameters, name: str) -> CrsName:
    text = parameters.get(name)
    return crs.parse(text) if text else CRS84


def _box(text: str, name: CrsName) -> Bounds:
    swapped = crs.axis_order(name, AxisRule.OGC_API)
    found = box(text, swapped=swapped, turn=crs.turn(name.key))
    if name.form is Form.ROWS_DOWN:
        return Bounds(found.min_x, -found.max_y, found.max_x, -found.min_y)
    return found


def _sides(subset: Subset) -> Sides | None:
    """The sides that intervals state; None if neither axis has one."""
    x, y = subset.x, subset.y
    if x is None and y is None:
        return None
    if (x and x.is_point) or (y and y.is_point):
        raise invalid(
            f"SUBSET {quoted(subset.text)} has a point; a map needs intervals, as Lat(40:50)", "subset"
        )
    (left, right), (bottom, top) = (axis[:2] if axis else (None, None) for axis in (x, y))
    if crs.is_geographic(subset.crs.key) and ((bottom or 0) > POLE or (top or 0) < -POLE):
        raise NotThere("SUBSET states latitudes beyond the poles; they end at 90 degrees")
    return Sides(left, bottom, right, top)


def _pixels(parameters: Parameters, name: str, limit: int) -> int | None:
    if not parameters.get(name):
        return None
    side = whole(parameters, name, minimum=1)
    if side > limit:
        raise InvalidRequest(f"{name} {side} is more than this server draws; {limit} is the most")
    return side


def _metres(parameters: Parameters) -> float | None:
    """The side of a pixel on the ground (/req/scaling/scale-denominator-definition, C)."""
    denominator, pixel = (_positive(parameters, name) for name in ("scale-denominator", "mm-per-pixel"))
    return None if denominator is None else denominator * (PIXEL if pixel is None else pixel / 1000)


def _positive(parameters: Parameters, name: str) -> float | None:
    text = parameters.get(name)
    if not text:
        return None
    value = number(text, name)
    if value <= 0:
        raise invalid(f"{name} {quoted(text)} is not a positive number", name)
    return value


def _center(text: str, name: CrsName) -> tuple[float, float]:
    """x and y, as the order of the system has them."""
    parts = text.split(",")
    if len(parts) != 2:
        raise invalid(f"center {quoted(text)} is not two numbers", "center")
    first, second = (number(part, "center") for part in parts)
    x, y = (second, first) if crs.axis_order(name, AxisRule.OGC_API) else (first, second)
    return x, -y if name.form is Form.ROWS_DOWN else y


# -- the box and the size --------------------------------------------------------------------------


def around(places: list[Place], key: str) -> Whole | None:
    """Where layers are together; None without any."""
    if not places:
        return None
    boxes = [_unrolled(place.bounds, key) for place in places]
    left, bottom, right, top = zip(*boxes, strict=True)
    found, turn = Bounds(min(left), min(bottom), max(right), max(top)), crs.turn(key)
    if turn is not None and found.width > turn and len(boxes) > 1:
        found = found._replace(min_x=-turn / 2, max_x=turn / 2)
    return Whole(found, min(place.resolution for place in places))


def _unrolled(bounds: Bounds, key: str) -> Bounds:
    """The box with `max_x` above `min_x`."""
    turn = crs.turn(key)
    if bounds.max_x < bounds.min_x and turn is not None:
        return bounds._replace(max_x=bounds.max_x + turn)
    return bounds


def framed(
    area: Area, key: str, shown: Whole | None, known: Bounds | None, limit: Size
) -> tuple[Bounds, Size]:
    """The box and the size of a map.

    Args:
        area: as stated.
        key: of the system of the map.
        shown: where its layers are in that system.
        known: where they are in the system of the stated box, for the sides that are left out.
        limit: of width and height.

    Raises:
        InvalidRequest: the box or center has no place in the system, or the size that follows is above the limit.
    """
    if area.sides is not None:
        bounds = _in_map(area.sides.completed(known), area, key)
        if area.metres is None:
            return bounds, _size_of(area, bounds, shown, limit)
        across, up = steps_at(key, _middle(bounds), area.metres)
        return bounds, _size(bounds.width / across, bounds.height / up, limit)
    if shown is None:
        raise _no_place(area, key)
    if area.center is None and area.metres is None and not (area.width and area.height):
        return shown.bounds, _size_of(area, shown.bounds, shown, limit)
    return _around_center(area, key, shown, limit)


def _no_place(area: Area, key: str) -> InvalidRequest:
    return InvalidRequest(f"{quoted(area.text)} has no place in {crs.label(key)}; state another")


def _in_map(stated: Bounds | None, area: Area, key: str) -> Bounds:
    """The stated box in the system of the map; `max_x` is above `min_x`."""
    source, found = area.sides_crs.key, stated
    if found is not None and source != key:
        crs.transformer(source, key)
        found = transform_bounds(source, key, found)
    if found is None:
        raise _no_place(area, key)
    return _unrolled(found, key)


def _around_center(area: Area, key: str, shown: Whole, limit: Size) -> tuple[Bounds, Size]:
    """The box around a center, the stated one or that of the layers."""
    x, y = _center_in(area, key) if area.center else _middle(shown.bounds)
    across, up = steps_at(key, (x, y), area.metres) if area.metres else _usual_steps(area, shown)
    width, height = size = _size_around(area, shown, (across, up), limit)
    half = across * width / 2, up * height / 2
    return Bounds(x - half[0], y - half[1], x + half[0], y + half[1]), size


def _usual_steps(area: Area, shown: Whole) -> tuple[float, float]:
    """Width and height of pixels: those of the layers, or without a center such that all of them are shown."""
    step = shown.resolution
    if area.center is None:
        step = max(shown.bounds.width / (area.width or 1), shown.bounds.height / (area.height or 1))
    return step, step


def _middle(bounds: Bounds) -> tuple[float, float]:
    return bounds.min_x / 2 + bounds.max_x / 2, bounds.min_y / 2 + bounds.max_y / 2


def _center_in(area: Area, key: str) -> tuple[float, float]:
    """The stated center in the system of the map."""
    own = area.center or (math.nan, math.nan)
    xs, ys = crs.transformer(area.center_crs.key, key)(np.array(own[:1]), np.array(own[1:]))
    x, y = float(xs[0]), float(ys[0])
    if not (math.isfinite(x) and math.isfinite(y)):
        raise _no_place(area, key)
    return x, y


def _size_around(area: Area, shown: Whole, steps: tuple[float, float], limit: Size) -> Size:
    """Width and height around a center: one alone makes a square, without both they are those of the layers or usual."""
    if area.width or area.height:
        side = area.width or area.height or 1
        return Size(area.width or min(side, limit.width), area.height or min(side, limit.height))
    usual = Size(min(USUAL_SIDE, limit.width), min(USUAL_SIDE, limit.height))
    if area.center is not None:
        return usual
    sides = (side / step for side, step in zip((shown.bounds.width, shown.bounds.height), steps, strict=True))
    width, height = (max(1, round(min(side, most))) for side, most in zip(sides, usual, strict=True))
    return Size(width, height)


def _size_of(area: Area, bounds: Bounds, shown: Whole | None, limit: Size) -> Size:
    """Width and height of a box: what is not stated follows from its sides, in units of the system."""
    width, height = area.width, area.height
    if width and height:
        return Size(width, height)
    ratio = bounds.width / bounds.height
    if width is None and height is None:
        longer = max(bounds.width, bounds.height)
        side = min(USUAL_SIDE, longer / shown.resolution) if shown else USUAL_SIDE
        if ratio >= 1:
            width = max(1, min(round(side), limit.width))
        else:
            height = max(1, min(round(side), limit.height))
    return _size(width or (height or 1) * ratio, height or (width or 1) / ratio, limit)


def _size(width: float, height: float, limit: Size) -> Size:
    for name, value, most in zip(("width", "height"), (width, height), limit, strict=True):
        if not value < most + 1:
            raise InvalidRequest(
                f"the {name} that follows from the box is more than {most}; state {name} too"
            )
    return Size(max(1, round(width)), max(1, round(height)))
