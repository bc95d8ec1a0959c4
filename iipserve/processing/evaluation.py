"""The ways from pixels as read to finished color bands: dropping bits, a table, or arithmetic.

All give the same result for the same operations: tables are made by doing the arithmetic to every code.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from iipserve.processing import Operation, Pixels, Samples, Stage
from iipserve.processing.bit_depth import changed, finished, unranged, white
from iipserve.processing.coding import Coding, coding
from iipserve.processing.layout import first_bands
from iipserve.processing.lut import Table, banded
from iipserve.processing.normalizing import Scale, normalized
from iipserve.processing.sample_format import Range, SampleKind, shown_ranges
from iipserve.processing.tone import Contrast


@dataclass(frozen=True, slots=True)
class Route:
    """How pixels as read become finished ones."""

    develop: Callable[[Pixels], Pixels]
    """Pixels with all their bands -> 1 or 3 finished color bands, and opacity if `takes_opacity`."""
    takes_opacity: bool = False
    changes_nothing: bool = False
    """The finished pixels are those read."""


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be done to the color bands."""

    kind: SampleKind
    operations: tuple[Operation, ...]
    """Of the stage NORMALIZED."""
    ranges: tuple[Range, ...]
    """Of the first color bands: those that are used."""
    bits: int
    """Of the finished samples."""
    coding: Coding | None

    @property
    def scales(self) -> tuple[Scale, ...]:
        """Of the bands that are used."""
        return tuple(Scale.of_range(shown) for shown in self.ranges)

    @property
    def uses_all(self) -> bool:
        """The bands used are those of the file, but for opacity."""
        return len(self.ranges) == self.kind.colors and not self.kind.is_converted

    def codes(self, pixels: Pixels) -> Pixels:
        """The bands that are used, as codes; samples of 32 bits as they are."""
        used = len(self.ranges)
        if self.coding is None:
            return first_bands(pixels, used)
        if self.kind.is_converted:
            return first_bands(self.coding.encode(pixels), used)
        return self.coding.encode(first_bands(pixels, used))


def route(kind: SampleKind, operations: Sequence[Operation], bits: int) -> Route:
    """The fastest way for such samples and operations.

    Args:
        kind: of the samples.
        operations: of the stages RANGE and NORMALIZED, bound, in canonical order.
        bits: of the finished samples, 8 or 16.
    """
    called = tuple(operation for operation in operations if operation.stage is Stage.NORMALIZED)
    used = _bands_used(called, kind.colors)
    task = Task(kind, called, shown_ranges(kind, operations)[:used], bits, coding(kind))
    depth = kind.unsigned_bits if task.coding is None else task.coding.depth
    if depth and not operations and all(shown == kind.full_range for shown in task.ranges):
        return _by_depth(task, depth)
    if task.coding is None:
        return _by_arithmetic(task)
    foldable = _foldable(called, used)
    if foldable == len(called):
        return _by_table(task, task.coding)
    if task.coding.is_plain and not foldable:
        return _by_arithmetic(task)
    return _by_table_and_arithmetic(task, task.coding, foldable)


def _bands_used(operations: Sequence[Operation], colors: int) -> int:
    """How many color bands, from the first, the result depends on.

    Where no operation says, as many as are shown: 2 without opacity are no colors, of more than 3 the
    first 3 are shown (iipsrv).
    """
    for operation in operations:
        used = operation.bands_used(colors)
        if used is not None:
            return used
    return _bands_shown(colors)


def _bands_shown(bands: int) -> int:
    return 3 if bands >= 3 else 1


def _foldable(operations: Sequence[Operation], used: int) -> int:
    """How many operations, from the first, make a pixel of a single sample each: a table can stand for them."""
    for number, operation in enumerate(operations):
        if operation.apron or not (used == 1 or operation.pointwise):
            return number
    return len(operations)


def _by_depth(task: Task, depth: int) -> Route:
    """Nothing asked, and the full range shown: bits are dropped (iipsrv), or repeated."""
    bits = task.bits
    if not task.uses_all:
        return Route(lambda pixels: changed(task.codes(pixels), depth, bits))
    return Route(
        lambda pixels: changed(pixels, depth, bits),
        takes_opacity=True,
        changes_nothing=depth == bits,
    )


def _by_arithmetic(task: Task) -> Route:
    scales, finish = task.scales, Finish(task.operations, task.bits)
    by_band = any(operation.bands_used(len(scales)) is not None for operation in task.operations)
    return Route(lambda pixels: finish(normalized(pixels, scales, by_band=by_band)))


def _by_table(task: Task, coding: Coding) -> Route:
    finish = Finish(task.operations, task.bits)
    look_up = _lookup(coding, task.scales, finish)
    if task.uses_all and coding.is_plain and isinstance(look_up, Table) and look_up.bands == 1:
        # opacity is looked up with the colors and replaced: taking it out takes longer
        def develop(pixels: Pixels) -> Pixels:
            result = look_up(pixels)
            if task.kind.has_alpha:
                result[..., -1] = unranged(pixels[..., -1], task.kind, task.bits)
            return result

        return Route(develop, takes_opacity=True)
    return Route(lambda pixels: look_up(task.codes(pixels)))


def _by_table_and_arithmetic(task: Task, coding: Coding, foldable: int) -> Route:
    head = task.operations[:foldable]
    look_up = _lookup(coding, task.scales, lambda samples: _applied(head, samples))
    finish = Finish(task.operations[foldable:], task.bits)
    return Route(lambda pixels: finish(look_up(task.codes(pixels))))


def _lookup(
    coding: Coding, scales: Sequence[Scale], work: Callable[[Samples], Pixels]
) -> Callable[[Pixels], NDArray[Any]]:
    """What looks up `work` done to the normalized values of all codes: one table, or one for each band."""

    def table(scale: Scale) -> Table:
        samples = coding.values.copy()
        scale.normalize(samples)
        return Table(work(samples.reshape(1, -1, 1))[0])

    tables = {scale: table(scale) for scale in set(scales)}
    if len(tables) == 1:
        return tables[scales[0]]
    of_bands = [tables[scale] for scale in scales]
    return lambda codes: banded(of_bands, codes)


@dataclass(frozen=True, slots=True)
class Finish:
    """What is done to normalized samples, up to finished ones."""

    operations: tuple[Operation, ...]
    """Of the stage NORMALIZED."""
    bits: int

    def __call__(self, samples: Samples) -> Pixels:
        """1 or 3 finished bands; uses the samples up."""
        operations, factor = self.operations, white(self.bits)
        if operations and isinstance(operations[-1], Contrast):
            factor = factor * np.float32(operations[-1].factor)
            operations = operations[:-1]
        samples = _applied(operations, samples)
        return finished(samples[..., : _bands_shown(samples.shape[2])], factor, self.bits)


def _applied(operations: Sequence[Operation], samples: Samples) -> Samples:
    """The samples after the operations; they themselves are used up."""
    for operation in operations:
        if operation.pointwise:
            operation.bend(samples)
        else:
            samples = operation(samples)  # type: ignore[assignment]
    return samples
