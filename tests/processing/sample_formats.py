"""Sample formats, pixels of them, and their conversion for display."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from iipserve.geometry import Size
from iipserve.image import ColorSpace, ImageInfo, ImageVersion, Level
from iipserve.processing import Context, Operation
from iipserve.processing.display import display_transform
from iipserve.processing.sample_format import Range, SampleFormat
from iipserve.processing.statistics import NOTHING, Statistics

MATRIX = ((0.3, 0.6, 0.1), (-0.5, 1, 0.5), (0, 0.25, 2))
"""Of a `Twist`."""


def kind(
    dtype: str,
    bands: int,
    *,
    bits: int | None = None,
    space: ColorSpace | None = None,
    alpha: bool = False,
    ranges: tuple[Range, ...] | None = None,
    profile: bytes | None = None,
) -> SampleFormat:
    """A sample format; of the full range, or of 0 to 1, unless ranges are given."""
    bits = bits or np.dtype(dtype).itemsize * 8
    space = space or (ColorSpace.SRGB if bands - alpha >= 3 else ColorSpace.GRAY)
    full = (0.0, float((1 << bits) - 1)) if dtype.startswith("uint") else (0.0, 1.0)
    if dtype == "uint8":
        full = (0.0, 255.0)
    return SampleFormat(dtype, bits, bands, space, alpha, ranges or (full,) * (bands - alpha), profile)


def info(
    dtype: str = "uint8",
    bands: int = 3,
    *,
    bits: int | None = None,
    space: ColorSpace = ColorSpace.SRGB,
    alpha: bool = False,
    ranges: tuple[Range, ...] = (),
    icc: bytes | None = None,
    nodata: tuple[float, ...] = (),
) -> ImageInfo:
    """An image of 64 x 64 pixels."""
    size = Size(64, 64)
    return ImageInfo(
        "picture", "tiff", ImageVersion(1, 1), (Level(size, size),), size, bands, dtype,
        bits or np.dtype(dtype).itemsize * 8, space, has_alpha=alpha, band_ranges=ranges, icc=icc, nodata=nodata,
    )  # fmt: skip


def context(
    about: ImageInfo | None = None, brightness: tuple[int, ...] | None = None, threshold: int = 0
) -> Context:
    """A context with these statistics; measuring fails if no brightness is given."""

    def measured() -> Statistics:
        assert brightness is not None, "statistics are not needed here"
        return Statistics((NOTHING,), sum(brightness), brightness, threshold)

    return Context(about or info(), measured, "")


def displayed(
    of: SampleFormat, operations: tuple[Operation, ...], pixels: NDArray[Any], bits: int = 8
) -> NDArray[Any]:
    """The pixels converted for display."""
    to_display = display_transform(of, operations, bits)
    return pixels if to_display is None else to_display(pixels)


def random_pixels(shape: tuple[int, int, int], of: SampleFormat, seed: int = 1) -> NDArray[Any]:
    """Samples over the whole range of the type; a few floats are NaN or infinite."""
    random = np.random.default_rng(seed)
    if of.dtype == "float32":
        pixels = random.uniform(-0.3, 1.4, shape).astype(np.float32)
        pixels[random.random(shape) < 0.05] = np.nan
        pixels[random.random(shape) < 0.02] = np.inf
        return pixels
    limits = np.iinfo(of.dtype)
    high = (1 << of.bits) if of.dtype == "uint16" else int(limits.max) + 1
    pixels = random.integers(int(limits.min), high, shape).astype(of.dtype)
    pixels[0, :3] = np.array([0, high - 1, high // 2], of.dtype)[:, np.newaxis]
    return pixels


def ramp(dtype: str = "uint8") -> NDArray[Any]:
    """All samples of an unsigned type, in a single row and band."""
    count = 1 << 8 * np.dtype(dtype).itemsize
    return np.arange(count).astype(dtype).reshape(1, count, 1)
