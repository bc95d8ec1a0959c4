"""Limits of many images in one tile matrix set at once, for documents that list thousands of layers.

The same numbers as those of `matrixset.linked`, whose formula this is with arrays of shape (images, matrices).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from iipserve.geo.matrixset import LinkedSet, MatrixLimits, TileMatrixSet, clipped, linked
from iipserve.geo.places import Place

MAX_PIXELS = float(1 << 50)
"""Beyond so many pixels from the first one, floats are not exact enough to be counted in arrays."""
MAX_GRIDS = 64
"""Sets whose grids are kept as arrays."""
Numbers: TypeAlias = NDArray[np.float64]


class _Grid(NamedTuple):
    """The matrices of a set; arrays of shape (1, matrices)."""

    left: Numbers
    top: Numbers
    width: Numbers
    """Of a pixel, in units of the set."""
    height: Numbers
    """Of a pixel, negative."""
    columns: Numbers
    """Pixels across."""
    rows: Numbers
    """Pixels down."""
    tile_width: Numbers
    tile_height: Numbers


class _Spans(NamedTuple):
    """First and last pixels with centers inside; shape (images, matrices)."""

    first: Numbers
    last: Numbers
    is_outside: NDArray[np.bool_]


@lru_cache(maxsize=MAX_GRIDS)
def _grid(matrix_set: TileMatrixSet) -> _Grid:
    rows = [
        (each.affine.c, each.affine.f, each.affine.a, each.affine.e, *each.size, *each.tile)
        for each in matrix_set.matrices
    ]
    return _Grid(*np.array(rows, np.float64).T[:, None, :])


def linked_at_once(
    matrix_set: TileMatrixSet, places: Sequence[Place], turn: float | None
) -> list[LinkedSet | None]:
    """The set with the limits of all its matrices for each of several images; None where no tile shows one.

    Args:
        matrix_set: the set.
        places: of the images, in the set's coordinate reference system.
        turn: see `matrixset.limits_of`.
    """
    if not places:
        return []
    limits, is_outside, is_plain = _limits(matrix_set, np.array([place.bounds for place in places]), turn)
    matrices, found = matrix_set.matrices, []
    for place, numbers, outside, plain in zip(places, limits, is_outside, is_plain, strict=True):
        if not plain:
            found.append(linked(matrix_set, *place, turn, len(matrices)))
        elif outside:
            found.append(None)
        else:
            each = tuple(map(MatrixLimits, matrices, *numbers))
            found.append(LinkedSet(matrix_set, each, clipped(place.bounds, matrix_set, turn)))
    return found


def _limits(
    matrix_set: TileMatrixSet, boxes: Numbers, turn: float | None
) -> tuple[list[list[list[int]]], list[bool], list[bool]]:
    """Limits by image in the order of `MatrixLimits`, whether it is outside, and whether these two are to be used."""
    grid, limit = _grid(matrix_set), matrix_set.bounds
    min_x, min_y, max_x, max_y = boxes.T[..., None]
    with np.errstate(all="ignore"):
        min_y, max_y = np.maximum(min_y, limit.min_y), np.minimum(max_y, limit.max_y)
        if turn is None:
            min_x, max_x = np.maximum(min_x, limit.min_x), np.minimum(max_x, limit.max_x)
        down = (max_y - grid.top) / grid.height, (min_y - grid.top) / grid.height
        across = (min_x - grid.left) / grid.width, (max_x - grid.left) / grid.width
        is_plain: NDArray[np.bool_] = np.all(np.abs((*down, *across)) < MAX_PIXELS, axis=(0, 2))
        if turn is not None:
            inside = (across[0] >= -0.5) & (across[0] <= across[1]) & (across[1] <= grid.columns + 0.5)
            is_plain &= np.all(inside, axis=1)
        rows, columns = _spans(*down, grid.rows), _spans(*across, grid.columns)
        tiles = [
            *(edge // grid.tile_width for edge in columns[:2]),
            *(edge // grid.tile_height for edge in rows[:2]),
        ]
        numbers = np.where(is_plain[:, None], tiles, 0).astype(np.int64).transpose(1, 0, 2)
    is_outside: NDArray[np.bool_] = np.any(rows.is_outside | columns.is_outside, axis=1)
    return numbers.tolist(), is_outside.tolist(), is_plain.tolist()


def _spans(start: Numbers, stop: Numbers, count: Numbers) -> _Spans:
    """As `matrixset.limits_of` has it for one image."""
    first, last = np.ceil(start - 0.5), np.ceil(stop - 0.5) - 1
    is_small, middle = last < first, np.floor((start + stop) / 2)
    first, last = np.where(is_small, middle, first), np.where(is_small, middle, last)
    is_outside = (last < 0) | (first >= count) | (stop < start)
    return _Spans(np.maximum(first, 0), np.minimum(last, count - 1), is_outside)
