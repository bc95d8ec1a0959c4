"""Legends of palettes: a row for each class that a file next to the image, or the service file, names; and legends that
are to be had elsewhere, and styles of clients that are switched off, by the keywords of map files."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest

pytest.importorskip("pyproj")
pytest.importorskip("rasterio")
pytest.importorskip("lxml")
pytest.importorskip("mappyfile")

from lxml import etree
from PIL import Image

from iipserve.app import Application, build
from iipserve.config import Config
from iipserve.errors import ConfigError
from iipserve.http import Request
from tests.geo_rasters import KINDS
from tests.protocols.sld.documents import color_map, document
from tests.schemas import validated, validated_by_dtd

COLORS = {1: (200, 0, 0), 5: (0, 200, 0), 9: (0, 0, 200)}
"""Of the raster `palette`."""
TABLE = """<PAMDataset><PAMRasterBand band="1"><CategoryNames><Category>x</Category></CategoryNames>
<GDALRasterAttributeTable tableType="thematic">
<FieldDefn index="0"><Name>Histogram</Name><Type>1</Type><Usage>1</Usage></FieldDefn>
<FieldDefn index="1"><Name>Value</Name><Type>0</Type><Usage>{usage}</Usage></FieldDefn>
<FieldDefn index="2"><Name>Class_Name</Name><Type>2</Type><Usage>{name}</Usage></FieldDefn>
<Row index="0"><F>3200</F><F>1</F><F>Water &amp; ice</F></Row><Row index="1"><F>0</F><F>5</F><F></F></Row>
<Row index="2"><F>3200</F><F>9</F><F>W\u00e4lder</F></Row><Row index="3"><F>1</F><F>300</F><F>beyond</F></Row>
</GDALRasterAttributeTable></PAMRasterBand></PAMDataset>"""
CATEGORIES = (
    "<PAMDataset><PAMRasterBand band='1'><CategoryNames><Category/><Category>Water &amp; ice</Category><Category/>"
    f"{'<Category></Category>' * 6}<Category>W\u00e4lder</Category></CategoryNames></PAMRasterBand></PAMDataset>"
)
NAMED = {1: "Water & ice", 9: "W\u00e4lder"}
LEGEND = {
    "SERVICE": "WMS",
    "VERSION": "1.3.0",
    "REQUEST": "GetLegendGraphic",
    "LAYER": "palette",
    "SLD_VERSION": "1.1.0",
}
MAP_FILE = """MAP
  NAME "m"
  WEB METADATA "ows_enable_request" "*" "wms_sld_enabled" "{sld}" END END
  LAYER
    NAME "palette" TYPE RASTER DATA "palette.tif" CLASSITEM "[pixel]"
    METADATA
      "wms_style_default_legendurl_href" "https://s.example/l.gif?a=1&b=2"
      "wms_style_default_legendurl_width" "30"
      "wms_style_default_legendurl_height" "40"
      "wms_style_default_legendurl_format" "image/gif"
    END
    CLASS NAME "first" EXPRESSION "1" STYLE COLOR 1 2 3 END END
    CLASS NAME "fifth" EXPRESSION ([pixel] = 5) END
    CLASS NAME "again" EXPRESSION "5" END
    CLASS NAME "several" EXPRESSION ([pixel] > 5) END
    CLASS EXPRESSION "9" END
  END
