"""Statistics: of what they are taken, how often, and what they are for."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from iipserve.cache.memory import MemoryCache
from iipserve.config import Config
from iipserve.engine import statistics as module
from iipserve.engine.admission import AdmissionControl
from iipserve.engine.decoding import TileDecoder
from iipserve.engine.statistics import StatisticsCache
from iipserve.plan import image_ref
from tests.engine.fakes import ArraySource, RegionSource
from tests.images import gradient, pyramid


def statistics_cache(**settings: object) -> StatisticsCache:
    config = Config(**settings)  # type: ignore[arg-type]
    return StatisticsCache(config, AdmissionControl(config), TileDecoder(MemoryCache(0)))


def heights() -> np.ndarray:
    """Elevations from -50 to 1949, with a hole."""
    y, x = np.mgrid[0:100, 0:200].astype(np.float32)
    picture = (-50 + 10 * x - 0.1 * y)[..., np.newaxis].astype(np.float32)
    picture[10:20, 10:20] = np.nan
    return picture


def test_range_of_floats_that_declare_none() -> None:
    picture = heights()
    source = ArraySource([picture])
    found = statistics_cache().ranges(source, image_ref(source.info))
    assert found == ((float(np.nanmin(picture)), float(np.nanmax(picture))),)


def test_declared_range_needs_no_measuring() -> None:
    source = ArraySource([heights()], ranges=((0.0, 1000.0),))
    assert statistics_cache().ranges(source, image_ref(source.info)) == ((0.0, 1000.0),)
    assert not source.reads


def test_full_range_of_integers_needs_no_measuring() -> None:
    source = ArraySource([gradient((80, 70), 1).astype(np.uint16)], bits=12)
    assert statistics_cache().ranges(source, image_ref(source.info)) == ((0.0, 4095.0),)
    assert not source.reads


def test_bands_are_measured_as_the_file_holds_them() -> None:
    picture = heights()
    source = ArraySource([picture])
    (band,) = statistics_cache().get(source, image_ref(source.info)).bands
    assert band.mean == pytest.approx(np.nanmean(picture.astype(np.float64)))
    assert band.deviation == pytest.approx(np.nanstd(picture.astype(np.float64)))
    assert sum(band.histogram) == np.isfinite(picture).sum()


def test_brightness_is_that_of_the_first_tile_of_the_smallest_level() -> None:
    """The rounded mean of the bands (iipsrv)."""
    levels = pyramid(gradient((333, 211)), (64, 64))
    source = ArraySource(levels)
    found = statistics_cache().get(source, image_ref(source.info)).brightness
    mean = levels[-1][:64, :64].astype(np.float64).mean(axis=2)
    np.testing.assert_array_equal(found, np.bincount(np.floor(mean + 0.5).astype(int).ravel(), minlength=256))


def test_measured_once_for_concurrent_requests() -> None:
    source = ArraySource([heights()])
    shared = statistics_cache()
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: id(shared.get(source, image_ref(source.info))), range(16)))
    assert len(found) == 1
    assert len(source.reads) == 2 * len(set(source.reads))  # once for the bands, once for the brightness


def test_only_tiles_of_a_large_level_without_smaller_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PIXELS", 10 * 64 * 64)
    picture = np.tile(gradient((640, 640), 1), (1, 1, 1)).astype(np.float32)
    source = ArraySource([picture])
    statistics = statistics_cache().get(source, image_ref(source.info))
    assert statistics.samples == 10 * 64 * 64
    assert len({row for _, _, row in source.reads}) >= 5, "spread over the image"


def test_large_picture_of_a_source_that_scales(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PIXELS", 5000)
    source = RegionSource([gradient((300, 200), 1)])
    assert statistics_cache().get(source, image_ref(source.info)).samples <= 5000


def test_memory_is_that_of_the_reduced_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """16 megabytes of pixels are measured with 4 at hand, by a source that scales."""
    monkeypatch.setattr(module, "MAX_PIXELS", 500_000)
    source = RegionSource([gradient((4000, 1400))])
    found = statistics_cache(max_render_memory=4).get(source, image_ref(source.info))
    assert found.samples <= 500_000
