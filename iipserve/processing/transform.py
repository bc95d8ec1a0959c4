"""Operations that move pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from iipserve.geometry import Size
from iipserve.processing import Pixels


@dataclass(frozen=True, slots=True)
class Mirror:
    """Left and right exchanged."""

    keeps_profile: ClassVar[bool] = True
    works_by_rows: ClassVar[bool] = True

    def __call__(self, pixels: Pixels) -> Pixels:
        return np.ascontiguousarray(pixels[:, ::-1])

    def output_size(self, size: Size) -> Size:
        return size


@dataclass(frozen=True, slots=True)
class Rotate:
    """Turned clockwise by quarter turns."""

    degrees: int
    """90, 180 or 270."""
    keeps_profile: ClassVar[bool] = True
    works_by_rows: ClassVar[bool] = False

    def __call__(self, pixels: Pixels) -> Pixels:
        return np.ascontiguousarray(np.rot90(pixels, -self.degrees // 90))

    def output_size(self, size: Size) -> Size:
        return size if self.degrees == 180 else Size(size.height, size.width)
