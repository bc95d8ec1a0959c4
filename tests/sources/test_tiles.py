"""Regions joined from tiles equal slices of the whole array."""

from __future__ import annotations

import numpy as np
import pytest

from iipserve.geometry import Region
from iipserve.processing import Pixels
from iipserve.sources.tiles import join_tiles
from tests.engine.fakes import ArraySource
from tests.images import gradient

SIZE = (333, 211)


@pytest.mark.parametrize("bands", [1, 2, 3, 4])
@pytest.mark.parametrize("tile", [(64, 64), (32, 80), (512, 512)])
@pytest.mark.parametrize(
    "region",
    [
        pytest.param(Region(0, 0, 333, 211), id="all"),
        pytest.param(Region(64, 64, 64, 64), id="one tile"),
        pytest.param(Region(63, 63, 2, 2), id="a corner of four"),
        pytest.param(Region(320, 192, 13, 19), id="clipped corner"),
        pytest.param(Region(5, 7, 200, 1), id="row"),
        pytest.param(Region(332, 210, 1, 1), id="last pixel"),
    ],
)
def test_region_is_a_slice(bands: int, tile: tuple[int, int], region: Region) -> None:
    picture = gradient(SIZE, bands)
    source = ArraySource([picture], tile)
    joined = join_tiles(source.info, 0, region, source.read_tile)
    np.testing.assert_array_equal(joined, picture[region.y : region.bottom, region.x : region.right])
    assert joined.flags.c_contiguous


def test_parts_of_tiles_are_read_as_such() -> None:
    picture = gradient(SIZE)
    source, parts = ArraySource([picture]), []

    def read_part(level: int, column: int, row: int, part: Region) -> Pixels:
        parts.append((column, row, part))
        return picture[part.y : part.bottom, part.x : part.right]

    joined = join_tiles(source.info, 0, Region(64, 60, 80, 68), source.read_tile, read_part)
    np.testing.assert_array_equal(joined, picture[60:128, 64:144])
    assert source.reads == [(0, 1, 1)]
    assert parts == [
        (1, 0, Region(64, 60, 64, 4)), (2, 0, Region(128, 60, 16, 4)), (2, 1, Region(128, 64, 16, 64)),
    ]  # fmt: skip


def test_a_whole_tile_at_the_edge_is_no_part() -> None:
    source = ArraySource([gradient(SIZE)])

    def read_part(*_: object) -> Pixels:
        raise AssertionError

    join_tiles(source.info, 0, Region(256, 128, 77, 83), source.read_tile, read_part)
    assert source.reads == [(0, 4, 2), (0, 5, 2), (0, 4, 3), (0, 5, 3)]


def test_only_touched_tiles_are_read() -> None:
    source = ArraySource([gradient(SIZE)])
    join_tiles(source.info, 0, Region(60, 70, 10, 10), source.read_tile)
    assert source.reads == [(0, 0, 1), (0, 1, 1)]