END"""


def application(folder: Path, services: str = "", name: str = "s.toml") -> Application:
    KINDS["palette"](folder)
    if services:
        (folder / name).write_text(services)
    return build(Config(filesystem_prefix=f"{folder}/", services=str(folder / name) if services else ""))


def get(app: Application, path: str = "/wms", **asked: str) -> Any:
    response = app.handle(Request("GET", path, urlencode(asked), {"HTTP_HOST": "a.example"}))
    assert response.status == 200, response.body
    return response.body


def classes(app: Application) -> dict[int, tuple[str, str]]:
    """Label and color of each class of the legend in JSON."""
    (legend,) = json.loads(get(app, **LEGEND, FORMAT="application/json"))["Legend"]
    rules = legend["rules"]
    if not rules:
        return {}
    colors = rules[0]["symbolizers"][0]["Raster"]["colormap"]
    assert colors["type"] == "values"
    return {int(float(each["quantity"])): (each["label"], each["color"]) for each in colors["entries"]}


def described(names: dict[int, str]) -> dict[int, tuple[str, str]]:
    return {value: (name, "#{:02X}{:02X}{:02X}".format(*COLORS[value])) for value, name in names.items()}


@pytest.mark.parametrize(
    "text",
    [TABLE.format(usage=5, name=2), TABLE.format(usage=3, name=2), TABLE.format(usage=0, name=0), CATEGORIES],
    ids=["exact values", "minima", "by names and types", "categories"],
)
def test_names_of_classes_of_gdal(tmp_path: Path, text: str) -> None:
    (tmp_path / "palette.tif.aux.xml").write_text(text, encoding="utf-8")
    assert classes(application(tmp_path)) == described(NAMED)


@pytest.mark.parametrize(
    "text", ["", "<PAMDataset/>", "<PAMDataset><PAMRasterBand><GDALRasterAttributeTable/></PAMRasterBand></PAMDataset>",
             "<PAMDataset><PAMRasterBand><GDALRasterAttributeTable><FieldDefn><Type>2</Type></FieldDefn><Row/>"
             "<Row index='x'><F>a</F></Row></GDALRasterAttributeTable></PAMRasterBand></PAMDataset>"],
)  # fmt: skip
def test_without_names_a_small_picture_is_the_legend(tmp_path: Path, text: str) -> None:
    if text:
        (tmp_path / "palette.tif.aux.xml").write_text(text)
    app = application(tmp_path)
    assert classes(app) == {}
    with Image.open(io.BytesIO(get(app, **LEGEND, FORMAT="image/png"))) as picture:
        assert picture.size == (64, 43)


def test_names_of_the_service_file_go_before_those_of_the_image(tmp_path: Path) -> None:
    (tmp_path / "palette.tif.aux.xml").write_text(TABLE.format(usage=5, name=2), encoding="utf-8")
    layer = '[[layer]]\nidentifier = "palette"\nclasses = [[5, "Forest"], [1, "Water"]]\n'
    assert classes(application(tmp_path, layer)) == described({1: "Water", 5: "Forest"})


def test_names_of_a_map_file(tmp_path: Path) -> None:
    app = application(tmp_path, MAP_FILE.format(sld="true"), "s.map")
    assert classes(app) == described({1: "first", 5: "fifth"})


def test_a_picture_has_a_row_of_its_color_for_each_class(tmp_path: Path) -> None:
    (tmp_path / "palette.tif.aux.xml").write_text(TABLE.format(usage=5, name=2), encoding="utf-8")
    app = application(tmp_path)
    body = get(app, **LEGEND, FORMAT="image/png")
    with Image.open(io.BytesIO(body)) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    found = [tuple(color) for color in pixels[:, 14].tolist() if tuple(color) in COLORS.values()]
    assert list(dict.fromkeys(found)) == [COLORS[1], COLORS[9]]
    root = etree.fromstring(get(app, SERVICE="WMS", REQUEST="GetCapabilities"))
    (legend,) = root.iter("{*}LegendURL")
    assert (int(legend.get("width")), int(legend.get("height"))) == pixels.shape[1::-1]


@pytest.mark.parametrize("version", ["1.3.0", "1.1.1"])
def test_legends_that_are_elsewhere(tmp_path: Path, version: str) -> None:
    app = application(tmp_path, MAP_FILE.format(sld="true"), "s.map")
    body = get(app, SERVICE="WMS", REQUEST="GetCapabilities", VERSION=version)
    root = (validated if version == "1.3.0" else validated_by_dtd)(body)
    (legend,) = root.iter("{*}LegendURL")
    assert (legend.get("width"), legend.get("height"), legend.findtext("{*}Format")) == (
        "30",
        "40",
        "image/gif",
    )
    (place,) = legend.iter("{*}OnlineResource")
    assert place.get("{http://www.w3.org/1999/xlink}href") == "https://s.example/l.gif?a=1&b=2"
    root = validated(get(app, "/wmts", SERVICE="WMTS", REQUEST="GetCapabilities"))
    (legend,) = root.iter("{*}LegendURL")
    assert legend.get("{http://www.w3.org/1999/xlink}href") == "https://s.example/l.gif?a=1&b=2"
    assert b"https://s.example/l.gif?a=1&amp;b=2" in get(app, "/mapml/palette/OSMTILE")


@pytest.mark.parametrize("sld", ["true", "false"])
def test_styles_of_clients_can_be_switched_off(tmp_path: Path, sld: str) -> None:
    app = application(tmp_path, MAP_FILE.format(sld=sld), "s.map")
    asked = {
        "SERVICE": "WMS", "VERSION": "1.3.0", "REQUEST": "GetMap", "LAYERS": "palette", "STYLES": "", "CRS": "EPSG:32633",
        "BBOX": "500000,4998400,502400,5000000", "WIDTH": "60", "HEIGHT": "40", "FORMAT": "image/png",
    }  # fmt: skip
    text = document(color_map((100, "#ff0000"), (250, "#00ff00")), layer="palette").decode()
    plain = get(app, **asked)
    styled = get(app, **asked, SLD_BODY=text)
    by_address = get(app, **asked, SLD="http://s.example/a.xml")
    legends = [get(app, **LEGEND, FORMAT="application/json", **more) for more in ({}, {"SLD_BODY": text})]
    is_off = sld == "false"
    assert (styled == plain, by_address == plain, legends[0] == legends[1]) == (is_off, is_off, is_off)
    root = etree.fromstring(get(app, SERVICE="WMS", REQUEST="GetCapabilities"))
    (stated,) = root.iter("{*}UserDefinedSymbolization")
    assert stated.get("SupportSLD") == stated.get("UserStyle") == ("0" if is_off else "1")


@pytest.mark.parametrize("text", ["[]", "[1]", '[[1, "a", 2]]', '[["1", "a"]]', '[[256, "a"]]', '[[1.5, "a"]]',
                                  '[[1, ""]]', '[[1, "a"], [1, "b"]]', '"a"', "[[1, 2]]"])  # fmt: skip
def test_mistakes_in_names_of_classes_are_told(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"line 3: .*a list of classes from 0 to 255"):
        application(tmp_path, f'[[layer]]\nidentifier = "palette"\nclasses = {text}\n')
