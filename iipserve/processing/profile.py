"""From the colors of an ICC profile to sRGB."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from iipserve.processing import Operation, Pixels, Stage


@dataclass(frozen=True, slots=True)
class ToSRGB(Operation):
    """Colors converted from the image's embedded profile to sRGB; opacity is kept."""

    stage: ClassVar[Stage] = Stage.FINISHED
    keeps_profile: ClassVar[bool] = False

    profile: bytes | None = None
    """The profile; None until bound."""

    def __call__(self, pixels: Pixels) -> Pixels:
        raise TypeError
