"""GDAL, OWSLib and rasdaman's `wcs` as clients of WCS, over HTTP and without options: they get the samples of the files."""

from __future__ import annotations

import subprocess
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

rasterio = pytest.importorskip("rasterio")
pytest.importorskip("lxml")

from owslib.wcs import WebCoverageService  # noqa: E402

from tests.differential.wcs.reading import file_of, read_file  # noqa: E402
from tests.end_to_end.running import map_server, needed  # noqa: E402
from tests.geo_rasters import GRIDS, HEIGHT, WIDTH, write_geotiff  # noqa: E402

LAYERS = {
    "utm": ("utm", "uint16"),
    "wgs84": ("wgs84", "int16"),
    "mercator": ("mercator", "uint8"),
    "cgcs2000": ("cgcs2000", "float32"),
    "maps/utm 2": ("utm", "float64"),
}
"""Grid and type of samples of each layer."""
VERSIONS = ("1.0.0", "1.1.2", "2.0.1")
BANDS = 3


def coverage_id(layer: str) -> str:
    """The identifier as an NCName."""
    return layer.replace("/", "_").replace(" ", "_")


def samples_of(layer: str) -> NDArray[Any]:
    """Shape (bands, rows, columns)."""
    random = np.random.default_rng(list(LAYERS).index(layer))
    return random.integers(0, 250, (BANDS, HEIGHT, WIDTH)).astype(LAYERS[layer][1])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server of these rasters."""
    folder = tmp_path_factory.mktemp("images")
    for layer, (grid, _) in LAYERS.items():
        path = folder / f"{layer}.tif"
        path.parent.mkdir(exist_ok=True)
        crs, transform = GRIDS[grid]
        write_geotiff(path, samples_of(layer), crs=crs, transform=transform, tile=32)
    with map_server(folder, tmp_path_factory.mktemp("work")) as origin:
        yield origin


def assert_copy(path: Path, layer: str) -> None:
    """A file has the samples of a layer to the bit, and its place."""
    crs, transform = GRIDS[LAYERS[layer][0]]
    with rasterio.open(path) as file:
        found = file.read()
        assert found.dtype == samples_of(layer).dtype
        assert found.tobytes() == samples_of(layer).tobytes()
        assert file.transform.almost_equals(transform, 1e-9)
        assert file.crs == rasterio.crs.CRS.from_string(crs)


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("version", VERSIONS)
def test_gdal_copies(server: str, version: str, layer: str, tmp_path: Path) -> None:
    """Debian's `gdal_translate`; its driver caches what a service says in a folder."""
    translate, copy = needed("gdal_translate"), tmp_path / "copy.tif"
    source = f"WCS:{server}/wcs?version={version}&coverage={coverage_id(layer)}"
    options = ["--config", "GDAL_DEFAULT_WCS_CACHE_DIR", str(tmp_path / "cache")]
    done = subprocess.run(
        [translate, "-q", *options, source, str(copy)],
        capture_output=True,
        text=True,
        check=False,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )
    if "Runtime failure is likely" in done.stderr:
        pytest.skip("the installed GDAL is built against another curl than the installed one")
    assert done.returncode == 0, done.stderr
    assert_copy(copy, layer)


