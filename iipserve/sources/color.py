"""Color arithmetic that several formats need: YCbCr to RGB, and colors divided by their opacity."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Samples: TypeAlias = NDArray[Any]
"""Shape (height, width, bands)."""
Step: TypeAlias = Callable[[Samples], Samples]
"""May return its argument, and never changes it."""


def ycc_to_rgb(matrix: NDArray[np.float64], zero: NDArray[np.float64], bits: int) -> Step:
    """The step that makes RGB of three bands.

    Args:
        matrix: rows are red, green and blue, columns Y, Cb and Cr.
        zero: the code of 0, of each of Y, Cb and Cr.
        bits: per sample, 8 to 16.
    """
    weights, offset = matrix.T.astype(np.float32), (-matrix @ zero).astype(np.float32)
    full_scale, dtype = 2**bits - 1, np.uint8 if bits <= 8 else np.uint16

    def convert(pixels: Samples) -> Samples:
        colors = pixels.astype(np.float32) @ weights
        colors += offset
        np.clip(np.rint(colors, out=colors), 0, full_scale, out=colors)
        return colors.astype(dtype)

    return convert


@cache
def jfif_to_rgb(bits: int) -> Step:
    """The step that makes RGB of YCbCr as JFIF and sYCC have it: ITU-R BT.601 in full range (IEC 61966-2-1 Annex F)."""
    middle = 2 ** (bits - 1)
    matrix = np.array([[1, 0, 1.402], [1, -0.344136, -0.714136], [1, 1.772, 0]])
    return ycc_to_rgb(matrix, np.array([0.0, middle, middle]), bits)


def unpremultiply(dtype: str, full_scale: float, colors: int) -> Step:
    """The step that divides colors by opacity, the last band; colors of clear pixels stay as they are.

    Args:
        dtype: of the samples.
        full_scale: the sample that is fully opaque.
        colors: number of bands to be divided, from the first on.
    """
    divide = {"uint8": _divide_bytes, "uint16": _divide_uint16}.get(dtype, _divide_others)

    def straighten(pixels: Samples) -> Samples:
        result = pixels.copy()
        result[:, :, :colors] = divide(pixels[:, :, :colors], pixels[:, :, -1:], full_scale)
        return result

    return straighten


def _divide_bytes(colors: Samples, opacity: Samples, full_scale: float) -> Samples:
    return _quotients().take(opacity.astype(np.uint16) << 8 | colors)


@cache
def _quotients() -> NDArray[np.uint8]:
    """The straight color of each color at each opacity; the opacity is the higher byte of the index."""
    opacity, color = np.mgrid[0:256, 0:256]
    divisor = np.where(opacity == 0, 255, opacity)
    quotients: NDArray[np.uint8] = np.minimum((color * 255 + divisor // 2) // divisor, 255).astype(np.uint8)
    return quotients.ravel()


def _divide_uint16(colors: Samples, opacity: Samples, full_scale: float) -> Samples:
    maximum = np.uint32(full_scale)
    divisor = np.where(opacity == 0, maximum, opacity).astype(np.uint32)
    # 65535 times itself and half of it has 32 bits
    quotients: Samples = (colors * maximum + divisor // 2) // divisor
    return np.minimum(quotients, maximum, out=quotients)


def _divide_others(colors: Samples, opacity: Samples, full_scale: float) -> Samples:
    """Integers are rounded and clipped to their range; float32 is exact enough for 16 bits, not for 32."""
    dtype = colors.dtype
    alpha: Samples = opacity.astype(np.float32 if dtype in (np.int16, np.float32) else np.float64)
    with np.errstate(all="ignore"):
        straight = colors * (full_scale / np.where(alpha > 0, alpha, full_scale))
        if dtype.kind != "f":
            np.rint(straight, out=straight)
            np.clip(straight, -full_scale - 1 if dtype.kind == "i" else 0, full_scale, out=straight)
        return straight.astype(dtype)
