"""Operations on pixels: parameters and behavior in one frozen value.

*Pixels* are arrays of shape `(height, width, bands)`, C-contiguous. What a source reads (any sample type) is
converted to *display pixels*: uint8, or uint16 if 16 bits are requested, of 1 band (gray), 2 (gray and opacity),
3 (RGB) or 4 (RGB and opacity). Display pixels are scaled, and then changed by the operations of the last stage.
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
"""Normalized color bands: 0 is black, 1 white, values outside are allowed; shape (height, width, bands)."""


class Stage(enum.Enum):
    """When an operation is applied, and to what."""

    SAMPLES = "samples"
    """Replaces the samples of the file as they are read (`processing.terrain`); never called."""
    MISSING = "missing"
    """Sets which pixels are clear; never called."""
    RANGE = "range"
    """Sets which samples become black and white; never called."""
    NORMALIZED = "normalized"
    """Called before scaling with float32 color bands, 0 black and 1 white, without opacity. Only these may be stored
    band by band, the fastest layout for operations that mix bands."""
    DISPLAY = "display"
    """Called after scaling with display pixels, opacity included."""


@dataclass(frozen=True, slots=True)
class Context:
    """What an operation may need from the image and the plan."""

    info: ImageInfo
    statistics: Callable[[], Statistics]
    """Measures the image on the first call."""
    seed: str
    """The plan's digest: random numbers seeded with it are the same for the same request."""


class Operation(ABC):
    """One step with its parameters: a frozen, hashable, printable dataclass. Never changes its argument."""

    __slots__ = ()

    stage: ClassVar[Stage]
    keeps_profile: ClassVar[bool] = True
    """Whether the image's ICC profile still describes the result."""
    needs_profile: ClassVar[bool] = False
    """Whether the operation is skipped once the ICC profile no longer describes the pixels."""
    works_by_rows: ClassVar[bool] = True
    """Whether each row of the result depends on the same row only."""
    pointwise: ClassVar[bool] = False
    """NORMALIZED only: whether each sample depends on the same sample only, by one rule for all bands."""

    is_measured: ClassVar[bool] = False
    """RANGE and NORMALIZED only: whether the result follows from statistics, which images of one mosaic share."""

    @abstractmethod
    def __call__(self, pixels: Pixels) -> Pixels:
        """The pixels after this operation."""

    def bound(self, context: Context) -> Operation:
        """This operation with the data of the image that it needs; itself if it needs none."""
        return self

    def output_size(self, size: Size) -> Size:
        """The size of the result for pixels of `size`."""
        return size

    @property
    def adds_opacity(self) -> bool:
        """Whether opaque pixels become pixels with opacity."""
        return False

    @property
    def apron(self) -> int:
        """How many neighbors on each side of a pixel the result depends on."""
        return 0

    def bands_used(self, bands: int) -> int | None:
        """NORMALIZED only: how many of `bands` color bands are read; None if each band depends on itself only."""
        return None

    def apply_in_place(self, samples: Samples) -> None:
        """Pointwise operations only: change samples of any shape in place."""
        samples[...] = self(samples)
