"""What samples become by statistics: ranges from the lowest to the highest, around the mean, without the rarest ends; a normal
distribution."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import ClassVar

import numpy as np

from iipserve.processing import Context, Operation, Pixels, Stage
from iipserve.processing.sample_format import Range
from iipserve.processing.statistics import BINS, BandStatistics
from iipserve.processing.tone import SampleRange


class Ends(enum.Enum):
    """Which samples become black and white."""

    EXTREMES = "extremes"
    """The lowest and the highest."""
    DEVIATION = "deviation"
    """The mean, less and more so many standard deviations."""
    PERCENT = "percent"
    """Those below and above which so many percent of the samples are."""

    def __repr__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class StatisticsStretch(Operation):
    """Map a range that follows from the statistics of each band to black and white."""

    stage: ClassVar[Stage] = Stage.RANGE
    is_measured: ClassVar[bool] = True

    ends: Ends
    low: float = 0.0
    """Standard deviations, or percent, at the dark end."""
    high: float = 0.0
    """The same at the light end."""

    def __call__(self, pixels: Pixels) -> Pixels:
        return pixels

    def bound(self, context: Context) -> Operation:
        info, measured = context.info, context.statistics().bands
        by_value = info.dtype == "uint8"
        bands = enumerate(measured[: info.color_bands])
        return SampleRange(tuple((band, *self.range(each, by_value=by_value)) for band, each in bands))

    def range(self, band: BandStatistics, *, by_value: bool) -> Range:
        """The samples of a band that become black and white.

        Args:
            band: its statistics.
            by_value: its histogram counts each value from 0 to 255, and not samples of equal parts of its range.
        """
        if self.ends is Ends.DEVIATION:
            return band.mean - self.low * band.deviation, band.mean + self.high * band.deviation
        if self.ends is Ends.PERCENT and any(band.histogram):
            return clipped(band, self.low, self.high, by_value=by_value)
        return band.minimum, band.maximum


def clipped(band: BandStatistics, low: float, high: float, *, by_value: bool) -> Range:
    """The samples below and above which a part of all is.

    Args:
        band: with samples.
        low: percent of the samples below the first one.
        high: percent of the samples above the second one.
        by_value: as of `StatisticsStretch.range`.
    """
    counts = np.array(band.histogram, np.float64)
    until = np.cumsum(counts)
    ends = until[-1] * low / 100, until[-1] * (1 - high / 100)
    # the first part that more are in or below than are left out, and the first with all that are not
    parts = np.searchsorted(until, ends[0], "right"), np.searchsorted(until, ends[1], "left")
    first, last = (min(int(part), int(np.flatnonzero(counts)[-1])) for part in parts)
    if by_value:
        return float(first), float(last)
    width = (band.maximum - band.minimum) / BINS
    dark, light = (
        band.minimum + width * (part + (end - until[part] + counts[part]) / counts[part])
        for part, end in zip((first, last), ends, strict=True)
    )
    return float(dark), float(light)


@dataclass(frozen=True, slots=True)
class GaussianStretch(Operation):
    """Map samples between the lowest and the highest such that their distribution becomes normal.

    A sample that a part `p` of all is below becomes `0.5 + (q(p) - q(c)) / (2 d)`, where `q` is the inverse of the normal
    distribution's cumulative function, `d` the standard deviations between gray and black or white, and `c` the part below the
    sample that becomes gray: histogram matching, as `gaussstretch` of the USGS's ISIS and Whitebox do. It follows a
    `StatisticsStretch` by extremes, which maps the lowest to 0 and the highest to 1.
    """

    stage: ClassVar[Stage] = Stage.NORMALIZED
    is_measured: ClassVar[bool] = True

    deviations: float
    """Between gray and black, and between gray and white."""
    around_median: bool = False
    """The median becomes gray, else the mean."""
    curves: tuple[tuple[tuple[float, ...], tuple[float, ...]], ...] | None = None
    """Samples from 0 to 1, ascending, of each color band, and what they become; None until bound."""

    def __call__(self, pixels: Pixels) -> Pixels:
        assert self.curves is not None, "bound before"
        result = pixels.astype(np.float32)
        for band, (samples, shown) in enumerate(self.curves[: pixels.shape[2]]):
            result[..., band] = np.interp(pixels[..., band].astype(np.float64), samples, shown)
        return result

    def bound(self, context: Context) -> Operation:
        if self.curves is not None:  # those of another image, which this one shares
            return self
        info, measured = context.info, context.statistics().bands
        by_value = info.dtype == "uint8"
        curves = (self.curve(each, by_value=by_value) for each in measured[: info.color_bands])
        return replace(self, curves=tuple(curves))

    def curve(self, band: BandStatistics, *, by_value: bool) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Samples from 0 to 1 and what they become: one of each part of the histogram that has some.

        Args:
            band: its statistics.
            by_value: as of `StatisticsStretch.range`.
        """
        counts = np.array(band.histogram, np.float64)
        filled, width = np.flatnonzero(counts), band.maximum - band.minimum
        if not len(filled) or not width:
            return (0.0, 1.0), (0.5, 0.5)
        # half of a part's samples are below its middle
        below = (np.cumsum(counts) - counts / 2)[filled] / counts.sum()
        samples = (filled - band.minimum) / width if by_value else (filled + 0.5) / BINS
        gray = 0.5 if self.around_median else np.interp((band.mean - band.minimum) / width, samples, below)
        normal = NormalDist()
        shown = [
            0.5 + (normal.inv_cdf(part) - normal.inv_cdf(gray)) / (2 * self.deviations) for part in below
        ]
        return tuple(samples.tolist()), tuple(shown)
