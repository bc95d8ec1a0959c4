"""Brightness: sample ranges, gamma, logarithm, inversion, contrast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from iipserve.processing import Context, Operation, Pixels, Stage


@dataclass(frozen=True, slots=True)
class SampleRange(Operation):
    """Samples that become black and white, instead of the image's own (IIP's MINMAX)."""

    stage: ClassVar[Stage] = Stage.RANGE

    ranges: tuple[tuple[int | None, float, float], ...]
    """(band counted from 0 or None for all, minimum, maximum); later ones count over earlier ones, those for
    bands that do not exist are passed over."""

    def __call__(self, pixels: Pixels) -> Pixels:
        return pixels


@dataclass(frozen=True, slots=True)
class Stretch(Operation):
    """The darkest and the lightest brightness found become black and white (IIP's CNT=stretch)."""

    stage: ClassVar[Stage] = Stage.RANGE

    bins: tuple[int, int] | None = None
    """First and last bin of `Statistics.brightness` that is not empty; None until bound."""

    def __call__(self, pixels: Pixels) -> Pixels:
        return pixels

    def bound(self, context: Context) -> Operation:
        filled = np.flatnonzero(context.statistics().brightness)
        return Stretch((int(filled[0]), int(filled[-1])))


@dataclass(frozen=True, slots=True)
class Gamma(Operation):
    """`max(v, 0) ** exponent` (iipsrv): below 1 brightens."""

    stage: ClassVar[Stage] = Stage.NORMALIZED
    pointwise: ClassVar[bool] = True

    exponent: float

    def __call__(self, pixels: Pixels) -> Pixels:
        return np.power(np.maximum(pixels, np.float32(0)), np.float32(self.exponent))


@dataclass(frozen=True, slots=True)
class Logarithm(Operation):
    """`ln(1 + 255 v) / ln(256)` (iipsrv)."""

    stage: ClassVar[Stage] = Stage.NORMALIZED
    pointwise: ClassVar[bool] = True

    def __call__(self, pixels: Pixels) -> Pixels:
        scaled = np.log(np.float32(1) + np.float32(255) * pixels)
        return scaled * np.float32(1 / np.log(256.0))


@dataclass(frozen=True, slots=True)
class Invert(Operation):
    """`1 - v` (iipsrv)."""

    stage: ClassVar[Stage] = Stage.NORMALIZED
    pointwise: ClassVar[bool] = True

    def __call__(self, pixels: Pixels) -> Pixels:
        return np.float32(1) - pixels


@dataclass(frozen=True, slots=True)
class Contrast(Operation):
    """`factor v`, before it is clipped to the finished depth (iipsrv)."""

    stage: ClassVar[Stage] = Stage.NORMALIZED
    pointwise: ClassVar[bool] = True

    factor: float

    def __call__(self, pixels: Pixels) -> Pixels:
        return pixels * np.float32(self.factor)
