"""OpenLayers and Leaflet draw the map services' layers in a real browser, where GDAL draws them.

The rasters are a gradient from left to right in red and from top to bottom in green. GDAL warps the file to the grid
of the window; the difference of the colors, divided by their slope, is by how many pixels the map is off.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser

from tests.end_to_end.browsing import chromium, watch
from tests.end_to_end.running import map_server
from tests.end_to_end.viewer_pages import DELIVERY, IMAGES, Site, content, named, site
from tests.geo_rasters import GRIDS, write_geotiff

rasterio = pytest.importorskip("rasterio")
from rasterio.transform import Affine, from_bounds  # noqa: E402
from rasterio.warp import Resampling, reproject, transform_bounds  # noqa: E402

WINDOW = 512
"""Side of the maps, in pixels."""
SIZE = (300, 200)
"""Columns and rows of the rasters."""
SECONDS = 30_000
OFF = 0.75
"""Pixels by which a map may be off: nearest pixels are half a pixel of the source away at most."""
HALF_EQUATOR = 20_037_508.342789244

MAP_PAGE = """<!doctype html>
<meta charset="utf-8"><title>drawing</title>
<link rel="stylesheet" href="{style}">
<style>body {{ margin: 0 }} #map {{ width: {window}px; height: {window}px; background: #000 }}</style>
<div id="map"></div>
<script src="{script}"></script>
<script type="module">
const asked = {options};
{code}
</script>
"""
OPENLAYERS = """
if (asked.projection.axisOrientation) ol.proj.addProjection(new ol.proj.Projection(asked.projection));
const text = await (await fetch(asked.capabilities)).text();
const read = new ol.format.WMTSCapabilities().read(text);
const options = ol.source.WMTS.optionsFromCapabilities(read, asked.layer);
options.transition = 0;
options.crossOrigin = "anonymous";
const source = new ol.source.WMTS(options);
source.on("tileloaderror", (event) => { document.title = `failed: ${event.tile.src_}`; });
const map = new ol.Map({
  target: "map", controls: [], pixelRatio: 1,
  layers: [new ol.layer.Tile({ source })],
  view: new ol.View({ projection: asked.projection.code, center: asked.center, resolution: asked.resolution }),
});
map.once("rendercomplete", () => { document.title = document.title === "drawing" ? "done" : document.title; });
"""
LEAFLET = """
const map = L.map("map", { zoomControl: false, attributionControl: false, fadeAnimation: false, zoomSnap: 0 });
const layer = L.tileLayer(asked.template, { maxNativeZoom: 22, maxZoom: 22 });
layer.on("load", () => { document.title = document.title === "drawing" ? "done" : document.title; });
layer.on("tileerror", (event) => { document.title = `failed: ${event.tile.src}`; });
map.setView(asked.place, asked.zoom);
layer.addTo(map);
"""


class View(NamedTuple):
    """A square window of Web Mercator."""

    center: tuple[float, float]
    zoom: int

    @property
    def resolution(self) -> float:
        """Metres of a pixel, at the equator."""
        return 2 * HALF_EQUATOR / 256 / 2**self.zoom

    @property
    def transform(self) -> Affine:
        """Of the window's pixels."""
        half = self.resolution * WINDOW / 2
        x, y = self.center
        return from_bounds(x - half, y - half, x + half, y + half, WINDOW, WINDOW)

    @property
    def place(self) -> tuple[float, float]:
        """Latitude and longitude of the center."""
        x, y, _, _ = transform_bounds("EPSG:3857", "EPSG:4326", *self.center, *self.center)
        return y, x


MAPS = ["utm", "wgs84", "mercator", "cgcs2000"]
"""Kinds of `geo_rasters.GRIDS` that Web Mercator shows."""


NATIVE = {
    "polar": {"code": "EPSG:32661", "axisOrientation": "neu"},
    "plain": {"code": "urn:ogc:def:crs:OGC::imageCRS", "axisOrientation": "enu"},
}
"""Kinds on their own grids, and what OpenLayers has to know of their systems."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A raster of each kind, and a plain picture."""
    made = tmp_path_factory.mktemp("rasters")
    for name in (*MAPS, *NATIVE):
        crs, transform = GRIDS[name]
        write_geotiff(
            made / f"{name}.tif", gradient(), crs=crs, transform=transform, tile=64, photometric="RGB"
        )
    return made


