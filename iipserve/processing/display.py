"""Conversion of samples as a source reads them to display pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np

from iipserve.geometry import ceil_div
from iipserve.processing import Operation, Pixels
from iipserve.processing.bit_depth import full_scale
from iipserve.processing.evaluation import Strategy, choose_strategy
from iipserve.processing.layout import with_less_opacity
from iipserve.processing.sample_format import SampleFormat

STRATEGIES = 32
"""Transforms whose tables are cached; the largest, from 16-bit samples to colors, takes 800 kB."""
SAMPLES_AT_ONCE = 1 << 18
"""Samples per strip: a tile is converted as a whole, larger regions in strips to keep intermediate arrays small."""
APRONS = 8
"""Minimum rows of a strip, in heights of its apron, whose rows are computed twice."""


@dataclass(frozen=True, slots=True)
class DisplayTransform:
    """Converts samples to display pixels. A frozen value, so that the tables built for it can be cached."""

    input_format: SampleFormat
    operations: tuple[Operation, ...]
    """Of the stages RANGE and NORMALIZED, bound, in canonical order."""
    bits: int
    """Of the result: 8 or 16."""

    @property
    def apron(self) -> int:
        """Pixels around a region that must be read with it, so that tiles join without a seam."""
        return max((operation.apron for operation in self.operations), default=0)

    def __call__(self, pixels: Pixels) -> Pixels:
        """Display pixels of the same height and width: 1 or 3 color bands, and opacity if the image has it.

        Raises:
            InvalidRequest: the image lacks bands that an operation needs.
        """
        # overflows are clipped in the end
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            chosen, input_format = _strategy(self), self.input_format

            def convert(part: Pixels) -> Pixels:
                color = chosen.convert(part)
                if not self.input_format.has_alpha or chosen.takes_opacity:
                    return color
                opacity = full_scale(part[..., -1], input_format, self.bits, input_format.opacity)
                return with_less_opacity(color, opacity)

            native = np.ascontiguousarray(pixels, self.input_format.dtype)
            return _in_strips(convert, native, self.apron)


def display_transform(
    input_format: SampleFormat, operations: Sequence[Operation], bits: int = 8
) -> DisplayTransform | None:
    """The transform of such samples to display pixels; None if they are display pixels already."""
    wanted = DisplayTransform(input_format, tuple(operations), bits)
    if not operations and input_format.unsigned_bits == bits and _strategy(wanted).changes_nothing:
        return None
    return wanted


@lru_cache(maxsize=STRATEGIES)
def _strategy(wanted: DisplayTransform) -> Strategy:
    return choose_strategy(wanted.input_format, wanted.operations, wanted.bits)


def _in_strips(convert: Callable[[Pixels], Pixels], pixels: Pixels, apron: int) -> Pixels:
    """The result of `convert`, called for strips of rows, each with its apron."""
    height, width, bands = pixels.shape
    rows = max(SAMPLES_AT_ONCE // (width * bands), APRONS * apron, 1)
    strips = ceil_div(height, rows)
    if strips == 1:
        return convert(pixels)
    edges = [height * strip // strips for strip in range(strips + 1)]
    result: Pixels | None = None
    for top, bottom in pairwise(edges):
        first, last = max(0, top - apron), min(height, bottom + apron)
        part = convert(pixels[first:last])
        if result is None:
            result = np.empty((height, width, part.shape[2]), part.dtype)
        result[top:bottom] = part[top - first : bottom - first]
    assert result is not None, "there are rows"
    return result
