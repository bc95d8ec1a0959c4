"""IIIF's region, size and rotation: from text to values, and from values to pixels."""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache
from http import HTTPStatus
from typing import NamedTuple, TypeAlias

from iipserve.errors import InvalidRequest, InvalidSize, RegionOutOfBounds
from iipserve.geometry import Region, Size, ceil_div, new_tuple, round_half_up, scale_side
from iipserve.protocols.iiif.limits import Limits
from iipserve.protocols.tiles import ANGLE_DECIMALS, rounded_angle

DECIMAL = r"(?:[0-9]{1,15}(?:\.[0-9]{0,15})?|\.[0-9]{1,15})"
PIXEL_REGION = re.compile(r"([0-9]{1,15}),([0-9]{1,15}),([0-9]{1,15}),([0-9]{1,15})")
PERCENT_REGION = re.compile(rf"pct:({DECIMAL}),({DECIMAL}),({DECIMAL}),({DECIMAL})")
SIDES = re.compile(r"(\^?)(!?)([0-9]{1,15})?,([0-9]{1,15})?")
PERCENT_SIZE = re.compile(rf"(\^?)pct:({DECIMAL})")
ROTATION = re.compile(rf"(!?)({DECIMAL})")
MAX_KEPT = 256
"""Texts of each kind whose meaning is kept: a viewer sends the same ones with nearly every tile."""


class UpscalingOff(InvalidSize):
    """The size is valid, but upscaling is off (Image API 3.0 section 4.2)."""

    status = HTTPStatus.NOT_IMPLEMENTED


class RegionWord(Enum):
    """A region given by a keyword."""

    FULL = "full"
    SQUARE = "square"


class PercentRegion(NamedTuple):
    """A region in percent of the full size."""

    x: float
    y: float
    width: float
    """Above 0."""
    height: float
    """Above 0."""


RegionText: TypeAlias = Region | PercentRegion | RegionWord
"""A requested region; a `Region` is in pixels of the full size and may extend past it."""


class SizeKind(Enum):
    """The form of a size."""

    FULL = "full"
    MAX = "max"
    SIDES = "w,h"
    CONFINED = "!w,h"
    PERCENT = "pct:n"


class SizeText(NamedTuple):
    """A requested size."""

    kind: SizeKind
    upscales: bool = False
    """Marked with `^`."""
    width: int | None = None
    """In pixels, above 0; None: derived from the height."""
    height: int | None = None
    """In pixels, above 0; None: derived from the width."""
    percent: float = 100.0
    """Above 0."""


REGION_WORDS = frozenset(word.value for word in RegionWord)
SIZE_WORDS = {
    "max": SizeText(SizeKind.MAX),
    "^max": SizeText(SizeKind.MAX, upscales=True),
    "full": SizeText(SizeKind.FULL),
}


# -- text to values --------------------------------------------------------------------------------


def read_region(text: str) -> RegionText:
    """Read a region (Image API 3.0 section 4.1).

    Raises:
        InvalidRequest: the text matches no form of the grammar.
        RegionOutOfBounds: a side is 0.
    """
    region: RegionText
    if match := PIXEL_REGION.fullmatch(text):
        region = new_tuple(Region, map(int, match.groups()))
    elif text in REGION_WORDS:
        return RegionWord(text)
    elif match := PERCENT_REGION.fullmatch(text):
        region = PercentRegion(*map(float, match.groups()))
    else:
        raise InvalidRequest(f"region {text!r} is not one of full, square, x,y,w,h, pct:x,y,w,h")
    if not (region.width and region.height):
        raise RegionOutOfBounds(f"region {text!r} is empty; both sides must be above 0")
    return region


@lru_cache(maxsize=MAX_KEPT)
def read_size(text: str) -> SizeText:
    """Read a size (Image API 3.0 section 4.2; `full` exists in version 2).

    Raises:
        InvalidSize: the text matches no form of the grammar, or the size is zero.
    """
    if match := SIDES.fullmatch(text):
        return _read_sides(text, *match.groups())
    if (word := SIZE_WORDS.get(text)) is not None:
        return word
    if match := PERCENT_SIZE.fullmatch(text):
        percent = float(match[2])
        if percent == 0:
            raise InvalidSize(f"size {text!r} is zero; a percentage above 0 is needed")
        return SizeText(SizeKind.PERCENT, bool(match[1]), percent=percent)
    raise InvalidSize(f"size {text!r} is not one of max, w,h w, ,h !w,h pct:n, each optionally after ^")


def _read_sides(text: str, mark: str, confined: str, width: str | None, height: str | None) -> SizeText:
    missing = (width, height).count(None)
    if missing == 2 or (confined and missing):
        raise InvalidSize(f"size {text!r} lacks a side; w,h w, ,h or !w,h is needed")
    sides = width and int(width), height and int(height)
    if 0 in sides:
        raise InvalidSize(f"size {text!r} has a side of 0 pixels; the minimum is 1")
    kind = SizeKind.CONFINED if confined else SizeKind.SIDES
    return SizeText(kind, bool(mark), sides[0] or None, sides[1] or None)


@lru_cache(maxsize=MAX_KEPT)
def read_rotation(text: str) -> tuple[bool, float]:
    """Whether the image is mirrored first, and the degrees clockwise, from 0 to below 360.

    Raises:
        InvalidRequest: the text matches no form of the grammar.
    """
    if text == "0":
        return False, 0.0
    match = ROTATION.fullmatch(text)
    if match is None or float(match[2]) > 360:
        raise InvalidRequest(f"rotation {text!r} is not a number from 0 to 360, optionally after !")
    return bool(match[1]), rounded_angle(float(match[2]))


