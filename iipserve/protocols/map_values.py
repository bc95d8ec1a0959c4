"""Values of parameters of maps: numbers, boxes, sizes, colors."""

from __future__ import annotations

import math
import re

from iipserve.geo.crs import quoted
from iipserve.geo.grid import Bounds
from iipserve.geo.ows.exceptions import OwsError
from iipserve.geo.ows.kvp import Parameters
from iipserve.geometry import Size
from iipserve.processing.compositing import WHITE

NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]{1,4})?", re.ASCII | re.IGNORECASE)
PLUS_AS_SPACE = re.compile(r"(?<=[0-9.]e) (?=[0-9])", re.IGNORECASE)
"""The plus sign of an exponent that a client has not percent-encoded."""
WHOLE = re.compile(r"\+?(?P<digits>[0-9]{1,9})(?:\.[0-9]*)?", re.ASCII)
COLOR = re.compile(r"(?:0x|#)?(?P<digits>[0-9a-f]{6})", re.ASCII | re.IGNORECASE)
MAX_NUMBER_LENGTH = 60
MIN_STEP = 1e-100
"""Width and height of a pixel, in units of the coordinate reference system: products of smaller ones are 0."""
SWITCHES = {
    **dict.fromkeys(("true", "t", "1", "on", "yes"), True),
    **dict.fromkeys(("false", "f", "0", "off", "no"), False),
}

NO_FAULT = ""
"""Code of a fault for which the standards have none, as a missing parameter."""


def invalid(text: str, locator: str) -> OwsError:
    """The error for a value that a parameter cannot have, where there is no code for it."""
    return OwsError(NO_FAULT, text, locator)


def number(text: str, name: str) -> float:
    """A finite number.

    Raises:
        OwsError: it is none.
    """
    value = finite(text)
    if value is None:
        raise invalid(f"{name.upper()}: {quoted(text)} is not a finite number", name)
    return value


def finite(text: str) -> float | None:
    """A finite number, or None."""
    written = PLUS_AS_SPACE.sub("+", text.strip())
    value = float(written) if len(written) <= MAX_NUMBER_LENGTH and NUMBER.fullmatch(written) else math.nan
    return value if math.isfinite(value) else None


def whole(parameters: Parameters, name: str, *, minimum: int = 0) -> int:
    """The value of a required parameter as an integer; digits after a point are dropped.

    Raises:
        OwsError: it is missing, or none of at most nine digits, or below the minimum.
    """
    text = required(parameters, name)
    match = WHOLE.fullmatch(text.strip())
    if match is None or int(match["digits"]) < minimum:
        raise invalid(f"{name.upper()} {quoted(text)} is not an integer from {minimum} to 999999999", name)
    return int(match["digits"])


def required(parameters: Parameters, *names: str) -> str:
    """The value of a parameter that has one of these names; its first one is for messages.

    Raises:
        OwsError: it is absent or empty.
    """
    for name in names:
        if value := parameters.get(name).strip(" "):
            return value
    raise invalid(f"the parameter {names[0].upper()} is missing", names[0])


def switch(parameters: Parameters, name: str, *, default: bool = False) -> bool:
    """The value of a parameter that is TRUE or FALSE.

    Raises:
        OwsError: it is neither.
    """
    text = parameters.get(name).strip().lower()
    if not text:
        return default
    if text not in SWITCHES:
        raise invalid(f"{name.upper()} {quoted(text)} is neither TRUE nor FALSE", name)
    return SWITCHES[text]


def color(
    parameters: Parameters, default: tuple[int, int, int] = WHITE, name: str = "bgcolor"
) -> tuple[int, int, int]:
    """The value of a parameter that is a color: `0xRRGGBB`, `#RRGGBB` or `RRGGBB`.

    Raises:
        OwsError: it is none.
    """
    text = parameters.get(name).strip()
    if not text:
        return default
    match = COLOR.fullmatch(text)
    if match is None:
        raise invalid(f"{name.upper()} {quoted(text)} is not a color; write it as 0xRRGGBB", name)
    red, green, blue = bytes.fromhex(match["digits"])
    return red, green, blue


def size(parameters: Parameters, limit: Size | None = None) -> Size:
    """WIDTH and HEIGHT.

    Args:
        parameters: of the request.
        limit: of width and height; None for none.

    Raises:
        OwsError: one is missing, no positive integer, or above the limit.
    """
    sides = []
    for index, name in enumerate(("width", "height")):
        text, most = required(parameters, name), limit[index] if limit else 999_999_999
        match = WHOLE.fullmatch(text)
        if match is None or not 1 <= int(match["digits"]) <= most:
            raise invalid(f"{name.upper()} {quoted(text)} is not an integer from 1 to {most}", name)
        sides.append(int(match["digits"]))
    return Size(*sides)


def box(text: str, *, swapped: bool, turn: float | None = None) -> Bounds:
    """A box, as BBOX states it.

    Args:
        text: four numbers.
        swapped: the text has y before x.
        turn: around the globe, if boxes may cross the antimeridian; then `min_x` may be above `max_x`.

    Returns:
        x before y; each minimum is below its maximum, but for boxes across the antimeridian.

    Raises:
        OwsError: it is no box, or has no area (06-042, 7.3.3.6; 01-068r3, 7.2.3.6).
    """
    parts = text.split(",")
    if len(parts) != 4:
        raise invalid(f"BBOX {quoted(text)} is not four numbers, minx,miny,maxx,maxy", "bbox")
    first, second, third, fourth = (number(part, "bbox") for part in parts)
    bounds = Bounds(second, first, fourth, third) if swapped else Bounds(first, second, third, fourth)
    is_across = turn is not None and 0 < bounds.min_x - bounds.max_x < turn
    if (bounds.min_x >= bounds.max_x and not is_across) or bounds.min_y >= bounds.max_y:
        raise invalid(
            f"BBOX {quoted(text)} has no area: each minimum has to be below its maximum in minx,miny,maxx,maxy",
            "bbox",
        )
    return bounds


def check_steps(bounds: Bounds, size: Size, text: str) -> None:
    """See that pixels of a map have an area that numbers can hold.

    Raises:
        OwsError: they have none.
    """
    steps = bounds.width / size.width, bounds.height / size.height
    if not all(MIN_STEP < step < math.inf for step in steps):
        raise invalid(f"BBOX {quoted(text)} is too small or too large for a map", "bbox")
