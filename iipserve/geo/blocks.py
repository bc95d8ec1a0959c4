"""Blocks of a map, and where their pixels are in an image."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from iipserve.geo.interpolation import Coordinates, interpolated, product, weights
from iipserve.geo.mapping import Pair
from iipserve.geometry import Region, common_region

Indices: TypeAlias = NDArray[np.intp]


class Smooth(NamedTuple):
    """Coordinates of a block, by their values at nodes."""

    region: Region
    """In pixels of the map."""
    columns: Coordinates
    """At the nodes, shape (nodes down, nodes across)."""
    rows: Coordinates

    def values(self) -> Pair:
        """Columns and rows at the centers of all pixels."""
        width, height = self.region.width, self.region.height
        return interpolated(self.columns, width, height), interpolated(self.rows, width, height)

    def cut(self, area: Region) -> Exact | None:
        """The coordinates of all pixels of the block that are in an area of the map; None if none is."""
        part = common_region(self.region, area)
        if part is None:
            return None
        columns, rows = _slices(part, self.region)
        down, across = weights(self.region.height)[rows], weights(self.region.width)[columns].T
        return Exact(part, product(down @ self.columns, across), product(down @ self.rows, across))

    def at(self, columns: Indices, rows: Indices) -> Pair:
        """The coordinates of some pixels of the block, by their columns and rows in the map; quicker than all if these are few."""
        across = weights(self.region.width)[columns - self.region.x]
        down, those = weights(self.region.height), rows - self.region.y
        x, y = (
            np.einsum("ij,ij->i", product(down, nodes)[those], across) for nodes in (self.columns, self.rows)
        )
        return x, y

    def mapped(self, x: float, shift_x: float, y: float, shift_y: float) -> Smooth:
        """With columns multiplied by `x` and shifted, and rows likewise."""
        return Smooth(self.region, self.columns * x + shift_x, self.rows * y + shift_y)


class Exact(NamedTuple):
    """Coordinates of a block, pixel by pixel; those that are not finite have no place in the image."""

    region: Region
    """In pixels of the map."""
    columns: Coordinates
    """Shape (height, width)."""
    rows: Coordinates

    def values(self) -> Pair:
        """Columns and rows at the centers of all pixels."""
        return self.columns, self.rows

    def cut(self, area: Region) -> Exact | None:
        """The coordinates of all pixels of the block that are in an area of the map; None if none is."""
        part = common_region(self.region, area)
        if part is None:
            return None
        across, down = _slices(part, self.region)
        return Exact(part, self.columns[down, across], self.rows[down, across])

    def at(self, columns: Indices, rows: Indices) -> Pair:
        """The coordinates of some pixels of the block, by their columns and rows in the map."""
        those = rows - self.region.y, columns - self.region.x
        return self.columns[those], self.rows[those]

    def mapped(self, x: float, shift_x: float, y: float, shift_y: float) -> Exact:
        """With columns multiplied by `x` and shifted, and rows likewise."""
        return Exact(self.region, self.columns * x + shift_x, self.rows * y + shift_y)


Block: TypeAlias = Smooth | Exact


def places_of(blocks: Sequence[Block], area: Region, wanted: NDArray[np.bool_]) -> Exact:
    """The coordinates of the pixels of an area that are wanted, row by row, as a block of one row.

    Args:
        blocks: of a map, which the area is part of.
        area: in pixels of the map.
        wanted: which pixels of it; at least one.
    """
    rows, columns = np.nonzero(wanted)
    rows, columns = rows + area.y, columns + area.x
    found = np.full((2, len(rows)), math.nan)
    for block in blocks:
        left, top, width, height = block.region
        those: Any = ...
        if common_region(block.region, area) != area:
            x, y = columns - left, rows - top
            those = np.flatnonzero((x >= 0) & (x < width) & (y >= 0) & (y < height))
        found[0, those], found[1, those] = block.at(columns[those], rows[those])
    return Exact(Region(0, 0, len(rows), 1), found[:1], found[1:])


def _slices(part: Region, whole: Region) -> tuple[slice, slice]:
    """Columns and rows of a part, counted from the first ones of a whole."""
    x, y = part.x - whole.x, part.y - whole.y
    return slice(x, x + part.width), slice(y, y + part.height)
