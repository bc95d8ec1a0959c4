"""Fitting pixels to formats that know only color or one byte order, and to compressors that know only bytes."""

from __future__ import annotations

from typing import Any

import numpy as np

from iipserve.processing import Pixels


def with_colors(pixels: Pixels) -> Pixels:
    """The pixels with three color bands: gray is tripled, alpha stays; color comes back as it is."""
    bands = pixels.shape[2]
    if bands >= 3:
        return pixels
    if bands == 1:
        return np.repeat(pixels, 3, axis=2)
    return pixels.take((0, 0, 0, 1), axis=2)


def sample_bytes(pixels: Pixels, order: str) -> Pixels:
    """The samples of pixels as bytes, shape (height, bytes of a row); those of 16 bits in a byte order.

    Args:
        pixels: of 8 or 16 bits.
        order: `<` or `>`.
    """
    samples = pixels.astype(order + "u2", copy=False) if pixels.dtype.itemsize == 2 else pixels
    return np.ascontiguousarray(samples).view(np.uint8).reshape(pixels.shape[0], -1)


def as_buffer(pixels: Pixels) -> Any:
    """The same object: compressors take arrays through the buffer protocol, but their annotations say bytes."""
    return pixels
