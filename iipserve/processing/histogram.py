"""Operations by the brightness histogram of the whole image: equalization, two tones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from iipserve.processing import Operation, Pixels, Stage


@dataclass(frozen=True, slots=True)
class Equalize(Operation):
    """Brightness values spread evenly, by the histogram of the image (IIP's CNT=eq); opacity is kept."""

    stage: ClassVar[Stage] = Stage.FINISHED

    table: tuple[int, ...] | None = None
    """256 values; None until bound."""

    def __call__(self, pixels: Pixels) -> Pixels:
        raise TypeError
