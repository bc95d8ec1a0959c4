"""Placements: sizes exactly as advertised, regions that belong to them, neighbors that join."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iipserve.geometry import Region, Size, TileGrid
from iipserve.image import ImageInfo
from iipserve.pyramid import Placement, level_above, place_region, place_tile
from tests.protocols.client import Halve, ceil_half, floor_half, image

TRICKY = st.sampled_from([257, 513, 1025, 1153, 1281, 2049, 2051])
"""A pixel or so more than a number of tiles, at several levels."""
SIDES = st.integers(1, 2000) | TRICKY
HALVES = st.sampled_from([floor_half, ceil_half])


@pytest.mark.parametrize(
    ("info", "grid_size", "tile", "expected"),
    [
        pytest.param(
            image(), Size(3073, 2680), Region(256, 512, 256, 256),
            Placement(0, Region(256, 512, 256, 256), Size(256, 256)), id="full size",
        ),
        pytest.param(
            image(), Size(1537, 1340), Region(1280, 0, 256, 256),
            Placement(1, Region(1280, 0, 256, 256), Size(256, 256)), id="stored level a pixel short",
        ),
        pytest.param(
            image(), Size(1537, 1340), Region(1536, 0, 1, 256),
            Placement(1, Region(1535, 0, 1, 256), Size(1, 256)), id="the pixel that the stored level lacks",
        ),
        pytest.param(
            image(halve=ceil_half), Size(769, 670), Region(768, 512, 1, 158),
            Placement(2, Region(768, 512, 1, 158), Size(1, 158)), id="stored level rounded up",
        ),
        pytest.param(
            image(levels=1), Size(769, 670), Region(256, 256, 256, 256),
            Placement(0, Region(1024, 1024, 1024, 1024), Size(256, 256)), id="no smaller level: exact factor",
        ),
        pytest.param(
            image(levels=1), Size(769, 670), Region(768, 512, 1, 158),
            Placement(0, Region(3072, 2048, 1, 632), Size(1, 158)), id="no smaller level: edge",
        ),
        pytest.param(
            image(), Size(97, 84), Region(0, 0, 97, 84),
            Placement(4, Region(0, 0, 192, 167), Size(97, 84)), id="below the smallest level",
        ),
        pytest.param(
            image(), Size(1, 1), Region(0, 0, 1, 1),
            Placement(4, Region(0, 0, 192, 167), Size(1, 1)), id="one pixel",
        ),
        pytest.param(
            image(1000, 700, levels=1), Size(500, 350), Region(256, 256, 244, 94),
            Placement(0, Region(512, 512, 488, 188), Size(244, 94)), id="virtual level of IIP",
        ),
        pytest.param(
            image(1001, 701, levels=1), Size(500, 350), Region(256, 256, 244, 94),
            Placement(0, Region(512, 512, 488, 188), Size(244, 94)), id="virtual level that rounds down",
        ),
        pytest.param(
            image(3073, 40, levels=2), Size(1537, 20), Region(1536, 0, 1, 20),
            Placement(1, Region(1535, 0, 1, 20), Size(1, 20)), id="short on the long side only",
        ),
        pytest.param(
            image(61, 61, (16, 16), levels=2), Size(31, 31), Region(16, 16, 15, 15),
            Placement(0, Region(32, 32, 29, 29), Size(15, 15)), id="a small level is not stretched by a pixel",
        ),
    ],
)  # fmt: skip
def test_tiles(info: ImageInfo, grid_size: Size, tile: Region, expected: Placement) -> None:
    placement = place_tile(info, grid_size, tile)
    assert placement == expected


@settings(max_examples=150, deadline=None)
@given(SIDES, SIDES, st.sampled_from([16, 64, 128]), HALVES, st.integers(1, 5), st.integers(0, 11))
def test_every_tile_of_every_grid_has_its_size_and_reaches_at_most_a_pixel_out(
    width: int, height: int, side: int, halve: Halve, levels: int, power: int
) -> None:
    info = image(width, height, (side, side), halve=halve, levels=levels)
    grid_size = info.size.ceil_scaled(1 << power)
    grid = TileGrid(grid_size, Size(side, side))
    for column in {0, grid.columns // 2, grid.columns - 1}:
        for row in {0, grid.rows // 2, grid.rows - 1}:
            tile = grid.region(column, row)
            assert tile is not None
            level, region, size = place_tile(info, grid_size, tile)
            stored = info.levels[level].size
            assert size == tile.size
            assert region.x >= 0
            assert region.y >= 0
            assert region.clipped(stored) is not None
            assert region.right <= stored.width + 1
            assert region.bottom <= stored.height + 1


@settings(max_examples=100, deadline=None)
@given(st.integers(200, 3000) | TRICKY, HALVES, st.integers(1, 4), st.integers(0, 5))
def test_neighboring_tiles_join(width: int, halve: Halve, levels: int, power: int) -> None:
    info = image(width, width, (64, 64), halve=halve, levels=levels)
    grid_size = info.size.ceil_scaled(1 << power)
    grid = TileGrid(grid_size, Size(64, 64))
    end = 0
    for column in range(grid.columns):
        tile = grid.region(column, 0)
        assert tile is not None
        level, region, _ = place_tile(info, grid_size, tile)
        # a level that is a pixel short gives its last column once more
        assert region.x == min(end, info.levels[level].size.width - 1)
        end = region.right
    assert abs(end - info.levels[level].size.width) <= 1


@settings(max_examples=100, deadline=None)
@given(SIDES, SIDES, HALVES, st.integers(1, 5), st.integers(0, 6), st.data())
def test_a_tile_shows_the_part_of_the_picture_that_belongs_to_it(
    width: int, height: int, halve: Halve, levels: int, power: int, data: st.DataObject
) -> None:
    """In parts of the picture, edges are off by at most a pixel of the grid (and of the stored level)."""
    info = image(width, height, (64, 64), halve=halve, levels=levels)
    grid_size = info.size.ceil_scaled(1 << power)
    grid = TileGrid(grid_size, Size(64, 64))
    tile = grid.region(data.draw(st.integers(0, grid.columns - 1)), data.draw(st.integers(0, grid.rows - 1)))
    assert tile is not None
    level, region, _ = place_tile(info, grid_size, tile)
    stored = info.levels[level].size
    slack = 1 / grid_size.width + 1 / stored.width + 1e-9
    assert abs(region.x / stored.width - tile.x / grid_size.width) <= slack
    assert abs(region.right / stored.width - tile.right / grid_size.width) <= slack


@pytest.mark.parametrize(
    ("region", "size", "expected"),
    [
        pytest.param(
            Region(0, 0, 3073, 2680), Size(768, 670),
            Placement(2, Region(0, 0, 768, 670), Size(768, 670)), id="exactly a stored level",
        ),
        pytest.param(
            Region(0, 0, 3073, 2680), Size(769, 671),
            Placement(1, Region(0, 0, 1536, 1340), Size(769, 671)), id="just above a stored level",
        ),
        pytest.param(
            Region(0, 0, 3073, 2680), Size(10, 9),
            Placement(4, Region(0, 0, 192, 167), Size(10, 9)), id="below the smallest",
        ),
        pytest.param(
            Region(100, 100, 200, 200), Size(400, 400),
            Placement(0, Region(100, 100, 200, 200), Size(400, 400)), id="enlarged",
        ),
        pytest.param(
            Region(1000, 1000, 1000, 1000), Size(100, 1000),
            Placement(0, Region(1000, 1000, 1000, 1000), Size(100, 1000)), id="each side has to be there",
        ),
        pytest.param(
            Region(3072, 2679, 1, 1), Size(1, 1),
            Placement(0, Region(3072, 2679, 1, 1), Size(1, 1)), id="the last pixel",
        ),
        pytest.param(
            Region(0, 0, 1536, 1340), Size(768, 670),
            Placement(1, Region(0, 0, 768, 670), Size(768, 670)), id="half a pixel less than half",
        ),
    ],
)  # fmt: skip
def test_regions(region: Region, size: Size, expected: Placement) -> None:
    assert place_region(image(), region, size) == expected


@settings(max_examples=150, deadline=None)
@given(SIDES, SIDES, HALVES, st.integers(1, 6), st.data())
def test_regions_are_read_at_no_less_than_their_size(
    width: int, height: int, halve: Halve, levels: int, data: st.DataObject
) -> None:
    info = image(width, height, halve=halve, levels=levels)
    x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    region = Region(x, y, data.draw(st.integers(1, width - x)), data.draw(st.integers(1, height - y)))
    size = Size(data.draw(st.integers(1, 3000)), data.draw(st.integers(1, 3000)))
    level, level_region, out = place_region(info, region, size)
    assert out == size
    assert level_region.clipped(info.levels[level].size) == level_region
    assert level == 0 or size.fits_in(level_region.size)


@pytest.mark.parametrize(
    ("side", "level"), [(3073, 0), (1537, 0), (1536, 1), (193, 3), (192, 4), (1, 4), (9999, 0)]
)
def test_level_above(side: int, level: int) -> None:
    assert level_above(image(3073, 3073), Size(side, side)) == level
