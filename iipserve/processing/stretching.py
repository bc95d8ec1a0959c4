"""Ranges of samples by statistics: from the lowest to the highest, around the mean, without the rarest ends."""

from __future__ import annotations

import enum
from dataclasses import dataclass
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
