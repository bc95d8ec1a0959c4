"""Operations on pixels: parameters and behavior in one frozen value.

*Pixels* are arrays of shape `(height, width, bands)`, C-contiguous. What a source reads (any sample type) is
*developed* into finished pixels (uint8, or uint16 where 16 bits are asked for: 1 gray, 2 gray and opacity, 3 RGB,
4 RGB and opacity), which are scaled, and then changed by the operations of the last stage.
"""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from iipserve.geometry import Size
from iipserve.image import ImageInfo

if TYPE_CHECKING:
    from iipserve.processing.statistics import Statistics

Pixels: TypeAlias = NDArray[np.generic]
"""Shape (height, width, bands), C-contiguous."""

Samples: TypeAlias = NDArray[np.float32]
"""Normalized color bands: 0 is black, 1 white, others are possible; shape (height, width, bands)."""


class Stage(enum.Enum):
    """When an operation takes part, and what it is called with."""

    RANGE = "range"
    """Says which samples become black and white; never called."""
    NORMALIZED = "normalized"
    """Called while developing, with float32 color bands, 0 black and 1 white, without opacity; these alone may lie
    in memory band by band, which is how operations that mix bands work fastest."""
    DISPLAY = "display"
    """Called after scaling, with finished pixels, opacity included."""


@dataclass(frozen=True, slots=True)
class Context:
    """What an operation may want to know of the image and the plan it works for."""

    info: ImageInfo
    statistics: Callable[[], Statistics]
    """Measures the image at the first call; remembered."""
    seed: str
    """The plan's digest: chance that is the same for the same request."""


class Operation(ABC):
    """One step with its parameters: a frozen, hashable, printable dataclass. Never changes its argument."""

    __slots__ = ()

    stage: ClassVar[Stage]
    keeps_profile: ClassVar[bool] = True
    """The ICC profile still describes the result."""
    needs_profile: ClassVar[bool] = False
    """Of no use once the ICC profile does not describe the pixels."""
    works_by_rows: ClassVar[bool] = True
    """A row of the result is made of the same row alone."""
    pointwise: ClassVar[bool] = False
    """NORMALIZED only: a sample of the result is made of the same sample alone, by the same rule in every band."""

    @abstractmethod
    def __call__(self, pixels: Pixels) -> Pixels:
        """The pixels after this step."""

    def bound(self, context: Context) -> Operation:
        """This operation with what it needs of the image; itself if it needs nothing."""
        return self

    def output_size(self, size: Size) -> Size:
        """The size this step makes of `size`."""
        return size

    @property
    def apron(self) -> int:
        """How many pixels on each side of a pixel it is made of."""
        return 0

    def bands_used(self, bands: int) -> int | None:
        """NORMALIZED only: how many of so many color bands it looks at; None if it makes each band of itself."""
        return None

    def apply_in_place(self, samples: Samples) -> None:
        """Pointwise operations only: change samples, of any shape, where they are."""
        samples[...] = self(samples)
