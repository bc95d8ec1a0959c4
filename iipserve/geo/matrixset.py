"""Tile matrix sets: grids of tiles at several scales, and which of their tiles show an image.

Terms and formulas are those of OGC Two Dimensional Tile Matrix Set and Tile Set Metadata 2.0 (17-083r4) and of WMTS
1.0.0 (07-057r7, section 6.1 and annex H): a scale denominator is that of pixels of 0.28 mm, rows run down from the
upper left corner. Coordinates have x before y; `TileMatrixSet.in_axis_order` gives them as documents write them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import NamedTuple

from iipserve.geo import crs
from iipserve.geo.grid import Affine, Bounds, GridRef
from iipserve.geometry import Size

SEAM_TOLERANCE = 1e-9
"""Part of the way around the globe by which an edge may be past the seam."""
SAME_STEP, SAME_PLACE = 1e-6, 1e-4
"""Relative difference of the sides of pixels, and pixels by which corners may be apart, of grids that count as the same."""
ENOUGH = 1 + 1e-6
"""By which factor pixels of a matrix may be larger than those of an image, to count as small enough."""
STANDARD_PIXEL = 0.00028
"""Side of a pixel in metres, by which scale denominators are defined."""
DEGREE = 111319.49079327358
"""Metres of a degree: 2 pi 6378137 / 360, whatever the ellipsoid (07-057r7, section 6.1), as clients compute it too."""
WELL_KNOWN = "http://www.opengis.net/def/wkss/OGC/1.0/"
LARGEST_DENOMINATORS = {"GoogleMapsCompatible": 559082264.0287178, "GoogleCRS84Quad": 559082264.0287178}
"""With which well-known scale sets begin (07-057r7, annex E)."""


class TileMatrix(NamedTuple):
    """The tiles of one scale."""

    identifier: str
    scale_denominator: float
    affine: Affine
    """Maps pixels of the matrix, counted from the upper left corner of the first tile, to x and y; north-up."""
    tile: Size
    columns: int
    rows: int

    @property
    def cell_size(self) -> float:
        """Side of a pixel, in units of the coordinate reference system."""
        return self.affine.a

    @property
    def top_left(self) -> tuple[float, float]:
        """x and y of the upper left corner."""
        return self.affine.c, self.affine.f

    @property
    def size(self) -> Size:
        """All tiles, in pixels."""
        return Size(self.columns * self.tile.width, self.rows * self.tile.height)

    @property
    def bounds(self) -> Bounds:
        """The box around all tiles."""
        right, bottom = self.affine.apply(*self.size)
        return Bounds(self.affine.c, bottom, right, self.affine.f)

    def has_tile(self, column: int, row: int) -> bool:
        """Whether there is such a tile."""
        return 0 <= column < self.columns and 0 <= row < self.rows


@dataclass(frozen=True, eq=False)
class TileMatrixSet:
    """Tile matrices of one coordinate reference system. Compared by identity; no slots, for cached properties."""

    identifier: str
    title: str
    crs: str
    """Key of the coordinate reference system (`geo.crs`)."""
    crs_urn: str
    """As WMTS writes it: `urn:ogc:def:crs:EPSG::4326`."""
    crs_uri: str
    """As OGC API writes it: `http://www.opengis.net/def/crs/EPSG/0/4326`."""
    swaps_axes: bool
    """y comes before x in documents (latitude before longitude)."""
    matrices: tuple[TileMatrix, ...]
    """From coarse to fine."""
    uri: str = ""
    """Of its definition, if that is published."""
    well_known_scale_set: str = ""
    """URI of the well-known scale set to which the scales belong."""
    ordered_axes: tuple[str, ...] = ()
    """Names of the axes in the order of documents."""
    aliases: tuple[str, ...] = ()
    """Other identifiers under which it is found."""

    @cached_property
    def _by_identifier(self) -> Mapping[str, TileMatrix]:
        return {matrix.identifier: matrix for matrix in self.matrices}

    def answers_to(self, identifier: str) -> bool:
        """Whether it is called so."""
        return identifier == self.identifier or identifier in self.aliases

    def matrix(self, identifier: str) -> TileMatrix | None:
        """The matrix of that identifier, or None.

        It may follow the identifier of a set, as in `EPSG:900913:8`, and a number may begin with zeros.
        """
        found = self._by_identifier.get(identifier)
        if found is None:
            name = identifier.rpartition(":")[2]
            number = name.lstrip("0") or "0" if name.isdecimal() else name
            found = self._by_identifier.get(name) or self._by_identifier.get(number)
        return found

    def grid(self, matrix: TileMatrix, column: int, row: int, scale: int = 1) -> GridRef:
        """The pixels of a tile.

        Args:
            matrix: one of the set.
            column: of the tile, from the left.
            row: of the tile, from the top.
            scale: pixels in the width of one, 2 for displays with twice the density.
        """
        width, height = matrix.tile
        affine = matrix.affine.shifted(column * width, row * height)
        if scale > 1:
            affine = affine.scaled(1 / scale, 1 / scale)
        return GridRef(self.crs, affine, Size(width * scale, height * scale))

    def as_tile(self, grid: GridRef) -> GridRef:
        """The pixels of a tile of the set where those of a grid are the same, to what a client may round; else the grid.

        So that a map is the same value by whatever service it is asked for.
        """
        if grid.crs != self.crs or not grid.affine.is_north_up:
            return grid
        for matrix in self.matrices:
            if grid.size == matrix.tile and math.isclose(grid.affine.a, matrix.cell_size, rel_tol=SAME_STEP):
                left, top = matrix.affine.inverse().apply(grid.affine.c, grid.affine.f)
                column, row = left / matrix.tile.width, top / matrix.tile.height
                if -0.5 <= column < matrix.columns and -0.5 <= row < matrix.rows:
                    tile = self.grid(matrix, round(column), round(row))
                    return tile if _is_same(tile, grid) else grid
        return grid

    def in_axis_order(self, x: float, y: float) -> tuple[float, float]:
        """Coordinates in the order of documents."""
        return (y, x) if self.swaps_axes else (x, y)

    @cached_property
    def bounds(self) -> Bounds:
        """The box around the tiles of the finest matrix."""
        return self.matrices[-1].bounds

    @property
    def well_known_urn(self) -> str | None:
        """The well-known scale set as WMTS writes it; None where the set does not begin with its largest scale.

        A set must have all scale denominators of the one it states, from the largest on (07-057r7, section 6.1).
        """
        name = self.well_known_scale_set.removeprefix(WELL_KNOWN)
        if self.matrices[0].scale_denominator != LARGEST_DENOMINATORS.get(name):
            return None
        return f"urn:ogc:def:wkss:OGC:1.0:{name}"


def _is_same(tile: GridRef, grid: GridRef) -> bool:
    """Whether all corners are the same."""
    return all(
        abs(one - other) <= SAME_PLACE * tile.affine.a
        for one, other in zip(tile.bounds, grid.bounds, strict=True)
    )


class MatrixLimits(NamedTuple):
    """The tiles of a matrix that show an image; all four are inclusive."""

    matrix: TileMatrix
    min_column: int
    max_column: int
    min_row: int
    max_row: int

    def has_tile(self, column: int, row: int) -> bool:
        """Whether a tile is inside."""
        return self.min_column <= column <= self.max_column and self.min_row <= row <= self.max_row

    @property
    def tile_count(self) -> int:
        """Number of tiles."""
        return (self.max_column - self.min_column + 1) * (self.max_row - self.min_row + 1)


class LinkedSet(NamedTuple):
    """A tile matrix set in which a layer is offered."""

    set: TileMatrixSet
    limits: tuple[MatrixLimits, ...]
    """Of the matrices that are offered, from coarse to fine: the first ones of the set."""
    bounds: Bounds
    """The image in the coordinate reference system of the set, clipped to the set."""

    def limits_of(self, identifier: str) -> MatrixLimits | None:
        """The limits of a matrix; None if it does not exist or is not offered."""
        matrix = self.set.matrix(identifier)
        return next((limits for limits in self.limits if limits.matrix is matrix), None)


# -- limits ----------------------------------------------------------------------------------------


def limits_of(matrix: TileMatrix, bounds: Bounds, turn: float | None = None) -> MatrixLimits | None:
    """The tiles of a matrix that show what is inside `bounds`; None if there are none.

    A tile shows something if the center of one of its pixels is inside; the left and upper edges belong to a box, the
    others do not. A box so small that no center is inside has the tile that its own center is in, so that every scale
    has one.

    Args:
        matrix: north-up.
        bounds: in the coordinate reference system of the matrix; `max_x` below `min_x` where they cross its seam.
        turn: by which x grows around the globe (`crs.turn`): places that differ by it are one. None if there is none.
    """
    _, _, (a, _, left, _, e, top), (width, height), columns, rows = matrix
    down = _span((bounds.max_y - top) / e, (bounds.min_y - top) / e, rows * height)
    start, stop = (bounds.min_x - left) / a, (bounds.max_x - left) / a
    across = _columns(start, stop, columns * width, turn and turn / a)
    if down is None or across is None:
        return None
    return MatrixLimits(matrix, across[0] // width, across[1] // width, down[0] // height, down[1] // height)


def _span(start: float, stop: float, count: int) -> tuple[int, int] | None:
    """First and last of `count` pixels whose centers are from `start` up to `stop`, in pixels; None if outside."""
    if not -math.inf < start <= stop < math.inf:
        return None
    first, last = math.ceil(start - 0.5), math.ceil(stop - 0.5) - 1
    if last < first:
        first = last = math.floor((start + stop) / 2)
    if last < 0 or first >= count:
        return None
    # without min and max: a third of the time that documents of many layers spend here
    return first if first > 0 else 0, last if last < count else count - 1


def _columns(start: float, stop: float, count: int, turn: float | None) -> tuple[int, int] | None:
    """As `_span`, of columns, which begin again after `turn` pixels; with all between, where a box is at both ends."""
    if turn is None or -0.5 <= start <= stop <= count + 0.5:
        return _span(start, stop, count)
    if stop < start:
        stop += turn
    if stop - start >= turn * (1 - SEAM_TOLERANCE):
        return _span(0.0, float(count), count)
    start, stop = start % turn, start % turn + stop - start
    spans = [span for shift in (0.0, turn) if (span := _span(start - shift, stop - shift, count))]
    return (min(span[0] for span in spans), max(span[1] for span in spans)) if spans else None


def linked(
    matrix_set: TileMatrixSet, bounds: Bounds, resolution: float, turn: float | None = None, overzoom: int = 0
) -> LinkedSet | None:
    """The set with the tiles that show an image; None if no tile does.

    Args:
        matrix_set: the set.
        bounds: of the image, in the set's coordinate reference system.
        resolution: side of a pixel of the image there: the first matrix with pixels as small as that is the last one.
        turn: by which x grows around the globe, see `limits_of`.
        overzoom: number of matrices after that.
    """
    bounds = _inside(bounds, matrix_set.bounds, turn)
    offered = []
    for matrix in matrix_set.matrices[: offered_count(matrix_set, resolution, overzoom)]:
        limits = limits_of(matrix, bounds, turn)
        if limits is None:
            return None
        offered.append(limits)
    return LinkedSet(matrix_set, tuple(offered), clipped(bounds, matrix_set, turn))


def offered_count(matrix_set: TileMatrixSet, resolution: float, overzoom: int = 0) -> int:
    """Number of matrices, from the coarsest, in which `linked` offers an image: up to `overzoom` after the sufficient one.

    Pixels of the sufficient one are the first that are not larger than those of the image; it is the last one if all are.
    """
    enough, matrices = resolution * ENOUGH, matrix_set.matrices
    sufficient = next(
        (index for index, matrix in enumerate(matrices) if matrix.cell_size <= enough), len(matrices) - 1
    )
    return min(sufficient + 1 + overzoom, len(matrices))


def _inside(bounds: Bounds, limit: Bounds, turn: float | None) -> Bounds:
    """The part of a box inside `limit`; its columns stay as they are where they go around the globe."""
    min_y, max_y = max(bounds.min_y, limit.min_y), min(bounds.max_y, limit.max_y)
    if turn is not None:
        return Bounds(bounds.min_x, min_y, bounds.max_x, max_y)
    return Bounds(max(bounds.min_x, limit.min_x), min_y, min(bounds.max_x, limit.max_x), max_y)


def clipped(bounds: Bounds, matrix_set: TileMatrixSet, turn: float | None) -> Bounds:
    """The part of a box inside a set: all columns, where it is at both ends."""
    limit = matrix_set.bounds
    bounds = _inside(bounds, limit, turn)
    left, right = bounds.min_x, bounds.max_x
    if turn is not None:
        right = right + turn if right < left else right
        shift = (left - limit.min_x + turn * SEAM_TOLERANCE) // turn * turn
        left, right = left - shift, right - shift
        if right > limit.max_x + turn * SEAM_TOLERANCE:
            left, right = limit.min_x, limit.max_x
    return Bounds(max(left, limit.min_x), bounds.min_y, min(right, limit.max_x), bounds.max_y)


# -- numbers ---------------------------------------------------------------------------------------


def scale_denominator(cell_size: float, unit: float, pixel: float = STANDARD_PIXEL) -> float:
    """The scale of a matrix.

    Args:
        cell_size: side of a pixel, in units of the coordinate reference system.
        unit: its `metres_per_unit`.
        pixel: side of a pixel of the display, in metres.
    """
    return cell_size * unit / pixel


def number_text(value: float) -> str:
    """A number as documents write it: the shortest text that reads as the same number, without an exponent."""
    text = repr(float(value) + 0.0)
    if "e" in text:
        return format(Decimal(text).normalize(), "f")
    return text.removesuffix(".0")


def metres_per_unit(key: str) -> float:
    """By which scale denominators of a coordinate reference system are computed."""
    return DEGREE if crs.is_geographic(key) else crs.metres_per_unit(key)
