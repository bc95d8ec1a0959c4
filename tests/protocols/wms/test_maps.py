"""GetMap: one picture for every spelling of it, and exceptions for what is none."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iipserve.errors import InvalidRequest
from iipserve.geo.grid import Bounds
from iipserve.geo.ows.exceptions import OwsError
from iipserve.geometry import Size
from iipserve.plan import Blank, Composite, RenderPlan, Resampling
from iipserve.processing.tone import Gamma, SampleRange
from iipserve.processing.transparency import Background
from tests.protocols.wms.services import INFO, MAP, MAP_1_1, ask, read
from tests.protocols.wmts.services import TILE, kvp
from tests.protocols.wmts.services import ask as ask_wmts
from tests.schemas import validated, validated_by_dtd


def planned(query: str, **options: Any) -> RenderPlan:
    """The plan of a map."""
    asked = ask(query, **options)
    assert asked.answer is not None, asked.error
    assert isinstance(asked.answer.content, RenderPlan)
    return asked.answer.content


SAME = [
    kvp(MAP, crs="EPSG:4326", bbox="47,11,49,12"),
    kvp(MAP, crs="urn:ogc:def:crs:EPSG::4326", bbox="47,11,49,12"),
    kvp(MAP, crs="http://www.opengis.net/def/crs/EPSG/0/4326", bbox="47,11,49,12"),
    kvp(MAP, crs="urn:ogc:def:crs:OGC:1.3:CRS84"),
    kvp(MAP_1_1),
    kvp(MAP_1_1, service=None, version=None),
    kvp(MAP_1_1, version="1.0.0", request="map"),
    kvp(MAP, styles=None),
    kvp(MAP, layers="degrees.tif", styles="default", exceptions="INIMAGE", dpi="96", tiled="true"),
    kvp(MAP, bbox="1.1e1,4.7E%2B1,0.12e+2,49.0"),
    kvp(MAP, format="IMAGE/PNG;%20mode=8bit", width="200.0"),
    kvp(MAP, format="image/png8", unknown="1"),
    kvp(MAP, format="png", time="2020-01-01"),
]


@pytest.mark.parametrize("query", SAME)
def test_one_map_in_every_spelling(query: str) -> None:
    assert planned(query).digest == planned(kvp(MAP)).digest


def test_a_form_is_read_as_a_query() -> None:
    assert planned("", form=kvp(MAP).encode()).digest == planned(kvp(MAP)).digest


def test_the_square_of_a_tile_is_the_plan_of_the_tile() -> None:
    mercator = {**TILE, "LAYER": "mercator", "TILEMATRIXSET": "WebMercatorQuad", "TILEMATRIX": "10"}
    tile = ask_wmts(kvp(mercator, tilerow="355", tilecol="550")).answer
    edge, side = 20037508.342789244, 40075016.685578488 / 1024
    box = (550 * side - edge, edge - 356 * side, 551 * side - edge, edge - 355 * side)
    fields = {
        **MAP,
        "LAYERS": "mercator",
        "CRS": "EPSG:3857",
        "BBOX": ",".join(map(repr, box)),
        "TRANSPARENT": "TRUE",
    }
    assert tile is not None
    assert isinstance(tile.content, RenderPlan)
    assert planned(kvp(fields, width="256", height="256")).digest == tile.content.digest


def test_pixels_of_plain_pictures_count_down() -> None:
    fields = {**MAP, "LAYERS": "plain", "WIDTH": "100", "HEIGHT": "50"}
    down = read(kvp(fields, crs="CRS:1", bbox="10,20,110,70"))
    assert down.bounds == Bounds(10, -70, 110, -20)
    up = planned(kvp(fields, crs="urn:ogc:def:crs:OGC::imageCRS", bbox="10,-70,110,-20"))
    assert planned(kvp(fields, crs="CRS:1", bbox="10,20,110,70")).digest == up.digest
    assert up.view.region == (10, 20, 100, 50)  # type: ignore[union-attr]


def test_background_and_opacity() -> None:
    assert Background(255, 255, 255) in planned(kvp(MAP)).operations
    for color in ("0xFF0080", "%23ff0080", "ff0080"):
        assert Background(255, 0, 128) in planned(kvp(MAP, bgcolor=color)).operations
    clear = planned(kvp(MAP, transparent="true", bgcolor="0xFF0080")).operations
    assert not any(isinstance(each, Background) for each in clear)


def test_vendor_parameters_change_the_style() -> None:
    plan = planned(kvp(MAP, range="0,4000", gamma="0.5", resampling="bilinear"))
    assert SampleRange(((None, 0.0, 4000.0),)) in plan.operations
    assert Gamma(0.5) in plan.operations
    assert plan.view.resampling is Resampling.BILINEAR  # type: ignore[union-attr]
    assert read(kvp(MAP, range="0,1,2,3")).vendor == (SampleRange(((0, 0.0, 1.0), (1, 2.0, 3.0))),)


INVALID = [
    ("LAYERS", "nothing", "LayerNotDefined"),
    ("LAYERS", "degrees,", "LayerNotDefined"),
    ("LAYERS", None, ""),
    ("STYLES", "nothing", "StyleNotDefined"),
    ("CRS", "EPSG:1", "InvalidCRS"),
    ("CRS", "nothing", "InvalidCRS"),
    ("CRS", "CRS:1", "InvalidCRS"),
    ("CRS", "AUTO2:42009,1,0,0", "InvalidCRS"),
    ("CRS", "AUTO2:42001,1,500,0", "InvalidCRS"),
    ("CRS", None, ""),
    ("BBOX", "12,47,11,49", ""),
    ("BBOX", "11,47,11,49", ""),
    ("BBOX", "11,47,12", ""),
    ("BBOX", "nan,47,12,49", ""),
    ("BBOX", "11,47,inf,49", ""),
    ("BBOX", "-1.8e308,47,1.8e308,49", ""),
    ("BBOX", "-1.797e308,-1.797e308,1.797e308,1.797e308", ""),
    ("BBOX", "0,0,1e-320,1e-320", ""),
    ("WIDTH", "0", ""),
    ("WIDTH", "-1", ""),
    ("WIDTH", "2000000000", ""),
    ("HEIGHT", "100000", ""),
    ("HEIGHT", "x", ""),
    ("FORMAT", "image/gif", "InvalidFormat"),
    ("FORMAT", None, ""),
    ("TRANSPARENT", "maybe", ""),
    ("BGCOLOR", "0xRRGGBB", ""),
    ("GAMMA", "nan", ""),
    ("RANGE", "1,2,3", ""),
    ("COLORMAP", "nothing", ""),
    ("BANDS", "0", ""),
    ("RESAMPLING", "x", ""),
    ("SLD", "http://a.example/style", "OperationNotSupported"),
    ("SLD_BODY", "<x/>", "StyleNotDefined"),
    ("REQUEST", "GetNothing", "OperationNotSupported"),
    ("SERVICE", "WMTS", ""),
]


@pytest.mark.parametrize(("name", "value", "code"), INVALID)
def test_exceptions_of_1_3_0(name: str, value: str | None, code: str) -> None:
    error = ask(kvp({**MAP, name: value or ""}) if value else kvp(MAP, **{name: None})).error
    assert error is not None
    assert error.status == 200
    root = validated(error.document.body)
    assert error.document.media_type.startswith("text/xml")
    assert [each.get("code", "") for each in root] == [code]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"SRS": "EPSG:1"}, "InvalidSRS"),
        ({"LAYERS": "nothing"}, "LayerNotDefined"),
        ({"BBOX": "12,47,11,49"}, None),
        ({"REQUEST": "GetNothing"}, None),
    ],
)
def test_exceptions_of_1_1_1(changes: dict[str, str], code: str | None) -> None:
    error = ask(kvp({**MAP_1_1, **changes})).error
    assert error is not None
    assert error.document.media_type == "application/vnd.ogc.se_xml; charset=utf-8"
    validated_by_dtd(error.document.body)
    text = error.document.body.decode()
    assert (
        '<!DOCTYPE ServiceExceptionReport SYSTEM "http://schemas.opengis.net/wms/1.1.1/exception_1_1_1.dtd">'
        in text
    )
    found = re.search(r'<ServiceException(?: code="(\w+)")?>', text)
    assert found is not None
    assert found[1] == code


def test_exceptions_as_json() -> None:
    error = ask(kvp(MAP, layers="nothing", exceptions="application/json")).error
    assert error is not None
    assert b'"code": "LayerNotDefined"' in error.document.body


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"I": "200"}, "InvalidPoint"),
        ({"J": "-1"}, "InvalidPoint"),
        ({"I": "x"}, "InvalidPoint"),
        ({"QUERY_LAYERS": "utm"}, "LayerNotDefined"),
        ({"QUERY_LAYERS": "nothing"}, "LayerNotDefined"),
    ],
)
def test_faults_of_feature_info(changes: dict[str, str], code: str) -> None:
    with pytest.raises(OwsError) as caught:
        read(kvp({**INFO, **changes}))
    assert caught.value.code == code


def test_the_place_of_feature_info() -> None:
    query = read(kvp(INFO, feature_count="3"))
    assert (query.i, query.j, query.feature_count, query.info_format) == (5, 6, 3, "text/html")
    assert [layer.identifier for layer in query.queried] == ["degrees"]
    old = {**MAP_1_1, "REQUEST": "GetFeatureInfo", "QUERY_LAYERS": "degrees", "X": "5", "Y": "6"}
    assert (read(kvp(old)).i, read(kvp(old)).j) == (5, 6)


VALUES = st.one_of(
    st.text("0123456789.,-+eE:_xnaif %&=;", max_size=30),
    st.sampled_from(["AUTO2:42003,1,-100,45", "CRS:1", "EPSG:4326", "1e308,0,1,1", "degrees,utm", "\u5f71"]),
)


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from([*MAP, "BGCOLOR", "RANGE", "BANDS", "GAMMA", "TRANSPARENT"]), VALUES, max_size=4
    )
)
def test_any_values_are_a_map_or_an_exception(values: dict[str, str]) -> None:
    query = kvp({**MAP, **values}).encode().decode("latin-1")
    with suppress(OwsError, InvalidRequest):
        found = read(query)
        assert found.bounds.width > 0
        assert found.bounds.height > 0


def test_layers_over_each_other() -> None:
    plan = planned(kvp(MAP, layers="degrees,utm,degrees"))
    assert isinstance(plan.view, Composite)
    assert [part.view.image.identifier for part in plan.view.parts] == [
        "degrees.tif",
        "utm.tif",
        "degrees.tif",
    ]
    assert Background(255, 255, 255) in plan.operations


@pytest.mark.parametrize(
    ("form", "message"),
    [("INIMAGE", "there is no layer 'nothing'"), ("application/vnd.ogc.se_inimage", "there is no layer 'nothing'"),
     ("BLANK", ""), ("application/vnd.ogc.se_blank", "")],
)  # fmt: skip
def test_pictures_of_errors(form: str, message: str) -> None:
    error = ask(kvp(MAP, layers="nothing", exceptions=form, format="image/jpeg")).error
    assert error is not None
    assert error.status == 200
    plan = error.content
    assert isinstance(plan, RenderPlan)
    assert plan.view == Blank(Size(200, 400), message)
    assert plan.encoding.format == "jpeg"
