"""IIP's commands and their arguments: from text to values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from iipserve.errors import InvalidRequest, RegionOutOfBounds
from iipserve.formats import Quality
from iipserve.image import FIRST, Selector
from iipserve.processing.filters import KERNELS
from iipserve.protocols.tiles import rounded_angle

UNIT = r"(?:(?![eE][+-]?[0-9])[A-Za-z%.?#][^,;]*)? *"
"""What may follow a number and is ignored, as in iipsrv: `px`, `%`, `.jpg`, `?v=2`."""
WHOLE = re.compile(rf" *([+-]?[0-9]{{1,9}})(?:\.[0-9]{{0,20}})?{UNIT}")
"""A number whose decimals are cut off, as in iipsrv: scripts send 512.5 pixels."""
NUMBER = r"[+-]?(?:[0-9]{1,30}(?:\.[0-9]{0,30})?|\.[0-9]{1,30})(?:[eE][+-]?[0-9]{1,3})?"
REAL = re.compile(rf" *({NUMBER}){UNIT}")
BAND_RANGE = re.compile(rf"(-|[+-]?[0-9]{{1,9}}):({NUMBER}),({NUMBER})")
MAX_NUMBER = 1e30
"""Maximum of numbers used with samples: their products then fit in 32-bit floats."""
KERNEL_SIDES = {1: 1, 9: 3, 25: 5}
"""Sides of square kernels, by count of numbers."""
NO_COLORMAP = frozenset(("none", "nothing", "off", "no", "false", "0"))
"""Arguments of CMP that remove a color map."""


class Fractions(NamedTuple):
    """A region as fractions of the full image: RGN."""

    x: float
    y: float
    width: float
    """Above 0; `x + width` is at most 1."""
    height: float
    """Above 0; `y + height` is at most 1."""


class Rotation(NamedTuple):
    """Mirroring and rotation: ROT."""

    mirrored: bool = False
    """Left and right are exchanged before the rotation."""
    degrees: float = 0.0
    """Clockwise, from 0 to below 360."""


class BandRange(NamedTuple):
    """Samples displayed as black and white: MINMAX."""

    band: int | None
    """Index from 0; None is all."""
    minimum: float
    maximum: float


def split_commands(text: str) -> Iterator[tuple[str, str]]:
    """Name and argument of each command, as written.

    A command without `=` has its own name as argument; one with an empty argument is left out.
    """
    for token in text.split("&"):
        name, equals, argument = token.partition("=")
        if argument or (not equals and name):
            yield name, argument or name


def read_whole(name: str, argument: str) -> int:
    """The integer at the beginning of a command's argument; decimals are cut off, and `UNIT` is ignored.

    Raises:
        InvalidRequest: it is not a number, or has more than nine digits.
    """
    match = WHOLE.fullmatch(argument)
    if match is None:
        raise InvalidRequest(f"{name}={argument!r}: a whole number is needed")
    return int(match[1])


def read_length(name: str, argument: str) -> int:
    """A count of pixels or layers, 0 or more.

    Raises:
        InvalidRequest: it is not a number, or below 0.
    """
    value = read_whole(name, argument)
    if value < 0:
        raise InvalidRequest(f"{name}={argument!r}: a whole number, 0 or more, is needed")
    return value


def read_real(name: str, argument: str, needed: str = "a number is needed, as in 1.5") -> float:
    """The number at the beginning of a command's argument; `UNIT` is ignored.

    Raises:
        InvalidRequest: it is not a number, or above `MAX_NUMBER`.
    """
    match = REAL.fullmatch(argument)
    if match is None or abs(value := float(match[1])) > MAX_NUMBER:
        raise InvalidRequest(f"{name}={argument!r}: {needed}")
    return value + 0.0  # no negative zero


def read_fractions(name: str, argument: str) -> Fractions:
    """The region `x,y,width,height` as fractions of the image, clipped to it.

    Raises:
        InvalidRequest: it is not four numbers.
        RegionOutOfBounds: it does not overlap the image.
    """
    found = [REAL.fullmatch(part) for part in argument.split(",")]
    numbers = [min(max(float(match[1]), 0.0), 1.0) for match in found if match is not None]
    if len(found) != 4 or len(numbers) != 4:
        raise InvalidRequest(
            f"{name}={argument!r}: four numbers from 0 to 1 are needed, as in 0.1,0.2,0.5,0.5"
        )
    x, y, width, height = numbers
    width, height = min(width, 1.0 - x), min(height, 1.0 - y)
    if width <= 0 or height <= 0:
        raise RegionOutOfBounds(f"{name}={argument!r}: the region is empty or outside the image")
    return Fractions(x, y, width, height)


def read_quality(name: str, argument: str) -> Quality:
    """`n` or `scheme:n`.

    Raises:
        InvalidRequest: n is not a number.
    """
    scheme, _, value = argument.rpartition(":")
    return Quality(read_whole(name, value), scheme.lower())


def read_depth(name: str, argument: str) -> int:
    """Bits per sample: 8 or 16.

    Raises:
        InvalidRequest: it is any other number.
    """
    if argument not in ("8", "16"):
        raise InvalidRequest(f"{name}={argument!r}: 8 or 16 is needed")
    return int(argument)


def read_selector(name: str, argument: str) -> Selector:
    """`h` or `h,v`: a layer of a stack, or the angles of a sequence; `v` defaults to 90.

    Raises:
        InvalidRequest: it is not one or two integers, 0 or more.
    """
    parts = argument.split(",")
    if len(parts) > 2:
        raise InvalidRequest(f"{name}={argument!r}: a layer or two angles are needed, as in 2 or 30,90")
    horizontal, *vertical = (read_length(name, part) for part in parts)
    return Selector(horizontal, vertical[0] if vertical else FIRST.vertical)


def read_rotation(name: str, argument: str) -> Rotation:
    """`[!]degrees`, any angle; `!` mirrors first.

    Raises:
        InvalidRequest: it is not a number of degrees.
    """
    needed = "degrees clockwise are needed, optionally after !, as in 90"
    mirrored = argument.startswith("!")
    return Rotation(mirrored, rounded_angle(read_real(name, argument.removeprefix("!"), needed)))


def read_colormap(name: str, argument: str) -> str:
    """The name of a color map in lower case; empty for one of `NO_COLORMAP`."""
    word = argument.lower()
    return "" if word in NO_COLORMAP else word


def read_band_range(name: str, argument: str) -> BandRange:
    """`band:minimum,maximum`, or `-:minimum,maximum` for all bands.

    Raises:
        InvalidRequest: it has neither form.
    """
    needed = "BAND:MINIMUM,MAXIMUM is needed, as in 0:10,200; - means all bands"
    match = BAND_RANGE.fullmatch(argument)
    if match is None:
        raise InvalidRequest(f"{name}={argument!r}: {needed}")
    low, high = (read_real(name, text, needed) for text in match.groups()[1:])
    return BandRange(None if match[1] == "-" else int(match[1]), low, high)


def read_light(name: str, argument: str) -> tuple[int, int]:
    """`h,v`: azimuth and elevation of the light in degrees; decimals are cut off.

    Raises:
        InvalidRequest: it is not two numbers.
    """
    parts = argument.split(",")
    if len(parts) != 2:
        raise InvalidRequest(f"{name}={argument!r}: two angles in degrees are needed, as in 45,30")
    return read_whole(name, parts[0]), read_whole(name, parts[1])


def read_matrix(name: str, argument: str) -> tuple[tuple[float, ...], ...]:
    """`[a,b,c;d,e,f]`: a row for each band of the result, a column for each of the image.

    Raises:
        InvalidRequest: it has no row, or an entry is not a number.
    """
    needed = "numbers are needed, separated by commas in rows and by semicolons between rows, as in [0,1,0;1,0,0;0,0,1]"
    rows = [row for row in _without_brackets(argument).split(";") if row.strip()]
    if not rows:
        raise InvalidRequest(f"{name}={argument!r}: the matrix is empty; {needed}")
    return tuple(_read_numbers(name, row.split(","), needed) for row in rows)


def read_kernel(name: str, argument: str) -> tuple[tuple[float, ...], ...]:
    """The name of a kernel, or its 1, 9 or 25 numbers, row by row.

    Raises:
        InvalidRequest: the name is unknown, or the count of numbers is another one.
    """
    text = _without_brackets(argument)
    if (known := KERNELS.get(text.strip().lower())) is not None:
        return tuple(tuple(map(float, row)) for row in known)
    needed = f"{', '.join(KERNELS)}, or 9 or 25 numbers, row by row, are needed"
    numbers = _read_numbers(name, re.split("[,;]", text), needed)
    side = KERNEL_SIDES.get(len(numbers))
    if side is None:
        raise InvalidRequest(
            f"{name}: {len(numbers)} numbers do not form a square of side 1, 3 or 5; {needed}"
        )
    return tuple(numbers[start : start + side] for start in range(0, len(numbers), side))


def _without_brackets(argument: str) -> str:
    return argument.strip().removeprefix("[").removesuffix("]")


def _read_numbers(name: str, texts: Sequence[str], needed: str) -> tuple[float, ...]:
    return tuple(read_real(name, text.strip(), needed) for text in texts)
