"""OpenLayers draws tile sets of OGC API, and Leaflet tiles by zoom: each quarter of a raster is where PROJ puts it."""

from __future__ import annotations

from collections.abc import Iterator

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser

from tests.end_to_end.browsing import new_context, watch
from tests.end_to_end.running import map_server
from tests.end_to_end.viewer_pages import DELIVERY, IMAGES, Site, load_packages, named
from tests.geo_rasters import write_geotiff

WITHOUT_WEBGL = True

pyproj = pytest.importorskip("pyproj")
Affine = pytest.importorskip("rasterio").Affine

WIDTH, HEIGHT = 600, 400
"""Of the window, and pixels of the rasters."""
COLORS = [(220, 30, 30), (30, 180, 30), (30, 30, 220), (220, 200, 30)]
"""Of the quarters: upper left, upper right, lower left, lower right."""
RASTERS = {
    "mercator": ("EPSG:3857", Affine(40, 0, 1490000, 0, -40, 6144000)),
    "utm": ("EPSG:32633", Affine(20, 0, 500000, 0, -20, 5000000)),
    "degrees": ("EPSG:4326", Affine(0.0004, 0, 14.3, 0, -0.0004, 47.9)),
    "laea": ("EPSG:3035", Affine(25, 0, 4321000, 0, -25, 3210000)),
}
OPENLAYERS = """<!doctype html>
<title>OpenLayers</title>
<style>html, body, #map { margin: 0; height: 100%; background: white }</style>
<div id="map"></div>
<script src="DELIVERY/OPENLAYERS/dist/ol.js"></script>
<script>
    const source = new ol.source.OGCMapTile({
        url: "IMAGES/ogc/collections/NAME/map/tiles/SET",
        mediaType: "image/png",
        crossOrigin: "anonymous",
        interpolate: false,
    });
    const map = new ol.Map({
        target: "map",
        controls: [],
        layers: [new ol.layer.Tile({ source })],
        view: new ol.View({ projection: "CRS", center: CENTER, resolution: RESOLUTION }),
    });
    source.on("change", () => map.once("rendercomplete", () => { window.drawn = source.getState() === "ready"; }));
</script>
"""
LEAFLET = """<!doctype html>
<title>Leaflet</title>
<link rel="stylesheet" href="DELIVERY/LEAFLET/dist/leaflet.css">
<style>html, body, #map { margin: 0; height: 100%; background: white }</style>
<div id="map"></div>
<script src="DELIVERY/LEAFLET/dist/leaflet.js"></script>
<script>
    fetch("IMAGES/xyz/NAME/tiles.json").then((answer) => answer.json()).then((found) => {
        const [west, south, east, north] = found.bounds;
        const options = { zoomControl: false, attributionControl: false, zoomAnimation: false, fadeAnimation: false };
        const map = L.map("map", options).setView(CENTER, ZOOM);
        L.tileLayer(found.tiles[0].replace("{y}", "{y}{r}"), {
            maxZoom: found.maxzoom, bounds: [[south, west], [north, east]], crossOrigin: true,
        }).on("load", () => { window.drawn = true; }).addTo(map);
    });
</script>
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server of the rasters."""
    folder = tmp_path_factory.mktemp("rasters")
    right, down = np.arange(WIDTH) >= WIDTH // 2, np.arange(HEIGHT) >= HEIGHT // 2
    picture = np.array(COLORS, np.uint8)[down[:, None] * 2 + right[None, :]].transpose(2, 0, 1)
    for name, (crs, transform) in RASTERS.items():
        write_geotiff(
            folder / f"{name}.tif", picture, crs=crs, transform=transform, tile=256, photometric="RGB"
        )
    with map_server(folder, tmp_path_factory.mktemp("work")) as address:
        yield address


