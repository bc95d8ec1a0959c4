"""What is measured of an image once: ranges, means, histograms."""

from __future__ import annotations

from dataclasses import dataclass

BINS = 256


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
