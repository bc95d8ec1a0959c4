"""Dimensions of layers: in valid documents, and the values that requests state."""

from __future__ import annotations

import warnings
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest
from owslib.wmts import WebMapTileService

from iipserve.plan import CatalogPlan, RenderPlan, ValuePlan
from tests.protocols.wmts.catalogs import FakeCatalog
from tests.protocols.wmts.services import ENTRIES, TILE, ask, kvp
from tests.schemas import OWS, WMTS, validated

NS = {"w": WMTS, "ows": OWS}
TIMES = {
    "timeextent": "2014,2015-06,2016-01-01/2016-12-31/P1D",
    "timedefault": "2015-06",
    "dimensionlist": "depth&",
    "depth&_extent": "0/100/10",
    "depth&_units": "m & more",
    "depth&_unitsymbol": "m",
}
DEGREES = next(each for each in ENTRIES if each.layer.identifier == "degrees")


def catalog_of(items: dict[str, str]) -> FakeCatalog:
    entry = replace(DEGREES, layer=replace(DEGREES.layer, metadata=MappingProxyType(items)))
    return FakeCatalog([entry.layer], entries=[entry])


CATALOG = catalog_of({**TIMES, "depth&_default": "10"})


@pytest.mark.parametrize(
    ("query", "path"),
    [("SERVICE=WMTS&REQUEST=GetCapabilities", "/wmts"), ("", "/wmts/1.0.0/WMTSCapabilities.xml")],
)
def test_documents_list_dimensions(query: str, path: str) -> None:
    asked = ask(query, path, CATALOG).answer
    assert asked is not None
    assert isinstance(asked.content, CatalogPlan)
    document = asked.content.describe(CATALOG)
    found: Any = validated(document.body).find("w:Contents/w:Layer", NS)
    stated = [[child.text for child in each] for each in found.iterfind("w:Dimension", NS)]
    assert stated == [
        ["time", "ISO8601", "2015-06", "true", "2014", "2015-06", "2016-01-01/2016-12-31/P1D"],
        ["depth&", "m & more", "m", "10", "false", "0/100/10"],
    ]
    templates = [each.get("template") for each in found.iterfind("w:ResourceURL", NS)]
    assert len(templates) > 1
    assert all(each.endswith("?time={time}&depth%26={depth&}") for each in templates)
    with warnings.catch_warnings(action="ignore", category=FutureWarning):  # of lxml about OWSLib
        service = WebMapTileService("http://a.example/wmts", xml=document.body)
    assert list(service.contents) == ["degrees"]


def test_documents_without_dimensions_have_plain_templates() -> None:
    plain = catalog_of({})
    asked = ask("SERVICE=WMTS&REQUEST=GetCapabilities", "/wmts", plain).answer
    assert asked is not None
    assert isinstance(asked.content, CatalogPlan)
    assert b"?" not in asked.content.describe(plain).body.partition(b"<Contents>")[2]


VALUES = ["2014", "2014-03-01", "2016-05-05T10:00:00Z", "20160505", "current", "default", "", "2014,2015-06"]
WRONG = ["2013", "2017-01-01", "soon", "2014,2013", "\u5f71"]


@pytest.mark.parametrize("name", ["time", "TIME"])
@pytest.mark.parametrize("value", VALUES)
def test_tiles_of_values_of_the_layer(name: str, value: str) -> None:
    for query, path in (
        (f"{kvp(TILE)}&{name}={value}", "/wmts"),
        (f"{name}={value}", "/wmts/degrees/default/native/2/0/0.png"),
    ):
        asked = ask(query, path, CATALOG)
        assert asked.answer is not None
        assert isinstance(asked.answer.content, RenderPlan)


@pytest.mark.parametrize("value", WRONG)
def test_other_values_are_refused(value: str) -> None:
    given = "".join(f"%{octet:02X}" for octet in value.encode())
    info = {**TILE, "REQUEST": "GetFeatureInfo", "I": "1", "J": "1", "INFOFORMAT": "text/plain"}
    for query, path in (
        (f"{kvp(TILE)}&time={given}", "/wmts"),
        (f"{kvp(info)}&time={given}", "/wmts"),
        (f"time={given}", "/wmts/degrees/default/native/2/0/0.png"),
        (f"time={given}", "/wmts/degrees/default/native/2/0/0/1/1.html"),
    ):
        error = ask(query, path, CATALOG).error
        assert error is not None
        assert error.status == 400
        root: Any = validated(error.document.body)
        (found,) = root.iterfind("ows:Exception", NS)
        assert (found.get("exceptionCode"), found.get("locator")) == ("InvalidParameterValue", "time")


def test_a_value_is_needed_where_there_is_no_default() -> None:
    without = catalog_of(TIMES)
    error = ask(kvp(TILE), "/wmts", without).error
    assert error is not None
    (found,) = validated(error.document.body).iterfind("ows:Exception", NS)
    assert (found.get("exceptionCode"), found.get("locator")) == ("MissingParameterValue", "depth&")
    assert ask(f"{kvp(TILE)}&depth%26=35", "/wmts", without).answer is not None


def test_values_of_feature_info() -> None:
    info = {**TILE, "REQUEST": "GetFeatureInfo", "I": "1", "J": "1", "INFOFORMAT": "text/plain"}
    asked = ask(f"{kvp(info)}&TIME=2014", "/wmts", CATALOG).answer
    assert asked is not None
    assert isinstance(asked.content, ValuePlan)
