"""GDAL and OWSLib as clients of WMS, over HTTP: what they read is what PROJ says that there should be."""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

rasterio = pytest.importorskip("rasterio")
pyproj = pytest.importorskip("pyproj")
pytest.importorskip("lxml")

from owslib.wms import WebMapService  # noqa: E402

from tests.end_to_end.running import map_server  # noqa: E402
from tests.geo_rasters import GRIDS, HEIGHT, WIDTH, positions, write_geotiff  # noqa: E402

LAYERS = ("utm", "wgs84", "mercator", "cgcs2000", "maps/utm 2")
VERSIONS = ("1.1.1", "1.3.0")
NO_CACHE = {"GDAL_ENABLE_WMS_CACHE": "NO"}


def grid_of(layer: str) -> tuple[str, Any]:
    crs, transform = GRIDS["utm" if layer == "maps/utm 2" else layer]
    assert crs is not None
    return crs, transform


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server of rasters whose pixels tell their columns and rows."""
    folder = tmp_path_factory.mktemp("images")
    columns, rows = positions(dtype="uint8")
    for layer in LAYERS:
        path = folder / f"{layer}.tif"
        path.parent.mkdir(exist_ok=True)
        crs, transform = grid_of(layer)
        pixels = np.stack([columns, rows, np.full_like(rows, 200)])
        write_geotiff(path, pixels, crs=crs, transform=transform, tile=64, photometric="RGB")
    with map_server(folder, tmp_path_factory.mktemp("work")) as origin:
        yield origin


def assert_located(pixels: NDArray[np.uint8], transform: Any, crs: str, layer: str) -> None:
    """Every pixel is the raster's pixel at its center; within 1e-2 of a pixel of an edge, either of the two."""
    key, own = grid_of(layer)
    rows, columns = np.mgrid[: pixels.shape[1], : pixels.shape[2]] + 0.5
    there = pyproj.Transformer.from_crs(crs, key, always_xy=True).transform(*(transform * (columns, rows)))
    left, top = ~own * there
    near = np.minimum(np.abs(left - np.round(left)), np.abs(top - np.round(top))) < 1e-2
    inside = (left > 0) & (left < WIDTH) & (top > 0) & (top < HEIGHT)
    clear = pixels[3] == 0 if len(pixels) == 4 else pixels[2] == 255
    assert np.array_equal(clear[~near], ~inside[~near])
    chosen = inside & ~near
    assert chosen.sum() > 1000
    assert np.array_equal(pixels[0, chosen], left[chosen].astype(int))
    assert np.array_equal(pixels[1, chosen], top[chosen].astype(int))


@pytest.mark.parametrize("version", VERSIONS)
def test_gdal_lists_and_opens_the_layers(server: str, version: str) -> None:
    with rasterio.Env(**NO_CACHE), warnings.catch_warnings(action="ignore"):
        with rasterio.open(
            f"WMS:{server}/wms?SERVICE=WMS&VERSION={version}&REQUEST=GetCapabilities"
        ) as listed:
            names = listed.subdatasets
        assert len(names) >= len(LAYERS)
        for name in names:
            with rasterio.open(name) as file:
                assert file.width > 0


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("crs", ["EPSG:3857", "EPSG:4326"])
@pytest.mark.parametrize("layer", ["utm", "wgs84", "mercator"])
def test_gdal_reads_maps(server: str, layer: str, crs: str, version: str) -> None:
    """Size, place and axis order as GDAL writes them in either version."""
    west, south, east, north = bounds_in(layer, crs)
    system = "CRS" if version == "1.3.0" else "SRS"
    axes = "&BBoxOrder=yxYX" if version == "1.3.0" and crs == "EPSG:4326" else ""
    source = f"""<GDAL_WMS><Service name="WMS"><Version>{version}</Version><ServerUrl>{server}/wms?</ServerUrl>
      <Layers>{layer}</Layers><{system}>{crs}</{system}><ImageFormat>image/png</ImageFormat>
      <Transparent>TRUE</Transparent><BBoxOrder>{"yxYX" if axes else "xyXY"}</BBoxOrder></Service>
      <DataWindow><UpperLeftX>{west!r}</UpperLeftX><UpperLeftY>{north!r}</UpperLeftY><LowerRightX>{east!r}</LowerRightX>
      <LowerRightY>{south!r}</LowerRightY><SizeX>300</SizeX><SizeY>200</SizeY></DataWindow>
      <Projection>{crs}</Projection><BandsCount>4</BandsCount><BlockSizeX>128</BlockSizeX><BlockSizeY>128</BlockSizeY>
      </GDAL_WMS>"""
    with rasterio.Env(**NO_CACHE), warnings.catch_warnings(action="ignore"), rasterio.open(source) as file:
        assert_located(file.read(), file.transform, crs, layer)


def bounds_in(layer: str, crs: str) -> tuple[float, float, float, float]:
    key, transform = grid_of(layer)
    box = (*(transform * (0, HEIGHT)), *(transform * (WIDTH, 0)))
    found = pyproj.Transformer.from_crs(key, crs, always_xy=True).transform_bounds(*box)
    west, south, east, north = found
    return west, south, east, north


@pytest.mark.parametrize("version", VERSIONS)
def test_owslib_reads_documents_maps_and_values(server: str, version: str) -> None:
    service = WebMapService(f"{server}/wms", version=version)
    assert set(LAYERS) <= set(service.contents)
    for layer in LAYERS:
        west, south, east, north = service.contents[layer].boundingBoxWGS84
        expected = bounds_in(layer, "EPSG:4326")
        assert np.allclose((west, south, east, north), expected, atol=1e-3)
        box = (west, south, east, north)
        common = {
            "layers": [layer],
            "srs": "EPSG:4326",
            "bbox": box,
            "size": (300, 200),
            "format": "image/png",
        }
        answer = service.getmap(**common, styles=[""], transparent=True)
        pixels = np.asarray(Image.open(io.BytesIO(answer.read())).convert("RGBA")).transpose(2, 0, 1)
        transform = rasterio.transform.from_bounds(*box, 300, 200)
        assert_located(pixels, transform, "EPSG:4326", layer)
        info = service.getfeatureinfo(
            **common, query_layers=[layer], info_format="application/json", xy=(150, 100)
        )
        (found,) = json.loads(info.read())["features"]
        bands = {band["name"]: band["raw"] for band in found["properties"]["bands"]}
        values = [bands[f"band{number}"] for number in (1, 2, 3)]
        assert values == pixels[:3, 100, 150].tolist()
