"""Kinds of samples and pixels of them, for tests."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from iipserve.geometry import Size
from iipserve.image import ColorSpace, ImageInfo, ImageVersion, Level
from iipserve.processing import Context
from iipserve.processing.sample_format import Range, SampleFormat
from iipserve.processing.statistics import NOTHING, Statistics


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
    """A kind of samples; of the full range, or of 0 to 1, unless ranges are given."""
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
) -> ImageInfo:
    """What is known of an image of 64 x 64 pixels."""
    size = Size(64, 64)
    return ImageInfo(
        "picture", "tiff", ImageVersion(1, 1), (Level(size, size),), size, bands, dtype,
        bits or np.dtype(dtype).itemsize * 8, space, has_alpha=alpha, band_ranges=ranges, icc=icc,
    )  # fmt: skip


def context(
    about: ImageInfo | None = None, brightness: tuple[int, ...] | None = None, threshold: int = 0
) -> Context:
    """A context whose statistics are these; asking for them is a mistake where no brightness is given."""

    def measured() -> Statistics:
        assert brightness is not None, "nothing is to be measured here"
        return Statistics((NOTHING,), sum(brightness), brightness, threshold)

    return Context(about or info(), measured, "")


def random_pixels(shape: tuple[int, int, int], of: SampleFormat, seed: int = 1) -> NDArray[Any]:
    """Samples all over what the type holds; a few floats are no numbers."""
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
    """All samples of an unsigned type, in one row of one band."""
    count = 1 << 8 * np.dtype(dtype).itemsize
    return np.arange(count).astype(dtype).reshape(1, count, 1)
