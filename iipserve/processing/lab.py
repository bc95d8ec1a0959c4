"""CIELAB made into sRGB, as iipsrv does it: D65, a cube root cut off at 0.2069, the sRGB transfer curve.

The last step, the curve, is left to a table: pixels become *codes* of 16 bits, the square root of linear light,
which are even enough in the dark that none of the finished depths shows their steps.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from iipserve.processing import Pixels

Plane: TypeAlias = NDArray[np.float32]

MOST = 65535
"""The highest code."""
KNEE = np.float32(0.2069)
"""The root from which on light is its cube."""
WHITE_X, WHITE_Z = 0.950470, 1.088827
"""D65, for Y = 1."""
TO_LINEAR = (
    (3.2406255, -1.537208, -0.4986286),
    (-0.9689307, 1.8757561, 0.0415175),
    (0.0557101, -0.2040211, 1.0569959),
)
"""From X, Y, Z to linear red, green, blue (IEC 61966-2-1, as iipsrv has it)."""


@lru_cache(maxsize=1)
def code_values() -> NDArray[np.float32]:
    """The sample, 0 to 1, that each code stands for: the sRGB transfer curve. Not to be changed."""
    linear = (np.arange(MOST + 1) / MOST) ** 2
    curved = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    values = curved.astype(np.float32)
    values.setflags(write=False)
    return values


def codes(pixels: Pixels, bits: int) -> Pixels:
    """Red, green and blue codes of CIELAB pixels; in memory band by band.

    Args:
        pixels: L*, a*, b* as `ColorSpace.CIELAB` says; further bands are not looked at.
        bits: of unsigned samples as they are in memory.
    """
    light, a, b = _planes(pixels, bits)
    x, y, z = _xyz(light, a, b)
    result = np.empty((3, *light.shape), np.uint16)
    linear, term = np.empty_like(light), np.empty_like(light)
    for plane, row in zip(result, TO_LINEAR, strict=True):
        np.multiply(x, np.float32(row[0]), out=linear)
        linear += np.multiply(y, np.float32(row[1]), out=term)
        linear += np.multiply(z, np.float32(row[2]), out=term)
        np.clip(linear, 0, 1, out=linear)
        np.sqrt(linear, out=linear)
        linear *= np.float32(MOST)
        linear += np.float32(0.5)
        np.copyto(plane, linear, casting="unsafe")
    return result.transpose(1, 2, 0)


def _planes(pixels: Pixels, bits: int) -> tuple[Plane, Plane, Plane]:
    """L* from 0 to 100, a* and b*, each contiguous."""
    if pixels.dtype == np.float32:
        found: list[Plane] = [np.nan_to_num(pixels[..., band], nan=0) for band in range(3)]
        return found[0].clip(0, 100), found[1].clip(-500, 500), found[2].clip(-500, 500)
    if pixels.dtype == np.uint8:
        light: Plane = pixels[..., 0].astype(np.float32)
        light /= np.float32(2.55)
        return light, _signed(pixels[..., 1], np.int8, 0), _signed(pixels[..., 2], np.int8, 0)
    wide: NDArray[Any] = pixels.astype(np.uint16, copy=False)
    if bits < 16:
        wide = wide[..., :3] << (16 - bits)
    light = (wide[..., 0] >> 1).astype(np.float32)
    light /= np.float32(327.67)
    return light, _signed(wide[..., 1], np.int16, 8), _signed(wide[..., 2], np.int16, 8)


def _signed(band: NDArray[Any], dtype: type[np.int8 | np.int16], shift: int) -> Plane:
    """a* or b* of integers: whole numbers, as iipsrv reads them of 16 bits too."""
    signed: NDArray[Any] = band.view(dtype)
    return (signed >> shift if shift else signed).astype(np.float32)


def _xyz(light: Plane, a: Plane, b: Plane) -> tuple[Plane, Plane, Plane]:
    """X, Y, Z, where Y of white is 1; uses up its arguments.

    Below L* 8 iipsrv has formulas of its own, which are these but for the sixth digit.
    """
    light += np.float32(16)
    light *= np.float32(1 / 116)
    a *= np.float32(1 / 500)
    a += light
    b *= np.float32(-1 / 200)
    b += light
    return _light(a, WHITE_X), _light(light, 1), _light(b, WHITE_Z)


def _light(root: Plane, white: float) -> Plane:
    """X, Y or Z of its root: the cube, and below `KNEE` the straight line that goes on from there.

    Without a choice for each pixel, which takes long where they differ much.
    """
    bright = np.clip(root, KNEE, np.inf)
    result = bright * bright
    result *= bright
    # the straight line begins where the cube stands still
    dark = np.clip(root, -np.inf, KNEE, out=bright)
    dark -= KNEE
    dark *= np.float32(1 / 7.787)
    result += dark
    result *= np.float32(white)
    return result
