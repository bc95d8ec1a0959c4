"""Operations on single channels of a picture: their range, their gamma; and the opacity of the whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from iipserve.processing import Context, Operation, Pixels, Stage
from iipserve.processing.layout import with_full_opacity
from iipserve.processing.tone import SampleRange


@dataclass(frozen=True, slots=True)
class Normalize(Operation):
    """Show the lowest sample of bands as black and the highest as white (SLD's Normalize)."""

    stage: ClassVar[Stage] = Stage.RANGE

    bands: tuple[int, ...]
    """From 0; those that do not exist are ignored."""
    together: bool = False
    """All have the range that they cover together, so that colors keep their ratios."""

    def __call__(self, pixels: Pixels) -> Pixels:
        return pixels

    def bound(self, context: Context) -> Operation:
        measured = context.statistics().bands
        known = {band: measured[band] for band in self.bands if band < len(measured)}
        low = min((each.minimum for each in known.values()), default=0.0)
        high = max((each.maximum for each in known.values()), default=0.0)
        return SampleRange(
            tuple(
                (band, low, high) if self.together else (band, each.minimum, each.maximum)
                for band, each in known.items()
            )
        )


@dataclass(frozen=True, slots=True)
class ChannelGamma(Operation):
    """`max(v, 0) ** exponent` with an exponent for each channel, computed as by `Gamma`."""

    stage: ClassVar[Stage] = Stage.NORMALIZED

    exponents: tuple[float, ...]
    """Of the first bands; others are left as they are."""

    def __call__(self, pixels: Pixels) -> Pixels:
        samples = pixels.astype(np.float32)
        for band, exponent in enumerate(self.exponents[: samples.shape[2]]):
            plane = samples[..., band]
            plane[...] = np.power(np.clip(plane, 0, None), float(np.float32(exponent)), dtype=np.float64)
        return samples


@dataclass(frozen=True, slots=True)
class Opacity(Operation):
    """Make pixels partly clear: opacity is multiplied by a factor."""

    stage: ClassVar[Stage] = Stage.DISPLAY

    factor: float
    """0 to 1."""

    def __call__(self, pixels: Pixels) -> Pixels:
        result: NDArray[Any] = with_full_opacity(pixels).copy()
        result[..., -1] = np.rint(result[..., -1] * self.factor)
        return result

    @property
    def adds_opacity(self) -> bool:
        return True
