"""Compositing of pixels with opacity over a color."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from iipserve.processing import Pixels
from iipserve.processing.layout import first_bands

WHITE = (255, 255, 255)


def composited(pixels: Pixels, color: tuple[int, int, int]) -> Pixels:
    """Pixels of 8 or 16 bits, the last band opacity, over a color; correctly rounded.

    Args:
        pixels: gray and opacity, or RGB and opacity.
        color: red, green and blue of 8 bits.

    Returns:
        Gray if the pixels and the color are, otherwise RGB.
    """
    colors, bits = pixels.shape[2] - 1, 8 * pixels.itemsize
    maximum = (1 << bits) - 1
    if (pixels[..., -1] == maximum).all():
        return first_bands(pixels, colors)
    if colors == 1 and len(set(color)) > 1:
        gray, pixels = pixels, np.empty((*pixels.shape[:2], 4), pixels.dtype)
        pixels[..., :3], pixels[..., 3], colors = gray[..., :1], gray[..., 1], 3
    wide = np.uint16 if bits == 8 else np.uint32
    opacity: NDArray[Any] = pixels[..., -1].astype(wide)
    rest = maximum - opacity
    result = np.empty((*pixels.shape[:2], colors), pixels.dtype)
    for band in range(colors):
        mixed: NDArray[Any] = pixels[..., band].astype(wide)
        mixed *= opacity
        mixed += rest * wide(color[band] * maximum // 255)
        np.copyto(result[..., band], _divided(mixed, bits), casting="unsafe")
    return result


def _divided(products: NDArray[Any], bits: int) -> NDArray[Any]:
    """Divide products of two `bits`-bit integers by the maximum of such, rounded to nearest; overwrites them."""
    products += products.dtype.type(1 << (bits - 1))
    products += products >> bits
    products >>= bits
    return products
