"""The maximum sizes that info.json states: what can be delivered in every format that it lists."""

from __future__ import annotations

import math
import sys
from typing import NamedTuple
from weakref import WeakKeyDictionary

from iipserve.geometry import Size, scale_side
from iipserve.image import ImageInfo
from iipserve.protocols import Server


class Limits(NamedTuple):
    """The maximum sizes of one image, before rotation (Image API 3.0 section 5.2)."""

    side: int | None
    """Maximum width and height, in pixels; None for none."""
    area: int
    """Maximum width times height, in pixels. Larger sizes that are requested by their sides are answered up to MAX_CVT, as
    far as the format and memory allow."""
    rotates: bool = True
    """Rotation by any angle is possible in every format, up to the limits."""

    def allow(self, size: Size) -> bool:
        """Whether a size is within the limits."""
        return (self.side is None or max(size.width, size.height) <= self.side) and size.area <= self.area

    def reduced(self, size: Size) -> Size:
        """The largest size of this shape within the limits that is not larger."""
        if self.side is not None and max(size.width, size.height) > self.side:
            size = size.fitted(Size(self.side, self.side))
        return size if size.area <= self.area else _of_area(size, self.area)

    def largest(self, size: Size) -> Size:
        """The largest size of this shape within the limits."""
        if self.side is None:
            return _of_area(size, self.area)
        return self.reduced(size.fitted(Size(self.side, self.side)))

    def sides_only(self) -> Limits:
        """The same without a maximum area."""
        return self._replace(area=sys.maxsize)

    def members(self) -> dict[str, int]:
        """The limits in info.json; an area that the sides imply is left out."""
        members = {} if self.side is None else {"maxWidth": self.side, "maxHeight": self.side}
        if self.side is None or self.area < self.side * self.side:
            members["maxArea"] = self.area
        return members


def _of_area(size: Size, area: int) -> Size:
    """The largest size of this shape and of no larger area, rounded down."""
    width = min(max(1, math.isqrt(area * size.width // size.height)), area)
    return Size(width, min(scale_side(size.height, width, size.width), area // width))


_KNOWN: WeakKeyDictionary[ImageInfo, tuple[Server, Limits]] = WeakKeyDictionary()
"""They are needed for each request."""


def limits_of(info: ImageInfo, server: Server) -> Limits:
    """The limits of an image."""
    known = _KNOWN.get(info)
    if known is not None and known[0] is server:
        return known[1]
    limits = _limits_of(info, server)
    _KNOWN[info] = server, limits
    return limits


def _limits_of(info: ImageInfo, server: Server) -> Limits:
    """What can be made upright; less where that makes rotation by any angle possible and the image is still whole.

    Enlarged images are then the smaller ones. Of larger images, rotation by any angle is not advertised.
    """
    renderable, max_side = server.renderable(info), server.formats.max_side
    upright = Limits(_smaller(server.config.max_size, max_side), renderable.upright, rotates=False)
    # neither side of a canvas is longer than the diagonal
    side = upright.side if max_side is None else _smaller(upright.side, int((max_side - 1) / math.sqrt(2)))
    rotated = min(_rotated_area(shape, side, renderable.rotated) for shape in (info.size, Size(1, 1)))
    turned = Limits(side, min(renderable.upright, rotated))
    return turned if turned.allow(upright.reduced(info.size)) else upright


def _smaller(first: int | None, second: int | None) -> int | None:
    """The smaller of two maximums, of which None is no limit."""
    return min((value for value in (first, second) if value is not None), default=None)


def _rotated_area(shape: Size, side: int | None, canvas: int) -> int:
    """The largest area of this shape that can be rotated by any angle.

    The canvas is largest at 45 degrees: half the square of width plus height (before rounding its sides).

    Args:
        shape: the ratio of the sides.
        side: maximum of either, or None.
        canvas: maximum area after rotation, in pixels.
    """
    half_perimeter = math.sqrt(2) * (math.sqrt(canvas) - 1)
    long, short = max(shape.width, shape.height), min(shape.width, shape.height)
    if side is not None and side * (1 + short / long) <= half_perimeter:
        return side * side
    return max(1, int(half_perimeter**2 * long * short / (long + short) ** 2))
