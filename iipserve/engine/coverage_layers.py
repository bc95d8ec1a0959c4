"""Coverages of several images over each other: what one is missing, the next below may have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from iipserve.engine.admission import Cost
from iipserve.engine.coverage_reader import Check, CoverageReader, empty_rows
from iipserve.plan import CoveragePlan


class Rows:
    """The rows of strips, any number at a time."""

    def __init__(self, strips: Iterator[NDArray[Any]]) -> None:
        """Take the rows of strips from top to bottom."""
        self._strips = strips
        self._rest: NDArray[Any] | None = None

    def take(self, count: int) -> NDArray[Any]:
        """The next rows, in an array of their own."""
        parts, missing = [], count
        while missing:
            strip = next(self._strips) if self._rest is None else self._rest
            parts.append(strip[:missing])
            self._rest = strip[missing:] if len(strip) > missing else None
            missing -= len(parts[-1])
        return np.concatenate(parts)


class EmptyRows:
    """Rows without data, as a result has them."""

    def __init__(self, plan: CoveragePlan, dtype: str) -> None:
        """Of a plan whose samples are of a type."""
        self._plan = plan
        self._dtype = np.dtype(dtype)

    def take(self, count: int) -> NDArray[Any]:
        """The next rows, in an array of their own."""
        return empty_rows(count, self._plan, self._dtype)


def layered(readers: Sequence[CoverageReader], check: Check) -> Iterator[NDArray[Any]]:
    """The samples of images over each other, in strips from top to bottom, of which each holds a strip in memory.

    Args:
        readers: of each image, the lowest first; at least one. They are used up.
        check: as of `CoverageReader.strips`.

    Raises:
        DecodeError: an image is damaged.
    """
    strips = readers[0].strips(check)
    for reader in readers[1:]:
        reader.put_over(Rows(strips))
        strips = reader.strips(check)
    return strips


def total_cost(costs: Sequence[Cost]) -> Cost:
    """Of reading images over each other, by the costs of each, the uppermost last."""
    return costs[-1]._replace(
        read=sum(cost.read for cost in costs),
        decoded=sum(cost.decoded for cost in costs),
        memory=sum(cost.memory for cost in costs),
    )
