"""Grids: where the pixels of an image or a map are in a coordinate reference system.

Coordinates are x before y (easting before northing, longitude before latitude) everywhere below the protocols, whatever
order an authority defines; protocols swap at their edge (`geo.crs`). Pixel coordinates are of corners: the first pixel
covers 0 to 1 in both directions, and y points down.
"""

from __future__ import annotations

from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from iipserve.geometry import Size

C = TypeVar("C", float, NDArray[np.float64])
"""One coordinate, or many."""


class Bounds(NamedTuple):
    """A box in a coordinate reference system, by its outer edges, x before y."""

    min_x: float
    min_y: float
    max_x: float
    """Below `min_x` only for boxes in degrees that cross the antimeridian."""
    max_y: float

    @property
    def width(self) -> float:
        """In units of the coordinate reference system."""
        return self.max_x - self.min_x

    @property
    def height(self) -> float:
        """In units of the coordinate reference system."""
        return self.max_y - self.min_y


class Affine(NamedTuple):
    """Maps pixel coordinates to x and y: `x = a * column + b * row + c`, `y = d * column + e * row + f`."""

    a: float
    b: float
    c: float
    d: float
    e: float
    f: float

    @property
    def is_rectilinear(self) -> bool:
        """Neither rotated nor sheared: columns run along x and rows along y, in either direction."""
        return self.b == 0 and self.d == 0

    @property
    def is_north_up(self) -> bool:
        """Rectilinear, with x growing with the column and y falling with the row."""
        return self.is_rectilinear and self.a > 0 and self.e < 0

    def scaled(self, x: float, y: float) -> Affine:
        """The mapping for pixels that are `x` times as wide and `y` times as high, from the same corner."""
        return Affine(self.a * x, self.b * y, self.c, self.d * x, self.e * y, self.f)

    def shifted(self, column: float, row: float) -> Affine:
        """The mapping whose first pixel is this one's pixel at `column, row`."""
        return self._replace(
            c=self.a * column + self.b * row + self.c, f=self.d * column + self.e * row + self.f
        )

    def after(self, first: Affine) -> Affine:
        """The mapping that is `first`, and then this one."""
        return Affine(
            self.a * first.a + self.b * first.d,
            self.a * first.b + self.b * first.e,
            self.a * first.c + self.b * first.f + self.c,
            self.d * first.a + self.e * first.d,
            self.d * first.b + self.e * first.e,
            self.d * first.c + self.e * first.f + self.f,
        )

    def inverse(self) -> Affine:
        """Maps x and y to pixel coordinates.

        Raises:
            ZeroDivisionError: all pixels are on one line.
        """
        determinant = self.a * self.e - self.b * self.d
        a, b, d, e = self.e / determinant, -self.b / determinant, -self.d / determinant, self.a / determinant
        return Affine(a, b, -a * self.c - b * self.f, d, e, -d * self.c - e * self.f)

    def apply(self, column: C, row: C) -> tuple[C, C]:
        """x and y of one place in pixel coordinates, or of many in arrays of one shape."""
        return self.a * column + self.b * row + self.c, self.d * column + self.e * row + self.f


class GridRef(NamedTuple):
    """A grid of pixels in a coordinate reference system: what a map request asks for. Hashable, part of cache keys."""

    crs: str
    """Key of the coordinate reference system (`geo.crs`)."""
    affine: Affine
    """Of the grid's pixels."""
    size: Size
    """In pixels."""

    @classmethod
    def of_bounds(cls, crs: str, bounds: Bounds, size: Size) -> GridRef:
        """The north-up grid of `size` pixels that covers `bounds`."""
        affine = Affine(
            bounds.width / size.width, 0.0, bounds.min_x, 0.0, -bounds.height / size.height, bounds.max_y
        )
        return cls(crs, affine, size)

    @property
    def bounds(self) -> Bounds:
        """The box around all pixels, by their outer edges."""
        corners = [self.affine.apply(x, y) for x in (0, self.size.width) for y in (0, self.size.height)]
        xs, ys = zip(*corners, strict=True)
        return Bounds(min(xs), min(ys), max(xs), max(ys))
