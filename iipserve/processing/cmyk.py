"""CMYK made into sRGB of 8 bits, by its profile if it has one."""

from __future__ import annotations

import numpy as np

from iipserve.processing import Pixels
from iipserve.processing.bit_depth import full_scale
from iipserve.processing.icc import to_srgb
from iipserve.processing.layout import first_bands
from iipserve.processing.sample_format import SampleFormat

INKS = 4


def to_rgb(pixels: Pixels, input_format: SampleFormat) -> Pixels:
    """Red, green and blue of 8 bits; by `(255 - ink) (255 - black) / 255` without a profile that can be used."""
    inks = full_scale(first_bands(pixels, INKS), input_format, 8)
    transform = to_srgb(input_format.profile, INKS) if input_format.profile else None
    return _plain(inks) if transform is None else transform(inks)


def _plain(inks: Pixels) -> Pixels:
    """Products of 8 bits divided by 255, to the nearest."""
    light = np.empty((*inks.shape[:2], 3), np.uint8)
    key = np.subtract(255, inks[..., 3], dtype=np.uint16)
    product, part = np.empty_like(key), np.empty_like(key)
    for band in range(3):
        np.subtract(255, inks[..., band], out=product, dtype=np.uint16)
        product *= key
        product += np.uint16(128)
        np.right_shift(product, 8, out=part)
        product += part
        product >>= 8
        np.copyto(light[..., band], product, casting="unsafe")
    return light
