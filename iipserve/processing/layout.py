"""Memory layout of pixels: extracting and joining bands, whole pixels as single elements.

numpy copies short rows (the bands of a pixel) slowly: copying band by band or whole pixels is 2 to 5 times as fast.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from iipserve.processing import Pixels

UNITS: dict[int, Any] = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}
"""Element types for whole pixels, by bytes per pixel."""


def has_alpha(bands: int) -> bool:
    """Whether the last of `bands` bands of display pixels is opacity: 2 is gray and opacity, 4 RGB and opacity."""
    return bands in (2, 4)


def color_bands(bands: int) -> int:
    """The number of bands, of `bands`, that are displayed as colors: 3 (RGB) of three or more, else 1 (gray)."""
    return 3 if bands >= 3 else 1


def first_bands(pixels: Pixels, count: int) -> Pixels:
    """The first `count` bands, contiguous; the pixels themselves if they have no more."""
    if count == pixels.shape[2]:
        return pixels
    result = np.empty((*pixels.shape[:2], count), pixels.dtype)
    copy_bands(pixels, result, count)
    return result


def chosen_bands(pixels: NDArray[Any], bands: Sequence[int]) -> NDArray[Any]:
    """Some bands, in their order; contiguous, or the pixels themselves if these are all of them."""
    if tuple(bands) == tuple(range(pixels.shape[2])):
        return pixels
    result = np.empty((*pixels.shape[:2], len(bands)), pixels.dtype)
    for index, band in enumerate(bands):
        result[..., index] = pixels[..., band]
    return result


def copy_bands(source: NDArray[Any], target: NDArray[Any], count: int) -> None:
    """Copy the first `count` bands, between any types and memory layouts."""
    for band in range(count):
        # callers guarantee that the values fit
        np.copyto(target[..., band], source[..., band], casting="unsafe")


def with_opacity(color: Pixels, opacity: Pixels) -> Pixels:
    """Color bands with `opacity`, shape (height, width), appended; the type of the colors."""
    bands = color.shape[2]
    result = np.empty((*color.shape[:2], bands + 1), color.dtype)
    copy_bands(color, result, bands)
    result[..., bands] = opacity
    return result


def with_less_opacity(pixels: Pixels, opacity: Pixels) -> Pixels:
    """Display pixels with `opacity`, by which their own, if they have any, is multiplied."""
    if not has_alpha(pixels.shape[2]):
        return with_opacity(pixels, opacity)
    opaque = np.iinfo(pixels.dtype.name).max
    result: NDArray[Any] = pixels.copy()
    result[..., -1] = np.rint(result[..., -1] * (opacity.astype(np.float64) / opaque))
    return result


def with_full_opacity(pixels: Pixels) -> Pixels:
    """Display pixels with opacity: opaque if they have none."""
    if has_alpha(pixels.shape[2]):
        return pixels
    height, width, bands = pixels.shape
    result: NDArray[Any] = np.empty((height, width, bands + 1), pixels.dtype)
    copy_bands(pixels, result, bands)
    result[..., bands] = np.iinfo(pixels.dtype.name).max
    return result


def with_equal_bands(parts: Sequence[Pixels]) -> list[Pixels]:
    """Display pixels of one image, of which some may have opacity: all with it if one has."""
    if len({part.shape[2] for part in parts}) == 1:
        return list(parts)
    return [with_full_opacity(part) for part in parts]


def repeated(gray: Pixels, count: int) -> Pixels:
    """The first band `count` times."""
    result = np.empty((*gray.shape[:2], count), gray.dtype)
    for band in range(count):
        result[..., band] = gray[..., 0]
    return result


def as_units(pixels: Pixels) -> NDArray[Any]:
    """Pixels as an array of shape (height, width) with one opaque element each: a view if they are contiguous."""
    size = pixels.shape[2] * pixels.itemsize
    unit = UNITS.get(size, np.dtype((np.void, size)))
    return np.ascontiguousarray(pixels).view(unit)[..., 0]


def from_units(units: NDArray[Any], dtype: np.dtype[Any]) -> Pixels:
    """Contiguous pixels of a view of an array of `as_units`; always a copy, see `packed`."""
    return units.copy(order="C").view(dtype).reshape(*units.shape, -1)


def packed(pixels: Pixels) -> Pixels:
    """The pixels with the strides of a new array, copied if they have others.

    numpy calls an array of one row or column contiguous whatever its strides; encoders read the strides.
    """
    _, width, bands = pixels.shape
    step = bands * pixels.itemsize
    return pixels if pixels.strides == (width * step, step, pixels.itemsize) else pixels.copy(order="C")
