"""One square of the ground by every service of maps, MapML's links among them: the same bytes and entity tag."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree

import numpy as np
import pytest

pytest.importorskip("pyproj")
pytest.importorskip("rasterio")

from iipserve.app import Application, build
from iipserve.config import Config
from iipserve.http import Request, Response
from tests.geo_rasters import GRIDS, positions, write_geotiff
from tests.protocols.mapml.test_documents import attributes

ZOOM, COLUMN, ROW = 10, 550, 355
SIDE, HALF = 40075016.6855784 / 2**ZOOM, 20037508.3427892
LEFT, TOP = COLUMN * SIDE - HALF, HALF - ROW * SIDE
BOX = {"xmin": LEFT, "ymin": TOP - SIDE, "xmax": LEFT + SIDE, "ymax": TOP}
SIDES = ",".join(map(repr, BOX.values()))
MAP = f"REQUEST=GetMap&LAYERS=a&STYLES=&FORMAT=image/png&TRANSPARENT=TRUE&WIDTH=256&HEIGHT=256&BBOX={SIDES}"
TILE = f"TILEMATRIXSET=WebMercatorQuad&TILEMATRIX={ZOOM}&TILEROW={ROW}&TILECOL={COLUMN}"
BY_ADDRESS = {
    "WMS 1.3.0": f"/wms?SERVICE=WMS&VERSION=1.3.0&CRS=EPSG:3857&{MAP}",
    "WMS 1.1.1": f"/ows?SERVICE=WMS&VERSION=1.1.1&SRS=EPSG:900913&{MAP}",
    "WMS in MapML's system": f"/wms?SERVICE=WMS&VERSION=1.3.0&CRS=MapML:OSMTILE&{MAP}",
    "WMTS by parameters": f"/wmts?SERVICE=WMTS&VERSION=1.0.0&REQUEST=GetTile&LAYER=a&STYLE=&FORMAT=image/png&{TILE}",
    "WMTS by its path": f"/wmts/a/default/WebMercatorQuad/{ZOOM}/{ROW}/{COLUMN}.png",
    "XYZ": f"/xyz/a/{ZOOM}/{COLUMN}/{ROW}.png",
    "OGC API tile": f"/ogc/collections/a/map/tiles/WebMercatorQuad/{ZOOM}/{ROW}/{COLUMN}?f=png",
    "OGC API map": f"/ogc/collections/a/map?crs=EPSG:3857&bbox-crs=EPSG:3857&bbox={SIDES}&width=256&f=png",
    "OGC API maps": f"/ogc/map?collections=a&crs=EPSG:3857&bbox-crs=EPSG:3857&bbox={SIDES}&width=256&f=png",
}
MAPML = "/wms?SERVICE=WMS&REQUEST=GetMapML&LAYER=a&STYLE=&PROJECTION=OSMTILE&LINK_REL="
DOCUMENTS = {
    "MapML's link to a map": (f"{MAPML}image", "image"),
    "MapML's link to maps as tiles": (f"{MAPML}tile", "tile"),
    "MapML's link to tiles": ("/mapml/a/OSMTILE", "tile"),
    "WMTS's MapML": ("/wmts?SERVICE=WMTS&REQUEST=GetMapML&LAYER=a", "tile"),
}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Application:
    folder = tmp_path_factory.mktemp("maps")
    crs, transform = GRIDS["mercator"]
    columns, rows = positions(600, 500)
    pixels = np.stack([columns % 256, rows % 256, columns // 3]).astype(np.uint8)
    write_geotiff(Path(folder) / "a.tif", pixels, crs=crs, transform=transform, tile=256, photometric="RGB")
    return build(Config(filesystem_prefix=f"{folder}/"))


def get(app: Application, address: str) -> Response:
    parts = urlsplit(address)
    response = app.handle(Request("GET", parts.path, parts.query, {"HTTP_HOST": "a.example"}))
    assert response.status == 200, (address, response.body)
    return response


def as_jpeg(address: str) -> str:
    """The same of the other format."""
    for png, jpeg in (("image/png", "image/jpeg"), (".png", ".jpg"), ("f=png", "f=jpg")):
        address = address.replace(png, jpeg)
    return address


def linked(app: Application, name: str, format: str) -> str:
    address, rel = DOCUMENTS[name]
    body = get(app, f"{address}{'&' if '?' in address else '?'}FORMAT=image/{format}").body
    assert isinstance(body, bytes)
    (found,) = attributes(ElementTree.fromstring(body), "link", rel=rel)
    sides = {key: repr(value) for key, value in BOX.items()}
    return found["tref"].format(**sides, w=256, h=256, z=ZOOM, x=COLUMN, y=ROW)


@pytest.mark.parametrize("format", ["png", "jpeg"])
@pytest.mark.parametrize("way", [*BY_ADDRESS, *DOCUMENTS])
def test_a_square_is_one_picture(app: Application, way: str, format: str) -> None:
    """The entity tag is the key of caches."""
    addresses = [BY_ADDRESS["XYZ"], BY_ADDRESS[way] if way in BY_ADDRESS else linked(app, way, format)]
    first, response = (get(app, as_jpeg(each) if format == "jpeg" else each) for each in addresses)
    assert response.body == first.body
    assert dict(response.headers)["ETag"] == dict(first.headers)["ETag"]
