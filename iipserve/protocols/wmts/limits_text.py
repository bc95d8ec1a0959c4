"""`TileMatrixLimits` of layers in shared sets: nine tenths of a document with many layers, kept as numbers."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from iipserve.geo.matrixset import LinkedSet, MatrixLimits, TileMatrixSet
from iipserve.geo.ows.xml import escaped

SHORT_MAX = (1 << 32) - 1
MAX_TEMPLATES = 1024
FIELDS = 4
"""Numbers of one matrix."""


class StatedLimits(NamedTuple):
    """The limits of a layer in a set, as far as a document states them."""

    matrices: tuple[int, ...]
    """Indices of the matrices whose limits are stated, from the coarsest."""
    numbers: array[int]
    """Four for each of them: first and last row, first and last column."""

    def text(self, matrix_set: TileMatrixSet, count: int) -> str:
        """`TileMatrixSetLimits` for the first `count` matrices; empty if none is stated."""
        template, length = _template(matrix_set, self.matrices, count)
        return template % tuple(self.numbers[:length])


def stated_limits(linked: LinkedSet) -> StatedLimits:
    """The limits, unless the layer has all tiles of the set.

    The schema's type of MaxTileRow and MaxTileCol is positiveInteger, against its own text, so that the first row or
    column alone cannot be stated: matrices in which the layer has no other are left out. They are the coarsest ones.
    """
    if all(map(_is_whole, linked.limits)):
        return StatedLimits((), array("I"))
    stated: list[int] = []
    numbers: list[int] = []
    for index, (_, min_column, max_column, min_row, max_row) in enumerate(linked.limits):
        if max_row and max_column:
            stated.append(index)
            numbers += min_row, max_row, min_column, max_column
    kind = "I" if max(numbers, default=0) <= SHORT_MAX else "Q"
    return StatedLimits(_shared(tuple(stated)), array(kind, numbers))


def _is_whole(limits: MatrixLimits) -> bool:
    return limits.tile_count == limits.matrix.columns * limits.matrix.rows


@lru_cache(maxsize=MAX_TEMPLATES)
def _shared(indices: tuple[int, ...]) -> tuple[int, ...]:
    """One object for equal ones."""
    return indices


@lru_cache(maxsize=MAX_TEMPLATES)
def _template(matrix_set: TileMatrixSet, stated: Sequence[int], count: int) -> tuple[str, int]:
    """The text with places for numbers, and how many there are."""
    names = [matrix_set.matrices[index].identifier for index in stated if index < count]
    lines = "".join(
        f"<TileMatrixLimits><TileMatrix>{escaped(name).replace('%', '%%')}</TileMatrix>"
        "<MinTileRow>%d</MinTileRow><MaxTileRow>%d</MaxTileRow>"
        "<MinTileCol>%d</MinTileCol><MaxTileCol>%d</MaxTileCol></TileMatrixLimits>"
        for name in names
    )
    text = f"<TileMatrixSetLimits>{lines}</TileMatrixSetLimits>" if lines else ""
    return text, FIELDS * len(names)
