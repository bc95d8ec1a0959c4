"""GetFeatureInfo and GetLegendGraphic: values, formats, exceptions; values beside MapServer's."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest

pytest.importorskip("pyproj")
pytest.importorskip("rasterio")
pytest.importorskip("lxml")

from lxml import etree
from PIL import Image

from iipserve.app import Application, build
from iipserve.config import Config
from iipserve.http import Request
from tests.geo_rasters import KINDS, from_origin, positions, write_geotiff
from tests.protocols.sld.documents import color_map, document

BIG = {
    "SERVICE": "WMS", "VERSION": "1.3.0", "REQUEST": "GetFeatureInfo", "LAYERS": "big", "STYLES": "",
    "QUERY_LAYERS": "big", "CRS": "CRS:84", "BBOX": "10,45,18,50", "WIDTH": "800", "HEIGHT": "500", "I": "123",
    "J": "321", "INFO_FORMAT": "application/json", "FORMAT": "image/png",
}  # fmt: skip
LEGEND = {
    "SERVICE": "WMS", "VERSION": "1.3.0", "REQUEST": "GetLegendGraphic", "LAYER": "utm", "FORMAT": "image/png",
    "SLD_VERSION": "1.1.0",
}  # fmt: skip
MAPSERVER = shutil.which("mapserv")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wms")
    write_geotiff(
        folder / "big.tif", positions(800, 500), crs="EPSG:4326", transform=from_origin(10, 50, 0.01, 0.01)
    )
    for kind in ("utm", "scaled", "wgs84", "palette"):
        KINDS[kind](folder)
    return folder


@pytest.fixture(scope="module")
def app(folder: Path) -> Application:
    return build(Config(filesystem_prefix=f"{folder}/"))


def get(app: Application, fields: dict[str, str], **changes: str | None) -> Any:
    asked = {name: value for name, value in {**fields, **changes}.items() if value is not None}
    return app.handle(Request("GET", "/wms", urlencode(asked), {"HTTP_HOST": "maps.example"}))


def fault(response: Any) -> str:
    """The code of an exception; empty where it has none."""
    assert response.status == 200
    root = etree.fromstring(response.body)
    assert etree.QName(root).localname == "ServiceExceptionReport"
    return str(root[0].get("code", ""))


def test_vector(app: Application) -> None:
    (feature,) = json.loads(get(app, BIG).body)["features"]
    found = feature["properties"]
    assert (found["column"], found["row"]) == (123, 321)
    assert (found["x"], found["y"]) == pytest.approx((11.235, 46.785), abs=1e-9)
    assert [band["raw"] for band in found["bands"]] == [321, 123]


@pytest.mark.parametrize("crs", ["EPSG:4326", "urn:ogc:def:crs:EPSG::4326"])
def test_one_place_in_both_versions(crs: str, app: Application) -> None:
    swapped = get(app, BIG, CRS=crs, BBOX="45,10,50,18").body
    old = get(app, BIG, VERSION="1.1.1", CRS=None, SRS="EPSG:4326", I=None, J=None, X="123", Y="321").body
    assert swapped == old == get(app, BIG).body


FORMATS = {
    "text/plain": "text/plain",
    "text/html": "text/html",
    "text/xml": "text/xml",
    "application/json": "application/json",
    "application/geo+json": "application/json",
    "application/vnd.ogc.gml": "application/gml+xml",
    "application/vnd.ogc.gml/3.1.1": "application/gml+xml",
    "application/gml+xml; version=3.1": "application/gml+xml",
    "text/mapml": "text/mapml",
}


@pytest.mark.parametrize("media_type", FORMATS)
def test_formats(media_type: str, app: Application) -> None:
    response = get(app, BIG, INFO_FORMAT=media_type)
    assert response.status == 200
    assert dict(response.headers)["Content-Type"].partition(";")[0] == FORMATS[media_type]
    assert b"321" in response.body
    assert b"123" in response.body


def test_mapml(app: Application) -> None:
    root = etree.fromstring(get(app, BIG, INFO_FORMAT="text/mapml").body)
    names = {"h": "http://www.w3.org/1999/xhtml"}
    assert root.tag == "{http://www.w3.org/1999/xhtml}mapml-"
    (ring,) = root.xpath(
        "h:map-body/h:map-feature/h:map-geometry[@cs='gcrs']/h:map-polygon/*/text()", namespaces=names
    )
    west, east, south, north = 11.23, 11.24, 46.78, 46.79
    corners = [west, north, east, north, east, south, west, south, west, north]
    assert [float(part) for part in ring.split()] == pytest.approx(corners)
    cells = root.xpath("//h:tr[h:th='band1']/h:td/text()", namespaces=names)
    assert cells == ["123"]


def test_format_of_1_1_1_is_text_unless_stated(app: Application) -> None:
    old = {"VERSION": "1.1.1", "SRS": "EPSG:4326", "CRS": None, "INFO_FORMAT": None}
    response = get(app, BIG, **old)
    assert dict(response.headers)["Content-Type"].startswith("text/plain")
    assert fault(get(app, BIG, INFO_FORMAT=None)) == ""
    assert fault(get(app, BIG, INFO_FORMAT="text/x")) == "InvalidFormat"


@pytest.mark.parametrize("queried", ["big,wgs84", "wgs84,big"])
@pytest.mark.parametrize("layers", ["big,wgs84", "wgs84,big"])
def test_several_layers_topmost_first(app: Application, layers: str, queried: str) -> None:
    """The last layer of a map is its topmost, in whatever order they are asked about."""
    asked = {"LAYERS": layers, "QUERY_LAYERS": queried, "STYLES": "", "BBOX": "10.005,49.295,11.205,49.995"}
    asked |= {"WIDTH": "120", "HEIGHT": "70", "I": "40", "J": "30"}
    topmost_first = layers.split(",")[::-1]
    found = json.loads(get(app, BIG, **asked).body)["features"]
    assert [each["properties"]["layer"] for each in found] == topmost_first
    for media_type in ("text/plain", "text/html", "text/xml", "application/vnd.ogc.gml", "text/mapml"):
        text = get(app, BIG, **asked, INFO_FORMAT=media_type).body.decode()
        assert sorted(topmost_first, key=text.index) == topmost_first, media_type


def test_nothing_outside(app: Application) -> None:
    outside = get(app, BIG, BBOX="100,45,108,50")
    assert outside.status == 200
    assert json.loads(outside.body)["features"] == []


def test_exceptions(app: Application) -> None:
    assert fault(get(app, BIG, I="800")) == "InvalidPoint"
    assert fault(get(app, BIG, J="-1")) == "InvalidPoint"
    assert fault(get(app, BIG, QUERY_LAYERS="nothing")) == "LayerNotDefined"
    assert fault(get(app, BIG, QUERY_LAYERS="utm")) == "LayerNotDefined"


@pytest.mark.skipif(MAPSERVER is None, reason="no mapserv here; install cgi-mapserver")
def test_values_are_those_of_mapserver(folder: Path, app: Application) -> None:
    assert MAPSERVER is not None
    (folder / "beside.map").write_text(
        'MAP NAME "m" SIZE 100 100 EXTENT 10 45 18 50 PROJECTION "init=epsg:4326" END '
        'WEB METADATA "ows_title" "m" "ows_onlineresource" "http://x/" "ows_enable_request" "*" '
        '"ows_srs" "EPSG:4326" END END '
        f'LAYER NAME "big" TYPE RASTER STATUS ON DATA "{folder}/big.tif" PROCESSING "BANDS=1,2,1" '
        'PROCESSING "SCALE=0,1000" METADATA "ows_title" "b" "wms_include_items" "all" END TEMPLATE "x" '
        'PROJECTION "init=epsg:4326" END END END'
    )
    settings = folder / "mapserver.conf"
    settings.write_text('CONFIG ENV MS_MAP_PATTERN "." END END')
    for i, j in np.random.default_rng(5).integers(0, 500, (6, 2)).tolist():
        asked = {**BIG, "I": str(i), "J": str(j), "map": f"{folder}/beside.map", "INFO_FORMAT": "text/plain"}
        environ = os.environ | {"QUERY_STRING": urlencode(asked), "REQUEST_METHOD": "GET"}
        environ["MAPSERVER_CONFIG_FILE"] = str(settings)
        done = subprocess.run([MAPSERVER], env=environ, capture_output=True, text=True, check=False)
        values = re.search(r"value_list = '([0-9]+),([0-9]+),[0-9]+'", done.stdout)
        assert values is not None, done.stdout
        (feature,) = json.loads(get(app, BIG, I=str(i), J=str(j)).body)["features"]
        own = [band["raw"] for band in reversed(feature["properties"]["bands"])]
        assert own == [int(values[1]), int(values[2])]


def test_legends(app: Application) -> None:
    response = get(app, LEGEND, LAYER="scaled", WIDTH="90", HEIGHT="200")
    with Image.open(BytesIO(response.body)) as picture:
        assert picture.size == (90, 200)
    described = get(app, LEGEND, FORMAT="application/json")
    assert json.loads(described.body)["Legend"][0]["layerName"] == "utm"
    assert fault(get(app, LEGEND, FORMAT="image/x")) == "InvalidFormat"
    assert fault(get(app, LEGEND, STYLE="x")) == "StyleNotDefined"
    assert fault(get(app, LEGEND, LAYER="x")) == "LayerNotDefined"


def test_legends_of_sld(app: Application) -> None:
    text = document("<ShadedRelief/>").decode()
    refused = get(app, LEGEND, SLD_BODY=text)
    assert fault(refused) == "StyleNotDefined"
    assert b"ShadedRelief" in refused.body
    declared = '<?xml version="1.0" encoding="ISO-8859-1"?>' + document("<Opacity>1</Opacity>").decode()
    assert get(app, LEGEND, SLD_BODY=declared).body == get(app, LEGEND).body
    other = document(color_map((1, "#ff0000")), layer="scaled").decode()
    assert fault(get(app, LEGEND, SLD_BODY=other)) == "StyleNotDefined"


def test_legends_of_colors_by_value(app: Application) -> None:
    text = document(color_map((5, "#ff0000"), (9.5, "#00ff00"), type="intervals")).decode()
    found = json.loads(get(app, LEGEND, SLD_BODY=text, FORMAT="application/json").body)
    colors = found["Legend"][0]["rules"][0]["symbolizers"][0]["Raster"]["colormap"]
    assert colors["type"] == "intervals"
    assert [(each["label"], each["color"]) for each in colors["entries"]] == [
        ("< 5", "#FF0000"),
        ("5 - 9.5", "#00FF00"),
    ]
    for changes in ({}, {"WIDTH": "30", "HEIGHT": "8"}):
        with Image.open(BytesIO(get(app, LEGEND, SLD_BODY=text, **changes).body)) as picture:
            shown = [color for _, color in picture.convert("RGB").getcolors(1000) or []]
        assert {(255, 0, 0), (0, 255, 0)} <= set(shown)
