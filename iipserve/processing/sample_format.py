"""How to interpret the samples of an image, and which of them are black and white."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from iipserve.image import ColorSpace, ImageInfo
from iipserve.processing import Operation
from iipserve.processing.tone import SampleRange, Stretch

Range: TypeAlias = tuple[float, float]

UNIT: Range = (0.0, 1.0)
LAB_DTYPES = ("uint8", "uint16", "float32")
"""Sample types that CIELAB is defined for."""


@dataclass(frozen=True, slots=True)
class SampleFormat:
    """How to interpret the samples of an image."""

    dtype: str
    bits: int
    bands: int
    color_space: ColorSpace
    has_alpha: bool
    ranges: tuple[Range, ...]
    """The samples that are black and white, of each color band."""
    profile: bytes | None = None
    """ICC profile, for CMYK only."""
    opacity: Range | None = None
    """The samples of opacity that are clear and opaque; None for the full range of the type."""
    inks: Range | None = None
    """The samples of CMYK that are no ink and full ink; None for the full range of the type."""

    @property
    def color_bands(self) -> int:
        """Number of bands without opacity."""
        return self.bands - self.has_alpha

    @property
    def space(self) -> ColorSpace:
        """The color space if type and number of bands allow it, otherwise gray: bands without further meaning."""
        known = self.color_space is not ColorSpace.CIELAB or self.dtype in LAB_DTYPES
        return self.color_space if known and self.color_bands >= self.color_space.bands else ColorSpace.GRAY

    @property
    def colors(self) -> int:
        """Number of color bands that operations get: CIELAB and CMYK are converted to RGB first."""
        return 3 if self.is_converted else self.color_bands

    @property
    def is_converted(self) -> bool:
        """Whether the bands are converted to RGB from 0 to 1 before all operations."""
        return self.space in (ColorSpace.CIELAB, ColorSpace.CMYK)

    @property
    def unsigned_bits(self) -> int:
        """Bits of unsigned samples in memory, 0 for other types; samples of fewer than 8 bits are expanded to 8."""
        if self.dtype == "uint8":
            return 8
        if self.dtype == "uint16":
            return self.bits if 8 < self.bits <= 16 else 16
        if self.dtype == "uint32":
            return self.bits if 16 < self.bits <= 32 else 32
        return 0

    @property
    def full_range(self) -> Range:
        """The range from black to white where none is declared or measured."""
        if self.is_converted or self.dtype == "float32":
            return UNIT
        if self.unsigned_bits:
            return 0.0, float((1 << self.unsigned_bits) - 1)
        limits = np.iinfo(self.dtype)
        return float(limits.min), float(limits.max)


def sample_format(info: ImageInfo, ranges: Sequence[Range] = ()) -> SampleFormat:
    """The format of an image's samples; `ranges` are measured ones, used if the image declares none."""
    profile = info.icc if info.color_space is ColorSpace.CMYK else None
    found, has_alpha = tuple(info.band_ranges or ranges), info.has_alpha and info.bands > 1
    has_own = info.full_range is None and len(found) == info.bands
    return SampleFormat(
        info.dtype, info.bits, info.bands, info.color_space, has_alpha, found[: info.color_bands], profile,
        opacity=found[-1] if has_alpha and has_own else None,
        inks=found[0] if info.color_space is ColorSpace.CMYK and has_own else None,
    )  # fmt: skip


def stored_scale(info: ImageInfo) -> float:
    """What samples are multiplied by to be as stored: those of fewer than 8 bits have been expanded to 8."""
    return ((1 << info.bits) - 1) / 255 if info.dtype == "uint8" and info.bits < 8 else 1.0


def shown_ranges(input_format: SampleFormat, operations: Sequence[Operation]) -> tuple[Range, ...]:
    """Black and white of each color band: the image's, or those that operations of the stage RANGE set.

    Converted colors (CIELAB, CMYK) have ranges of RGB from 0 to 1.
    """
    declared = () if input_format.is_converted else input_format.ranges[: input_format.colors]
    own = [*declared, *[input_format.full_range] * (input_format.colors - len(declared))]
    ranges = own.copy()
    for operation in operations:
        if isinstance(operation, SampleRange):
            _override(ranges, operation)
        elif isinstance(operation, Stretch) and operation.bins is not None:
            ranges = [_stretched(input_format, band, operation.bins) for band in own]
    return tuple(ranges)


def _override(ranges: list[Range], operation: SampleRange) -> None:
    for band, minimum, maximum in operation.ranges:
        if band is None:
            ranges[:] = [(minimum, maximum)] * len(ranges)
        elif band < len(ranges):
            ranges[band] = (minimum, maximum)


def _stretched(input_format: SampleFormat, shown: Range, bins: tuple[int, int]) -> Range:
    """The samples of the first and the last bin of 256 over the displayed range.

    iipsrv shifts bins for integers of full range, and takes them as samples for all others, which makes these black.
    """
    first, last = bins
    if 8 <= input_format.unsigned_bits <= 16 and shown == input_format.full_range:
        shift = input_format.unsigned_bits - 8
        return float(first << shift), float(last << shift)
    low, high = shown
    return low + (high - low) * first / 255, low + (high - low) * last / 255