def gradient() -> NDArray[np.uint8]:
    """Red grows from 50 to 249 along a row, green down a column. Shape (3, rows, columns)."""
    columns, rows = SIZE
    red = np.broadcast_to(np.linspace(50, 249, columns), (rows, columns))
    green = np.broadcast_to(np.linspace(50, 249, rows)[:, np.newaxis], (rows, columns))
    return np.stack([red, green, np.full((rows, columns), 180)]).astype(np.uint8)


@pytest.fixture(scope="module")
def origin(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server of the rasters, which answers with empty tiles outside of limits: Leaflet knows none."""
    work = tmp_path_factory.mktemp("server")
    services = work / "services.toml"
    services.write_text('[wmts]\ntile_outside = "empty"\n')
    with map_server(folder, work, SERVICES=str(services)) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Headless Chromium without WebGL, whose emulation by the processor fails now and then."""
    with chromium("--disable-3d-apis") as browser:
        yield browser


@pytest.fixture(scope="module")
def documents() -> Iterator[Site]:
    """The site of the pages, which is another origin than the maps have."""
    with site() as held:
        yield held


def view_of(path: Path) -> View:
    """The view in which a raster takes about the whole window."""
    with rasterio.open(path) as file:
        west, south, east, north = transform_bounds(file.crs, "EPSG:3857", *file.bounds)
    pixels = [2 * HALF_EQUATOR / side * (WINDOW - 40) / 256 for side in (east - west, north - south)]
    return View(((west + east) / 2, (south + north) / 2), int(np.log2(min(pixels))))


def drawn_by_gdal(path: Path, view: View) -> NDArray[np.uint8]:
    """The window as GDAL draws it: RGB and opacity."""
    result = np.zeros((4, WINDOW, WINDOW), np.uint8)
    with rasterio.open(path) as file:
        source = np.concatenate([file.read(), np.full((1, file.height, file.width), 255, np.uint8)])
        reproject(
            source, result, src_transform=file.transform, src_crs=file.crs, dst_transform=view.transform,
            dst_crs="EPSG:3857", resampling=Resampling.nearest,
        )  # fmt: skip
    return np.moveaxis(result, 0, 2)


def shown(browser: Browser, documents: Site, origin: str, page: str) -> NDArray[np.uint8]:
    """The map of a page, once it is drawn. Nothing may fail on the way."""
    documents.hold("/map.html", page, origin)
    opened = browser.new_context(viewport={"width": WINDOW, "height": WINDOW}).new_page()
    answered: list[str] = []
    mistakes: list[str] = []
    watch(opened, answered, mistakes)
    opened.goto(f"{documents.origin}/map.html")
    opened.wait_for_function("document.title !== 'drawing'", timeout=SECONDS)
    assert opened.title() == "done"
    picture = Image.open(io.BytesIO(opened.screenshot())).convert("RGB")
    opened.context.close()
    # answers are noted themselves
    # the console repeats answers, which are noted themselves
    harmless = ("favicon.ico", "Failed to load resource")
    assert [line for line in mistakes if not line.endswith(harmless[0]) and harmless[1] not in line] == []
    return np.asarray(picture)


def page_of(package: str, script: str, style: str, code: str, **options: Any) -> str:
    """A page that draws a map with a package from npm."""
    content(named(package))
    delivered = f"{DELIVERY}/{named(package)}"
    return MAP_PAGE.format(
        script=f"{delivered}/{script}", style=f"{delivered}/{style}", code=code, window=WINDOW, options=json.dumps(options),
    )  # fmt: skip


def assert_in_place(picture: NDArray[np.uint8], expected: NDArray[np.uint8]) -> None:
    """The map has data where GDAL has, and its colors are off by less than `OFF` pixels on average."""
    has_data, wanted = picture[..., 2] > 90, expected[..., 3] > 0
    assert wanted.mean() > 0.1
    assert (has_data != wanted).mean() < 0.01
    both = has_data & wanted
    for band, axis in ((0, 1), (1, 0)):
        difference = picture[..., band].astype(float) - expected[..., band]
        slope = np.abs(np.gradient(expected[..., band].astype(float), axis=axis))[both].mean()
        assert abs(difference[both].mean()) / slope < OFF
        assert np.abs(difference[both]).mean() / slope < 2 * OFF


@pytest.mark.parametrize("encoding", ["KVP", "REST"])
@pytest.mark.parametrize("name", MAPS)
def test_openlayers_draws_each_layer_in_place(
    folder: Path, origin: str, browser: Browser, documents: Site, name: str, encoding: str
) -> None:
    view = view_of(folder / f"{name}.tif")
    page = page_of(
        "ol", "dist/ol.js", "ol.css", OPENLAYERS, capabilities=f"{IMAGES}/wmts/1.0.0/WMTSCapabilities.xml",
        layer={"layer": name, "matrixSet": "WebMercatorQuad", "format": "image/png", "requestEncoding": encoding},
        projection={"code": "EPSG:3857"}, center=view.center, resolution=view.resolution,
    )  # fmt: skip
    picture = shown(browser, documents, origin, page)
    assert_in_place(picture, drawn_by_gdal(folder / f"{name}.tif", view))


@pytest.mark.parametrize("encoding", ["KVP", "REST"])
@pytest.mark.parametrize("name", NATIVE)
def test_openlayers_draws_native_sets_pixel_by_pixel(
    origin: str, browser: Browser, documents: Site, name: str, encoding: str
) -> None:
    """A polar map and a plain picture, in systems that OpenLayers does not know by itself, in their full size."""
    transform = GRIDS[name][1] or Affine.scale(1, -1)
    columns, rows = SIZE
    page = page_of(
        "ol", "dist/ol.js", "ol.css", OPENLAYERS, capabilities=f"{IMAGES}/wmts/1.0.0/WMTSCapabilities.xml",
        layer={"layer": name, "matrixSet": f"{name}:native", "format": "image/png", "requestEncoding": encoding},
        projection={"units": "m", **NATIVE[name]}, center=transform * (columns // 2, rows // 2), resolution=transform.a,
    )  # fmt: skip
    expected = np.zeros((WINDOW, WINDOW, 3), np.uint8)
    left, top = (WINDOW - columns) // 2, (WINDOW - rows) // 2
    expected[top : top + rows, left : left + columns] = np.moveaxis(gradient(), 0, 2)
    assert np.array_equal(shown(browser, documents, origin, page), expected)


TEMPLATES = {
    "KVP": "/wmts?SERVICE=WMTS&REQUEST=GetTile&VERSION=1.0.0&LAYER={layer}&STYLE=default&FORMAT=image/png"
    "&TILEMATRIXSET=WebMercatorQuad&TILEMATRIX={{z}}&TILEROW={{y}}&TILECOL={{x}}",
    "REST": "/wmts/{layer}/default/WebMercatorQuad/{{z}}/{{y}}/{{x}}.png",
    "XYZ": "/xyz/{layer}/{{z}}/{{x}}/{{y}}.png",
}
"""Addresses of tiles, for clients that read no capabilities."""


@pytest.mark.parametrize("form", TEMPLATES)
@pytest.mark.parametrize("name", MAPS)
def test_leaflet_draws_each_layer_in_place(
    folder: Path, origin: str, browser: Browser, documents: Site, name: str, form: str
) -> None:
    view = view_of(folder / f"{name}.tif")
    page = page_of(
        "leaflet", "dist/leaflet.js", "dist/leaflet.css", LEAFLET,
        template=IMAGES + TEMPLATES[form].format(layer=quote(name)), place=view.place, zoom=view.zoom,
    )  # fmt: skip
    picture = shown(browser, documents, origin, page)
    assert_in_place(picture, drawn_by_gdal(folder / f"{name}.tif", view))
