"""Color operations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from iipserve.processing import Context, Operation, Pixels, Stage

LUMA = np.array([1254097, 2462056, 478151], np.uint32)
"""Rec. 601 weights 0.299, 0.587, 0.114 in units of 2**-22, as iipsrv has them."""


@dataclass(frozen=True, slots=True)
class Twist(Operation):
    """Color bands mixed: band k of the result is the sum of `matrix[k][j]` times band j (IIP's CTW)."""

    stage: ClassVar[Stage] = Stage.NORMALIZED
    keeps_profile: ClassVar[bool] = False

    matrix: tuple[tuple[float, ...], ...]
    """Rows are bands of the result; coefficients that a short row lacks are 0, those beyond the bands are ignored."""

    def __call__(self, pixels: Pixels) -> Pixels:
        raise TypeError


@dataclass(frozen=True, slots=True)
class Grayscale(Operation):
    """Luma of RGB; gray stays gray and alpha is kept. `(1254097 R + 2462056 G + 478151 B) >> 22` (iipsrv)."""

    stage: ClassVar[Stage] = Stage.FINISHED
    keeps_profile: ClassVar[bool] = False

    def __call__(self, pixels: Pixels) -> Pixels:
        bands = pixels.shape[2]
        if bands < 3:
            return pixels
        luma = (pixels[..., :3].astype(np.uint32) @ LUMA) >> 22
        gray = luma.astype(np.uint8)[..., np.newaxis]
        return gray if bands == 3 else np.concatenate((gray, pixels[..., 3:]), axis=2)


@dataclass(frozen=True, slots=True)
class Bitonal(Operation):
    """Black below `threshold`, white from it on; keeps alpha."""

    stage: ClassVar[Stage] = Stage.FINISHED
    keeps_profile: ClassVar[bool] = False

    threshold: int | None = None
    """From 0 to 255; None until bound: then Otsu's of the image."""

    def __call__(self, pixels: Pixels) -> Pixels:
        gray = Grayscale()(pixels)
        white = np.where(np.less(gray[..., :1], self.threshold or 0), np.uint8(0), np.uint8(255))
        return white if gray.shape[2] == 1 else np.concatenate((white, gray[..., 1:]), axis=2)

    def bound(self, context: Context) -> Operation:
        return self if self.threshold is not None else Bitonal(context.statistics().threshold)
