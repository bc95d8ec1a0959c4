"""What is measured of an image once: ranges, means, histograms."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from iipserve.image import ColorSpace, ImageInfo
from iipserve.processing import Pixels
from iipserve.processing.layout import color_bands
from iipserve.processing.sample_format import UNIT, Range

BINS = 256
AT_ONCE = 1 << 18
"""Samples looked at at once: numpy makes numbers of 8 bytes of them."""


@dataclass(frozen=True, slots=True)
class BandStatistics:
    """Of the finite samples of one band, as the file holds them."""

    minimum: float
    maximum: float
    mean: float
    deviation: float
    """Standard deviation, of the whole and not of a sample of it."""
    histogram: tuple[int, ...]
    """Number of samples in 256 bins of equal width from `minimum` to `maximum`; for 8 bits, in each value."""


NOTHING = BandStatistics(0.0, 0.0, 0.0, 0.0, (0,) * BINS)
"""Of a band without a finite sample."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """What was measured of one version of an image."""

    bands: tuple[BandStatistics, ...]
    """Color bands, and opacity last where there is one."""
    samples: int
    """Pixels that were looked at: of the largest level that has no more than some millions."""
    brightness: tuple[int, ...]
    """Number of pixels of each brightness from 0 to 255, of tile 0 of the smallest level, unprocessed: the
    rounded mean of the color bands (iipsrv)."""
    threshold: int
    """Otsu's threshold of `brightness`: below is dark."""


def measure(arrays: Sequence[Pixels], info: ImageInfo) -> tuple[BandStatistics, ...]:
    """Statistics of every band over all arrays together, samples as the file holds them.

    Args:
        arrays: pixels as a source reads them; at least one.
        info: of their image.
    """
    counted = np.dtype(info.dtype).itemsize < 4
    of_band = _counted if counted else _summed
    return tuple(of_band(arrays, band) for band in range(info.bands))


def _parts(arrays: Sequence[Pixels], band: int) -> Iterator[NDArray[Any]]:
    """The finite samples of a band, some at a time."""
    for pixels in arrays:
        rows = max(1, AT_ONCE // pixels.shape[1])
        for top in range(0, pixels.shape[0], rows):
            samples = pixels[top : top + rows, :, band].reshape(-1)
            if samples.dtype.kind == "f":
                samples = samples[np.isfinite(samples)]
            if samples.size:
                yield samples


def _counted(arrays: Sequence[Pixels], band: int) -> BandStatistics:
    """Of samples of 8 and 16 bits: how often there is each."""
    limits = np.iinfo(arrays[0].dtype.name)
    counts = np.zeros(limits.max - limits.min + 1, np.int64)
    for samples in _parts(arrays, band):
        counts += np.bincount(samples.astype(np.int64) - limits.min, minlength=len(counts))
    values = np.arange(limits.min, limits.max + 1)
    present = np.flatnonzero(counts)
    if not len(present):
        return NOTHING
    values, counts = values[present], counts[present]
    mean, deviation = _moments(values, counts)
    minimum, maximum = int(values[0]), int(values[-1])
    bins = values if limits.max == BINS - 1 else _bins(values.astype(np.float64), minimum, maximum)
    histogram = np.zeros(BINS, np.int64)
    np.add.at(histogram, bins, counts)
    return BandStatistics(float(minimum), float(maximum), mean, deviation, tuple(histogram.tolist()))


def _moments(values: NDArray[Any], counts: NDArray[np.int64]) -> tuple[float, float]:
    """Mean and standard deviation."""
    number = int(counts.sum())
    mean = int((values * counts).sum()) / number
    variance = float(((values - mean) ** 2 * counts).sum()) / number
    return mean, math.sqrt(variance)


def _summed(arrays: Sequence[Pixels], band: int) -> BandStatistics:
    """Of samples of 32 bits: looked through for the ends and the mean, then for all else."""
    number, total, minimum, maximum = 0, 0.0, math.inf, -math.inf
    for samples in _parts(arrays, band):
        number += samples.size
        total += float(samples.sum(dtype=np.float64))
        minimum, maximum = min(minimum, float(samples.min())), max(maximum, float(samples.max()))
    if not number:
        return NOTHING
    mean, squares, histogram = total / number, 0.0, np.zeros(BINS, np.int64)
    for samples in _parts(arrays, band):
        wide = samples.astype(np.float64)
        histogram += np.bincount(_bins(wide, minimum, maximum), minlength=BINS)
        wide -= mean
        squares += float(np.dot(wide, wide))
    return BandStatistics(minimum, maximum, mean, math.sqrt(squares / number), tuple(histogram.tolist()))


def _bins(samples: NDArray[np.float64], minimum: float, maximum: float) -> NDArray[np.int64]:
    """The bin of each sample, of 256 of equal width."""
    width = (maximum - minimum) / BINS
    if not width:
        return np.zeros(samples.shape, np.int64)
    return np.clip((samples - minimum) / width, 0, BINS - 1).astype(np.int64)


def brightness(finished: Pixels) -> tuple[int, ...]:
    """Number of pixels of each brightness, 0 to 255: the rounded mean of the color bands (iipsrv).

    Args:
        finished: 8 bits; of 2 and 4 bands the last is opacity, and left out.
    """
    colors = color_bands(finished.shape[2])
    histogram = np.zeros(BINS, np.int64)
    rows = max(1, AT_ONCE // finished.shape[1])
    for top in range(0, finished.shape[0], rows):
        part: NDArray[Any] = finished[top : top + rows]
        total = part[..., 0].astype(np.int64)
        for band in range(1, colors):
            total += part[..., band]
        if colors > 1:
            total += colors // 2
            total //= colors
        histogram += np.bincount(total.reshape(-1), minlength=BINS)
    return tuple(histogram.tolist())


def otsu(histogram: Sequence[int]) -> int:
    """The brightness that best parts dark from light: pixels below it are dark (Otsu).

    Reckoned with 32 bits as iipsrv does: the first brightness n of the greatest `wb wf (mb - mf)**2`, where
    wb and mb are the number and the mean of pixels up to n, wf and mf of those above.
    """
    counts = np.array(histogram, np.float32)
    moments = np.arange(len(counts), dtype=np.float32) * counts
    below, below_sum = np.cumsum(counts, dtype=np.float32), np.cumsum(moments, dtype=np.float32)
    above, total = np.float32(sum(histogram)) - below, below_sum[-1]
    parted = (below > 0) & (above > 0)
    if not parted.any():
        return 0
    below, above, below_sum = below[parted], above[parted], below_sum[parted]
    distance = below_sum / below - (total - below_sum) / above
    between = below * above * distance * distance
    best = int(np.argmax(between))
    return int(np.flatnonzero(parted)[best]) if between[best] > 0 else 0


def measured_ranges(bands: Sequence[BandStatistics], info: ImageInfo) -> tuple[Range, ...]:
    """The samples to be shown black and white, of each color band, where the image declares none.

    Floats that lie from 0 to 1 are shown so (iipsrv); otherwise all color bands have one range, from the lowest
    to the highest sample, so that colors keep their ratios.
    """
    colors = bands[: info.color_bands]
    if info.color_space in (ColorSpace.CIELAB, ColorSpace.CMYK):
        return (UNIT,) * len(colors)
    lowest = min((band.minimum for band in colors if any(band.histogram)), default=0.0)
    highest = max((band.maximum for band in colors if any(band.histogram)), default=1.0)
    if info.dtype == "float32" and lowest >= 0 and highest <= 1:
        return (UNIT,) * len(colors)
    return ((lowest, highest),) * len(colors)
