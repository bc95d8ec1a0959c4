"""Color operations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from iipserve.processing import Context, Operation, Pixels, Stage
from iipserve.processing.layout import with_opacity

LUMA = (1254097, 2462056, 478151)
"""Rec. 601 weights 0.299, 0.587, 0.114 in units of 2**-22, as iipsrv has them."""
LUMA_BITS = 22
MOST_ROWS = 3
"""Bands of a result that can be seen."""
MIDDLE = 128
"""Parts the two tones of an image that has no others, and what scaling made of them."""


@dataclass(frozen=True, slots=True)
class Twist(Operation):
    """Color bands mixed: band k of the result is the sum of `matrix[k][j]` times band j (IIP's CTW).

    Summed up from the first band on with 32 bits, as iipsrv does. More than 3 rows are never seen and left out.
    """

    stage: ClassVar[Stage] = Stage.NORMALIZED
    keeps_profile: ClassVar[bool] = False

    matrix: tuple[tuple[float, ...], ...]
    """Rows are bands of the result; coefficients that a short row lacks are 0, those beyond the bands are ignored."""

    def __call__(self, pixels: Pixels) -> Pixels:
        height, width, bands = pixels.shape
        rows = self.matrix[:MOST_ROWS]
        planes = np.empty((len(rows), height, width), np.float32)
        term = np.empty((height, width), np.float32)
        for plane, row in zip(planes, rows, strict=True):
            weights = [(band, np.float32(weight)) for band, weight in enumerate(row[:bands]) if weight]
            if not weights:
                plane[...] = 0
            for number, (band, weight) in enumerate(weights):
                product = np.multiply(pixels[..., band], weight, out=term if number else plane)
                if number:
                    plane += product
        return planes.transpose(1, 2, 0)

    def bands_used(self, bands: int) -> int:
        return max(1, min(bands, max(len(row) for row in self.matrix)))


@dataclass(frozen=True, slots=True)
class Grayscale(Operation):
    """Luma of RGB; gray stays gray and alpha is kept. `(1254097 R + 2462056 G + 478151 B) >> 22` (iipsrv)."""

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
    total: NDArray[Any] = np.zeros(pixels.shape[:2], wide)
    for band, weight in enumerate(LUMA):
        term: NDArray[Any] = pixels[..., band].astype(wide)
        term *= wide(weight)
        total += term
    total >>= wide(LUMA_BITS)
    return total


@dataclass(frozen=True, slots=True)
class Bitonal(Operation):
    """Black below `threshold`, white from it on; keeps alpha."""

    stage: ClassVar[Stage] = Stage.DISPLAY
    keeps_profile: ClassVar[bool] = False

    threshold: int | None = None
    """From 0 to 255, of the upper 8 bits; None until bound: then Otsu's of the image (iipsrv)."""

    def __call__(self, pixels: Pixels) -> Pixels:
        gray = Grayscale()(pixels)
        threshold = (self.threshold or 0) << 8 * (gray.itemsize - 1)
        tones = np.array([(1 << 8 * gray.itemsize) - 1, 0]).astype(gray.dtype)
        two = tones.take(np.less(gray[..., :1], threshold))
        return two if gray.shape[2] == 1 else with_opacity(two, gray[..., 1])

    def bound(self, context: Context) -> Operation:
        if self.threshold is not None:
            return self
        # black and white are left as they are
        return Bitonal(MIDDLE if context.info.bits == 1 else context.statistics().threshold)
