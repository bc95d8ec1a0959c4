"""From samples as a source reads them to finished pixels."""

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
from iipserve.processing.layout import with_opacity
from iipserve.processing.sample_format import SampleFormat

STRATEGIES = 32
"""Developments whose tables are remembered; one for samples of 16 bits made into colors takes most, 800 kB."""
SAMPLES_AT_ONCE = 1 << 18
"""A tile is worked on as a whole; what is made of the samples of larger regions in between stays small."""
APRONS = 8
"""A strip of rows has at least so many times the rows of its apron, which are worked on twice."""


@dataclass(frozen=True, slots=True)
class DisplayTransform:
    """Turns samples into finished pixels: a frozen value, so that tables made for it can be remembered."""

    input_format: SampleFormat
    operations: tuple[Operation, ...]
    """Of the stages RANGE and NORMALIZED, bound, in canonical order."""
    bits: int
    """Of the finished samples: 8 or 16."""

    @property
    def apron(self) -> int:
        """Pixels around a region that have to be read with it, so that tiles join."""
        return max((operation.apron for operation in self.operations), default=0)

    def __call__(self, pixels: Pixels) -> Pixels:
        """The finished pixels, of the same height and width: 1 or 3 color bands, and opacity if there is any.

        Raises:
            InvalidRequest: the image has not the bands that an operation needs.
        """
        # numbers out of all proportion are cut off in the end, whatever became of them
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            chosen = _strategy(self)

            def develop(part: Pixels) -> Pixels:
                color = chosen.develop(part)
                if not self.input_format.has_alpha or chosen.takes_opacity:
                    return color
                return with_opacity(color, full_scale(part[..., -1], self.input_format, self.bits))

            native = np.ascontiguousarray(pixels, self.input_format.dtype)
            return _in_strips(develop, native, self.apron)


def display_transform(
    input_format: SampleFormat, operations: Sequence[Operation], bits: int = 8
) -> DisplayTransform | None:
    """What makes finished pixels of such samples; None when they are that already."""
    wanted = DisplayTransform(input_format, tuple(operations), bits)
    if not operations and input_format.unsigned_bits == bits and _strategy(wanted).changes_nothing:
        return None
    return wanted


@lru_cache(maxsize=STRATEGIES)
def _strategy(wanted: DisplayTransform) -> Strategy:
    return choose_strategy(wanted.input_format, wanted.operations, wanted.bits)


def _in_strips(develop: Callable[[Pixels], Pixels], pixels: Pixels, apron: int) -> Pixels:
    """What `develop` makes of the pixels, worked on in strips of rows, each with its apron."""
    height, width, bands = pixels.shape
    rows = max(SAMPLES_AT_ONCE // (width * bands), APRONS * apron, 1)
    strips = ceil_div(height, rows)
    if strips == 1:
        return develop(pixels)
    edges = [height * strip // strips for strip in range(strips + 1)]
    result: Pixels | None = None
    for top, bottom in pairwise(edges):
        first, last = max(0, top - apron), min(height, bottom + apron)
        part = develop(pixels[first:last])
        if result is None:
            result = np.empty((height, width, part.shape[2]), part.dtype)
        result[top:bottom] = part[top - first : bottom - first]
    assert result is not None, "there are rows"
    return result
