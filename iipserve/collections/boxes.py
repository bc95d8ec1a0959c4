"""Boxes of the parameter `bbox`, in longitude and latitude (CRS84).

Source: OGC API - Features - Part 1 (17-069r4) section 7.15.3: four numbers, or six with heights, which are not compared;
west is greater than east where a box crosses the antimeridian (RFC 7946 section 5.2), and is then two boxes here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

from iipserve.collections.times import shown
from iipserve.errors import InvalidRequest
from iipserve.geo.grid import Bounds

Boxes: TypeAlias = tuple[Bounds, ...]
"""One box, or the two parts of one that crosses the antimeridian; never with `min_x` above `max_x`."""
MAX_LONGITUDE = 540.0
"""Maps repeat the world once in each direction."""


def parse_box(text: str) -> Boxes:
    """Read numbers with commas between them.

    Raises:
        InvalidRequest: they are not four or six finite numbers, or do not bound a box.
    """
    try:
        return boxes_of([_number(part) for part in text.split(",")])
    except ValueError as error:
        if isinstance(error, InvalidRequest):
            raise
        raise InvalidRequest(f"bbox={shown(text)} is not a list of numbers") from None


def _number(text: str) -> float:
    if "_" in text:
        raise ValueError("Python reads 1_000, nobody else does")
    return float(text)


def boxes_of(numbers: Sequence[float]) -> Boxes:
    """The boxes of four numbers, or of six: west, south, (lowest,) east, north(, highest).

    Raises:
        InvalidRequest: there are not four or six, one is not finite, or they do not bound a box.
    """
    if len(numbers) not in (4, 6):
        raise InvalidRequest(f"bbox has {len(numbers)} numbers; it takes 4, or 6 with heights")
    if not all(is_finite(number) for number in numbers):
        raise InvalidRequest("bbox takes finite numbers")
    half = len(numbers) // 2
    west, south, east, north = map(float, (numbers[0], numbers[1], numbers[half], numbers[half + 1]))
    if max(abs(west), abs(east)) > MAX_LONGITUDE:
        raise InvalidRequest(f"bbox is from {west:g} to {east:g} in longitude; longitudes are -180 to 180")
    if south > north:
        raise InvalidRequest(f"the south of bbox, {south:g}, is above its north, {north:g}")
    if half == 3 and numbers[2] > numbers[5]:
        raise InvalidRequest("the lowest height of bbox is above its highest")
    return wrapped(Bounds(west, south, east, north))


def is_finite(number: object) -> bool:
    """Whether it is a number of JSON that a float can hold."""
    if isinstance(number, bool) or not isinstance(number, int | float):
        return False
    try:
        return math.isfinite(number)
    except OverflowError:
        return False


def wrapped(box: Bounds) -> Boxes:
    """The parts of a box between -180 and 180 degrees of longitude.

    `min_x` above `max_x` is a box across the antimeridian. Longitudes outside, as of maps that repeat the world, are
    those a whole turn away.
    """
    west, south, east, north = box
    if west > east:
        east += 360.0
    if east - west >= 360.0:
        return (Bounds(-180.0, south, 180.0, north),)
    turns = math.floor((west + 180.0) / 360.0) * 360.0
    if turns > 0 and west - turns == -180.0:
        turns -= 360.0
    west, east = west - turns, east - turns
    if east <= 180.0:
        return (Bounds(west, south, east, north),)
    return Bounds(west, south, 180.0, north), Bounds(-180.0, south, east - 360.0, north)


def meet(first: Boxes, second: Boxes) -> bool:
    """Whether the boxes have a point in common; edges belong to them."""
    return any(
        a.min_x <= b.max_x and b.min_x <= a.max_x and a.min_y <= b.max_y and b.min_y <= a.max_y
        for a in first
        for b in second
    )


def cover_the_world(boxes: Boxes) -> bool:
    """Whether no place is outside of them, so that nothing needs to be compared."""
    return any(
        box.min_x <= -180 and box.max_x >= 180 and box.min_y <= -90 and box.max_y >= 90 for box in boxes
    )
