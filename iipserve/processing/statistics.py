"""Statistics of an image: ranges, means, histograms."""

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
from iipserve.processing.missing import missing_samples
from iipserve.processing.sample_format import UNIT, Range

BINS = 256
SAMPLES_AT_ONCE = 1 << 18
"""Samples per step, as numpy widens them to 8 bytes."""


@dataclass(frozen=True, slots=True)
class BandStatistics:
    """Statistics of the finite samples of one band that are not missing, in the file's units."""

    minimum: float
    maximum: float
    mean: float
    deviation: float
    """Standard deviation of the population."""
    histogram: tuple[int, ...]
    """Number of samples in 256 bins of equal width from `minimum` to `maximum`; for 8 bits, of each value."""


NOTHING = BandStatistics(0.0, 0.0, 0.0, 0.0, (0,) * BINS)
"""Statistics of a band without finite samples."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """Statistics of one version of an image."""

    bands: tuple[BandStatistics, ...]
    """Color bands, then opacity if there is any."""
    samples: int
    """Pixels measured: those of the largest level with no more than a few million."""
    brightness: tuple[int, ...]
    """Number of pixels of each brightness from 0 to 255 in tile 0 of the smallest level, unprocessed: the rounded
    mean of the color bands (iipsrv)."""
    threshold: int
    """Otsu's threshold of `brightness`: values below are dark."""
    is_provisional: bool = False
    """Minimum and maximum are still being measured at full size."""


def measure(
    arrays: Sequence[Pixels], info: ImageInfo, limits: Sequence[Range | None] | None = None
) -> tuple[BandStatistics, ...]:
    """Statistics of every band over all arrays together, in the file's units.

    Args:
        arrays: pixels as a source reads them; at least one.
        info: of their image.
        limits: minimum and maximum of each band, if they are known; by default those of the arrays.
    """
    measure_band = _count if np.dtype(info.dtype).itemsize < 4 else _sum
    nodata = _nodata(info)
    known = limits or [None] * info.bands
    return tuple(measure_band(arrays, band, nodata[band], known[band]) for band in range(info.bands))


def extremes(pixels: Pixels, info: ImageInfo) -> list[Range | None]:
    """Lowest and highest finite sample of each band that is not missing; None for a band without any."""
    found: list[Range | None] = []
    for band, missing in enumerate(_nodata(info)):
        parts = [(float(part.min()), float(part.max())) for part in _parts([pixels], band, missing)]
        found.append((min(low for low, _ in parts), max(high for _, high in parts)) if parts else None)
    return found


def _nodata(info: ImageInfo) -> tuple[float | None, ...]:
    """The sample of each band that represents missing data; None for a band without one."""
    return (*info.nodata, *[None] * (info.bands - len(info.nodata)))


def wider(first: Range | None, second: Range | None) -> Range | None:
    """The range that two ranges cover together."""
    if first is None or second is None:
        return first or second
    return min(first[0], second[0]), max(first[1], second[1])


