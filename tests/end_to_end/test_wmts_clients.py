"""GDAL and OWSLib as clients of WMTS, over HTTP: what they read is what PROJ says that there should be."""

from __future__ import annotations

import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

rasterio = pytest.importorskip("rasterio")
pyproj = pytest.importorskip("pyproj")
pytest.importorskip("lxml")

from owslib.wmts import WebMapTileService  # noqa: E402
from rasterio.transform import from_origin  # noqa: E402

from tests.end_to_end.running import map_server  # noqa: E402
from tests.geo_rasters import write_geotiff  # noqa: E402
from tests.schemas import validated  # noqa: E402

GRIDS = {
    "utm": ("EPSG:32633", from_origin(500000, 5000000, 20, 20)),
    "maps/degrees": ("EPSG:4326", from_origin(10, 50, 0.001, 0.001)),
    "cgcs": ("EPSG:4490", from_origin(110, 40, 0.001, 0.001)),
    "laea": ("EPSG:3035", from_origin(4321000, 3210000, 25, 25)),
    "polar": ("EPSG:3413", from_origin(-500000, -1500000, 100, 100)),
    "\u5f71\u50cf 2024 b&c": ("EPSG:3857", from_origin(1487158.8223163895, 6144314.081675608, 19.109257071294063, 19.109257071294063)),
}  # fmt: skip
WIDTH, HEIGHT = 300, 270
NO_CACHE = {"GDAL_ENABLE_WMS_CACHE": "NO"}


def located_pixels() -> NDArray[np.uint8]:
    """Red and green say the column and the row, blue which block of 256 x 256. Shape (3, height, width)."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return np.stack([columns % 256, rows % 256, columns // 256 + 16 * (rows // 256)]).astype(np.uint8)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server of these rasters and of a plain picture."""
    folder, work = tmp_path_factory.mktemp("images"), tmp_path_factory.mktemp("work")
    for name, (crs, transform) in GRIDS.items():
        path = folder / f"{name}.tif"
        path.parent.mkdir(exist_ok=True)
        write_geotiff(
            path, located_pixels(), crs=crs, transform=transform, tile=128, overviews=(2,), photometric="RGB", compress="deflate"
        )  # fmt: skip
    write_geotiff(
        folder / "plain.tif", located_pixels(), crs=None, transform=None, tile=256, photometric="RGB"
    )
    with map_server(folder, work) as origin:
        yield origin


def body(address: str) -> bytes:
    with urllib.request.urlopen(address) as answer:
        return bytes(answer.read())


WAYS = {
    "by paths": "/wmts/1.0.0/WMTSCapabilities.xml?LAYERS=",
    "by parameters": "/iipsrv.fcgi?SERVICE=WMTS&REQUEST=GetCapabilities&LAYERS=",
    "for China": "/wmts-china/1.0.0/WMTSCapabilities.xml?LAYERS=",
}


def sets_of(site: str, way: str, layer: str) -> list[str]:
    root = validated(body(f"{site}{WAYS[way]}{quote(layer)}"))
    return [each.text for each in root.iterfind(".//{*}TileMatrixSetLink/{*}TileMatrixSet")]


CASES = [("by paths", layer) for layer in GRIDS] + [
    # by parameters GDAL writes names as they are, so that only plain ones work
    (way, layer) for way in ("by parameters", "for China") for layer in ("utm", "maps/degrees", "cgcs")
]  # fmt: skip


@pytest.mark.parametrize(("way", "layer"), CASES)
def test_gdal_reads_every_set(site: str, way: str, layer: str) -> None:
    sets = sets_of(site, way, layer)
    assert len(sets) == (2 if way == "for China" else 4)
    for name in sets:
        pixels, transform, crs = read_by_gdal(f"{site}{WAYS[way]}{quote(layer)}", layer, name)
        assert (pixels[3] == 255).sum() > 0.3 * WIDTH * HEIGHT
        if name.endswith("native"):
            assert transform.almost_equals(GRIDS[layer][1], 1e-9)
            assert np.array_equal(pixels[:3], located_pixels())
            assert (pixels[3] == 255).all()
        else:
            compare(pixels, transform, crs, layer)