def test_gdal_copies_by_ogc_api(server: str, tmp_path: Path) -> None:
    """Its driver reads coverages in degrees only."""
    translate, copy = needed("gdal_translate"), tmp_path / "copy.tif"
    source = f"OGCAPI:{server}/ogc/collections/wgs84"
    done = subprocess.run(
        [translate, "-q", "-oo", "API=COVERAGE", "-oo", "CACHE=NO", source, str(copy)],
        capture_output=True,
        text=True,
        check=False,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 0, done.stderr
    assert_copy(copy, "wgs84")


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("version", VERSIONS)
def test_rasterio_reads(server: str, version: str, layer: str, tmp_path: Path) -> None:
    """The newer GDAL of its wheel."""
    source = f"WCS:{server}/wcs?version={version}&coverage={coverage_id(layer)}"
    with (
        warnings.catch_warnings(action="ignore"),
        rasterio.Env(GDAL_DEFAULT_WCS_CACHE_DIR=str(tmp_path / "cache"), HOME=str(tmp_path)),
    ):
        if "WCS" not in rasterio.drivers.raster_driver_extensions().values() and "WCS" not in drivers():
            pytest.skip("rasterio's GDAL has no driver of WCS")
        with rasterio.open(source) as file:
            assert file.read().tobytes() == samples_of(layer).tobytes()


def drivers() -> list[str]:
    with rasterio.Env() as env:
        return list(env.drivers())


def test_owslib_reads_1_0(server: str) -> None:
    service = WebCoverageService(f"{server}/wcs", version="1.0.0")
    assert {coverage_id(layer) for layer in LAYERS} <= set(service.contents)
    for layer, (grid, _) in LAYERS.items():
        crs, transform = GRIDS[grid]
        known = service.contents[coverage_id(layer)]
        west, south, east, north = known.boundingBoxWGS84
        assert west < east
        assert south < north
        assert known.grid.dimension == 2
        assert any("tif" in each.lower() for each in known.supportedFormats)
        (left, top), (right, bottom) = transform * (0, 0), transform * (WIDTH, HEIGHT)
        answer = service.getCoverage(
            identifier=coverage_id(layer),
            bbox=(left, bottom, right, top),
            format="GeoTIFF",
            crs=crs,
            width=WIDTH,
            height=HEIGHT,
        )
        found = read_file(answer.read())
        assert found.samples.tobytes() == samples_of(layer).tobytes()


def test_owslib_reads_1_1(server: str) -> None:
    """It looks for the contents in a namespace of 1.1.1 that the published schemas do not have, and finds none.

    It asks elements for their truth, too, which newer versions of lxml warn of.
    """
    with warnings.catch_warnings(action="ignore"):
        service = WebCoverageService(f"{server}/wcs", version="1.1.1")
        assert service.identification.title == "iipserve"
        assert {each.name for each in service.operations} == {
            "GetCapabilities",
            "DescribeCoverage",
            "GetCoverage",
        }
        for layer in LAYERS:
            code, transform = GRIDS[LAYERS[layer][0]]
            (west, north), (east, south) = transform * (0.5, 0.5), transform * (WIDTH - 0.5, HEIGHT - 0.5)
            urn = f"urn:ogc:def:crs:EPSG::{str(code).removeprefix('EPSG:')}"
            swapped = code in ("EPSG:4326", "EPSG:4490")
            box = (south, west, north, east) if swapped else (west, south, east, north)
            answer = service.getCoverage(
                identifier=coverage_id(layer), bbox=(*box, urn), format="image/tiff", store="false"
            )
            content = file_of(answer.info()["Content-Type"], answer.read())
            assert read_file(content).samples.tobytes() == samples_of(layer).tobytes()


def test_owslib_reads_2_0(server: str) -> None:
    service = WebCoverageService(f"{server}/wcs", version="2.0.1")
    assert {coverage_id(layer) for layer in LAYERS} <= set(service.contents)
    for layer in LAYERS:
        known = service.contents[coverage_id(layer)]
        assert [int(each) for each in known.grid.highlimits] == [WIDTH - 1, HEIGHT - 1]
        answer = service.getCoverage(identifier=coverage_id(layer), format="image/tiff")
        assert read_file(answer.read()).samples.tobytes() == samples_of(layer).tobytes()
    (left, top), (right, bottom) = GRIDS["utm"][1] * (5, 7), GRIDS["utm"][1] * (25, 19)  # type: ignore[operator]
    part = service.getCoverage(
        identifier="utm", format="image/tiff", subsets=[("E", left, right), ("N", bottom, top)]
    )
    assert read_file(part.read()).samples.tobytes() == samples_of("utm")[:, 7:19, 5:25].tobytes()


def test_rasdamans_client_reads_documents(server: str) -> None:
    """Its descriptions are of WCS 2.1, so only capabilities are asked for."""
    client = pytest.importorskip("wcs.service")
    service = client.WebCoverageService(f"{server}/wcs")
    listed = service.list_coverages()
    assert {coverage_id(layer) for layer in LAYERS} <= set(listed)
    for layer in LAYERS:
        found = listed[coverage_id(layer)]
        assert found.subtype == "RectifiedGridCoverage"
        assert found.lon.low < found.lon.high
