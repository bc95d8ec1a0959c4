"""Color operations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from iipserve.processing import Context, Operation, Pixels, Stage
from iipserve.processing.layout import with_opacity

LUMA = (1254097, 2462056, 478151)
"""Rec. 601 weights 0.299, 0.587, 0.114 in units of 2**-22, as in iipsrv."""
LUMA_BITS = 22
MAX_ROWS = 3
"""Bands of a result that are displayed."""
MIDDLE = 128
"""Threshold of bilevel images, which scaling may have given tones in between."""


@dataclass(frozen=True, slots=True)
class Twist(Operation):
    """Mix color bands: band k of the result is the sum of `matrix[k][j]` times band j (IIP's CTW).

    Summed in float32 from the first band on, as in iipsrv. Rows after the third are not displayed and skipped.
    """

    stage: ClassVar[Stage] = Stage.NORMALIZED
    keeps_profile: ClassVar[bool] = False

    matrix: tuple[tuple[float, ...], ...]
    """Rows are bands of the result. Missing coefficients are 0, those for bands that do not exist are ignored."""

    def __call__(self, pixels: Pixels) -> Pixels:
        height, width, bands = pixels.shape
        rows = self.matrix[:MAX_ROWS]
        planes = np.empty((len(rows), height, width), np.float32)
        term = np.empty((height, width), np.float32)
        for plane, row in zip(planes, rows, strict=True):
            weights = [(band, np.float32(weight)) for band, weight in enumerate(row[:bands]) if weight]
            if not weights:
                plane[...] = 0
            for index, (band, weight) in enumerate(weights):
                product = np.multiply(pixels[..., band], weight, out=term if index else plane)
                if index:
                    plane += product
        return planes.transpose(1, 2, 0)

    def bands_used(self, bands: int) -> int:
        return max(1, min(bands, max(len(row) for row in self.matrix)))


@dataclass(frozen=True, slots=True)
class Grayscale(Operation):
    """Luma of RGB: `(1254097 R + 2462056 G + 478151 B) >> 22` (iipsrv). Gray and opacity are kept."""

    stage: ClassVar[Stage] = Stage.DISPLAY
    keeps_profile: ClassVar[bool] = False

    def __call__(self, pixels: Pixels) -> Pixels:
        bands = pixels.shape[2]
        if bands < 3:
            return pixels
        gray = _luma(pixels).astype(pixels.dtype)[..., np.newaxis]
        return gray if bands == 3 else with_opacity(gray, pixels[..., 3])


def _luma(pixels: Pixels) -> NDArray[np.uint32 | np.uint64]:
    wide = np.uint32 if pixels.itemsize == 1 else np.uint64
    total: NDArray[Any] = pixels[..., 0].astype(wide)
    total *= wide(LUMA[0])
    for band, weight in enumerate(LUMA[1:], 1):
        term: NDArray[Any] = pixels[..., band].astype(wide)
        term *= wide(weight)
        total += term
    total >>= wide(LUMA_BITS)
    return total


@dataclass(frozen=True, slots=True)
class Bitonal(Operation):
    """Black below `threshold`, white from it on; opacity is kept."""

    stage: ClassVar[Stage] = Stage.DISPLAY
    keeps_profile: ClassVar[bool] = False

    threshold: int | None = None
    """0 to 255, compared with the upper 8 bits; None binds to Otsu's threshold of the image (iipsrv)."""

    def __call__(self, pixels: Pixels) -> Pixels:
        gray = Grayscale()(pixels)
        threshold = (self.threshold or 0) << 8 * (gray.itemsize - 1)
        tones = np.array([(1 << 8 * gray.itemsize) - 1, 0]).astype(gray.dtype)
        two = tones.take(np.less(gray[..., :1], threshold))
        return two if gray.shape[2] == 1 else with_opacity(two, gray[..., 1])

    def bound(self, context: Context) -> Operation:
        if self.threshold is not None:
            return self
        # a bilevel image keeps its black and white
        return Bitonal(MIDDLE if context.info.bits == 1 else context.statistics().threshold)