def test_gdal_reads_a_layer_that_is_coarser_than_another(tmp_path: Path) -> None:
    """It opens each layer of a document by the finest matrix of the set, and takes missing tiles for empty ones."""
    folder, work = tmp_path / "images", tmp_path / "work"
    folder.mkdir()
    work.mkdir()
    for name, (crs, transform) in (
        ("utm", GRIDS["utm"]),
        ("fine", ("EPSG:32633", from_origin(500000, 5000000, 5, 5))),
    ):
        write_geotiff(
            folder / f"{name}.tif", located_pixels(), crs=crs, transform=transform, photometric="RGB"
        )
    with map_server(folder, work) as origin:
        document = f"{origin}/wmts/1.0.0/WMTSCapabilities.xml"
        for name in ("WebMercatorQuad", "WGS1984Quad"):
            pixels, transform, crs = read_by_gdal(document, "utm", name)
            assert pixels.shape[1] > 4 * HEIGHT
            compare(pixels, transform, crs, "utm")


def read_by_gdal(capabilities: str, layer: str, name: str) -> tuple[NDArray[np.uint8], Any, str]:
    """All pixels, their transform and the coordinate reference system, as GDAL has them."""
    source = f"WMTS:{capabilities},layer={layer},tilematrixset={name}"
    with rasterio.Env(**NO_CACHE), warnings.catch_warnings(action="ignore"), rasterio.open(source) as file:
        assert max(file.width, file.height) < 4000
        return file.read(), file.transform, file.crs.to_string()


def compare(pixels: NDArray[np.uint8], transform: Any, crs: str, layer: str) -> None:
    """Every pixel is the source's pixel at its center; within 1e-2 of a pixel of an edge, either of the two."""
    key, own = GRIDS[layer]
    rows, columns = np.mgrid[: pixels.shape[1], : pixels.shape[2]] + 0.5
    xs, ys = transform * (columns, rows)
    there = pyproj.Transformer.from_crs(crs, key, always_xy=True).transform(xs, ys)
    left, top = ~own * there
    near = np.minimum(np.abs(left - np.round(left)), np.abs(top - np.round(top))) < 1e-2
    inside = (left > 0) & (left < WIDTH) & (top > 0) & (top < HEIGHT)
    assert np.array_equal((pixels[3] == 255)[~near], inside[~near])
    chosen = inside & ~near
    expected = located_pixels()[:, top[chosen].astype(int), left[chosen].astype(int)]
    assert np.array_equal(pixels[:3, chosen], expected)


def test_owslib_reads_documents_and_tiles(site: str) -> None:
    for path in ("/wmts", "/ows"):
        service = WebMapTileService(f"{site}{path}", version="1.0.0")
        assert set(service.contents) == {*GRIDS, "plain"}
        tile = service.gettile(
            layer="plain", style="default", tilematrixset="plain:native", tilematrix="1", row=0, column=1, format="image/png"
        )  # fmt: skip
        found = np.asarray(Image.open(BytesIO(tile.read())))
        assert np.array_equal(found[:, : WIDTH - 256, :3], located_pixels()[:, :256, 256:].transpose(1, 2, 0))


def test_documents_of_a_server_are_valid(site: str) -> None:
    for address in (
        "/wmts?SERVICE=WMTS&REQUEST=GetCapabilities",
        "/wmts/1.0.0/WMTSCapabilities.xml",
        "/wmts-china?service=wmts&request=getcapabilities",
    ):
        validated(body(site + address))


def test_forms_and_repeated_requests(site: str) -> None:
    """A form that is posted has the tile of the same parameters in the address; its tag holds for both."""
    text = (
        "SERVICE=WMTS&VERSION=1.0.0&REQUEST=GetTile&LAYER=utm&STYLE=&FORMAT=image/png"
        "&TILEMATRIXSET=utm:native&TILEMATRIX=1&TILEROW=0&TILECOL=1"
    )
    with urllib.request.urlopen(f"{site}/wmts?{text}") as answer:
        tile, tag = answer.read(), answer.headers["ETag"]
    with urllib.request.urlopen(f"{site}/ows", data=text.encode()) as answer:
        assert (answer.read(), answer.headers["ETag"]) == (tile, tag)
    again = urllib.request.Request(f"{site}/wmts/utm/utm:native/1/0/1.png", headers={"If-None-Match": tag})
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(again)
    assert caught.value.status == 304
    caught.value.close()