def screenshot(browser: Browser, address: str, density: int = 1) -> tuple[NDArray[np.uint8], list[str]]:
    """What a page shows once it is drawn, and the addresses of tiles it asked for; nothing may fail."""
    context = new_context(
        browser,
        viewport={"width": WIDTH, "height": HEIGHT},
        device_scale_factor=density,
        reduced_motion="reduce",
    )
    try:
        page = context.new_page()
        answered: list[str] = []
        mistakes: list[str] = []
        watch(page, answered, mistakes)
        page.goto(address)
        page.wait_for_function("window.drawn === true")
        page.wait_for_load_state("networkidle")
        harmless = (
            "favicon",
            "console: Failed to load resource",
        )  # the latter is said of answers that are noted
        assert [said for said in mistakes if not any(known in said for known in harmless)] == []
        pixels: NDArray[np.uint8] = imagecodecs.png_decode(page.screenshot())
        return pixels[..., :3], answered
    finally:
        context.close()


def places(name: str, crs: str, rows: float = 0.25) -> list[tuple[float, float]]:
    """The middles of the quarters of a raster in a system, and its own middle, x before y."""
    key, transform = RASTERS[name]
    project = pyproj.Transformer.from_crs(key, crs, always_xy=True).transform
    parts = [(0.25, rows), (0.75, rows), (0.25, 1 - rows), (0.75, 1 - rows), (0.5, 0.5)]
    return [project(*(transform * (x * WIDTH, y * HEIGHT))) for x, y in parts]


def page_of(template: str, server: str, documents: Site, **values: object) -> str:
    """Address of a page with these values."""
    packages = {"OPENLAYERS": named("ol"), "LEAFLET": named("leaflet")}
    for word, value in {**packages, "DELIVERY": DELIVERY, "IMAGES": IMAGES, **values}.items():
        template = template.replace(word, str(value))
    load_packages(template)
    documents.hold("/page.html", template, server)
    return f"{documents.origin}/page.html"


@pytest.mark.parametrize(
    ("name", "matrix_set", "crs"),
    [
        ("mercator", "WebMercatorQuad", "EPSG:3857"),
        ("utm", "WebMercatorQuad", "EPSG:3857"),
        ("utm", "WGS1984Quad", "EPSG:4326"),
        ("degrees", "WGS1984Quad", "EPSG:4326"),
        ("degrees", "native", "EPSG:4326"),
        ("laea", "WebMercatorQuad", "EPSG:3857"),
    ],
)
def test_openlayers_draws_tile_sets(
    browser: Browser, server: str, documents: Site, name: str, matrix_set: str, crs: str
) -> None:
    *quarters, (x, y) = places(name, crs)
    resolution = max(abs(place[0] - x) for place in quarters) / 140
    values = {"NAME": name, "SET": matrix_set, "CRS": crs, "CENTER": f"[{x}, {y}]", "RESOLUTION": resolution}
    pixels, answered = screenshot(browser, page_of(OPENLAYERS, server, documents, **values))
    assert any(f"/ogc/collections/{name}/map/tiles/" in address for address in answered)
    for color, (east, north) in zip(COLORS, quarters, strict=True):
        column, row = WIDTH / 2 + (east - x) / resolution, HEIGHT / 2 - (north - y) / resolution
        assert tuple(pixels[round(row), round(column)]) == color
    assert tuple(pixels[3, 3]) == (255, 255, 255), "outside of the raster"


@pytest.mark.parametrize("density", [1, 2])
def test_leaflet_draws_tiles_by_zoom(browser: Browser, server: str, documents: Site, density: int) -> None:
    zoom, radius = 12, 6378137.0
    *quarters, (x, y) = places("utm", "EPSG:3857")
    longitude, latitude = places("utm", "EPSG:4326")[-1]
    values = {"NAME": "utm", "CENTER": f"[{latitude}, {longitude}]", "ZOOM": zoom}
    pixels, answered = screenshot(browser, page_of(LEAFLET, server, documents, **values), density)
    assert any("@2x.png" in address for address in answered) == (density == 2)
    resolution = 2 * np.pi * radius / 256 / 2**zoom
    for color, (east, north) in zip(COLORS, quarters, strict=True):
        column, row = WIDTH / 2 + (east - x) / resolution, HEIGHT / 2 - (north - y) / resolution
        assert tuple(pixels[round(row * density), round(column * density)]) == color
