"""Regions put together from tiles equal slices of the whole array."""

from __future__ import annotations

import numpy as np
import pytest

from iipserve.engine import assembly
from iipserve.geometry import Region, Size
from iipserve.pyramid import Placement, place_region, place_tile
from tests.engine.fakes import ArraySource, plan_of
from tests.images import gradient, pyramid, smooth

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
    joined = assembly.join_tiles(source, 0, region, source.read_tile)
    np.testing.assert_array_equal(joined, picture[region.y : region.bottom, region.x : region.right])
    assert joined.flags.c_contiguous


def test_only_touched_tiles_are_read() -> None:
    source = ArraySource([gradient(SIZE)])
    assembly.join_tiles(source, 0, Region(60, 70, 10, 10), source.read_tile)
    assert source.reads == [(0, 0, 1), (0, 1, 1)]


def test_a_pixel_past_the_edge_repeats_the_last() -> None:
    picture = gradient((129, 129))
    levels = pyramid(picture, (32, 32))
    source = ArraySource(levels, (32, 32))
    assert levels[1].shape[:2] == (64, 64)
    placement = place_tile(source.info, Size(65, 65), Region(64, 32, 1, 32))
    plan = plan_of(source, placement)
    if placement.level == 1:
        pixels = assembly.read_plan(
            source, plan_of(source, Placement(1, Region(32, 32, 33, 33), Size(33, 33))), source.read_tile
        )
        np.testing.assert_array_equal(pixels[:32, :32], levels[1][32:, 32:])
        np.testing.assert_array_equal(pixels[32, :32], levels[1][63, 32:])
        np.testing.assert_array_equal(pixels[:32, 32], levels[1][32:, 63])
    assert plan.size == Size(1, 32)


def test_strips_equal_the_whole_scaled_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    source = ArraySource([smooth((700, 900))])
    plan = plan_of(source, place_region(source.info, Region(10, 20, 650, 850), Size(401, 517)))
    whole = assembly.read_plan(source, plan, source.read_tile)
    monkeypatch.setattr(assembly, "STRIP_PIXELS", 650 * 100)
    source.reads.clear()
    strips = assembly.read_plan(source, plan, source.read_tile)
    assert len(source.reads) > 14 * 11, "read in one piece"
    assert strips.shape == whole.shape == (517, 401, 3)
    assert np.abs(strips.astype(int) - whole.astype(int)).max() <= 2


def test_whole_ratio_is_the_mean_of_the_pixels() -> None:
    picture = gradient((256, 256))
    source = ArraySource([picture])
    plan = plan_of(source, Placement(0, Region(0, 0, 256, 256), Size(64, 64)))
    means = picture.reshape(64, 4, 64, 4, 3).mean(axis=(1, 3))
    pixels = assembly.read_plan(source, plan, source.read_tile)
    assert np.abs(pixels - means).max() <= 1
