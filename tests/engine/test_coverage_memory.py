"""Memory of large coverages: that of a few rows of tiles, whatever their size."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from iipserve.errors import TooLarge
from iipserve.geometry import Size
from iipserve.plan import CoverageEncoding, Resampling
from tests.engine.coverages import Answers, CoverageFolder
from tests.geo_rasters import UTM, write_geotiff

rasterio = pytest.importorskip("rasterio")


@pytest.mark.parametrize("compression", ["", "deflate"])
def test_memory_is_that_of_rows_of_tiles(compression: str, tmp_path: Path) -> None:
    """150 MB of samples, of a file whose tiles were never written."""
    profile = {
        "driver": "GTiff",
        "dtype": "uint8",
        "count": 3,
        "width": 8192,
        "height": 6144,
        "crs": "EPSG:32633",
    }
    with rasterio.open(
        tmp_path / "a.tif",
        "w",
        tiled=True,
        blockxsize=256,
        blockysize=256,
        sparse_ok=True,
        transform=UTM,
        **profile,
    ) as file:
        file.write(np.ones((3, 256, 256), np.uint8), window=((0, 256), (0, 256)))
    answers = Answers(tmp_path)
    plan = answers.folder.plan("a.tif", encoding=CoverageEncoding("geotiff", compression))
    tracemalloc.start()
    try:
        made = answers.renderer.coverages.render(plan)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    rows = 256 * 8192 * 3
    assert peak < 5 * rows
    if not compression:
        assert len(made.body) > 8192 * 6144 * 3
        assert not isinstance(made.body, bytes)


@pytest.mark.parametrize("resampling", list(Resampling))
def test_bands_that_are_asked_for_again_take_no_memory_but_of_the_result(
    resampling: Resampling, tmp_path: Path
) -> None:
    samples = np.random.default_rng(8).integers(1, 99, (2, 1024, 1024), np.uint8)
    write_geotiff(tmp_path / "a.tif", samples, crs="EPSG:32633", transform=UTM, tile=256)
    folder, bands = CoverageFolder(tmp_path), (1, 0) * 500
    once = folder.read("a.tif", None, Size(8, 8), (1, 0), resampling)
    tracemalloc.start()
    try:
        repeated = folder.read("a.tif", None, Size(8, 8), bands, resampling)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert np.array_equal(repeated, np.tile(once, 500))
    assert peak < 100 << 20


@pytest.mark.parametrize("tile", [None, Size(4096, 4096)])
def test_tiles_of_cog_count_whole(tile: Size | None, tmp_path: Path) -> None:
    """GDAL holds a tile of all bands, however small the image is."""
    write_geotiff(tmp_path / "a.tif", np.ones((1, 4, 4), np.uint8), crs="EPSG:32633", transform=UTM)
    answers, bands = Answers(tmp_path), (0,) * (2000 if tile is None else 40)
    plan = answers.folder.plan("a.tif", bands=bands, encoding=CoverageEncoding("cog", tile=tile))
    with pytest.raises(TooLarge, match="the limit is 512"):
        answers.renderer.coverages.render(plan)


@pytest.mark.parametrize("resampling", [each for each in Resampling if each is not Resampling.NEAREST])
def test_enlarged_samples_of_many_bands_take_no_more_than_is_admitted(
    resampling: Resampling, tmp_path: Path
) -> None:
    samples = np.random.default_rng(8).integers(1, 99, (300, 9, 9), np.uint8)
    write_geotiff(tmp_path / "a.tif", samples, crs="EPSG:32633", transform=UTM)
    folder = CoverageFolder(tmp_path)
    reader = folder.reader(folder.plan("a.tif", None, Size(256, 256), None, resampling))
    tracemalloc.start()
    try:
        for strip in reader.strips(lambda: None):
            assert strip.shape == (256, 256, 300)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < reader.cost().memory
