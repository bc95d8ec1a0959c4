"""Conversion of stored samples of TIFF files to output samples, as `ImageInfo` describes them.

The steps are chosen once, when a level is opened; a converter without steps is left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from iipserve.containers.ifd import Directory
from iipserve.containers.palette import read_palette
from iipserve.containers.tags import (
    DECODE,
    REFERENCE_BLACK_WHITE,
    SELF_CODED,
    YCBCR_COEFFICIENTS,
    Photometric,
)
from iipserve.errors import UnsupportedImage
from iipserve.sources.color import Samples, Step, unpremultiply, ycc_to_rgb
from iipserve.sources.tiff.layout import Layout
from iipserve.sources.tiff_pixel_format import Alpha, Bands, SampleType

REC_601 = (0.299, 0.587, 0.114)
"""Default shares of red, green and blue in Y."""
ITULAB_RANGES = (0.0, 100.0, -85.0, 85.0, -75.0, 125.0)
"""Default lowest and highest L*, a* and b*, for files without the field Decode (TIFF-FX, RFC 2301 section 5.2.2)."""
MAX_PALETTE_BITS = 16


def make_converter(layout: Layout, directory: Directory) -> Step | None:
    """The conversion of decoded samples to output samples; None if they are the same.

    Raises:
        UnsupportedImage, DecodeError: fields that it needs are missing or invalid.
    """
    steps = [*_color_steps(layout, directory), *_type_steps(layout), *_band_steps(layout.bands, layout.type)]
    if not steps:
        return None
    return steps[0] if len(steps) == 1 else _chained(steps)


def _chained(steps: Sequence[Step]) -> Step:
    def convert(pixels: Samples) -> Samples:
        for step in steps:
            pixels = step(pixels)
        return pixels

    return convert


# -- colors ------------------------------------------------------------------------------------------


def _color_steps(layout: Layout, directory: Directory) -> list[Step]:
    match layout.bands.photometric:
        case Photometric.PALETTE:
            return [_palette(layout, directory)]
        case Photometric.YCBCR if layout.compression not in SELF_CODED or layout.planes > 1:
            return [_ycc(layout.type.bits, directory)]
        case Photometric.ICCLAB:
            return [_from_icc_lab(layout.type)]
        case Photometric.ITULAB:
            return [_from_itu_lab(layout.type, directory)]
    return []


def _palette(layout: Layout, directory: Directory) -> Step:
    """Indices become colors of 8 bits, followed by opacity if there is any."""
    type = layout.type
    if type.kind != "u" or type.bits > MAX_PALETTE_BITS:
        raise UnsupportedImage(f"TIFF of a palette with indices of {type.bits} bits")
    colors = read_palette(directory, type.bits)
    if layout.nodata is not None:
        colors = _told_apart(colors, int(layout.nodata))
    alpha_index = layout.bands.alpha_index if layout.bands.has_alpha else None
    opacity, surplus = spread_table(min(8, type.bits)), max(0, type.bits - 8)

    def look_up(pixels: Samples) -> Samples:
        shown = colors.take(pixels[:, :, 0], axis=0, mode="clip")
        if alpha_index is None:
            return shown
        return np.concatenate(
            (shown, opacity.take(np.right_shift(pixels[:, :, alpha_index, None], surplus))), axis=2
        )

    return look_up


def _told_apart(colors: NDArray[np.uint8], index: int) -> NDArray[np.uint8]:
    """The colors, of which that of missing data is changed as little as makes it unlike all others."""
    others = {tuple(color) for color in np.delete(colors, index, axis=0).tolist()}
    own = colors[index].tolist()
    nearest = (
        color
        for reach in range(256)
        for color in product(*(range(max(0, part - reach), min(255, part + reach) + 1) for part in own))
        if color not in others
    )
    colors[index] = next(nearest, tuple(own))
    return colors


def _ycc(bits: int, directory: Directory) -> Step:
    """YCbCr becomes RGB by the coefficients and ranges of the file (TIFF 6.0 sections 20 and 21)."""
    top = 2**bits - 1
    red, green, blue = _usable(directory.reals(YCBCR_COEFFICIENTS), REC_601)
    if green == 0:
        red, green, blue = REC_601
    middle = 2 ** (bits - 1)
    usual = (0, top, middle, top, middle, top)
    levels = np.array(_usable(directory.reals(REFERENCE_BLACK_WHITE), usual), np.float64).reshape(3, 2)
    if (levels[:, 0] == levels[:, 1]).any():
        levels = np.array(usual, np.float64).reshape(3, 2)
    scale = np.array([top, top - middle, top - middle]) / (levels[:, 1] - levels[:, 0])
    matrix = np.array(
        [
            [1, 0, 2 - 2 * red],
            [1, -blue * (2 - 2 * blue) / green, -red * (2 - 2 * red) / green],
            [1, 2 - 2 * blue, 0],
        ]
    )
    return ycc_to_rgb(matrix * scale, levels[:, 0], bits)


def _usable(values: tuple[float, ...], otherwise: tuple[float, ...]) -> tuple[float, ...]:
    """The values, if they are finite and their number is right."""
    return values if len(values) == len(otherwise) and all(map(math.isfinite, values)) else otherwise


def _from_icc_lab(type: SampleType) -> Step:
    """ICC L*a*b* becomes CIELAB (TIFF Technical Note 4): a* and b* have an offset of 128, L* of 16 bits ends at FF00."""
    if (type.kind, type.bits) not in (("u", 8), ("u", 16)):
        raise UnsupportedImage(f"TIFF of ICC L*a*b* colors in {type.bits} bits; 8 and 16 are supported")
    flip = 1 << type.bits - 1

    def convert(pixels: Samples) -> Samples:
        result = pixels.copy()
        result[:, :, 1:3] ^= flip
        if type.bits == 16:
            light = pixels[:, :, 0].astype(np.uint32)
            result[:, :, 0] = np.minimum((light * 65535 + 32640) // 65280, 65535)
        return result

    return convert


def _from_itu_lab(type: SampleType, directory: Directory) -> Step:
    """ITU L*a*b* becomes CIELAB, rounded to integers; the field Decode holds the ranges of its codes (RFC 2301)."""
    if (type.kind, type.bits) != ("u", 8):
        raise UnsupportedImage(f"TIFF of ITU L*a*b* colors in {type.bits} bits; 8 are supported")
    ranges = _usable(directory.reals(DECODE), ITULAB_RANGES)
    codes = np.arange(256) / 255
    light, red, blue = (
        low + codes * (high - low) for low, high in zip(ranges[::2], ranges[1::2], strict=True)
    )
    tables = [np.rint(light * 2.55).clip(0, 255).astype(np.uint8)]
    tables += [np.rint(axis).clip(-128, 127).astype(np.int8).view(np.uint8) for axis in (red, blue)]

    def convert(pixels: Samples) -> Samples:
        result = pixels.copy()
        for band, table in enumerate(tables):
            result[:, :, band] = table[pixels[:, :, band]]
        return result

    return convert


# -- types -------------------------------------------------------------------------------------------


def _type_steps(layout: Layout) -> list[Step]:
    """Samples of few bits are spread over 8; types that are not output become wider, or floats of 32 bits."""
    type, kind = layout.type, np.dtype(layout.type.output_dtype)
    if layout.bands.photometric == Photometric.PALETTE:
        return []
    if type.bits < 8:
        table = spread_table(type.bits)
        return [table.take]
    if type.stored == kind:
        return []

    def convert(pixels: Samples) -> Samples:
        with np.errstate(over="ignore", invalid="ignore"):
            return pixels.astype(kind)

    return [convert]


def spread_table(bits: int) -> NDArray[np.uint8]:
    """Values of 8 bits by samples of fewer bits, which are repeated: 101 becomes 10110110 (as in iipsrv). Shape (256,)."""
    values = np.arange(256) & (1 << bits) - 1
    spread, left = np.zeros(256, np.int64), 8
    while left > 0:
        spread |= values << left - bits if left >= bits else values >> bits - left
        left -= bits
    return spread.astype(np.uint8)


# -- bands -------------------------------------------------------------------------------------------


def _band_steps(bands: Bands, type: SampleType) -> list[Step]:
    """Opacity is made the last band, colors are divided by it, and 0 is made black."""
    steps: list[Step] = []
    if bands.photometric == Photometric.PALETTE:
        return steps
    last = bands.stored - 1
    if bands.has_alpha and bands.alpha_index != last:
        order = [*(band for band in range(bands.stored) if band != bands.alpha_index), bands.alpha_index]
        steps.append(lambda pixels: pixels[:, :, order])
    if bands.alpha is Alpha.PREMULTIPLIED:
        steps.append(unpremultiply(type.output_dtype, type.full_scale, bands.colors))
    if bands.photometric == Photometric.WHITE_IS_ZERO:
        steps.append(_inverted(type, last if bands.has_alpha else bands.stored))
    return steps


def _inverted(type: SampleType, count: int) -> Step:
    """Inverts the first `count` bands, so that 0 is black: unsigned integers in their range, signed ones about -1/2
    (as if their range were shifted), and floating point about 0.
    """
    pivot = inversion_pivot(type)

    def invert(pixels: Samples) -> Samples:
        result: Samples = np.subtract(pixels.dtype.type(pivot), pixels)
        result[:, :, count:] = pixels[:, :, count:]
        return result

    return invert


def inversion_pivot(type: SampleType) -> int:
    """Sum of a sample of WhiteIsZero and its output sample."""
    if type.output_dtype == "float32":
        return 0
    return -1 if type.kind == "i" else int(type.full_scale)
