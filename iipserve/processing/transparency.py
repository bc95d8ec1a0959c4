"""Which pixels of a map are clear, and what shows through them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from iipserve.processing import Operation, Pixels, Stage
from iipserve.processing.compositing import WHITE, composited
from iipserve.processing.layout import has_alpha


@dataclass(frozen=True, slots=True)
class Transparency(Operation):
    """Show pixels without data as clear: those that are missing (`processing.missing`) or masked by the file."""

    stage: ClassVar[Stage] = Stage.MISSING

    nodata: tuple[float, ...] | None = None
    """Replaces `ImageInfo.nodata`; None leaves it."""

    def __call__(self, pixels: Pixels) -> Pixels:
        return pixels

    @property
    def adds_opacity(self) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class Background(Operation):
    """Composite pixels over a color: the result is opaque."""

    stage: ClassVar[Stage] = Stage.DISPLAY

    red: int
    """0 to 255, as the others; pixels of 16 bits show 257 times as much."""
    green: int
    blue: int

    def __call__(self, pixels: Pixels) -> Pixels:
        color = self.red, self.green, self.blue
        return composited(pixels, color) if has_alpha(pixels.shape[2]) else pixels


ON_WHITE = Background(*WHITE)
