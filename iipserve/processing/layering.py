"""Pictures over each other: composited from the uppermost down, until nothing shows through."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from iipserve.processing import Pixels
from iipserve.processing.layout import as_units, first_bands, from_units, has_alpha, repeated, with_opacity

HELD_BYTES = 64
"""For each pixel, at most: sums of colors and opacity, and as much again three times while a picture is added."""


class Layering:
    """What has been composited. Colors and opacity are copied where every pixel is opaque or clear; otherwise they
    are summed as floats, premultiplied (Porter and Duff 1984, `over`), and rounded once."""

    def __init__(self) -> None:
        self._copied: Pixels | None = None
        """RGB and opacity, as long as all pixels are opaque or clear."""
        self._sums: NDArray[np.float32] | None = None
        """Premultiplied red, green, blue, and opacity, 0 to 1."""
        self._maximum = 255
        self.is_opaque = False
        """Nothing below shows through."""

    def add_below(self, pixels: Pixels, opacity: float = 1.0) -> None:
        """Put a picture below the others.

        Args:
            pixels: gray or RGB, with or without opacity, of 8 or 16 bits; all of one shape and type.
            opacity: 0 to 1, of all of it.
        """
        below = _in_color(pixels)
        self._maximum = np.iinfo(below.dtype.name).max
        alpha: NDArray[Any] = below[..., 3]
        is_binary = opacity >= 1 and bool(((alpha == 0) | (alpha == self._maximum)).all())
        if self._sums is None and is_binary:
            self._copied = below if self._copied is None else _chosen(self._copied, below)
            self.is_opaque = bool((self._copied[..., 3] == self._maximum).all())
            return
        if self._sums is None:
            shape = below.shape
            self._sums = (
                np.zeros(shape, np.float32) if self._copied is None else self._weighted(self._copied, 1.0)
            )
            self._copied = None
        rest = 1 - self._sums[..., 3:]
        self._sums += self._weighted(below, opacity) * rest
        self.is_opaque = bool((self._sums[..., 3] > 1 - 1 / (4 * self._maximum)).all())

    def pixels(self) -> Pixels:
        """RGB and opacity of all pictures that were added, of which there must be one."""
        if self._sums is None:
            assert self._copied is not None
            return self._copied
        result = np.empty(self._sums.shape, np.uint8 if self._maximum == 255 else np.uint16)
        alpha = self._sums[..., 3]
        scale = self._maximum / np.maximum(alpha, np.float32(1e-6))
        for band in range(3):
            result[..., band] = np.clip(np.rint(self._sums[..., band] * scale), 0, self._maximum)
        result[..., 3] = np.clip(np.rint(alpha * self._maximum), 0, self._maximum)
        return result

    def _weighted(self, pixels: Pixels, opacity: float) -> NDArray[np.float32]:
        """Premultiplied colors and opacity, 0 to 1."""
        result = pixels.astype(np.float32)
        result /= self._maximum
        result[..., 3] *= opacity
        result[..., :3] *= result[..., 3:]
        return result


def _in_color(pixels: Pixels) -> Pixels:
    """RGB and opacity."""
    bands = pixels.shape[2]
    if bands == 4:
        return pixels
    color = repeated(pixels, 3) if bands <= 2 else first_bands(pixels, 3)
    if has_alpha(bands):
        return with_opacity(color, pixels[..., -1])
    return with_opacity(color, np.full(pixels.shape[:2], np.iinfo(pixels.dtype.name).max, pixels.dtype))


def _chosen(upper: Pixels, lower: Pixels) -> Pixels:
    """The upper picture's pixels where they are opaque, else the lower one's."""
    units = np.where(upper[..., 3] != 0, as_units(upper), as_units(lower))
    return from_units(units, upper.dtype)
