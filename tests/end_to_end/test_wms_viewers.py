"""OpenLayers and Leaflet draw maps of WMS in a real browser, where GDAL draws them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

pytest.importorskip("rasterio")

from tests.end_to_end.map_pages import (
    MAPS,
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

WITHOUT_WEBGL = True

VERSIONS = ("1.1.1", "1.3.0")
OPENLAYERS = """
const params = { LAYERS: asked.layer, VERSION: asked.version, FORMAT: "image/png" };
const options = { url: asked.address, params, crossOrigin: "anonymous", transition: 0, interpolate: false };
const image = asked.kind === "ImageWMS";
const source = new ol.source[asked.kind]({ ...options, ratio: 1 });
source.on(image ? "imageloaderror" : "tileloaderror", () => { document.title = "failed"; });
const map = new ol.Map({
  target: "map", controls: [], pixelRatio: 1,
  layers: [new ol.layer[image ? "Image" : "Tile"]({ source })],
  view: new ol.View({ projection: "EPSG:3857", center: asked.center, resolution: asked.resolution }),
});
map.once("rendercomplete", () => { document.title = document.title === "drawing" ? "done" : document.title; });
"""
DEGREES = OPENLAYERS.replace("EPSG:3857", "EPSG:4326")
LEAFLET = """
const map = L.map("map", { zoomControl: false, attributionControl: false, fadeAnimation: false, zoomSnap: 0 });
const layer = L.tileLayer.wms(asked.address, {
  layers: asked.layer, version: asked.version, format: "image/png", transparent: true, maxZoom: 22,
});
layer.on("load", () => { document.title = document.title === "drawing" ? "done" : document.title; });
layer.on("tileerror", (event) => { document.title = `failed: ${event.tile.src}`; });
map.setView(asked.place, asked.zoom);
layer.addTo(map);
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A raster of each kind."""
    return write_rasters(tmp_path_factory.mktemp("rasters"), MAPS)


@pytest.fixture(scope="module")
def origin(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with map_server(folder, tmp_path_factory.mktemp("server")) as address:
        yield address


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", ["ImageWMS", "TileWMS"])
@pytest.mark.parametrize("name", MAPS)
def test_openlayers_draws_each_layer_in_place(
    folder: Path, origin: str, browser: Browser, documents: Site, name: str, kind: str, version: str
) -> None:
    view = view_of(folder / f"{name}.tif")
    page = page_of(
        "ol", "dist/ol.js", "ol.css", OPENLAYERS, address=f"{IMAGES}/wms", layer=name, kind=kind, version=version,
        center=view.center, resolution=view.resolution,
    )  # fmt: skip
    assert_in_place(shown(browser, documents, origin, page), drawn_by_gdal(folder / f"{name}.tif", view))


@pytest.mark.parametrize("kind", ["ImageWMS", "TileWMS"])
def test_openlayers_has_the_same_map_in_degrees_by_both_versions(
    origin: str, browser: Browser, documents: Site, kind: str
) -> None:
    """The two versions have different orders of axes."""
    pages = [
        page_of(
            "ol", "dist/ol.js", "ol.css", DEGREES, address=f"{IMAGES}/wms", layer="wgs84", kind=kind, version=version,
            center=(11.5, 49.0), resolution=0.01,
        )
        for version in VERSIONS
    ]  # fmt: skip
    first, second = (shown(browser, documents, origin, page) for page in pages)
    assert (first == second).all()
    assert (first[..., 2] == 180).sum() > 50_000
    if kind == "TileWMS":  # in resolutions of its own
        return
    left, top = (first.shape[1] - 300) // 2, (first.shape[0] - 200) // 2
    drawn = first[top : top + 200, left : left + 300]
    assert (drawn == gradient().transpose(1, 2, 0)).all()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", MAPS)
def test_leaflet_draws_each_layer_in_place(
    folder: Path, origin: str, browser: Browser, documents: Site, name: str, version: str
) -> None:
    view = view_of(folder / f"{name}.tif")
    page = page_of(
        "leaflet", "dist/leaflet.js", "dist/leaflet.css", LEAFLET, address=f"{IMAGES}/wms?", layer=name,
        version=version, place=view.place, zoom=view.zoom,
    )  # fmt: skip
    assert_in_place(shown(browser, documents, origin, page), drawn_by_gdal(folder / f"{name}.tif", view))