@lru_cache(maxsize=MAX_KEPT)
def canonical_rotation(mirrored: bool, degrees: float) -> str:
    """The canonical text of a rotation (Image API 3.0 section 4.7): an integer if possible, no trailing zeros."""
    number = f"{degrees:.{ANGLE_DECIMALS}f}".rstrip("0").rstrip(".")
    return f"!{number}" if mirrored else number


# -- values to pixels ------------------------------------------------------------------------------


def resolve_region(text: RegionText, full: Size) -> Region:
    """The region in pixels of the full size, clipped to it.

    Raises:
        RegionOutOfBounds: it is outside the image.
    """
    if isinstance(text, Region):
        region = text
    elif text is RegionWord.FULL:
        return Region.of_size(full)
    elif text is RegionWord.SQUARE:
        side = min(full.width, full.height)
        return Region((full.width - side) // 2, (full.height - side) // 2, side, side)
    else:
        region = _percent_region(text, full)
    clipped = region.clipped(full)
    if clipped is None:
        raise RegionOutOfBounds(
            f"the region is outside the image, which has {full.width} x {full.height} pixels"
        )
    return clipped


def _percent_region(text: PercentRegion, full: Size) -> Region:
    """Both edges rounded to the nearest pixel; at least one pixel remains."""
    x, width = _percent_span(text.x, text.width, full.width)
    y, height = _percent_span(text.y, text.height, full.height)
    return Region(x, y, width, height)


def _percent_span(start: float, extent: float, length: int) -> tuple[int, int]:
    first = round_half_up(length * start / 100)
    if start < 100:
        first = min(first, length - 1)
    end = round_half_up(length * (start + extent) / 100)
    return first, max(1, end - first)


def resolve_size(text: SizeText, region: Size, limits: Limits) -> Size:
    """The size in pixels, not checked against limits (see `check_size`)."""
    if text.kind is SizeKind.SIDES:
        width, height = text.width, text.height
        return Size(
            width or scale_side(region.width, height or 1, region.height),
            height or scale_side(region.height, width or 1, region.width),
        )
    if text.kind is SizeKind.CONFINED:
        return limits.reduced(region.fitted(_box(text, region, limits.side)))
    if text.kind is SizeKind.PERCENT:
        factor = text.percent / 100
        width, height = round_half_up(region.width * factor), round_half_up(region.height * factor)
        return Size(max(1, width), max(1, height))
    return limits.largest(region) if text.upscales else limits.reduced(region)


def _box(text: SizeText, region: Size, side: int | None) -> Size:
    """The box that `!w,h` is fitted into: w and h, reduced to the maximum side and, without `^`, to the region."""
    width, height = text.width or 1, text.height or 1
    if side is not None:
        width, height = min(width, side), min(height, side)
    if text.upscales:
        return Size(width, height)
    return Size(min(width, region.width), min(height, region.height))


def check_size(text: SizeText, size: Size, region: Size, side: int | None) -> None:
    """Refuse a size that is too large.

    Args:
        text: as requested; `upscales` says whether the size may be larger than the region.
        size: as resolved.
        region: the region's size.
        side: maximum of either side, None for none.

    Raises:
        InvalidSize: it is larger than the limit or, without `upscales`, than the region.
    """
    if not (text.upscales or size.fits_in(region)):
        raise InvalidSize(
            f"size {size.width},{size.height} is larger than the region, which has "
            f"{region.width} x {region.height} pixels; prefix it with ^ where the server upscales"
        )
    if side is not None and max(size.width, size.height) > side:
        raise InvalidSize(f"size {size.width},{size.height} is larger than the maximum of {side},{side}")


def advertised_factor(
    full: Size, tile: Size, region: Region, width: int | None, height: int | None
) -> int | None:
    """The scale factor at which region and size address a tile, or a whole level, of the advertised grid.

    Sizes in the grid are rounded up (implementation notes of the Image API), so the omitted side may
    differ from the one that the region's aspect ratio gives.

    Args:
        full: the image's size.
        tile: the advertised tile.
        region: inside the full size, in its pixels.
        width: requested, None when only a height is.
        height: requested, None when only a width is.
    """
    if width == tile.width:
        guess = region.width // width
    elif height == tile.height:
        guess = region.height // height
    else:
        guess = 0
    if guess and guess & (guess - 1) == 0 and _addresses(full, tile, region, width, height, guess):
        return guess
    factor = 1
    while True:
        if _addresses(full, tile, region, width, height, factor):
            return factor
        if full.width <= tile.width * factor and full.height <= tile.height * factor:
            return None
        factor *= 2


def _addresses(
    full: Size, tile: Size, region: Region, width: int | None, height: int | None, factor: int
) -> bool:
    x, y, across, down = region
    if width is not None and width != ceil_div(across, factor):
        return False
    if height is not None and height != ceil_div(down, factor):
        return False
    tile_width, tile_height = tile.width * factor, tile.height * factor
    is_tile = (
        x % tile_width == 0
        and y % tile_height == 0
        and across == min(tile_width, full.width - x)
        and down == min(tile_height, full.height - y)
    )
    is_level = across == full.width and down == full.height
    # viewers request listed sizes by their width; a height alone follows the aspect ratio
    return is_tile or (is_level and width is not None)
