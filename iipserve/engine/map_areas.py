"""Where on a map an image is: boxes around the pixels whose places are inside of it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from iipserve.geo.coordinates import Block, Smooth
from iipserve.geometry import Region

CELL = 8
"""Pixels of a map between those at which its places are looked at."""
SLACK = 0.1
"""Pixels of the image by which places between these may be elsewhere than on the straight way from one to the next."""


def box_inside(block: Block, columns: tuple[float, float], rows: tuple[float, float]) -> Region | None:
    """A box around all pixels of a block whose places are in a rectangle; None if there is none.

    Args:
        block: of a map, in pixels of an image.
        columns: left and right edge of the rectangle, in these pixels.
        rows: its top and bottom edge.
    """
    if not isinstance(block, Smooth):
        return block.region
    across, down = _pixels(block.region.width), _pixels(block.region.height)
    inside = _cells_between(*block.values_at(across, down), columns, rows)
    found_rows, found_columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    if not len(found_rows):
        return None
    x, right = int(across[found_columns[0]]), int(across[found_columns[-1] + 1])
    y, bottom = int(down[found_rows[0]]), int(down[found_rows[-1] + 1])
    left, top = block.region[:2]
    return Region(left + x, top + y, right - x + 1, bottom - y + 1)


def _cells_between(
    xs: NDArray[np.float64],
    ys: NDArray[np.float64],
    columns: tuple[float, float],
    rows: tuple[float, float],
) -> NDArray[np.bool_]:
    """Which cells between four pixels may have places in a rectangle."""
    low_x, high_x = _ends(xs)
    low_y, high_y = _ends(ys)
    inside: NDArray[np.bool_] = (high_x >= columns[0]) & (low_x <= columns[1])
    inside &= (high_y >= rows[0]) & (low_y <= rows[1])
    return inside


def _ends(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The least and the greatest value of each cell, at most and at least."""
    corners = values[:-1, :-1], values[1:, :-1], values[:-1, 1:], values[1:, 1:]
    low, high = np.minimum.reduce(corners), np.maximum.reduce(corners)
    slack = SLACK * (high - low) + SLACK
    return low - slack, high + slack


@lru_cache(maxsize=64)
def _pixels(length: int) -> NDArray[np.intp]:
    """Every eighth pixel, and the last; one that is alone twice."""
    return np.array([*range(0, max(1, length - 1), CELL), length - 1])


def around(regions: Iterable[Region]) -> Region | None:
    """The box around all regions; None if there is none."""
    found = list(regions)
    if not found:
        return None
    x, y = min(each.x for each in found), min(each.y for each in found)
    right, bottom = max(each.right for each in found), max(each.bottom for each in found)
    return Region(x, y, right - x, bottom - y)
