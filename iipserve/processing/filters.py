"""Operations that combine several samples: hillshade and convolution."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from iipserve.errors import InvalidRequest
from iipserve.processing import Operation, Pixels, Stage

HALF = np.float32(0.5)


@dataclass(frozen=True, slots=True)
class Hillshade(Operation):
    """Shade a surface whose normal vectors are the three color bands (IIP's SHD); the result has one band.

    With `n` the bands from 0 to 1 and `s` the direction of the light: `clip(0.5 (s . -2 (n - 0.5)), 0, 1)`, and 0
    where all bands are 0 (iipsrv).
    """

    stage: ClassVar[Stage] = Stage.NORMALIZED
    keeps_profile: ClassVar[bool] = False

    horizontal: int
    """Direction of the light in degrees, clockwise from the top."""
    vertical: int
    """Elevation of the light in degrees."""

    def __call__(self, pixels: Pixels) -> Pixels:
        bands = pixels.shape[2]
        if bands != 3:
            raise InvalidRequest(f"SHD needs 3 color bands with normal vectors; this image has {bands}")
        shade = np.zeros(pixels.shape[:2], np.float32)
        flat = np.ones(pixels.shape[:2], np.bool_)
        for band, direction in enumerate(self.light()):
            normal: NDArray[Any] = pixels[..., band]
            flat &= normal == 0
            # the factors 2 and 0.5 cancel without rounding
            part = normal - HALF
            part *= direction
            shade -= part
        np.clip(shade, 0, 1, out=shade)
        np.copyto(shade, 0, where=flat)
        return shade[..., np.newaxis]

    def light(self) -> tuple[np.float32, np.float32, np.float32]:
        """The unit vector to the light (right, up, towards the surface), computed in float32 as in iipsrv."""
        around = np.float32(self.horizontal * 2 * math.pi / 360)
        y = np.float32(math.cos(around))
        x = np.float32(math.sqrt(1 - float(y * y)))
        if self.horizontal > 180:
            x = -x
        z = np.float32(-math.sin(np.float32(self.vertical * 2 * math.pi / 360)))
        length = np.sqrt(x * x + y * y + z * z)
        return x / length, y / length, z / length

    def bands_used(self, bands: int) -> int:
        return bands


@dataclass(frozen=True, slots=True)
class Convolve(Operation):
    """Correlate each band with a square kernel, which is not flipped (IIP's CNV).

    The result is divided by the sum of the kernel if that is above 0. Edge pixels are repeated outside the image.
    Products are float32 and their sum is float64, as in iipsrv.
    """

    stage: ClassVar[Stage] = Stage.NORMALIZED
    works_by_rows: ClassVar[bool] = False

    kernel: tuple[tuple[float, ...], ...]
    """1, 3 or 5 rows of the same number of weights."""

    def __call__(self, pixels: Pixels) -> Pixels:
        height, width, bands = pixels.shape
        if pixels.flags.c_contiguous:
            # all bands at once: the same band of the next pixel is `bands` samples away
            rows = self._correlated(pixels.reshape(height, width * bands), bands)
            return rows.reshape(height, width, bands)
        planes = np.empty((bands, height, width), np.float32)
        for band, plane in enumerate(planes):
            plane[...] = self._correlated(pixels[..., band], 1)
        return planes.transpose(1, 2, 0)

    @property
    def apron(self) -> int:
        return len(self.kernel) // 2

    def _correlated(self, rows: NDArray[np.generic], step: int) -> NDArray[np.float32]:
        """Correlate rows in which the next pixel is `step` samples away."""
        height, width = rows.shape
        padded = _padded(rows, self.apron, step)
        total = np.zeros((height, width))
        for weight, positions in self._positions().items():
            products = (padded * np.float32(weight)).astype(np.float64)
            for row, column, add in positions:
                window = products[row : row + height, column * step : column * step + width]
                (np.add if add else np.subtract)(total, window, out=total)
        kernel_sum = np.float32(sum(sum(row) for row in self.kernel))
        if kernel_sum > 0 and kernel_sum != 1:
            total /= float(kernel_sum)
        return total.astype(np.float32)

    def _positions(self) -> dict[float, list[tuple[int, int, bool]]]:
        """Row, column and whether the weight is positive, for each absolute weight of the kernel."""
        positions: dict[float, list[tuple[int, int, bool]]] = {}
        for row, weights in enumerate(self.kernel):
            for column, weight in enumerate(weights):
                if weight:
                    positions.setdefault(abs(weight), []).append((row, column, weight > 0))
        return positions


def _padded(rows: NDArray[np.generic], apron: int, step: int) -> NDArray[np.float32]:
    """The rows with the edge rows and edge pixels (of `step` samples) repeated `apron` times on each side."""
    height, width = rows.shape
    margin = apron * step
    padded = np.empty((height + 2 * apron, width + 2 * margin), np.float32)
    inner = padded[apron : apron + height]
    inner[:, margin : margin + width] = rows
    for index in range(apron):
        inner[:, index * step : (index + 1) * step] = rows[:, :step]
        inner[:, margin + width + index * step :][:, :step] = rows[:, -step:]
    padded[:apron] = inner[0]
    padded[apron + height :] = inner[-1]
    return padded


KERNELS: dict[str, tuple[tuple[float, ...], ...]] = {
    "sobel": ((-1, 0, 1), (-2, 0, 2), (-1, 0, 1)),
    "prewitt": ((1, 0, -1), (1, 0, -1), (1, 0, -1)),
    "scharr": ((-3, 0, 3), (-10, 0, 10), (-3, 0, 3)),
    "laplace": ((-1, -1, -1), (-1, 8, -1), (-1, -1, -1)),
    "gaussian": ((1, 2, 1), (2, 4, 2), (1, 2, 1)),
    "sharpen": ((0, -1, 0), (-1, 5, -1), (0, -1, 0)),
    "emboss": ((-2, -1, 0), (-1, 1, 1), (0, 1, 2)),
}
"""Kernels by name, in lower case (iipsrv)."""
