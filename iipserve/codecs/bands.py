"""Fitting pixels to formats that know only color, and to compressors that know only bytes."""

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


def as_buffer(pixels: Pixels) -> Any:
    """The same object: compressors take arrays through the buffer protocol, but their annotations say bytes."""
    return pixels
