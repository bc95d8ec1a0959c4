"""Pixels in memory: bands taken out and put together, whole pixels as units.

numpy copies short rows (the bands of a pixel) slowly: band by band, and pixel by pixel, is 2 to 5 times as fast.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from iipserve.processing import Pixels

UNITS: dict[int, Any] = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}
"""Types that are as large as a whole pixel of so many bytes."""


def first_bands(pixels: Pixels, count: int) -> Pixels:
    """The first bands, contiguous; the pixels themselves if they have no more."""
    if count == pixels.shape[2]:
        return pixels
    result = np.empty((*pixels.shape[:2], count), pixels.dtype)
    copy_bands(pixels, result, count)
    return result


def copy_bands(source: NDArray[Any], target: NDArray[Any], count: int) -> None:
    """Write the first `count` bands of `source` into those of `target`, whatever the type and layout of either."""
    for band in range(count):
        # what is cast is known to fit
        np.copyto(target[..., band], source[..., band], casting="unsafe")


def with_opacity(color: Pixels, opacity: Pixels) -> Pixels:
    """Color bands and one band more, of the same type."""
    bands = color.shape[2]
    result = np.empty((*color.shape[:2], bands + 1), color.dtype)
    copy_bands(color, result, bands)
    result[..., bands] = opacity
    return result


def repeated(gray: Pixels, count: int) -> Pixels:
    """So many bands that are all as the first."""
    result = np.empty((*gray.shape[:2], count), gray.dtype)
    for band in range(count):
        result[..., band] = gray[..., 0]
    return result


def as_units(pixels: Pixels) -> NDArray[Any]:
    """Contiguous pixels as an array of shape (height, width) with one element, of no meaning, for each."""
    size = pixels.shape[2] * pixels.itemsize
    unit = UNITS.get(size, np.dtype((np.void, size)))
    units: NDArray[Any] = np.ascontiguousarray(pixels).view(unit)[..., 0]
    return units


def from_units(units: NDArray[Any], dtype: np.dtype[Any]) -> Pixels:
    """Contiguous pixels made of a view of an array of `as_units`; always copied, see `packed`."""
    pixels: Pixels = units.copy(order="C").view(dtype).reshape(*units.shape, -1)
    return pixels


def packed(pixels: Pixels) -> Pixels:
    """The pixels with the strides of a new array.

    numpy calls an array of one row or column contiguous whatever its strides are, encoders look at them.
    """
    _, width, bands = pixels.shape
    step = bands * pixels.itemsize
    return pixels if pixels.strides == (width * step, step, pixels.itemsize) else pixels.copy(order="C")
