"""Strategies for evaluating a display transform: bit shifts, lookup tables, arithmetic.

All give the same result: tables are built by applying the arithmetic to every code.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from iipserve.processing import Operation, Pixels, Samples, Stage
from iipserve.processing.bit_depth import convert_depth, full_scale, quantize, white
from iipserve.processing.colorspaces import Coding, coding
from iipserve.processing.layout import color_bands, first_bands
from iipserve.processing.lut import LookupTable, look_up_by_band
from iipserve.processing.normalizing import Scale, normalized
from iipserve.processing.sample_format import Range, SampleFormat, shown_ranges
from iipserve.processing.tone import Contrast


@dataclass(frozen=True, slots=True)
class Strategy:
    """How to convert pixels as read to display pixels."""

    convert: Callable[[Pixels], Pixels]
    """Pixels with all their bands -> 1 or 3 color bands, and opacity if `takes_opacity` or if an operation makes it."""
    takes_opacity: bool = False
    changes_nothing: bool = False
    """Whether the pixels are display pixels as read."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What is to be computed from the color bands."""

    input_format: SampleFormat
    operations: tuple[Operation, ...]
    """Of the stage NORMALIZED."""
    ranges: tuple[Range, ...]
    """Of the color bands that are used, from the first."""
    bits: int
    """Of the result."""
    coding: Coding | None

    @property
    def scales(self) -> tuple[Scale, ...]:
        """Normalization of each used band."""
        return tuple(Scale.of_range(shown) for shown in self.ranges)

    @property
    def uses_all(self) -> bool:
        """Whether all bands of the file except opacity are used, unconverted."""
        return len(self.ranges) == self.input_format.colors and not self.input_format.is_converted

    def codes(self, pixels: Pixels) -> Pixels:
        """The used bands as codes; 32-bit samples unchanged."""
        used = len(self.ranges)
        if self.coding is None:
            return first_bands(pixels, used)
        if self.input_format.is_converted:
            return first_bands(self.coding.encode(pixels), used)
        return self.coding.encode(first_bands(pixels, used))


def choose_strategy(input_format: SampleFormat, operations: Sequence[Operation], bits: int) -> Strategy:
    """Choose the fastest strategy.

    Args:
        input_format: of the samples.
        operations: of the stages RANGE and NORMALIZED, bound, in canonical order.
        bits: of the result, 8 or 16.
    """
    called = tuple(operation for operation in operations if operation.stage is Stage.NORMALIZED)
    used = _bands_used(called, input_format.colors)
    evaluation = Evaluation(
        input_format, called, shown_ranges(input_format, operations)[:used], bits, coding(input_format)
    )
    depth = input_format.unsigned_bits if evaluation.coding is None else evaluation.coding.depth
    if depth and not operations and all(shown == input_format.full_range for shown in evaluation.ranges):
        return _by_depth(evaluation, depth)
    if evaluation.coding is None:
        return _by_arithmetic(evaluation)
    foldable = _foldable(called, used)
    if foldable == len(called):
        return _by_table(evaluation, evaluation.coding)
    if evaluation.coding.is_plain and not foldable:
        return _by_arithmetic(evaluation)
    return _by_table_and_arithmetic(evaluation, evaluation.coding, foldable)


def _bands_used(operations: Sequence[Operation], colors: int) -> int:
    """How many color bands, from the first, the result depends on; without operations those displayed (iipsrv)."""
    for operation in operations:
        used = operation.bands_used(colors)
        if used is not None:
            return used
    return color_bands(colors)


def _foldable(operations: Sequence[Operation], used: int) -> int:
    """How many operations, from the first, depend on a single sample each, so that a table can replace them."""
    for index, operation in enumerate(operations):
        if operation.apron or not (used == 1 or operation.pointwise):
            return index
    return len(operations)


def _by_depth(evaluation: Evaluation, depth: int) -> Strategy:
    """No operations and the full range: drop bits (iipsrv), or repeat them."""
    bits = evaluation.bits
    if not evaluation.uses_all:
        return Strategy(lambda pixels: convert_depth(evaluation.codes(pixels), depth, bits))
    return Strategy(
        lambda pixels: convert_depth(pixels, depth, bits),
        takes_opacity=True,
        changes_nothing=depth == bits,
    )


def _by_arithmetic(evaluation: Evaluation) -> Strategy:
    scales, tail = evaluation.scales, Tail(evaluation.operations, evaluation.bits)
    by_band = any(operation.bands_used(len(scales)) is not None for operation in evaluation.operations)
    return Strategy(lambda pixels: tail(normalized(pixels, scales, by_band=by_band)))


def _by_table(evaluation: Evaluation, coding: Coding) -> Strategy:
    tail = Tail(evaluation.operations, evaluation.bits)
    look_up = _lookup(coding, evaluation.scales, tail)
    if evaluation.uses_all and coding.is_plain and isinstance(look_up, LookupTable) and look_up.bands == 1:
        # looking opacity up with the colors and replacing it is faster than taking it out
        def convert(pixels: Pixels) -> Pixels:
            result = look_up(pixels)
            if evaluation.input_format.has_alpha:
                shown = evaluation.input_format
                result[..., -1] = full_scale(pixels[..., -1], shown, evaluation.bits, shown.opacity)
            return result

        return Strategy(convert, takes_opacity=True)
    return Strategy(lambda pixels: look_up(evaluation.codes(pixels)))


def _by_table_and_arithmetic(evaluation: Evaluation, coding: Coding, foldable: int) -> Strategy:
    head = evaluation.operations[:foldable]
    look_up = _lookup(coding, evaluation.scales, lambda samples: _applied(head, samples))
    tail = Tail(evaluation.operations[foldable:], evaluation.bits)
    return Strategy(lambda pixels: tail(look_up(evaluation.codes(pixels))))


def _lookup(
    coding: Coding, scales: Sequence[Scale], work: Callable[[Samples], Pixels]
) -> Callable[[Pixels], NDArray[Any]]:
    """Lookup of `work` applied to the normalized values of all codes: one table, or one per band."""

    def table(scale: Scale) -> LookupTable:
        samples = coding.values.copy()
        scale.normalize(samples)
        return LookupTable(work(samples.reshape(1, -1, 1))[0])

    tables = {scale: table(scale) for scale in set(scales)}
    if len(tables) == 1:
        return tables[scales[0]]
    of_bands = [tables[scale] for scale in scales]
    return lambda codes: look_up_by_band(of_bands, codes)


@dataclass(frozen=True, slots=True)
class Tail:
    """The operations on normalized samples and their conversion to display samples."""

    operations: tuple[Operation, ...]
    """Of the stage NORMALIZED."""
    bits: int

    def __call__(self, samples: Samples) -> Pixels:
        """1 or 3 color bands, and opacity if an operation makes it; overwrites the samples."""
        operations, factor = self.operations, white(self.bits)
        if operations and isinstance(operations[-1], Contrast):
            factor = factor * np.float32(operations[-1].factor)
            operations = operations[:-1]
        samples = _applied(operations, samples)
        makes_opacity = any(operation.adds_opacity for operation in operations)
        bands = samples.shape[2] if makes_opacity else color_bands(samples.shape[2])
        return quantize(samples[..., :bands], factor, self.bits)


def _applied(operations: Sequence[Operation], samples: Samples) -> Samples:
    """The samples after the operations; overwrites its argument."""
    for operation in operations:
        if operation.pointwise:
            operation.apply_in_place(samples)
        else:
            samples = cast(Samples, operation(samples))
    return samples
