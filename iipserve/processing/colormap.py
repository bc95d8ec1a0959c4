"""Color maps: the first band becomes a color."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from iipserve.processing import Operation, Pixels, Stage


@dataclass(frozen=True, slots=True)
class Colormap(Operation):
    """The first band becomes three (IIP's CMP)."""

    stage: ClassVar[Stage] = Stage.NORMALIZED
    keeps_profile: ClassVar[bool] = False

    name: str
    """In lower case: of `names()`."""

    def __call__(self, pixels: Pixels) -> Pixels:
        raise TypeError


def names() -> tuple[str, ...]:
    """All color maps that can be asked for."""
    return ("hot", "cold", "jet", "red", "green", "blue")
