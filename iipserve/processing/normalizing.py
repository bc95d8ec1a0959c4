"""Normalization of samples to 0 for black and 1 for white: `(p - minimum) * (1 / (maximum - minimum))` (iipsrv)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from iipserve.processing import Pixels, Samples
from iipserve.processing.layout import copy_bands
from iipserve.processing.sample_format import Range

MIN_WIDTH = np.float32(1e-30)
"""Ranges no wider than this have the factor `MAX_FACTOR`."""
MAX_FACTOR = np.float32(1e30)


@dataclass(frozen=True, slots=True)
class Scale:
    """Normalization of the samples of one band."""

    minimum: np.float32
    factor: np.float32

    @classmethod
    def of_range(cls, shown: Range) -> Scale:
        """The scale that maps the ends of a range to 0 and 1, computed in float32."""
        minimum, maximum = (np.float32(end) for end in shown)
        width = maximum - minimum
        return cls(minimum, np.float32(1) / width if abs(width) > MIN_WIDTH else MAX_FACTOR)

    def normalize(self, samples: NDArray[np.float32]) -> None:
        """Normalize samples of this band in place."""
        if self.minimum:
            samples -= self.minimum
        if self.factor != 1:
            samples *= self.factor


def normalized(pixels: Pixels, scales: Sequence[Scale], *, by_band: bool) -> Samples:
    """Normalize color bands of any type; NaN and infinity become black.

    Args:
        pixels: bands without a scale are ignored.
        scales: of the first bands.
        by_band: store each band contiguously, for operations that mix bands.
    """
    height, width, bands = *pixels.shape[:2], len(scales)
    has_gaps = pixels.dtype.kind == "f"
    if by_band and bands > 1:
        planes = np.empty((bands, height, width), np.float32)
        for band, scale in enumerate(scales):
            np.copyto(planes[band], pixels[..., band], casting="unsafe")
            _normalize(planes[band], scale, has_gaps=has_gaps)
        return planes.transpose(1, 2, 0)
    samples = np.empty((height, width, bands), np.float32)
    if bands == pixels.shape[2]:
        np.copyto(samples, pixels, casting="unsafe")
    else:
        copy_bands(pixels, samples, bands)
    if len(set(scales)) == 1:
        _normalize(samples, scales[0], has_gaps=has_gaps)
    else:
        _normalize(samples.reshape(height, -1), _across(scales, width), has_gaps=has_gaps)
    return samples


@dataclass(frozen=True, slots=True)
class _Row:
    """The scales of all bands, interleaved for a row of pixels."""

    minimum: NDArray[np.float32]
    factor: NDArray[np.float32]

    def normalize(self, samples: NDArray[np.float32]) -> None:
        samples -= self.minimum
        samples *= self.factor


def _across(scales: Sequence[Scale], width: int) -> _Row:
    minima = np.array([scale.minimum for scale in scales], np.float32)
    factors = np.array([scale.factor for scale in scales], np.float32)
    return _Row(np.tile(minima, width), np.tile(factors, width))


def _normalize(samples: NDArray[np.float32], scale: Scale | _Row, *, has_gaps: bool) -> None:
    """Normalize samples in place; `has_gaps` if some may be NaN or infinite."""
    finite = np.isfinite(samples) if has_gaps else None
    scale.normalize(samples)
    if finite is not None and not finite.all():
        np.copyto(samples, 0, where=~finite)
