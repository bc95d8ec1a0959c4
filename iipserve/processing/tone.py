"""Brightness: sample ranges, gamma, logarithm, inversion, contrast."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from iipserve.processing import Context, Operation, Pixels, Samples, Stage

WHITE = np.float32(255)
"""As `Logarithm` counts."""
LOGARITHM_OF_WHITE = np.float32(1) / np.float32(np.log(256.0))
TINY = np.finfo(np.float32).tiny
"""Stands for what no logarithm can be taken of."""


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
        if self.bins is not None:
            return self
        filled = np.flatnonzero(context.statistics().brightness)
        return Stretch((int(filled[0]), int(filled[-1])) if len(filled) else (0, 255))


class Curve(Operation):
    """An operation that makes each sample of itself alone, by the same rule in every band."""

    __slots__ = ()

    stage: ClassVar[Stage] = Stage.NORMALIZED
    pointwise: ClassVar[bool] = True

    def __call__(self, pixels: Pixels) -> Pixels:
        samples = pixels.astype(np.float32)
        self.apply_in_place(samples)
        return samples

    @abstractmethod
    def apply_in_place(self, samples: Samples) -> None: ...


@dataclass(frozen=True, slots=True)
class Gamma(Curve):
    """`max(v, 0) ** exponent` (iipsrv): below 1 brightens.

    Reckoned with 64 bits and rounded to 32, which is what C's `powf` returns; numpy's own is off in the last digit.
    """

    exponent: float

    def apply_in_place(self, samples: Samples) -> None:
        np.clip(samples, 0, None, out=samples)
        exponent = float(np.float32(self.exponent))
        np.power(samples, exponent, out=samples, dtype=np.float64, casting="same_kind")


@dataclass(frozen=True, slots=True)
class Logarithm(Curve):
    """`ln(1 + 255 v) / ln(256)` (iipsrv); reckoned with 64 bits as `Gamma` is.

    Where iipsrv asks for the logarithm of what is not above 0, the result is far below black.
    """

    def apply_in_place(self, samples: Samples) -> None:
        samples *= WHITE
        samples += np.float32(1)
        np.clip(samples, TINY, None, out=samples)
        np.log(samples, out=samples, dtype=np.float64, casting="same_kind")
        samples *= LOGARITHM_OF_WHITE


@dataclass(frozen=True, slots=True)
class Invert(Curve):
    """`1 - v` (iipsrv)."""

    def apply_in_place(self, samples: Samples) -> None:
        np.subtract(np.float32(1), samples, out=samples)


@dataclass(frozen=True, slots=True)
class Contrast(Curve):
    """`factor v`, before it is clipped to the finished depth (iipsrv).

    At the end of a development it is taken into one factor with the finished white: `v (255 factor)`.
    """

    factor: float

    def apply_in_place(self, samples: Samples) -> None:
        samples *= np.float32(self.factor)
