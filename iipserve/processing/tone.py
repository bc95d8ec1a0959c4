"""Tone operations: sample ranges, gamma, logarithm, inversion, contrast."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from iipserve.processing import Context, Operation, Pixels, Samples, Stage

WHITE = np.float32(255)
"""White in the units of `Logarithm`."""
LOGARITHM_OF_WHITE = np.float32(1) / np.float32(np.log(256.0))
TINY = np.finfo(np.float32).tiny
"""Replaces values that have no logarithm."""


@dataclass(frozen=True, slots=True)
class SampleRange(Operation):
    """Set the samples that become black and white, in place of the image's (IIP's MINMAX)."""

    stage: ClassVar[Stage] = Stage.RANGE

    ranges: tuple[tuple[int | None, float, float], ...]
    """(band from 0 or None for all, minimum, maximum). Later ones override earlier ones, those for bands that do not
    exist are ignored."""

    def __call__(self, pixels: Pixels) -> Pixels:
        return pixels


@dataclass(frozen=True, slots=True)
class Stretch(Operation):
    """Map the darkest and the lightest brightness of the image to black and white (IIP's CNT=stretch)."""

    stage: ClassVar[Stage] = Stage.RANGE

    bins: tuple[int, int] | None = None
    """The first and the last nonempty bin of `Statistics.brightness`; None until bound."""

    def __call__(self, pixels: Pixels) -> Pixels:
        return pixels

    def bound(self, context: Context) -> Operation:
        if self.bins is not None:
            return self
        filled = np.flatnonzero(context.statistics().brightness)
        return Stretch((int(filled[0]), int(filled[-1])) if len(filled) else (0, 255))


class Curve(Operation):
    """A pointwise operation: one curve for the samples of all bands."""

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
    """`max(v, 0) ** exponent` (iipsrv): an exponent below 1 brightens.

    Computed in float64 and rounded to float32, which is what C's `powf` returns; numpy's float32 power differs in
    the last digit.
    """

    exponent: float

    def apply_in_place(self, samples: Samples) -> None:
        np.clip(samples, 0, None, out=samples)
        exponent = float(np.float32(self.exponent))
        np.power(samples, exponent, out=samples, dtype=np.float64, casting="same_kind")


@dataclass(frozen=True, slots=True)
class Logarithm(Curve):
    """`ln(1 + 255 v) / ln(256)` (iipsrv), computed in float64 like `Gamma`.

    The logarithm of 0 and less is far below black, as in iipsrv.
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
    """`factor v`, before clipping to the display depth (iipsrv).

    As the last operation of a display transform it is combined with the scale of the result: `v (255 factor)`.
    """

    factor: float

    def apply_in_place(self, samples: Samples) -> None:
        samples *= np.float32(self.factor)


@dataclass(frozen=True, slots=True)
class Brightness(Curve):
    """`v + offset`, before clipping to the display depth."""

    offset: float

    def apply_in_place(self, samples: Samples) -> None:
        samples += np.float32(self.offset)