def _parts(arrays: Sequence[Pixels], band: int, nodata: float | None) -> Iterator[NDArray[Any]]:
    """The finite samples of a band that are not missing, in parts."""
    for pixels in arrays:
        rows = max(1, SAMPLES_AT_ONCE // pixels.shape[1])
        for top in range(0, pixels.shape[0], rows):
            samples = pixels[top : top + rows, :, band].reshape(-1)
            if samples.dtype.kind == "f":
                samples = samples[np.isfinite(samples)]
            if nodata is not None:
                samples = samples[~missing_samples(samples, nodata)]
            if samples.size:
                yield samples


def _count(arrays: Sequence[Pixels], band: int, nodata: float | None, known: Range | None) -> BandStatistics:
    """Measure samples of 8 or 16 bits by counting each value."""
    limits = np.iinfo(arrays[0].dtype.name)
    counts = np.zeros(limits.max - limits.min + 1, np.int64)
    for samples in _parts(arrays, band, nodata):
        counts += np.bincount(samples.astype(np.int64) - limits.min, minlength=len(counts))
    values = np.arange(limits.min, limits.max + 1)
    present = np.flatnonzero(counts)
    if not len(present):
        return NOTHING
    values, counts = values[present], counts[present]
    mean, deviation = _moments(values, counts)
    minimum, maximum = map(int, known or (values[0], values[-1]))
    bins = values if limits.max == BINS - 1 else _bins(values.astype(np.float64), minimum, maximum)
    histogram = np.zeros(BINS, np.int64)
    np.add.at(histogram, bins, counts)
    return BandStatistics(float(minimum), float(maximum), mean, deviation, tuple(histogram.tolist()))


def _moments(values: NDArray[Any], counts: NDArray[np.int64]) -> tuple[float, float]:
    """Mean and standard deviation."""
    count = int(counts.sum())
    mean = int((values * counts).sum()) / count
    variance = float(((values - mean) ** 2 * counts).sum()) / count
    return mean, math.sqrt(variance)


def _sum(arrays: Sequence[Pixels], band: int, nodata: float | None, known: Range | None) -> BandStatistics:
    """Measure 32-bit samples in two passes: extremes and mean, then deviation and histogram."""
    count, total, minimum, maximum = 0, 0.0, math.inf, -math.inf
    for samples in _parts(arrays, band, nodata):
        count += samples.size
        total += float(samples.sum(dtype=np.float64))
        minimum, maximum = min(minimum, float(samples.min())), max(maximum, float(samples.max()))
    if not count:
        return NOTHING
    minimum, maximum = known or (minimum, maximum)
    mean, squares, histogram = total / count, 0.0, np.zeros(BINS, np.int64)
    for samples in _parts(arrays, band, nodata):
        wide = samples.astype(np.float64)
        histogram += np.bincount(_bins(wide, minimum, maximum), minlength=BINS)
        wide -= mean
        squares += float(np.dot(wide, wide))
    return BandStatistics(minimum, maximum, mean, math.sqrt(squares / count), tuple(histogram.tolist()))


def _bins(samples: NDArray[np.float64], minimum: float, maximum: float) -> NDArray[np.int64]:
    """The index of each sample's bin, of 256 of equal width."""
    width = (maximum - minimum) / BINS
    if not width:
        return np.zeros(samples.shape, np.int64)
    return np.clip((samples - minimum) / width, 0, BINS - 1).astype(np.int64)


def brightness(pixels: Pixels, counted: NDArray[np.bool_] | None = None) -> tuple[int, ...]:
    """Number of pixels of each brightness, 0 to 255: the rounded mean of the color bands (iipsrv).

    Args:
        pixels: display pixels of 8 bits; opacity is ignored.
        counted: which pixels count, of shape (height, width); by default all.
    """
    colors = color_bands(pixels.shape[2])
    histogram = np.zeros(BINS, np.int64)
    rows = max(1, SAMPLES_AT_ONCE // pixels.shape[1])
    for top in range(0, pixels.shape[0], rows):
        part: NDArray[Any] = pixels[top : top + rows]
        total = part[..., 0].astype(np.int64)
        for band in range(1, colors):
            total += part[..., band]
        if colors > 1:
            total += colors // 2
            total //= colors
        chosen = total if counted is None else total[counted[top : top + rows]]
        histogram += np.bincount(chosen.reshape(-1), minlength=BINS)
    return tuple(histogram.tolist())


def otsu(histogram: Sequence[int]) -> int:
    """Otsu's threshold, which best separates dark from light: pixels below it are dark.

    Computed in float32 as in iipsrv: the first brightness n with the maximum of `wb wf (mb - mf)**2`, where wb and
    mb are the number and the mean of pixels up to n, wf and mf those of pixels above.
    """
    counts = np.array(histogram, np.float32)
    moments = np.arange(len(counts), dtype=np.float32) * counts
    below, below_sum = np.cumsum(counts, dtype=np.float32), np.cumsum(moments, dtype=np.float32)
    above, total = np.float32(sum(histogram)) - below, below_sum[-1]
    separated = (below > 0) & (above > 0)
    if not separated.any():
        return 0
    below, above, below_sum = below[separated], above[separated], below_sum[separated]
    distance = below_sum / below - (total - below_sum) / above
    between = below * above * distance * distance
    best = int(np.argmax(between))
    return int(np.flatnonzero(separated)[best]) if between[best] > 0 else 0


def known_ranges(info: ImageInfo) -> tuple[Range, ...]:
    """The declared ranges of an image, else the full range of its type; empty if there is neither."""
    if info.band_ranges:
        return info.band_ranges
    return () if info.full_range is None else (info.full_range,) * info.bands


def measured_ranges(bands: Sequence[BandStatistics], info: ImageInfo) -> tuple[Range, ...]:
    """The samples to display as black and white, of each band, for an image that declares none.

    Floats between 0 and 1 have that range (iipsrv); otherwise all color bands share the range from the minimum to
    the maximum sample, so that colors keep their ratios. Opacity and inks begin at 0; see `_nominal_maximum`.
    """
    colors = bands[: info.color_bands]
    minimum = min((band.minimum for band in colors if any(band.histogram)), default=0.0)
    maximum = max((band.maximum for band in colors if any(band.histogram)), default=1.0)
    shown = (minimum, maximum)
    if info.color_space is ColorSpace.CMYK:
        shown = _ink_range(minimum, maximum, info)
    elif info.color_space is ColorSpace.CIELAB or (info.dtype == "float32" and minimum >= 0 and maximum <= 1):
        shown = UNIT
    if not info.has_alpha:
        return (shown,) * len(colors)
    opaque = _nominal_maximum(bands[-1].maximum, info, shown[1])
    return *((shown,) * len(colors)), (0.0, opaque)


def _ink_range(minimum: float, maximum: float, info: ImageInfo) -> Range:
    """No ink and full ink: signed integers of which some are negative have the full range of their type."""
    if minimum < 0 and info.dtype != "float32":
        return -(2.0 ** (info.bits - 1)), 2.0 ** (info.bits - 1) - 1
    return 0.0, _nominal_maximum(maximum, info)


def _nominal_maximum(maximum: float, info: ImageInfo, *usual: float) -> float:
    """The sample of full opacity or ink: the lowest of 1 (floats), of the maxima of integer types, and of `usual`
    that no sample exceeds. Writers use any of them, whatever the type of the samples is.
    """
    known = {*usual, *(2.0**bits - 1 for bits in (8, 16, 32, 64))}
    if info.dtype == "float32":
        known.add(1.0)
    elif info.dtype.startswith("int"):
        known = {*(one for one in known if one < 2.0 ** (info.bits - 1)), 2.0 ** (info.bits - 1) - 1}
    return min((one for one in known if 0 < one >= maximum), default=maximum)
