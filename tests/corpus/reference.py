"""How samples must be displayed: the documented transforms in plain numpy, independent of `iipserve.processing`.

Values are float64, 0 black and 1 white.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import pyvips
from numpy.typing import NDArray

from iipserve.image import ColorSpace
from tests.tiff_corpus import Written
from tests.tiff_corpus.tiff_writer import Samples

Values: TypeAlias = NDArray[np.float64]

LINEAR = np.array([
    [3.2406255, -1.537208, -0.4986286],
    [-0.9689307, 1.8757561, 0.0415175],
    [0.0557101, -0.2040211, 1.0569959],
])  # fmt: skip
"""From CIE XYZ to linear sRGB (IEC 61966-2-1)."""
WHITE = np.array([0.95047, 1.0, 1.088827])
"""D65, as Y is 1."""


class Picture(NamedTuple):
    """Displayed values before they are quantized to 8 bits."""

    colors: Values
    """1 or 3 bands, 0 to 1."""
    opacity: Values | None
    """One band, 0 to 1."""

    def quantized(self, change: Callable[[Values], Values] | None = None) -> NDArray[np.uint8]:
        """Truncate to 8 bits, after applying `change` to the colors."""
        colors = self.colors if change is None else change(self.colors)
        # a value just below an integer by rounding must not be truncated to the one below
        shown = np.floor(colors.clip(0, 1) * 255 + 1e-5)
        bands = [shown] if self.opacity is None else [shown, np.floor(self.opacity * 255 + 1e-5)]
        return np.concatenate(bands, axis=2).astype(np.uint8)


def displayed(samples: Samples, written: Written, *, profiled: bool = False) -> Picture:
    """How samples of a file must be displayed.

    Args:
        samples: of any part of the image.
        written: the file; an undeclared range is measured at full size.
        profiled: whether it is CMYK with libvips' built-in profile.
    """
    if profiled:
        return Picture(_by_profile(samples), None)
    count = samples.shape[2] - written.has_alpha
    ranges = written.ranges or measured(written, count)
    opacity = _opacity(samples[:, :, -1:], written) if written.has_alpha else None
    return Picture(CONVERSIONS[written.color_space](samples[:, :, :count], ranges[:count]), opacity)


def measured(written: Written, count: int) -> tuple[tuple[float, float], ...]:
    """The range of all color bands together at the full size; 0 to 1 for floats within that."""
    colors = written.levels[0][:, :, :count]
    finite = colors[np.isfinite(colors)]
    low, high = float(finite.min()), float(finite.max())
    if colors.dtype.kind == "f" and low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    return ((low, high),) * count


def normalized(samples: Samples, ranges: Sequence[tuple[float, float]]) -> Values:
    """Samples between the ends of their range; what is no number is black."""
    low, high = np.array(ranges, np.float64).T
    values = (samples.astype(np.float64) - low) / (high - low)
    return np.where(np.isfinite(samples), values, 0.0)


def _opacity(samples: Samples, written: Written) -> Values:
    most = 1.0 if samples.dtype.kind == "f" else 255 if samples.dtype == np.uint8 else 2**written.bits - 1
    return samples.astype(np.float64) / most


def _plain(samples: Samples, ranges: Sequence[tuple[float, float]]) -> Values:
    """The first three bands, or the first alone: further ones are not shown."""
    bands = bands_shown(samples.shape[2])
    return normalized(samples[:, :, :bands], ranges[:bands])


def bands_shown(count: int) -> int:
    """How many of so many bands without opacity are shown."""
    return 3 if count >= 3 else 1


def _inks(samples: Samples, ranges: Sequence[tuple[float, float]]) -> Values:
    """What is left of white behind each ink, and behind black: 8 bits, to the nearest."""
    most = ranges[0][1]
    inks = (samples.astype(np.int64) >> (int(most).bit_length() - 8)).astype(np.float64)
    return np.rint((255 - inks[:, :, :3]) * (255 - inks[:, :, 3:4]) / 255) / 255


def _by_profile(samples: Samples) -> Values:
    """Inks through libvips' own profile: relative colorimetric, with black point compensation."""
    inks = pyvips.Image.new_from_array(np.ascontiguousarray(samples)).copy(interpretation="cmyk")
    colors = inks.icc_transform(
        "srgb", input_profile="cmyk", intent="relative", black_point_compensation=True
    )
    return np.asarray(colors.numpy(), np.float64) / 255


def _lab(samples: Samples, ranges: Sequence[tuple[float, float]]) -> Values:
    """CIE L*a*b* through XYZ of D65 to sRGB."""
    lightness, a, b = np.moveaxis(samples.astype(np.float64), 2, 0)
    if samples.dtype == np.uint8:
        lightness = lightness / 2.55
        a, b = (np.where(axis > 127, axis - 256, axis) for axis in (a, b))
    elif samples.dtype == np.uint16:
        # a* and b* in whole numbers, as iipsrv reads them
        lightness = np.floor(lightness / 2) / 327.67
        a, b = (np.floor(np.where(axis > 32767, axis - 65536, axis) / 256) for axis in (a, b))
    y = np.where(lightness < 8, lightness / 903.3, ((lightness + 16) / 116) ** 3)
    f = np.where(lightness < 8, 7.787 * y + 16 / 116, (lightness + 16) / 116)
    x, z = (_cubed(f + a / 500), _cubed(f - b / 200))
    linear = (np.stack([x, y, z], axis=2) * WHITE) @ LINEAR.T
    linear = linear.clip(0, None)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055).clip(0, 1)


def _cubed(f: Values) -> Values:
    return np.where(f < 0.2069, (f - 16 / 116) / 7.787, f**3)


CONVERSIONS: Mapping[ColorSpace, Callable[[Samples, Sequence[tuple[float, float]]], Values]] = {
    ColorSpace.GRAY: _plain,
    ColorSpace.SRGB: _plain,
    ColorSpace.CMYK: _inks,
    ColorSpace.CIELAB: _lab,
}


def shifted(samples: Samples, written: Written) -> NDArray[np.uint8]:
    """The high 8 bits of unsigned integers over their full range, as they are shown where nothing is asked for."""
    count = samples.shape[2] - written.has_alpha
    bands = [*range(bands_shown(count)), *([-1] if written.has_alpha else [])]
    shown = samples[:, :, bands]
    return (shown >> max(0, written.bits - 8)).astype(np.uint8) if shown.dtype == np.uint16 else shown


def is_full_range(written: Written) -> bool:
    """Whether samples are unsigned integers of up to 16 bits that are shown from end to end, as gray or RGB."""
    kind = written.levels[0].dtype
    most = 255 if kind == np.uint8 else 2**written.bits - 1
    declared = all(ends == (0, most) for ends in written.ranges)
    colors = written.color_space in (ColorSpace.GRAY, ColorSpace.SRGB)
    return bool(written.ranges) and declared and colors and kind in (np.uint8, np.uint16)
