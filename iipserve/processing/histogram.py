"""Histogram equalization, by the brightness histogram of the whole image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from iipserve.processing import Context, Operation, Pixels, Stage
from iipserve.processing.layout import has_alpha
from iipserve.processing.lut import LookupTable


@dataclass(frozen=True, slots=True)
class Equalize(Operation):
    """Equalize brightness by the histogram of the image (IIP's CNT=eq); opacity is kept.

    `round((cdf - cdf of the first filled bin / n) 255 / n)` (iipsrv), with n the pixels in the histogram, so that
    all tiles are consistent. For 16 bits the upper 8 are looked up, and the result is expanded to 16.
    """

    stage: ClassVar[Stage] = Stage.DISPLAY

    table: tuple[int, ...] | None = None
    """256 values; None until bound."""

    def __call__(self, pixels: Pixels) -> Pixels:
        if self.table is None:
            return pixels
        if pixels.itemsize == 1:
            result = LookupTable(np.array(self.table, np.uint8)[:, np.newaxis])(pixels)
        else:
            upper = (pixels.view(np.uint16) >> 8).astype(np.uint8)
            result = LookupTable(np.array(self.table, np.uint16)[:, np.newaxis] * np.uint16(257))(upper)
        if has_alpha(pixels.shape[2]):
            result[..., -1] = pixels[..., -1]
        return result

    def bound(self, context: Context) -> Operation:
        return self if self.table is not None else Equalize(equalizing(context.statistics().brightness))


def equalizing(histogram: Sequence[int]) -> tuple[int, ...]:
    """The equalized value of each of 256 brightness values, computed in float32 as in iipsrv."""
    counts = np.array(histogram, np.float32)
    cumulated = np.cumsum(counts, dtype=np.float32)
    total = cumulated[-1]
    if not total:
        return tuple(range(256))
    darkest = cumulated[np.flatnonzero(counts)[0]] / total
    spread = (np.float32(255) / total) * (cumulated - darkest)
    # C's round() rounds halves away from 0
    rounded = np.floor(spread.astype(np.float64) + 0.5).clip(0, 255)
    return tuple(int(value) for value in rounded)
