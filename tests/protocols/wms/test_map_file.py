"""Keywords of map files that documents and requests of WMS follow, as MapServer's manual has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

import pytest

pytest.importorskip("pyproj")
pytest.importorskip("rasterio")
pytest.importorskip("lxml")
pytest.importorskip("mappyfile")

from iipserve.app import Application, build
from iipserve.config import Config
from iipserve.geo.service import load
from iipserve.http import Request
from tests.geo_rasters import KINDS
from tests.protocols.mapml.test_documents import attributes
from tests.schemas import validated, validated_by_dtd

MAP_FILE = """MAP
  NAME "m"
  WEB METADATA
    "ows_enable_request" "*" "wms_layerlimit" "1" "wms_getcapabilities_version" "1.1.1" "ows_http_max_age" "60"
    "wms_keywordlist" "maps" "wms_keywordlist_vocabulary" "ISO,GEMET" "wms_keywordlist_ISO_items" "infoMapAccessService"
    "wms_getfeatureinfo_formatlist" "text/html,text/mapml,application/json"
  END END
  LAYER
    NAME "utm" TYPE RASTER DATA "utm.tif"
    METADATA
      "wms_style_default_title" "As it is" "wms_keywordlist_vocabulary" "GEMET"
      "wms_keywordlist_GEMET_items" "relief, land use"
    END
  END
  LAYER
    NAME "scaled" TYPE RASTER DATA "scaled.tif"
    METADATA "wms_getfeatureinfo_formatlist" "text/html,text/plain" END
  END
END"""
INFO = {
    "SERVICE": "WMS", "VERSION": "1.3.0", "REQUEST": "GetFeatureInfo", "STYLES": "", "CRS": "EPSG:32633",
    "BBOX": "500000,4998400,502400,5000000", "WIDTH": "120", "HEIGHT": "80", "I": "5", "J": "6",
}  # fmt: skip


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Application:
    folder: Path = tmp_path_factory.mktemp("maps")
    for kind in ("utm", "scaled"):
        KINDS[kind](folder)
    (folder / "s.map").write_text(MAP_FILE)
    return build(Config(filesystem_prefix=f"{folder}/", services=f"{folder}/s.map"))


def get(app: Application, **asked: str) -> bytes:
    response = app.handle(Request("GET", "/wms", urlencode(asked), {"HTTP_HOST": "a.example"}))
    assert isinstance(response.body, bytes)
    return response.body


def capabilities(app: Application, **asked: str) -> Any:
    return validated(get(app, SERVICE="WMS", REQUEST="GetCapabilities", VERSION="1.3.0", **asked))


def test_the_version_of_capabilities_that_state_none(app: Application) -> None:
    root = validated_by_dtd(get(app, SERVICE="WMS", REQUEST="GetCapabilities"))
    assert root.get("version") == "1.1.1"
    assert capabilities(app).get("version") == "1.3.0"


def test_the_number_of_layers_of_a_map(app: Application) -> None:
    assert capabilities(app).findtext(".//{*}LayerLimit") == "1"
    asked = {**INFO, "REQUEST": "GetMap", "FORMAT": "image/png"}
    assert b"1 at most" in get(app, **asked, LAYERS="utm,scaled")
    assert get(app, **asked, LAYERS="utm").startswith(b"\x89PNG")


def test_keywords_of_vocabularies(app: Application) -> None:
    root = capabilities(app)

    def words(element: Any) -> list[tuple[str, str]]:
        return [(each.get("vocabulary", ""), each.text) for each in element.find("{*}KeywordList")]

    assert words(root.find("{*}Service")) == [("", "maps"), ("ISO", "infoMapAccessService")]
    (layer,) = [each for each in root.iter("{*}Layer") if each.findtext("{*}Name") == "utm"]
    assert words(layer) == [("GEMET", "relief"), ("GEMET", "land use")]
    root = validated_by_dtd(get(app, SERVICE="WMS", REQUEST="GetCapabilities", VERSION="1.1.1"))
    assert [each.text for each in root.find("Service").iter("Keyword")] == ["maps"]


def test_titles_of_styles(app: Application) -> None:
    titles = {
        each.getparent().findtext("{*}Name"): each.findtext("{*}Title")
        for each in capabilities(app).iter("{*}Style")
    }
    assert titles == {"utm": "As it is", "scaled": "Default style"}


@pytest.mark.parametrize(
    ("layer", "media_type", "is_offered"),
    [
        ("utm", "text/html", True),
        ("utm", "application/json", True),
        ("utm", "text/plain", False),
        ("scaled", "text/html", True),
        ("scaled", "application/json", False),
        ("scaled", "text/plain", False),
    ],
)
def test_formats_of_feature_info_of_layers(
    app: Application, layer: str, media_type: str, is_offered: bool
) -> None:
    body = get(app, **INFO, LAYERS=layer, QUERY_LAYERS=layer, INFO_FORMAT=media_type)
    assert (b"InvalidFormat" not in body) == is_offered


@pytest.mark.parametrize(("layer", "media_type"), [("utm", "text/mapml"), ("scaled", "text/html")])
def test_documents_of_mapml_ask_in_the_formats_of_their_layers(
    app: Application, layer: str, media_type: str
) -> None:
    body = get(app, SERVICE="WMS", REQUEST="GetMapML", LAYER=layer)
    (link,) = attributes(ElementTree.fromstring(body), "link", rel="query")
    assert f"INFO_FORMAT={media_type}" in link["tref"]
    address = (
        link["tref"]
        .partition("?")[2]
        .format(xmin=1669000, ymin=5640000, xmax=1672000, ymax=5645000, w=256, h=256, i=3, j=4)
    )
    response = app.handle(Request("GET", "/wms", address, {"HTTP_HOST": "a.example"}))
    assert dict(response.headers)["Content-Type"].startswith(media_type)


def test_all_keywords_are_understood(tmp_path: Path) -> None:
    for kind in ("utm", "scaled"):
        KINDS[kind](tmp_path)
    (tmp_path / "s.map").write_text(MAP_FILE)
    notes = load(Config(filesystem_prefix=f"{tmp_path}/", services=f"{tmp_path}/s.map")).notes
    assert len(notes) == 1
    assert "ows_http_max_age has no effect" in notes[0]
