"""Regions put together from tiles equal slices of the whole array."""

from __future__ import annotations

import numpy as np
import pytest

from iipserve.engine import assembly
from iipserve.engine.level_reader import LevelReader
from iipserve.engine.scaling import scale
from iipserve.geometry import Region, Size, TileGrid
from iipserve.processing import Operation
from iipserve.processing.display import DisplayTransform, display_transform
from iipserve.processing.filters import Convolve
from iipserve.processing.sample_format import sample_format
from iipserve.processing.tone import Gamma
from iipserve.pyramid import place_tile
from iipserve.sources import Source
from tests.engine.fakes import ArraySource, RegionSource
from tests.images import gradient, pyramid, smooth

SIZE = (333, 211)


def reader(
    source: Source, *, level: int = 0, nearest: bool = False, to_display: DisplayTransform | None = None
) -> LevelReader:
    """What reads a level without keeping anything."""
    return LevelReader(source, level, source.read_tile, to_display, nearest)


def test_a_pixel_past_the_edge_repeats_the_last() -> None:
    picture = gradient((129, 129))
    levels = pyramid(picture, (32, 32))
    source = ArraySource(levels, (32, 32))
    assert levels[1].shape[:2] == (64, 64)
    placement = place_tile(source.info, Size(65, 65), Region(64, 32, 1, 32))
    if placement.level == 1:
        pixels = assembly.read_region(reader(source, level=1), Region(32, 32, 33, 33), Size(33, 33))
        np.testing.assert_array_equal(pixels[:32, :32], levels[1][32:, 32:])
        np.testing.assert_array_equal(pixels[32, :32], levels[1][63, 32:])
        np.testing.assert_array_equal(pixels[:32, 32], levels[1][32:, 63])
    assert placement.size == Size(1, 32)


def test_strips_equal_the_whole_scaled_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    source = ArraySource([smooth((700, 900))])
    crop = Region(10, 20, 650, 850), Size(401, 517)
    whole = assembly.read_region(reader(source), *crop)
    monkeypatch.setattr(assembly, "STRIP_PIXELS", 650 * 100)
    source.reads.clear()
    strips = assembly.read_region(reader(source), *crop)
    assert len(source.reads) > 14 * 11, "read in one piece"
    assert strips.shape == whole.shape == (517, 401, 3)
    assert np.abs(strips.astype(int) - whole.astype(int)).max() <= 2


def test_whole_ratio_is_the_mean_of_the_pixels() -> None:
    picture = gradient((256, 256))
    source = ArraySource([picture])
    crop = Region(0, 0, 256, 256), Size(64, 64)
    means = picture.reshape(64, 4, 64, 4, 3).mean(axis=(1, 3))
    pixels = assembly.read_region(reader(source), *crop)
    assert np.abs(pixels - means).max() <= 1


PART = Region(10, 20, 301, 171)
UNSCALED, SMALLER, LARGER = PART.size, Size(201, 97), Size(407, 333)


@pytest.mark.parametrize("kind", [ArraySource, RegionSource])
@pytest.mark.parametrize("bands", [1, 2, 3, 4])
@pytest.mark.parametrize("tile", [(64, 64), (32, 80), (16, 7), (512, 512)], ids=str)
def test_unscaled_strips_are_slices(kind: type[ArraySource], bands: int, tile: tuple[int, int]) -> None:
    picture = gradient(SIZE, bands)
    source = kind([picture], tile)
    crop = PART, UNSCALED
    strips = list(assembly.read_strips(reader(source), *crop))
    np.testing.assert_array_equal(np.concatenate(strips), picture[20:191, 10:311])
    assert len(strips) == 190 // tile[1] - 20 // tile[1] + 1
    assert len(source.reads) == len(set(source.reads)), "a tile was decoded twice"


@pytest.mark.parametrize("nearest", [False, True])
@pytest.mark.parametrize("kind", [ArraySource, RegionSource])
@pytest.mark.parametrize("bands", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [SMALLER, LARGER, Size(301, 57), Size(43, 171)], ids=str)
def test_scaled_strips_of_a_small_region_are_the_whole(
    size: Size, bands: int, kind: type[ArraySource], nearest: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assembly, "BATCH_PIXELS", 17 * size.width)
    source = kind([gradient(SIZE, bands)])
    crop = PART, size
    strips = list(assembly.read_strips(reader(source, nearest=nearest), *crop))
    assert {strip.shape[0] for strip in strips[:-1]} == {17}
    whole = scale(source.levels[0][20:191, 10:311], size, nearest=nearest)
    np.testing.assert_array_equal(np.concatenate(strips), whole)


