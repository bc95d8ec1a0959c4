"""OpenLayers and Leaflet draw the map services' layers in a real browser, where GDAL draws them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from playwright.sync_api import Browser

pytest.importorskip("rasterio")

from tests.end_to_end.map_pages import (
    MAPS,
    SIZE,
    WINDOW,
    assert_in_place,
    drawn_by_gdal,
    gradient,
    page_of,
    shown,
    view_of,
    write_rasters,
)
from tests.end_to_end.running import map_server
from tests.end_to_end.viewer_pages import IMAGES, Site
from tests.geo_rasters import GRIDS, Affine

WITHOUT_WEBGL = True

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


NATIVE = {
    "polar": {"code": "EPSG:32661", "axisOrientation": "neu"},
    "plain": {"code": "urn:ogc:def:crs:OGC::imageCRS", "axisOrientation": "enu"},
}
"""Kinds on their own grids, and what OpenLayers has to know of their systems."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A raster of each kind, and a plain picture."""
    return write_rasters(tmp_path_factory.mktemp("rasters"), (*MAPS, *NATIVE))


@pytest.fixture(scope="module")
def origin(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server of the rasters, which answers with empty tiles outside of limits: Leaflet knows none."""
    work = tmp_path_factory.mktemp("server")
    services = work / "services.toml"
    services.write_text('[wmts]\ntile_outside = "empty"\n')
    with map_server(folder, work, SERVICES=str(services)) as address:
        yield address


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
