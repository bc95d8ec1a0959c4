"""Operations that move pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from iipserve import libvips
from iipserve.geometry import Size, round_half_up
from iipserve.processing import Operation, Pixels, Stage
from iipserve.processing.layout import as_units, from_units, has_alpha, with_opacity


@dataclass(frozen=True, slots=True)
class Mirror(Operation):
    """Exchange left and right."""

    stage: ClassVar[Stage] = Stage.DISPLAY

    def __call__(self, pixels: Pixels) -> Pixels:
        return from_units(as_units(pixels)[:, ::-1], pixels.dtype)


@dataclass(frozen=True, slots=True)
class Rotate(Operation):
    """Rotate clockwise, within the smallest upright frame that contains the result.

    Multiples of 90 degrees are exact. Others are bicubic and leave the corners of the frame transparent: an opacity
    band is added, by which colors are weighted; formats without opacity show white there. The frame of w x h pixels
    rotated by a is |w cos a| + |h sin a| wide and |w sin a| + |h cos a| high, rounded to whole pixels; the image is
    centered in it.
    """

    stage: ClassVar[Stage] = Stage.DISPLAY
    works_by_rows: ClassVar[bool] = False

    degrees: float
    """Above 0 and below 360."""

    def __call__(self, pixels: Pixels) -> Pixels:
        quarters, rest = divmod(self.degrees, 90)
        if rest == 0:
            return from_units(np.rot90(as_units(pixels), -int(quarters)), pixels.dtype)
        return self._rotated_freely(pixels)

    def output_size(self, size: Size) -> Size:
        quarters, rest = divmod(self.degrees, 90)
        if rest == 0:
            return Size(size.height, size.width) if quarters % 2 else size
        angle = math.radians(self.degrees)
        cosine, sine = abs(math.cos(angle)), abs(math.sin(angle))
        return Size(
            max(1, round_half_up(size.width * cosine + size.height * sine)),
            max(1, round_half_up(size.width * sine + size.height * cosine)),
        )

    @property
    def adds_opacity(self) -> bool:
        return self.degrees % 90 != 0

    def _rotated_freely(self, pixels: Pixels) -> Pixels:
        height, width, bands = pixels.shape
        if not has_alpha(bands):
            opaque = np.full((height, width), (1 << 8 * pixels.itemsize) - 1, pixels.dtype)
            pixels = with_opacity(pixels, opaque)
        frame = self.output_size(Size(width, height))
        return libvips.to_pixels(
            libvips.rotated(libvips.from_pixels(np.ascontiguousarray(pixels)), self.degrees, frame)
        )