@pytest.mark.parametrize("kind", [ArraySource, RegionSource])
@pytest.mark.parametrize("size", [SMALLER, LARGER, Size(150, 85), Size(1100, 700)], ids=str)
def test_scaled_strips_of_a_large_region_join(
    size: Size, kind: type[ArraySource], monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = smooth(SIZE)
    whole = scale(picture[20:191, 10:311], size).astype(int)
    source = kind([picture], (32, 16))
    crop = PART, size
    monkeypatch.setattr(assembly, "STRIP_PIXELS", 301 * 40)
    strips = list(assembly.read_strips(reader(source), *crop))
    assert len(strips) > 3
    assert np.abs(np.concatenate(strips).astype(int) - whole).max() <= 2


def test_enlarged_strips_meet_where_rows_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line next to a seam has the same shape as everywhere else."""
    picture = np.zeros((900, 60, 1), np.uint8)
    picture[::10] = 255
    source = ArraySource([picture])
    crop = Region(0, 0, 60, 900), Size(100, 1500)
    whole = scale(picture, crop[1]).astype(int)
    monkeypatch.setattr(assembly, "STRIP_PIXELS", 100 * 67)
    strips = np.concatenate(list(assembly.read_strips(reader(source), *crop)))
    assert np.abs(strips.astype(int) - whole).max() <= 2


def test_strip_of_a_tile_past_the_edge_is_the_whole() -> None:
    source = ArraySource([gradient((64, 64))])
    crop = Region(32, 32, 33, 33), Size(33, 33)
    (strip,) = assembly.read_strips(reader(source), *crop)
    np.testing.assert_array_equal(strip, assembly.read_region(reader(source), *crop))


@pytest.mark.parametrize("limit", [301 * 40, 301 * 300])
@pytest.mark.parametrize("size", [UNSCALED, SMALLER, LARGER, Size(1100, 700), Size(40, 20)], ids=str)
def test_no_more_is_held_than_the_cost_states(
    size: Size, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assembly, "STRIP_PIXELS", limit)
    source = RegionSource([smooth(SIZE)], (32, 48))
    crop = PART, size
    read, made = assembly.held_pixels(48, *crop)
    strips = list(assembly.read_strips(reader(source), *crop))
    assert max(region.size.area for region in source.regions) <= read
    assert max(strip.shape[0] * strip.shape[1] for strip in strips) <= made


SHARPEN = Convolve(((0, -1, 0), (-1, 5, -1), (0, -1, 0)))
WIDE = Convolve(((1.0,) * 5,) * 5)


def transform_of(source: Source, *operations: Operation) -> DisplayTransform:
    info = source.info
    full = ((0.0, 255.0),) * info.bands
    found = display_transform(sample_format(info, full), operations)
    assert found is not None
    return found


@pytest.mark.parametrize("kernel", [SHARPEN, WIDE], ids=["3 x 3", "5 x 5"])
@pytest.mark.parametrize("bands", [1, 3, 4])
def test_tiles_of_a_convolution_join_without_a_seam(kernel: Convolve, bands: int) -> None:
    source = ArraySource([gradient(SIZE, bands)])
    to_display = transform_of(source, kernel)
    whole = to_display(source.levels[0])
    read = reader(source, to_display=to_display)
    grid = TileGrid(Size(*SIZE), Size(64, 64))
    for row in range(grid.rows):
        for column in range(grid.columns):
            region = grid.region(column, row)
            assert region is not None
            expected = whole[region.y : region.bottom, region.x : region.right]
            np.testing.assert_array_equal(read(region, region.size), expected)


def test_strips_of_a_convolution_join_without_a_seam() -> None:
    source = ArraySource([gradient(SIZE)])
    to_display = transform_of(source, WIDE)
    crop = Region(10, 20, 301, 171), Size(301, 171)
    strips = list(assembly.read_strips(reader(source, to_display=to_display), *crop))
    assert len(strips) > 2
    np.testing.assert_array_equal(np.concatenate(strips), to_display(source.levels[0])[20:191, 10:311])


def test_converted_for_display_before_scaled() -> None:
    """iipsrv's order: the sharpened picture is reduced, not the reduced one sharpened."""
    source = ArraySource([smooth((256, 128))])
    to_display = transform_of(source, Gamma(2.2))
    crop = Region(0, 0, 256, 128), Size(64, 32)
    pixels = assembly.read_region(reader(source, to_display=to_display), *crop)
    means = to_display(source.levels[0]).reshape(32, 4, 64, 4, 3).mean(axis=(1, 3))
    assert np.abs(pixels - means).max() <= 1


def test_source_that_scales_is_asked_for_no_more_than_twice_the_size() -> None:
    source = RegionSource([gradient((640, 480))])
    to_display = transform_of(source, SHARPEN)
    crop = Region(100, 100, 400, 300), Size(70, 53)
    pixels = assembly.read_region(reader(source, to_display=to_display), *crop)
    assert pixels.shape == (53, 70, 3)
    (region,) = source.regions
    assert (region.x, region.y, region.right, region.bottom) == (96, 96, 504, 404), "an apron of 4 x 1 pixels"


def test_apron_of_a_source_that_scales_ends_with_the_picture() -> None:
    source = RegionSource([gradient((64, 48))])
    to_display = transform_of(source, WIDE)
    read = reader(source, to_display=to_display)
    whole = read(Region(0, 0, 64, 48), Size(64, 48))
    np.testing.assert_array_equal(whole, to_display(source.levels[0]))
    np.testing.assert_array_equal(read(Region(60, 40, 4, 8), Size(4, 8)), whole[40:, 60:])
