"""Tile matrix sets: numbers of the standards, and limits against all tiles of small images."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iipserve.geo.grid import Affine, Bounds, GridRef
from iipserve.geo.matrixset import (
    MatrixLimits,
    TileMatrix,
    TileMatrixSet,
    limits_of,
    linked,
    number_text,
)
from iipserve.geo.matrixset_files import standard_sets
from iipserve.geometry import Size


def _matrix(
    cell: float, left: float, top: float, tile: int, columns: int, rows: int, name: str = "0"
) -> TileMatrix:
    return TileMatrix(
        name, cell / 0.00028, Affine(cell, 0, left, 0, -cell, top), Size(tile, tile), columns, rows
    )


def _set(*matrices: TileMatrix) -> TileMatrixSet:
    return TileMatrixSet("set", "Set", "EPSG:3857", "", "", False, matrices, aliases=("EPSG:1",))


def _tiles_with_data(matrix: TileMatrix, bounds: Bounds) -> set[tuple[int, int]]:
    """Column and row of every tile with a pixel whose center is in the box, one pixel after the other."""
    left, top, cell = (Fraction(matrix.affine[index]) for index in (2, 5, 0))
    min_x, min_y, max_x, max_y = map(Fraction, bounds)
    half = Fraction(1, 2)
    columns = {
        pixel // matrix.tile.width
        for pixel in range(matrix.size.width)
        if min_x <= left + (pixel + half) * cell < max_x
    }
    rows = {
        pixel // matrix.tile.height
        for pixel in range(matrix.size.height)
        if min_y < top - (pixel + half) * cell <= max_y
    }
    return {(column, row) for column in columns for row in rows}


def _tiles(limits: MatrixLimits | None) -> set[tuple[int, int]]:
    if limits is None:
        return set()
    matrix = limits.matrix
    return {
        (column, row)
        for column in range(matrix.columns)
        for row in range(matrix.rows)
        if limits.has_tile(column, row)
    }


QUARTERS = st.integers(-200, 400).map(lambda value: value / 4)


@given(
    x=QUARTERS,
    y=QUARTERS,
    width=st.integers(1, 300).map(lambda value: value / 4),
    height=st.integers(1, 300).map(lambda value: value / 4),
    cell=st.sampled_from([0.25, 0.5, 1.0, 2.0, 4.0]),
    tile=st.sampled_from([1, 3, 4, 16]),
)
def test_limits_are_the_tiles_with_data(
    x: float, y: float, width: float, height: float, cell: float, tile: int
) -> None:
    matrix = _matrix(cell, -16, 64, tile, 5, 7)
    bounds = Bounds(x, y, x + width, y + height)
    expected = _tiles_with_data(matrix, bounds)
    limits = limits_of(matrix, bounds)
    assert (
        _tiles(limits) == expected
        or (limits and limits.tile_count == 1 and min(width, height) < cell)
        or (not expected and _touches_less_than_a_pixel(matrix, bounds))
    )
    if limits:
        assert limits.tile_count == len(_tiles(limits))


def _touches_less_than_a_pixel(matrix: TileMatrix, bounds: Bounds) -> bool:
    return bounds.width < matrix.cell_size or bounds.height < matrix.cell_size


@pytest.mark.parametrize(("x", "y", "tile"), [(0.1, 0.1, (0, 1)), (1.3, 0.3, (1, 1)), (1.9, 1.2, (1, 0))])
def test_an_image_smaller_than_a_pixel_has_one_tile(x: float, y: float, tile: tuple[int, int]) -> None:
    matrix = _matrix(1.0, 0, 2, 1, 2, 2)
    assert _tiles(limits_of(matrix, Bounds(x - 0.05, y - 0.05, x + 0.05, y + 0.05))) == {tile}


def test_an_aligned_image_has_exactly_its_tiles() -> None:
    """An image that is exactly on tiles 550 to 552 and 355 to 356 of zoom 10, whatever its floats round to."""
    matrix = standard_sets()["WebMercatorQuad"].matrices[10]
    for nudge in (0.0, 1e-7, -1e-7):
        bounds = Bounds(
            1487158.8223163895 + nudge,
            6066042.564711588,
            1604566.0977624203 - nudge,
            6144314.081675608 + nudge,
        )
        assert limits_of(matrix, bounds) == (matrix, 550, 552, 355, 356)


WORLD = standard_sets()["WorldCRS84Quad"].matrices[2]
"""8 x 4 tiles of 45 degrees."""


@pytest.mark.parametrize(
    ("west", "east", "columns"),
    [
        (-180, 180, (0, 7)),
        (190, 210, (0, 0)),
        (-250, -230, (6, 6)),
        (170, -170, (0, 7)),
        (170, 190, (0, 7)),
        (0, 360, (0, 7)),
        (-10, 350, (0, 7)),
        (181, 180.5, (0, 7)),
        (-180.00000000000003, -100, (0, 1)),
        (100, 180.00000000000009, (6, 7)),
        (540, 545, (0, 0)),
    ],
)
def test_columns_wrap_around_the_globe(west: float, east: float, columns: tuple[int, int]) -> None:
    limits = limits_of(WORLD, Bounds(west, 10, east, 20), 360.0)
    assert limits is not None
    assert (limits.min_column, limits.max_column) == columns


def test_boxes_outside_have_no_tiles() -> None:
    assert limits_of(_matrix(1, 0, 10, 5, 2, 2), Bounds(11, 1, 12, 2)) is None
    assert limits_of(_matrix(1, 0, 10, 5, 2, 2), Bounds(1, 11, 2, 12)) is None
    assert limits_of(WORLD, Bounds(-math.inf, 0, math.inf, 1)) is None
    assert limits_of(WORLD, Bounds(math.nan, 0, 1, 1), 360.0) is None


@pytest.mark.parametrize(
    ("resolution", "overzoom", "finest"),
    [(100, 0, 0), (4, 0, 0), (3.9, 0, 1), (2, 0, 1), (0.1, 0, 2), (4, 1, 1), (4, 9, 2)],
)
def test_the_first_matrix_as_fine_as_the_image_is_the_last(
    resolution: float, overzoom: int, finest: int
) -> None:
    matrices = [_matrix(4 / 2**z, 0, 16, 4, 2**z, 2**z, str(z)) for z in range(3)]
    found = linked(_set(*matrices), Bounds(0, 0, 16, 16), resolution, overzoom=overzoom)
    assert found is not None
    assert [limits.matrix.identifier for limits in found.limits] == [str(z) for z in range(finest + 1)]
    assert all(limits.tile_count == 4**index for index, limits in enumerate(found.limits))


@pytest.mark.parametrize(
    ("bounds", "clipped"),
    [
        ((-200.0, 80.0, 200.0, 95.0), (-180.0, 80.0, 180.0, 90.0)),
        ((190.0, 0.0, 210.0, 10.0), (-170.0, 0.0, -150.0, 10.0)),
        ((170.0, 0.0, -170.0, 10.0), (-180.0, 0.0, 180.0, 10.0)),
        ((-180.00000000000003, -90.0, 180.00000000000006, 90.0), (-180.0, -90.0, 180.0, 90.0)),
    ],
)
def test_bounds_are_clipped_to_the_set(bounds: tuple[float, ...], clipped: tuple[float, ...]) -> None:
    found = linked(standard_sets()["WorldCRS84Quad"], Bounds(*bounds), 1.0, 360.0)
    assert found is not None
    assert found.bounds == pytest.approx(clipped)
    assert found.bounds.max_y <= 90
    assert found.bounds.min_x >= -180


def test_matrices_are_found_in_all_spellings() -> None:
    one = _set(*(_matrix(4 / 2**z, 0, 16, 4, 1, 1, str(z)) for z in range(12)))
    for text in ("8", "08", "set:8", "EPSG:900913:8", "maps/a:native:08"):
        assert one.matrix(text) is one.matrices[8]
    assert one.matrix("0") is one.matrix("00") is one.matrices[0]
    for text in ("12", "", ":", "-1", "8.0", "²", "8 ", "a"):
        assert one.matrix(text) is None
    assert one.answers_to("EPSG:1")
    assert not one.answers_to("EPSG:2")


def test_a_tile_is_where_the_standard_says() -> None:
    """Known tiles of WebMercatorQuad."""
    mercator = standard_sets()["WebMercatorQuad"]
    grid = mercator.grid(mercator.matrices[10], 550, 355)
    assert grid.size == (256, 256)
    assert grid.bounds == pytest.approx(
        (1487158.8223163895, 6105178.323193599, 1526294.5807983987, 6144314.081675608), abs=1e-6
    )
    dense = mercator.grid(mercator.matrices[7], 36, 54, 2)
    assert dense.size == (512, 512)
    assert dense.affine.a == mercator.matrices[8].cell_size
    assert dense.bounds == pytest.approx(
        (-8766409.899970295, 2817774.6107047386, -8453323.832114212, 3130860.6785608195), abs=1e-6
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (279541132.0143589, "279541132.0143589"),
        (90.0, "90"),
        (-0.0, "0"),
        (1e22, "10000000000000000000000"),
        (1.5e-7, "0.00000015"),
        (0.1, "0.1"),
    ],
)
def test_numbers_have_no_exponent(value: float, text: str) -> None:
    assert number_text(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_read_as_they_were(value: float) -> None:
    assert float(number_text(value)) == value
    assert "e" not in number_text(value).lower()


def test_grid_of_a_tile_as_clients_round_it_is_the_tile() -> None:
    """Tiles of all matrices, their boxes computed otherwise; a grid that is off by more stays as it is."""
    for matrix_set in standard_sets().values():
        for matrix in matrix_set.matrices[:22]:
            column, row = matrix.columns * 2 // 3, matrix.rows // 3
            tile = matrix_set.grid(matrix, column, row)
            west, south, east, north = (round(each, 12) for each in tile.bounds)
            grid = GridRef.of_bounds(matrix_set.crs, Bounds(west, south, east, north), tile.size)
            assert matrix_set.as_tile(grid) == tile
            for other in (
                grid._replace(affine=grid.affine.shifted(0.01, 0)),
                grid._replace(affine=grid.affine.shifted(0, 128)),
                grid._replace(affine=grid.affine.scaled(1.001, 1)),
                grid._replace(size=Size(255, 256)),
                grid._replace(crs="EPSG:2180"),
                grid._replace(affine=grid.affine.shifted(1e15, 0)),
            ):
                assert matrix_set.as_tile(other) == other
