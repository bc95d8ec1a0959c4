"""Sizes, regions and grids against plain enumeration."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iipserve.geometry import Region, Size, TileGrid, ceil_div, round_half_up, scale_side

SIDES = st.integers(1, 5000)
SIZES = st.builds(Size, SIDES, SIDES)


@pytest.mark.parametrize(("value", "expected"), [(0.5, 1), (1.5, 2), (2.5, 3), (2.49, 2), (-0.5, 0)])
def test_halves_go_up(value: float, expected: int) -> None:
    assert round_half_up(value) == expected


@given(st.integers(0, 10**12), st.integers(1, 10**6))
def test_ceil_div_is_the_least_number_that_covers(value: int, divisor: int) -> None:
    parts = ceil_div(value, divisor)
    assert parts * divisor >= value > (parts - 1) * divisor or value == parts == 0


@given(SIDES, SIDES, SIDES)
def test_scaled_side_is_the_nearest(length: int, numerator: int, denominator: int) -> None:
    side = scale_side(length, numerator, denominator)
    assert side >= 1
    assert side == 1 or abs(2 * side * denominator - 2 * length * numerator) <= denominator


@given(SIZES, SIZES)
def test_fitted_size_fills_its_box_on_one_side_and_keeps_the_shape(size: Size, box: Size) -> None:
    fitted = size.fitted(box)
    assert fitted.fits_in(box)
    assert fitted.width == box.width or fitted.height == box.height
    assert fitted.height in (box.height, scale_side(size.height, fitted.width, size.width))


@pytest.mark.parametrize(
    ("region", "expected"),
    [
        pytest.param(Region(0, 0, 10, 10), Region(0, 0, 10, 10), id="whole"),
        pytest.param(Region(2, 3, 4, 5), Region(2, 3, 4, 5), id="inside"),
        pytest.param(Region(8, 8, 5, 5), Region(8, 8, 2, 2), id="over the far edges"),
        pytest.param(Region(-3, -2, 5, 5), Region(0, 0, 2, 3), id="over the near edges"),
        pytest.param(Region(10, 0, 1, 1), None, id="outside"),
        pytest.param(Region(0, 10, 1, 1), None, id="below"),
        pytest.param(Region(-5, 0, 5, 5), None, id="before"),
    ],
)
def test_clipping(region: Region, expected: Region | None) -> None:
    assert region.clipped(Size(10, 10)) == expected


@given(SIZES, SIZES, st.data())
def test_scaled_regions_lie_inside_and_abut(size: Size, to_size: Size, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, size.width))
    left, right = Region(0, 0, cut, size.height), Region(cut, 0, size.width - cut, size.height)
    for region in (part for part in (left, right) if part.width):
        scaled = region.scaled(size, to_size)
        assert scaled.clipped(to_size) == scaled
    if left.width and right.width and to_size.width >= size.width:
        assert left.scaled(size, to_size).right == right.scaled(size, to_size).x


@given(
    st.builds(Size, st.integers(1, 60), st.integers(1, 60)),
    st.builds(Size, st.integers(1, 20), st.integers(1, 20)),
)
def test_tiles_cover_a_level_once(size: Size, tile: Size) -> None:
    grid = TileGrid(size, tile)
    covered = []
    for row in range(grid.rows):
        for column in range(grid.columns):
            region = grid.region(column, row)
            assert region is not None
            covered += [(x, y) for x in range(region.x, region.right) for y in range(region.y, region.bottom)]
    assert sorted(covered) == [(x, y) for x in range(size.width) for y in range(size.height)]
    outside = [(-1, 0), (0, -1), (grid.columns, 0), (0, grid.rows)]
    assert [grid.region(*place) for place in outside] == [None] * 4
