"""netCDF, as GDAL reads it by netCDF-C."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from iipserve.coverage_formats import by_name
from iipserve.geo.grid import Affine
from iipserve.plan import CoverageBand
from tests.coverage_formats.rasters import (
    DEGREES,
    NORTH_UP,
    ROTATED,
    ROTATED_POLE,
    SOUTH_UP,
    SYSTEMS,
    file_of,
    key_of,
    raster,
    samples_of,
)
from tests.coverage_formats.reading import assert_same_bits

rasterio = pytest.importorskip("rasterio")
with rasterio.Env() as env:
    if "netCDF" not in env.drivers():
        pytest.skip("GDAL has no driver for netCDF", allow_module_level=True)

TYPES = ("uint8", "int8", "uint16", "int16", "int32", "float32", "float64")
MIRRORED = Affine(-20.0, 0.0, 500000.0, 0.0, -20.0, 4990000.0)


def opened(folder: Path, body: bytes, variable: str = "") -> Any:
    """A dataset of GDAL, which reads netCDF from the disk only."""
    path = folder / "coverage.nc"
    path.write_bytes(body)
    with rasterio.Env(GDAL_PAM_ENABLED=False):
        return rasterio.open(f"netcdf:{path}:{variable}" if variable else path, driver="netCDF")


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("size", [(70, 50), (3, 5), (1, 1)])
def test_samples_of_one_band_are_kept(tmp_path: Path, dtype: str, size: tuple[int, int]) -> None:
    given = raster("netcdf", dtype=dtype, size=size)
    samples = np.ones((size[1], size[0], 1), dtype) if size == (1, 1) else samples_of(given)
    with opened(tmp_path, file_of(given, samples)) as file:
        assert_same_bits(file.read(1)[:, :, None], samples)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float64"])
def test_each_band_is_a_variable(tmp_path: Path, dtype: str) -> None:
    bands = (CoverageBand("height"), CoverageBand("not a name"), CoverageBand("x"), CoverageBand("height"))
    given = raster("netcdf", dtype=dtype, described=bands, size=(33, 21))
    samples = samples_of(given)
    body = file_of(given, samples)
    for index, name in enumerate(("height", "Band2", "Band3", "Band4")):
        with opened(tmp_path, body, name) as file:
            assert_same_bits(file.read(1), samples[:, :, index])
            assert file.tags(1)["long_name"] == bands[index].name


@pytest.mark.parametrize(
    ("crs", "affine"),
    [
        ("EPSG:32633", NORTH_UP),
        ("EPSG:4326", DEGREES),
        ("EPSG:3035", NORTH_UP),
        ("EPSG:3857", NORTH_UP),
        ("ESRI:54009", NORTH_UP),
    ],
)
def test_place_is_kept(tmp_path: Path, crs: str, affine: Affine) -> None:
    given = raster("netcdf", system=crs, affine=affine)
    with opened(tmp_path, file_of(given, samples_of(given))) as file:
        assert file.transform[:6] == pytest.approx(tuple(affine), rel=1e-13)
        assert file.crs == rasterio.crs.CRS.from_string(crs)


@pytest.mark.parametrize("definition", [*SYSTEMS.values(), ROTATED_POLE])
def test_systems_without_a_code_are_kept(tmp_path: Path, definition: str) -> None:
    given = raster("netcdf", system=key_of(definition))
    with opened(tmp_path, file_of(given, samples_of(given))) as file:
        assert file.crs == rasterio.crs.CRS.from_wkt(given.grid.crs)


def test_meaning_is_kept(tmp_path: Path) -> None:
    band = CoverageBand("height", "m", 0.5, -3.0, -9999, "above the sea")
    given = raster("netcdf", dtype="int16", described=(band,))
    with opened(tmp_path, file_of(given, samples_of(given))) as file:
        assert (file.nodata, file.scales, file.offsets, file.units) == (-9999, (0.5,), (-3.0,), ("m",))
        assert file.tags(1)["long_name"] == "above the sea"


def test_nan_is_declared(tmp_path: Path) -> None:
    given = raster("netcdf", dtype="float32", nodata=float("nan"))
    with opened(tmp_path, file_of(given, samples_of(given))) as file:
        assert np.isnan(file.nodata)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_pictures_without_a_place_are_not_turned_over(tmp_path: Path) -> None:
    given = raster("netcdf", system="image", affine=Affine(1.0, 0.0, 0.0, 0.0, -1.0, 0.0))
    samples = samples_of(given)
    with opened(tmp_path, file_of(given, samples)) as file:
        assert_same_bits(file.read(1)[:, :, None], samples)
        assert file.crs is None


@pytest.mark.parametrize("affine", [SOUTH_UP, MIRRORED])
def test_coordinates_are_the_centers_of_pixels(affine: Affine) -> None:
    given = raster("netcdf", affine=affine, size=(3, 2))
    body = file_of(given, samples_of(given))
    rows = [affine.f + affine.e * (row + 0.5) for row in range(2)]
    columns = [affine.c + affine.a * (column + 0.5) for column in range(3)]
    assert struct.pack(">5d", *rows, *columns) in body


def test_rotated_grids_are_refused() -> None:
    assert "rotated" in (by_name("netcdf").refusal(raster("netcdf", affine=ROTATED)) or "")
    assert "complex64" in (by_name("netcdf").refusal(raster("netcdf", dtype="complex64")) or "")
