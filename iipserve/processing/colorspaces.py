"""Sample codes of 8 or 16 bits for lookup tables, and the conversion of CIELAB and CMYK to sRGB that they include."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from iipserve.image import ColorSpace
from iipserve.processing import Pixels
from iipserve.processing.bit_depth import full_scale
from iipserve.processing.icc import to_srgb
from iipserve.processing.layout import first_bands
from iipserve.processing.sample_format import SampleFormat

Plane: TypeAlias = NDArray[np.float32]

MAX_LAB_CODE = 65535
LAB_KNEE = np.float32(0.2069)
"""Cube root of X, Y or Z relative to white, above which CIELAB is cubic and below which it is linear."""
WHITE_X, WHITE_Z = 0.950470, 1.088827
"""White point D65, relative to Y = 1."""
TO_LINEAR = (
    (3.2406255, -1.537208, -0.4986286),
    (-0.9689307, 1.8757561, 0.0415175),
    (0.0557101, -0.2040211, 1.0569959),
)
"""X, Y, Z to linear red, green, blue (IEC 61966-2-1, with iipsrv's digits)."""


class Coding(NamedTuple):
    """Maps pixels of one sample format to integer codes."""

    encode: Callable[[Pixels], Pixels]
    """Color bands -> codes, uint8 or uint16."""
    values: NDArray[np.float32]
    """The sample of each code, before normalization."""
    is_plain: bool
    """Whether codes and values both equal the samples, so that arithmetic needs no table."""
    depth: int
    """Bits of codes that are evenly spaced over the full range of the samples; 0 if they are not."""


@lru_cache(maxsize=16)
def coding(input_format: SampleFormat) -> Coding | None:
    """The coding of a sample format; None for 32-bit samples, which have too many values for a table."""
    if input_format.space is ColorSpace.CIELAB:
        bits = input_format.unsigned_bits
        return Coding(lambda pixels: lab_codes(pixels, bits), lab_code_values(), False, 0)
    if input_format.space is ColorSpace.CMYK:
        unit = np.arange(256, dtype=np.float32) * (np.float32(1) / np.float32(255))
        return Coding(lambda pixels: cmyk_to_rgb(pixels, input_format), unit, False, 8)
    if input_format.dtype in ("uint8", "uint16"):
        values = np.arange(1 << input_format.unsigned_bits, dtype=np.float32)
        return Coding(lambda pixels: pixels, values, True, input_format.unsigned_bits)
    if input_format.dtype == "int16":
        values = np.arange(1 << 16, dtype=np.uint16).view(np.int16).astype(np.float32)
        return Coding(lambda pixels: pixels.view(np.uint16), values, False, 0)
    return None


# -- CMYK ------------------------------------------------------------------------------------------


def cmyk_to_rgb(pixels: Pixels, input_format: SampleFormat) -> Pixels:
    """Convert CMYK to 8-bit RGB: by its ICC profile, or `(255 - ink) (255 - black) / 255` without a usable one."""
    inks = full_scale(first_bands(pixels, ColorSpace.CMYK.bands), input_format, 8, input_format.inks)
    transform = to_srgb(input_format.profile, ColorSpace.CMYK.bands) if input_format.profile else None
    return _uncalibrated_rgb(inks) if transform is None else transform(inks)


def _uncalibrated_rgb(inks: Pixels) -> Pixels:
    """The products of 8-bit light and black, divided by 255 and rounded to nearest."""
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


# -- CIELAB ----------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def lab_code_values() -> NDArray[np.float32]:
    """The sRGB sample, 0 to 1, of each code of `lab_codes`: the sRGB transfer curve. Read-only."""
    linear = (np.arange(MAX_LAB_CODE + 1) / MAX_LAB_CODE) ** 2
    curved = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    values = curved.astype(np.float32)
    values.setflags(write=False)
    return values


def lab_codes(pixels: Pixels, bits: int) -> Pixels:
    """Convert CIELAB to 16-bit codes of red, green and blue, stored band by band.

    As in iipsrv: D65, and a cube root that becomes linear below 0.2069. A code is the square root of linear light,
    which is fine enough in the shadows for 8 and 16 bits of output; `lab_code_values` has the transfer curve.

    Args:
        pixels: L*, a*, b* encoded as in `ColorSpace.CIELAB`; further bands are ignored.
        bits: of unsigned samples in memory; 0 for other types.
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
        linear *= np.float32(MAX_LAB_CODE)
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
    """Integer a* or b*, reduced to whole numbers for 16 bits too, as in iipsrv."""
    signed: NDArray[Any] = band.view(dtype)
    return (signed >> shift if shift else signed).astype(np.float32)


def _xyz(light: Plane, a: Plane, b: Plane) -> tuple[Plane, Plane, Plane]:
    """X, Y, Z relative to Y = 1 for white; overwrites its arguments.

    iipsrv has separate formulas below L* 8; they differ from these in the sixth digit.
    """
    light += np.float32(16)
    light *= np.float32(1 / 116)
    a *= np.float32(1 / 500)
    a += light
    b *= np.float32(-1 / 200)
    b += light
    return _from_root(a, WHITE_X), _from_root(light, 1), _from_root(b, WHITE_Z)


def _from_root(root: Plane, white: float) -> Plane:
    """X, Y or Z of its CIELAB root: the cube above `LAB_KNEE`, linear below.

    Clipping instead of choosing per pixel, which is slow on images with much variation.
    """
    bright = np.clip(root, LAB_KNEE, np.inf)
    result = bright * bright
    result *= bright
    # the linear part starts from the constant cube at the knee
    dark = np.clip(root, -np.inf, LAB_KNEE, out=bright)
    dark -= LAB_KNEE
    dark *= np.float32(1 / 7.787)
    result += dark
    result *= np.float32(white)
    return result
