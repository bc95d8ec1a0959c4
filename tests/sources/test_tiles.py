"""Regions joined from tiles equal slices of the whole array."""

from __future__ import annotations

import numpy as np
import pytest

from iipserve.geometry import Region
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


def test_only_touched_tiles_are_read() -> None:
    source = ArraySource([gradient(SIZE)])
    join_tiles(source.info, 0, Region(60, 70, 10, 10), source.read_tile)
    assert source.reads == [(0, 0, 1), (0, 1, 1)]
