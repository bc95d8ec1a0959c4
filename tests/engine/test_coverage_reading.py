"""How coverages are read: each tile once, in strips, at costs that are known before."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from iipserve.cache.memory import MemoryCache
from iipserve.engine import coverage_reader as reading
from iipserve.engine.decoding import TileDecoder
from iipserve.errors import TooLarge
from iipserve.geo.georeference import Georeference
from iipserve.geo.grid import Affine, GridRef
from iipserve.geo.layer import Layer
from iipserve.geometry import Region, Size
from iipserve.image import ImageName
from iipserve.plan import CoverageEncoding, Resampling
from iipserve.protocols.coverages import CoverageView, plan_coverage
from tests.engine.coverages import grid_of
from tests.engine.fakes import ArraySource, RegionSource
from tests.engine.maps import geo_image
from tests.images import gradient
from tests.protocols.client import SERVER

SIZE = Size(500, 300)
GEO = geo_image(Georeference("EPSG:32633", Affine(20.0, 0.0, 500000.0, 0.0, -20.0, 5000000.0), SIZE))
PICTURE = gradient((500, 300))


def reader(
    source: ArraySource, target: GridRef, resampling: Resampling = Resampling.NEAREST
) -> reading.CoverageReader:
    layer = Layer("a", ImageName("fake"))
    view = CoverageView(layer, (0, 1, 2), target, resampling, CoverageEncoding("geotiff"))
    plan = plan_coverage(view, source.info, GEO, SERVER)
    return reading.coverage_reader(plan, source, TileDecoder(MemoryCache(0)))


def strips(coverage: reading.CoverageReader) -> list[NDArray[Any]]:
    return list(coverage.strips(lambda: None))


@pytest.mark.parametrize("region", [Region.of_size(SIZE), Region(70, 30, 300, 200), Region(-20, -20, 90, 90)])
def test_each_tile_is_decoded_once(region: Region, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "STRIP_BYTES", 1)
    source = ArraySource([PICTURE])
    found = strips(reader(source, grid_of(GEO, region)))
    assert len(found) > 1
    assert max(Counter(source.reads).values()) == 1
    padded = np.pad(PICTURE, ((100, 0), (100, 0), (0, 0)))
    x, y = region.x + 100, region.y + 100
    np.testing.assert_array_equal(np.concatenate(found), padded[y : y + region.height, x : x + region.width])


def test_strips_end_where_tiles_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "STRIP_BYTES", 500 * 3 * 40)
    found = strips(reader(ArraySource([PICTURE]), grid_of(GEO, Region(0, 30, 500, 200))))
    assert [len(strip) for strip in found] == [34, 64, 64, 38]


def test_rows_of_tiles_are_handed_out_in_parts_that_share_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "STRIP_BYTES", 500 * 3 * 10)
    source = ArraySource([PICTURE])
    found = strips(reader(source, grid_of(GEO, Region(-9, -20, 500, 300))))
    assert [len(strip) for strip in found[:8]] == [20, 10, 10, 10, 10, 10, 10, 4]
    assert all(strip.base is None for strip in found)
    assert max(Counter(source.reads).values()) == 1
    np.testing.assert_array_equal(np.concatenate(found)[20:, 9:], PICTURE[:280, :491])


def test_rows_of_tiles_that_are_too_large_are_read_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_STRIP_BYTES", 500 * 3 * 20)
    found = strips(reader(ArraySource([PICTURE]), grid_of(GEO, Region.of_size(SIZE))))
    assert max(len(strip) for strip in found) <= 20
    np.testing.assert_array_equal(np.concatenate(found), PICTURE)


def test_sources_that_read_regions_are_read_by_regions() -> None:
    source = RegionSource([PICTURE])
    np.testing.assert_array_equal(
        np.concatenate(strips(reader(source, grid_of(GEO, Region(5, 6, 70, 80))))), PICTURE[6:86, 5:75]
    )
    assert not source.reads


@pytest.mark.parametrize("resampling", Resampling)
def test_large_windows_are_read_in_parts(resampling: Resampling, monkeypatch: pytest.MonkeyPatch) -> None:
    target = grid_of(GEO, Region(3, 2, 490, 290), Size(37, 31))
    whole = np.concatenate(strips(reader(ArraySource([PICTURE]), target, resampling)))
    monkeypatch.setattr(reading, "WINDOW_BYTES", 20_000)
    parts = np.concatenate(strips(reader(ArraySource([PICTURE]), target, resampling)))
    np.testing.assert_array_equal(whole, parts)


def test_costs_are_those_of_the_window() -> None:
    target = grid_of(GEO, Region(64, 64, 128, 100))
    cost = reader(ArraySource([PICTURE]), target).cost()
    assert (cost.read, cost.decoded, cost.made, cost.pixel_bytes) == (128 * 100, 4 * 64 * 64, 128 * 100, 3)
    outside = reader(ArraySource([PICTURE]), grid_of(GEO, Region(-200, 0, 100, 100))).cost()
    assert (outside.read, outside.decoded) == (0, 0)


def test_resampled_costs_cover_what_is_read() -> None:
    target = grid_of(GEO, Region.of_size(SIZE), Size(50, 30))
    for resampling in Resampling:
        source = ArraySource([PICTURE])
        cost = reader(source, target, resampling).cost()
        assert SIZE.area * 0.8 <= cost.read <= SIZE.area * 1.2
        assert cost.made == 1500


def test_reading_ends_when_the_time_is_up() -> None:
    def check() -> None:
        raise TooLarge("it takes too long")

    for target in (grid_of(GEO, Region.of_size(SIZE)), grid_of(GEO, Region.of_size(SIZE), Size(90, 90))):
        with pytest.raises(TooLarge):
            list(reader(ArraySource([PICTURE]), target).strips(check))


def test_coverages_that_would_lack_samples_for_lack_of_time_are_refused() -> None:
    """Each sample a turn around the globe further, so that each place would have to be computed by itself."""
    target = GridRef("EPSG:3857", Affine(3.1e8, 0.0, 0.0, 0.0, -13.0, 40_000.0), Size(2048, 2048))
    with pytest.raises(TooLarge, match="ask for a part"):
        reader(ArraySource([PICTURE]), target)
