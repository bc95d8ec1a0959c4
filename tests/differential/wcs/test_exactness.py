"""One table of requests, one array: whole, window, bands, reduced, in another system, in every way of asking."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import pytest
from numpy.typing import NDArray

rasterio = pytest.importorskip("rasterio")

from iipserve.app import Application, build  # noqa: E402
from iipserve.config import Config  # noqa: E402
from tests.differential.wcs.map_file import make  # noqa: E402
from tests.differential.wcs.reading import Coverage, assert_located, file_in, read  # noqa: E402
from tests.differential.wcs.references import assert_nearest, box_of, reduced, upright  # noqa: E402
from tests.differential.wcs.ways import WAYS, Asked, Wanted, answer  # noqa: E402
from tests.geo_rasters import GRIDS, HEIGHT, WIDTH, write_geotiff  # noqa: E402

TYPES = (
    "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64",
)  # fmt: skip
PLACES = ("utm", "wgs84", "cgcs2000", "mercator", "polar", "world", "feet", "south_up", "laea")
BANDS = 3


def grid_of(place: str) -> tuple[str, Any]:
    if place == "laea":
        return "EPSG:3035", rasterio.transform.from_origin(4321000, 3210000, 25, 25)
    crs, transform = GRIDS[place]
    assert crs is not None
    return crs, transform


def samples_of(dtype: str) -> NDArray[Any]:
    """All values that a type can have, by chance; NaN and infinities of floats, too."""
    random = np.random.default_rng(13)
    raw = random.bytes(np.dtype(dtype).itemsize * BANDS * HEIGHT * WIDTH)
    return np.frombuffer(raw, dtype).reshape(BANDS, HEIGHT, WIDTH)


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    folder = tmp_path_factory.mktemp("coverages")
    for dtype in TYPES:
        crs, transform = grid_of("utm")
        write_geotiff(folder / f"{dtype}.tif", samples_of(dtype), crs=crs, transform=transform, tile=32)
    for place in PLACES:
        crs, transform = grid_of(place)
        write_geotiff(folder / f"{place}.tif", samples_of("int16"), crs=crs, transform=transform, tile=48)
    made = build(Config(filesystem_prefix=f"{folder}/", logfile="-"))
    yield made
    made.clear()


WINDOWS: dict[str, tuple[slice, slice, tuple[int, ...], tuple[int, int] | None]] = {
    "whole": (slice(0, WIDTH), slice(0, HEIGHT), (), None),
    "window": (slice(7, 58), slice(31, 64), (), None),
    "one sample": (slice(13, 14), slice(5, 6), (), None),
    "bands": (slice(7, 58), slice(31, 64), (3, 1), None),
    "one band": (slice(0, WIDTH), slice(0, HEIGHT), (2,), None),
    "factor 2": (slice(0, WIDTH), slice(0, HEIGHT), (), (WIDTH // 2, HEIGHT // 2)),
    "factor 2 of a window": (slice(6, 58), slice(32, 64), (2,), (26, 16)),
    "enlarged": (slice(10, 20), slice(20, 26), (), (30, 24)),
    "by no whole number": (slice(0, WIDTH), slice(0, HEIGHT), (), (77, 41)),
}


def wanted_of(layer: str, place: str, window: str) -> Wanted:
    columns, rows, bands, size = WINDOWS[window]
    crs, transform = grid_of(place)
    _, transform = upright(np.zeros((1, HEIGHT, WIDTH)), transform)
    own = columns.stop - columns.start, rows.stop - rows.start
    return Wanted(layer, crs, box_of(transform, columns, rows), size or own, bands, scales=size is not None)


def expected_of(samples: NDArray[Any], place: str, window: str) -> NDArray[Any]:
    columns, rows, bands, size = WINDOWS[window]
    samples, _ = upright(samples, grid_of(place)[1])
    part = samples[:, rows, columns]
    chosen = part[[band - 1 for band in bands]] if bands else part
    return reduced(chosen, size) if size else chosen


def assert_same(found: Coverage, expected: NDArray[Any]) -> None:
    assert found.samples.dtype == expected.dtype
    assert found.samples.shape == expected.shape
    assert found.samples.tobytes() == expected.tobytes(), "to the bit, NaN too"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("dtype", TYPES)
def test_samples_of_every_type(application: Application, dtype: str, way: str) -> None:
    for window in ("window", "bands", "factor 2", "by no whole number"):
        wanted = wanted_of(dtype, "utm", window)
        found = read(answer(application, WAYS[way](wanted)))
        assert_same(found, expected_of(samples_of(dtype), "utm", window))
        assert_located(found, wanted.crs, wanted.box)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("place", PLACES)
def test_grids_of_every_kind(application: Application, place: str, way: str) -> None:
    for window in WINDOWS:
        wanted = wanted_of(place, place, window)
        found = read(answer(application, WAYS[way](wanted)))
        assert_same(found, expected_of(samples_of("int16"), place, window))
        assert_located(found, wanted.crs, wanted.box)


INSIDE = {
    "utm": "EPSG:3857",
    "wgs84": "EPSG:3857",
    "cgcs2000": "EPSG:4326",
    "mercator": "EPSG:4326",
    "south_up": "EPSG:32632",
    "laea": "EPSG:32632",
}
"""Systems in which a box in the middle of a raster is asked for."""


def inside_of(place: str, target: str) -> tuple[float, float, float, float]:
    """A box in the middle of a raster, in another system."""
    crs, transform = grid_of(place)
    project = pyproj.Transformer.from_crs(crs, target, always_xy=True).transform
    x, y = project(*(transform * (WIDTH / 2, HEIGHT / 2)))
    nearby, _ = project(*(transform * (WIDTH / 2 + 20, HEIGHT / 2)))
    half = abs(nearby - x)
    return x - half, y - half * 0.6, x + half, y + half * 0.6


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("place", INSIDE)
def test_nearest_in_another_system(application: Application, place: str, way: str) -> None:
    target = INSIDE[place]
    wanted = Wanted(place, target, inside_of(place, target), (71, 43), (3, 1), native=False)
    found = read(answer(application, WAYS[way](wanted)))
    crs, transform = grid_of(place)
    assert_located(found, target, wanted.box)
    assert_nearest(found.samples, wanted, samples_of("int16")[[2, 0]], transform, crs)


def test_subsets_across_the_antimeridian(application: Application) -> None:
    """Of a raster of the whole world; columns have 3 degrees."""
    for query in ("bbox=171,-90,-171,90", "subset=Lon(171:-171)", "subset=Lon(171:189)&scale-size=Lon(6)"):
        found = read(answer(application, Asked(f"/ogc/collections/world/coverage?{query}&f=geotiff")))
        assert_same(found, np.roll(samples_of("int16"), 3, axis=2)[:, :, :6])
        assert_located(found, "EPSG:4326", (171, -90, 189, 90))


@pytest.mark.parametrize("place", ["utm", "wgs84"])
def test_one_coverage_is_one_file(application: Application, place: str) -> None:
    """Whatever way it is asked for: the same bytes."""
    for window in ("window", "bands", "factor 2"):
        wanted = wanted_of(place, place, window)
        files = {file_in(answer(application, WAYS[way](wanted))) for way in WAYS}
        assert len(files) == 1


def test_formats_of_map_files(tmp_path: Path) -> None:
    """By their names, and where no format is named: the same files by OGC API as by WCS."""
    pytest.importorskip("mappyfile")
    map_file = make(tmp_path)
    application = build(Config(filesystem_prefix=f"{tmp_path}/", services=str(map_file), logfile="-"))
    wcs = "/wcs?SERVICE=WCS&VERSION=2.0.1&REQUEST=GetCoverage&COVERAGEID="
    for layer, format in (("heights", "float"), ("heights", ""), ("gaps", "GeoTIFF"), ("rgba", "")):
        theirs = file_in(answer(application, Asked(f"{wcs}{layer}&FORMAT={format}")))
        own = file_in(answer(application, Asked(f"/ogc/collections/{layer}/coverage?f={format}")))
        assert own == theirs
    application.clear()
