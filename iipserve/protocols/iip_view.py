"""What IIP's modifiers say about an answer, and the size and region that follow from them."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from iipserve.config import Config
from iipserve.errors import InvalidRequest, RegionOutOfBounds
from iipserve.geometry import Region, Size, round_half_up
from iipserve.protocols.encodings import AskedQuality

WHOLE = re.compile(r"([+-]?[0-9]{1,9})(?:\.[0-9]{0,20})?")
"""A number of which, as in iipsrv, the whole part counts: scripts like to send 512.5 pixels."""
REAL = re.compile(r"[+-]?(?:[0-9]{1,30}(?:\.[0-9]{0,30})?|\.[0-9]{1,30})(?:[eE][+-]?[0-9]{1,3})?")


class Fractions(NamedTuple):
    """A region in parts of the full image: RGN."""

    x: float
    y: float
    width: float
    """Above 0; `x + width` is at most 1."""
    height: float
    """Above 0; `y + height` is at most 1."""


WHOLE_IMAGE = Fractions(0.0, 0.0, 1.0, 1.0)


class View(NamedTuple):
    """Everything modifiers have said."""

    width: int = 0
    """WID: pixels, 0 is no wish."""
    height: int = 0
    """HEI: pixels, 0 is no wish."""
    region: Fractions = WHOLE_IMAGE
    """RGN."""
    quality: AskedQuality | None = None
    """QLT."""
    layers: int = 0
    """LYR: JPEG 2000 quality layers, 0 is no wish."""


DEFAULT_VIEW = View()


def read_whole(name: str, argument: str) -> int:
    """The whole number in a command's argument; decimals are cut off.

    Raises:
        InvalidRequest: it is no number, or one of more than nine digits.
    """
    match = WHOLE.fullmatch(argument)
    if match is None:
        raise InvalidRequest(f"{name}={argument!r}: a whole number is needed")
    return int(match[1])


def read_length(name: str, argument: str) -> int:
    """A number of pixels or layers, 0 or more.

    Raises:
        InvalidRequest: it is no number or below 0.
    """
    value = read_whole(name, argument)
    if value < 0:
        raise InvalidRequest(f"{name}={argument!r}: a whole number, 0 or more, is needed")
    return value


def read_fractions(name: str, argument: str) -> Fractions:
    """The region `x,y,width,height` in parts of the image, cut off at the image's edges.

    Raises:
        InvalidRequest: it is not four numbers.
        RegionOutOfBounds: nothing of it lies inside the image.
    """
    parts = argument.split(",")
    if len(parts) != 4 or not all(map(REAL.fullmatch, parts)):
        raise InvalidRequest(
            f"{name}={argument!r}: four numbers from 0 to 1 are needed, as in 0.1,0.2,0.5,0.5"
        )
    x, y, width, height = (min(max(float(part), 0.0), 1.0) for part in parts)
    width, height = min(width, 1.0 - x), min(height, 1.0 - y)
    if width <= 0 or height <= 0:
        raise RegionOutOfBounds(f"{name}={argument!r}: the region is empty or lies outside the image")
    return Fractions(x, y, width, height)


def read_quality(name: str, argument: str) -> AskedQuality:
    """`n` or `scheme:n`.

    Raises:
        InvalidRequest: n is no number.
    """
    scheme, _, value = argument.rpartition(":")
    return AskedQuality(read_whole(name, value), scheme.lower())


def export_region(view: View, full: Size) -> Region:
    """The pixels of the full image that RGN names; at least 1 x 1."""
    region = view.region
    x = min(round_half_up(region.x * full.width), full.width - 1)
    y = min(round_half_up(region.y * full.height), full.height - 1)
    width = min(max(1, round_half_up(region.width * full.width)), full.width - x)
    height = min(max(1, round_half_up(region.height * full.height)), full.height - y)
    return Region(x, y, width, height)


def export_size(view: View, full: Size, config: Config) -> Size:
    """The size of an export: WID and HEI, then MAX_CVT, then ALLOW_UPSCALING, each keeping the shape.

    Without WID and HEI it is the full image's, also of a region, which is then enlarged (iipsrv).
    """
    shape = max(1.0, view.region.width * full.width), max(1.0, view.region.height * full.height)
    wanted = shape
    if view.width or view.height:
        wanted = _shape_in_box(shape, view.width or math.inf, view.height or math.inf)
    elif config.allow_upscaling:
        wanted = float(full.width), float(full.height)
    if config.max_size is not None:
        wanted = _shrunk_into(wanted, (config.max_size, config.max_size))
    if not config.allow_upscaling:
        wanted = _shrunk_into(wanted, shape)
    return Size(max(1, round_half_up(wanted[0])), max(1, round_half_up(wanted[1])))


def _shape_in_box(shape: tuple[float, float], width: float, height: float) -> tuple[float, float]:
    """The largest size of this shape in the box; the side that fills it is exact."""
    ratio = shape[0] / shape[1]
    if width / ratio <= height:
        return width, width / ratio
    return height * ratio, height


def _shrunk_into(size: tuple[float, float], box: tuple[float, float]) -> tuple[float, float]:
    """The size itself if it fits in the box, else the largest of its shape that does."""
    if size[0] <= box[0] and size[1] <= box[1]:
        return size
    return _shape_in_box(size, *box)
