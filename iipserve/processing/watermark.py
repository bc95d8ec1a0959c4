"""A mark laid over every picture."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from iipserve.processing import Operation, Pixels, Stage


@dataclass(frozen=True, slots=True)
class Watermark(Operation):
    """The mark of the settings, placed by the plan's digest."""

    stage: ClassVar[Stage] = Stage.FINISHED
    works_by_rows: ClassVar[bool] = False

    fingerprint: str
    """Of mark and settings: stands for both in keys."""
    mark: Pixels = field(compare=False, repr=False)
    """RGB and opacity, 8 bits."""
    probability: float = field(compare=False, repr=False)
    blend: str = field(compare=False, repr=False)
    """`additive` (iipsrv) or `alpha`."""
    block: int = field(default=0, compare=False, repr=False)
    """Pictures with a longer side are marked once in each square of this side; 0 until bound."""
    seed: str = field(default="", compare=False, repr=False)
    """Decides on place and probability; empty until bound."""

    def __call__(self, pixels: Pixels) -> Pixels:
        raise TypeError
