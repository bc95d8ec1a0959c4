"""Operations on pixels: parameters and behavior in one frozen value, numpy only.

*Pixels* are arrays of shape `(height, width, bands)`, C-contiguous, `uint8` (later issues: `uint16`,
`float32`). An operation is called with pixels and returns pixels; it never changes its argument.
"""

from __future__ import annotations

from typing import ClassVar, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from iipserve.geometry import Size

Pixels: TypeAlias = NDArray[np.generic]
"""Shape (height, width, bands), C-contiguous."""


class Operation(Protocol):
    """One step with its parameters: a frozen, hashable, printable dataclass."""

    keeps_profile: ClassVar[bool]
    """The ICC profile still describes the result."""
    works_by_rows: ClassVar[bool]
    """A row of the result is made of the same row alone."""

    def __call__(self, pixels: Pixels) -> Pixels:
        """The pixels after this step."""

    def output_size(self, size: Size) -> Size:
        """The size this step makes of `size`."""
