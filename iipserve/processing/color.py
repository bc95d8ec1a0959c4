"""Color operations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from iipserve.geometry import Size
from iipserve.processing import Pixels

LUMA = np.array([1254097, 2462056, 478151], np.uint32)
"""Rec. 601 weights 0.299, 0.587, 0.114 in units of 2**-22, as iipsrv has them."""


@dataclass(frozen=True, slots=True)
class Grayscale:
    """Luma of RGB; gray stays gray and alpha is kept. `(1254097 R + 2462056 G + 478151 B) >> 22` (iipsrv)."""

    keeps_profile: ClassVar[bool] = False
    works_by_rows: ClassVar[bool] = True

    def __call__(self, pixels: Pixels) -> Pixels:
        bands = pixels.shape[2]
        if bands < 3:
            return pixels
        luma = (pixels[..., :3].astype(np.uint32) @ LUMA) >> 22
        gray = luma.astype(np.uint8)[..., np.newaxis]
        return gray if bands == 3 else np.concatenate((gray, pixels[..., 3:]), axis=2)

    def output_size(self, size: Size) -> Size:
        return size


@dataclass(frozen=True, slots=True)
class Bitonal:
    """Black below `threshold`, white from it on; expects gray, keeps alpha."""

    threshold: int = 128
    """From 0 to 255."""
    keeps_profile: ClassVar[bool] = False
    works_by_rows: ClassVar[bool] = True

    def __call__(self, pixels: Pixels) -> Pixels:
        gray = Grayscale()(pixels)
        white = np.where(np.less(gray[..., :1], self.threshold), np.uint8(0), np.uint8(255))
        return white if gray.shape[2] == 1 else np.concatenate((white, gray[..., 1:]), axis=2)

    def output_size(self, size: Size) -> Size:
        return size
