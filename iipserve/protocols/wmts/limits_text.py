"""`TileMatrixLimits` of layers in shared sets: nine tenths of a document with many layers, kept as numbers."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from iipserve.geo.limit_tables import Limits
from iipserve.geo.matrixset import TileMatrixSet
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


ALL_TILES = StatedLimits((), array("I"))
"""Of a layer that has all tiles of the set."""


def stated_limits(matrix_set: TileMatrixSet, limits: Limits) -> StatedLimits:
    """The limits of the first matrices of a set, unless the layer has all tiles of these.

    The schema's type of MaxTileRow and MaxTileCol is positiveInteger, against its own text, so that the first row or
    column alone cannot be stated: matrices in which the layer has no other are left out. They are the coarsest ones.
    """
    if limits.tobytes() == _whole(matrix_set, len(limits)):
        return ALL_TILES
    indices = _indices((limits[:, 1::2] > 0).tobytes())
    # most often those that are left out are the first ones
    first = len(limits) - len(indices)
    stated = limits[first:] if indices[:1] == (first,) else limits[list(indices)]
    kind = "I" if stated.size == 0 or stated.max() <= SHORT_MAX else "Q"
    return StatedLimits(indices, array(kind, stated.astype(TYPES[kind]).tobytes()))


TYPES = {"I": np.uint32, "Q": np.uint64}


@lru_cache(maxsize=MAX_TEMPLATES)
def _whole(matrix_set: TileMatrixSet, count: int) -> bytes:
    """The limits of a layer that has all tiles of the first matrices, as bytes."""
    rows = [(0, each.rows - 1, 0, each.columns - 1) for each in matrix_set.matrices[:count]]
    return np.array(rows, np.int64).tobytes()


@lru_cache(maxsize=MAX_TEMPLATES)
def _indices(flags: bytes) -> tuple[int, ...]:
    """Where both bytes of a pair are not 0; one object for equal ones."""
    return tuple(index for index in range(len(flags) // 2) if flags[2 * index] and flags[2 * index + 1])


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
