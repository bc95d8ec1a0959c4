"""Operations that move pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from iipserve.geometry import Size
from iipserve.processing import Operation, Pixels, Stage


@dataclass(frozen=True, slots=True)
class Mirror(Operation):
    """Left and right exchanged."""

    stage: ClassVar[Stage] = Stage.FINISHED

    def __call__(self, pixels: Pixels) -> Pixels:
        return np.ascontiguousarray(pixels[:, ::-1])


@dataclass(frozen=True, slots=True)
class Rotate(Operation):
    """Turned clockwise, within the smallest upright frame that holds all of it.

    Quarter turns are exact. Any other leaves corners of the frame empty: they are clear (an opacity band is
    added) and become white where the format has no opacity.
    """

    stage: ClassVar[Stage] = Stage.FINISHED
    works_by_rows: ClassVar[bool] = False

    degrees: float
    """Above 0 and below 360."""

    def __call__(self, pixels: Pixels) -> Pixels:
        return np.ascontiguousarray(np.rot90(pixels, -int(self.degrees) // 90))

    def output_size(self, size: Size) -> Size:
        return size if self.degrees == 180 else Size(size.height, size.width)
