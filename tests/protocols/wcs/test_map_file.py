"""Coverages of a map file in the whole application: the example of MapServer's documentation, and formats with settings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from lxml import etree
from numpy.typing import NDArray

rasterio = pytest.importorskip("rasterio")

from rasterio.io import MemoryFile  # noqa: E402

from iipserve.app import Application, build  # noqa: E402
from iipserve.config import Config  # noqa: E402
from iipserve.http import Request  # noqa: E402
from tests.geo.test_service_map_coverages import EXAMPLE, OUTPUTFORMATS  # noqa: E402
from tests.geo_rasters import positions, write_geotiff  # noqa: E402
from tests.protocols.wcs.documents import texts  # noqa: E402
from tests.schemas import validated  # noqa: E402

ITEMS = (
    '"wcs_outputformat_GTiff_creationoption_COMPRESS" "LZW" "wcs_bandcount" "1" '
    '"wcs_outputformat_GTiff_mdi_default_AUTHOR" "A & <B>" "wcs_outputformat_GTiff_mdi_own_KEY" "in a domain" '
    '"wcs_outputformat_GTiff_mdi_BAND_1_default_KIND" "depth" "wcs_outputformat_GTiff_mdi_BAND_2_default_KIND" "none"'
)
FURTHER = f"""
LAYER NAME further TYPE RASTER DATA "bath_mapserver.tif" METADATA {ITEMS} END END
LAYER NAME hidden TYPE RASTER DATA "bath_mapserver.tif" METADATA "wcs_enable_request" "!GetCoverage" END END
"""


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    folder = tmp_path_factory.mktemp("maps")
    write_geotiff(folder / "bath_mapserver.tif", positions(), crs="EPSG:3978", tile=16)
    text = EXAMPLE.strip().removesuffix("END")
    (folder / "s.map").write_text(f"{text} MAXSIZE 120 {OUTPUTFORMATS} {FURTHER} END")
    return Config(filesystem_prefix=f"{folder}/", services=str(folder / "s.map"))


@pytest.fixture(scope="module")
def app(config: Config) -> Application:
    return build(config)


def answer(app: Application, **fields: str) -> Any:
    query = "&".join(f"{name}={value}" for name, value in ({"SERVICE": "WCS"} | fields).items())
    return app.handle(Request("GET", "/ows", query, {"HTTP_HOST": "a.example"}))


def document(app: Application, **fields: str) -> Any:
    return validated(answer(app, **fields).body)


def coverage(app: Application, **fields: str) -> tuple[NDArray[Any], dict[str, Any]]:
    """The samples, and GDAL's profile of the file."""
    asked = {"VERSION": "2.0.1", "REQUEST": "GetCoverage", "COVERAGEID": "bathymetry"} | fields
    response = answer(app, **asked)
    assert response.status == 200, response.body
    with MemoryFile(response.body) as memory, memory.open() as dataset:
        return np.asarray(dataset.read()), dict(dataset.profile)


@pytest.mark.parametrize("version", ["1.0.0", "1.1.2", "2.0.1"])
def test_the_example_of_the_documentation_serves_as_it_is(app: Application, version: str) -> None:
    root = document(app, REQUEST="GetCapabilities", ACCEPTVERSIONS=version, VERSION=version)
    assert texts(root, "//*[local-name()='Title' or local-name()='label']/text()")[0] == "Depths of the sea"
    assert "bathymetry" in {each.text for each in root.iter()}
    assert len([each for each in root.iter(etree.Comment) if "wcs_label" in (each.text or "")]) == 2
    name = {"1.0.0": "COVERAGE", "1.1.2": "IDENTIFIERS", "2.0.1": "COVERAGEID"}[version]
    root = document(app, REQUEST="DescribeCoverage", VERSION=version, **{name: "bathymetry"})
    assert "Elevation/Bathymetry" in {each.text for each in root.iter()}


@pytest.mark.parametrize("version", ["1.0.0", "1.1.2", "2.0.1"])
def test_addresses_behind_a_proxy(config: Config, version: str) -> None:
    """The prefix is there once, and addresses end as parameters can follow."""
    proxied = build(replace(config, trust_forwarded=True))
    headers = {
        "HTTP_HOST": "127.0.0.1:8080", "HTTP_X_FORWARDED_PROTO": "https", "HTTP_X_FORWARDED_HOST": "maps.example",
        "HTTP_X_FORWARDED_PREFIX": "/img",
    }  # fmt: skip
    query = f"SERVICE=WCS&REQUEST=GetCapabilities&VERSION={version}"
    response: Any = proxied.handle(Request("GET", "/wcs", query, headers))
    found = texts(validated(response.body), "//*[local-name()='HTTP']//@xlink:href")
    assert {*found} == {"https://maps.example/img/wcs?"}


def test_the_request_of_the_documentation(app: Application) -> None:
    found, _ = coverage(app)
    assert np.array_equal(found, positions())
    response = answer(
        app, VERSION="1.0.0", REQUEST="GetCoverage", COVERAGE="bathymetry", CRS="EPSG:3978", FORMAT="GTiff",
        BBOX="500000,4998400,502000,5000000", WIDTH="100", HEIGHT="80",
    )  # fmt: skip
    with MemoryFile(response.body) as memory, memory.open() as dataset:
        assert np.array_equal(dataset.read(), positions()[:, :, :100])


def test_formats_with_settings(app: Application) -> None:
    samples, profile = coverage(app, FORMAT="geotiff_16")
    assert np.array_equal(samples, positions())
    assert (profile["compress"], profile["interleave"]) == ("deflate", "band")
    assert (profile["tiled"], profile["blockxsize"], profile["blockysize"]) == (True, 512, 256)


def test_creation_options_and_bands_of_a_layer(app: Application) -> None:
    samples, profile = coverage(app, COVERAGEID="further", FORMAT="GTiff")
    assert np.array_equal(samples, positions()[:1])
    assert profile["compress"] == "lzw"


def test_metadata_items_of_a_layer(app: Application) -> None:
    response = answer(app, VERSION="2.0.1", REQUEST="GetCoverage", COVERAGEID="further", FORMAT="GTiff")
    with MemoryFile(response.body) as memory, memory.open() as dataset:
        assert dataset.tags()["AUTHOR"] == "A & <B>"
        assert dataset.tags(ns="OWN") == {"KEY": "in a domain"}
        assert dataset.tags(1)["KIND"] == "depth"


def test_requests_of_a_layer_are_switched_off(app: Application) -> None:
    root = document(app, REQUEST="GetCapabilities")
    assert texts(root, "//wcs:CoverageId") == ["bathymetry", "further", "hidden"]
    document(app, VERSION="2.0.1", REQUEST="DescribeCoverage", COVERAGEID="hidden")
    response = answer(app, VERSION="2.0.1", REQUEST="GetCoverage", COVERAGEID="hidden")
    assert response.status == 404


def test_maxsize_is_a_limit_and_nothing_is_cut_off(app: Application) -> None:
    response = answer(app, VERSION="2.0.1", REQUEST="GetCoverage", COVERAGEID="bathymetry", SCALEFACTOR="1.5")
    assert response.status in (400, 413)
    assert b"120" in response.body
