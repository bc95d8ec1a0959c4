"""Limits of many images in one tile matrix set at once, for documents that list thousands of layers.

The same numbers as those of `matrixset.linked`, whose formula this is with arrays of shape (images, matrices).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from iipserve.geo.grid import Bounds
from iipserve.geo.matrixset import ENOUGH, LinkedSet, TileMatrixSet, clipped, linked
from iipserve.geo.places import Place

MAX_PIXELS = float(1 << 50)
"""Beyond so many pixels from the first one, floats are not exact enough to be counted in arrays."""
MAX_GRIDS = 64
"""Sets whose grids are kept as arrays."""
Numbers: TypeAlias = NDArray[np.float64]
Limits: TypeAlias = NDArray[np.int64]
"""First and last row, first and last column of the tiles of each matrix from the coarsest; shape (matrices, 4)."""


class TabledLink(NamedTuple):
    """A tile matrix set in which a layer is offered, as `LinkedSet`, with numbers instead of an object for each matrix."""

    set: TileMatrixSet
    offered: int
    """Matrices that are offered, from the coarsest."""
    limits: Limits
    """Of all matrices, as far as each has tiles that show the image; at least of those that are offered."""
    bounds: Bounds
    """The image in the coordinate reference system of the set, clipped to the set."""

    @classmethod
    def of(cls, whole: LinkedSet, offered: int) -> TabledLink:
        """The same as a set with limits."""
        return cls(whole.set, offered, limit_numbers(whole), whole.bounds)


def limit_numbers(whole: LinkedSet) -> Limits:
    """The limits of a set as numbers."""
    rows = [(each.min_row, each.max_row, each.min_column, each.max_column) for each in whole.limits]
    return np.array(rows, np.int64).reshape(-1, 4)


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
    matrix_set: TileMatrixSet, places: Sequence[Place], turn: float | None, overzoom: int = 0
) -> Iterator[TabledLink | None]:
    """The set with the tiles that show each of several images, as `matrixset.linked`; None where none does.

    Args:
        matrix_set: the set.
        places: of the images, in the set's coordinate reference system.
        turn: see `matrixset.limits_of`.
        overzoom: see `matrixset.linked`.
    """
    if not places:
        return
    limits, is_outside, is_plain = _limits(matrix_set, np.array([place.bounds for place in places]), turn)
    offered = _offered(matrix_set, np.array([place.resolution for place in places]), overzoom)
    for place, numbers, count, outside, plain in zip(
        places, limits, offered, is_outside, is_plain, strict=True
    ):
        if plain and not outside:
            yield TabledLink(matrix_set, count, numbers, clipped(place.bounds, matrix_set, turn))
        else:
            yield None if plain else _linked(matrix_set, place, turn, overzoom, count)


def _linked(
    matrix_set: TileMatrixSet, place: Place, turn: float | None, overzoom: int, offered: int
) -> TabledLink | None:
    """The set of an image whose limits are not to be counted in arrays."""
    whole = linked(matrix_set, *place, turn, len(matrix_set.matrices))
    found = whole or linked(matrix_set, *place, turn, overzoom)
    return TabledLink.of(found, offered) if found else None


def _offered(matrix_set: TileMatrixSet, resolutions: Numbers, overzoom: int) -> list[int]:
    """As `matrixset.offered_count` for each of several images."""
    is_enough = _grid(matrix_set).width <= (resolutions * ENOUGH)[:, None]
    count = is_enough.shape[1]
    sufficient = np.where(is_enough.any(axis=1), is_enough.argmax(axis=1), count - 1)
    return np.minimum(sufficient + (1 + overzoom), count).tolist()


def _limits(
    matrix_set: TileMatrixSet, boxes: Numbers, turn: float | None
) -> tuple[NDArray[np.int64], list[bool], list[bool]]:
    """`Limits` by image, whether it is outside of a matrix, and whether these two are to be used."""
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
            *(edge // grid.tile_height for edge in rows[:2]),
            *(edge // grid.tile_width for edge in columns[:2]),
        ]
        numbers = np.where(is_plain[:, None], tiles, 0).astype(np.int64).transpose(1, 2, 0)
    is_outside: NDArray[np.bool_] = np.any(rows.is_outside | columns.is_outside, axis=1)
    return numbers, is_outside.tolist(), is_plain.tolist()


def _spans(start: Numbers, stop: Numbers, count: Numbers) -> _Spans:
    """As `matrixset.limits_of` has it for one image."""
    first, last = np.ceil(start - 0.5), np.ceil(stop - 0.5) - 1
    is_small, middle = last < first, np.floor((start + stop) / 2)
    first, last = np.where(is_small, middle, first), np.where(is_small, middle, last)
    is_outside = (last < 0) | (first >= count) | (stop < start)
    return _Spans(np.maximum(first, 0), np.minimum(last, count - 1), is_outside)
