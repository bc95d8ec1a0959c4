"""Operations that look at more than one sample: hillshade and convolution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from iipserve.processing import Operation, Pixels, Stage


@dataclass(frozen=True, slots=True)
class Hillshade(Operation):
    """Light on a surface whose normal vectors are the three color bands (IIP's SHD); one band comes out."""

    stage: ClassVar[Stage] = Stage.NORMALIZED
    keeps_profile: ClassVar[bool] = False

    horizontal: int
    """Direction of the light in degrees, clockwise from the top."""
    vertical: int
    """Height of the light in degrees."""

    def __call__(self, pixels: Pixels) -> Pixels:
        raise TypeError


@dataclass(frozen=True, slots=True)
class Convolve(Operation):
    """Correlation with a square kernel (IIP's CNV)."""

    stage: ClassVar[Stage] = Stage.NORMALIZED
    works_by_rows: ClassVar[bool] = False

    kernel: tuple[tuple[float, ...], ...]
    """1, 3 or 5 rows of as many numbers."""

    def __call__(self, pixels: Pixels) -> Pixels:
        raise TypeError

    @property
    def apron(self) -> int:
        return len(self.kernel) // 2


KERNELS: dict[str, tuple[tuple[float, ...], ...]] = {}
"""Kernels by name, in lower case."""
