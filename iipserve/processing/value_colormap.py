"""Color maps by value: each sample has the color of its own value, whatever range the image displays."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from iipserve.processing import Operation, Pixels, Stage
from iipserve.processing.tone import SampleRange

AS_STORED = SampleRange(((None, 0.0, 1.0),))
"""Leaves samples as the file has them, which a `ValueColormap` needs."""
OPAQUE = 255


class Between(enum.Enum):
    """What is shown between and beyond the quantities of a color map."""

    RAMP = "ramp"
    """Colors between those of the two neighbors, by linear interpolation; beyond the ends those of the ends."""
    STEPS = "steps"
    """One color from each quantity to the next, and one before the first and after the last."""
    NOTHING = "nothing"
    """Other values are clear."""

    def __repr__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class ValueColormap(Operation):
    """Map values of the first band, `sample * scale + offset`, to red, green, blue and opacity.

    Values and quantities are compared as float32, so that 0.1 in a file and in a request are one value. NaN is like 0:
    it is clear wherever an image has it.
    """

    stage: ClassVar[Stage] = Stage.NORMALIZED
    keeps_profile: ClassVar[bool] = False

    between: Between
    quantities: tuple[float, ...]
    """Ascending; at least one."""
    colors: tuple[tuple[int, int, int, int], ...]
    """Red, green, blue, opacity, 0 to 255: one for each quantity; for steps one more, the first for what is before."""
    labels: tuple[str, ...] = ()
    """Of the colors, in a legend; empty ones, or none, are made of the quantities."""
    scale: float = 1.0
    offset: float = 0.0
    precedes: bool = False
    """Steps: a quantity itself has the color before it, not the one after it."""

    def __call__(self, pixels: Pixels) -> Pixels:
        values = self._values(pixels[..., 0])
        colors = self._ramp(values) if self.between is Between.RAMP else self._chosen(values)
        return LEVELS[colors if self.adds_opacity else colors[..., :3]]

    @property
    def adds_opacity(self) -> bool:
        return self.between is Between.NOTHING or any(color[3] != OPAQUE for color in self.colors)

    def bands_used(self, bands: int) -> int:
        return 1

    def _values(self, samples: NDArray[Any]) -> NDArray[np.float32]:
        if self.scale == 1 and self.offset == 0:
            return samples.astype(np.float32)
        return (samples.astype(np.float64) * self.scale + self.offset).astype(np.float32)

    def _known(self) -> NDArray[np.float32]:
        return np.array(self.quantities, np.float64).astype(np.float32)

    def _chosen(self, values: NDArray[np.float32]) -> NDArray[np.uint8]:
        known, table = self._known(), np.array(self.colors, np.uint8)
        if self.between is Between.STEPS:
            return table[np.searchsorted(known, values, "left" if self.precedes else "right")]
        index = np.minimum(np.searchsorted(known, values), len(known) - 1)
        colors = table[index]
        colors[known[index] != values] = 0
        return colors

    def _ramp(self, values: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Colors rounded to nearest; where several quantities are equal, the color of the last one is that of the value."""
        known, table = self._known().astype(np.float64), np.array(self.colors, np.float64)
        before = np.maximum(np.searchsorted(known, values, "right") - 1, 0)
        after = np.minimum(before + 1, len(known) - 1)
        width = known[after] - known[before]
        part = np.clip((values - known[before]) / np.where(width > 0, width, 1), 0, 1)[..., np.newaxis]
        mixed: NDArray[np.float64] = table[before] + (table[after] - table[before]) * part
        return (mixed + 0.5).astype(np.uint8)


def _levels() -> NDArray[np.float32]:
    """The normalized sample of each level of 8 bits, such that it is not truncated to the one below."""
    exact = np.arange(256, dtype=np.float64) / 255
    levels = np.nextafter(exact.astype(np.float32), np.float32(2))
    levels[0] = 0
    return levels


LEVELS = _levels()
