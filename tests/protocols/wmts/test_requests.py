"""WMTS requests, in every spelling and with every fault, by 07-057r7 and by what clients of other servers send."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iipserve.config import Config
from iipserve.errors import IIPServeError
from iipserve.geo.layer import Style
from iipserve.geo.ows.exceptions import OwsError
from iipserve.http import Body, Request, Routed
from iipserve.protocols import Server
from iipserve.protocols.wmts.query import Box, FeatureInfoQuery, PixelOfTile, Point, TileAddress, TileQuery
from iipserve.protocols.wmts.requests import parse
from tests.protocols.client import FORMATS
from tests.protocols.wmts.catalogs import STRANGE, FakeCatalog, layer
from tests.protocols.wmts.services import kvp

LAYERS = [
    layer("dem", styles=(Style("default"), Style("ramp"))),
    layer("maps/scene"),
    layer("maps/ramp"),
    layer("maps"),
    layer(STRANGE),
]
CATALOG = FakeCatalog(LAYERS)
TILE = {
    "SERVICE": "WMTS",
    "VERSION": "1.0.0",
    "REQUEST": "GetTile",
    "LAYER": "dem",
    "STYLE": "default",
    "FORMAT": "image/png",
    "TILEMATRIXSET": "WebMercatorQuad",
    "TILEMATRIX": "8",
    "TILEROW": "3",
    "TILECOL": "4",
}
INFO = {**TILE, "REQUEST": "GetFeatureInfo", "I": "5", "J": "6", "INFOFORMAT": "text/html"}
FREE = {"SERVICE": "WMTS", "REQUEST": "GetFeatureInfo", "LAYER": "dem", "ZOOMLEVEL": "2"}


def read(query: str = "", path: str = "/wmts", catalog: FakeCatalog = CATALOG, **request: Any) -> Any:
    """The query of a request as the router hands it over."""
    server = Server(Config(), FORMATS, catalog=lambda: catalog)
    segment = path.split("/")[1]
    mount, target = f"/{segment}/", path[len(segment) + 2 :]
    by_path = bool(target) and segment in ("wmts", "wmts-china", "maps", "DataServer")
    method, body = request.pop("method", "GET"), request.pop("body", None)
    environ = {"HTTP_HOST": "a.example", **request}
    asked = Request(method, path, query, environ, body and Body(io.BytesIO(body), len(body)))
    routed = Routed(asked, mount, target, True) if by_path else Routed(asked, f"{path}?", query)
    return parse(routed, server)


ADDRESS = TileAddress("default", "WebMercatorQuad", "8", 3, 4)


def test_a_tile() -> None:
    query = read(kvp(TILE))
    assert query == TileQuery((LAYERS[0].name,), LAYERS[0], ADDRESS, "image/png")


@pytest.mark.parametrize(
    ("changes", "address"),
    [
        ({"STYLE": ""}, ADDRESS._replace(style="")),
        ({"TILEMATRIX": "WebMercatorQuad:8"}, ADDRESS._replace(matrix="WebMercatorQuad:8")),
        ({"TILEROW": "-1"}, ADDRESS._replace(row=-1)),
        ({"UNKNOWN": "x"}, ADDRESS),
    ],
)
def test_parameters_of_a_tile(changes: dict[str, str], address: TileAddress) -> None:
    assert read(kvp({**TILE, **changes})).tile == address


def test_a_form_is_read_as_a_query() -> None:
    form = kvp(TILE).encode()
    kind = {"CONTENT_TYPE": "application/x-www-form-urlencoded"}
    assert read("", method="POST", body=form, **kind) == read(kvp(TILE))
    assert read("SERVICE=WMTS", method="POST", body=form, **kind) == read(kvp(TILE))


def test_values_of_service_and_request_in_any_case() -> None:
    assert read(kvp(TILE, service="wmts", request="gettile")) == read(kvp(TILE))


def test_get_tile_without_service_outside_the_own_paths() -> None:
    assert read(kvp(TILE, service=None), "/fcgi-bin/iipsrv.fcgi") == read(kvp(TILE))


MISSING = [
    ("SERVICE", "service"),
    ("VERSION", "version"),
    ("REQUEST", "request"),
    ("LAYER", "layer"),
    ("STYLE", "Style"),
    ("FORMAT", "format"),
    ("TILEMATRIXSET", "TileMatrixSet"),
    ("TILEMATRIX", "TileMatrix"),
    ("TILEROW", "TileRow"),
    ("TILECOL", "TileCol"),
]


@pytest.mark.parametrize(("name", "locator"), MISSING, ids=[name for name, _ in MISSING])
@pytest.mark.parametrize("fields", [TILE, INFO], ids=["GetTile", "GetFeatureInfo"])
def test_missing_parameters(fields: dict[str, str], name: str, locator: str) -> None:
    assert refused(kvp(fields, **{name: None})) == ("MissingParameterValue", locator, 400)


@pytest.mark.parametrize(("name", "locator"), [("I", "I"), ("J", "J"), ("INFOFORMAT", "infoformat")])
def test_missing_parameters_of_feature_info(name: str, locator: str) -> None:
    assert refused(kvp(INFO, **{name: None})) == ("MissingParameterValue", locator, 400)


INVALID = [
    (TILE, "SERVICE", "WMS", "InvalidParameterValue", "service"),
    (TILE, "REQUEST", "GetMap", "InvalidParameterValue", "request"),
    (TILE, "VERSION", "1.3.0", "InvalidParameterValue", "version"),
    (TILE, "LAYER", "nothing", "InvalidParameterValue", "layer"),
    (TILE, "LAYER", "%FF", "InvalidParameterValue", "layer"),
    (TILE, "TILEROW", "x", "TileOutOfRange", "TileRow"),
    (TILE, "TILEROW", "1.5", "TileOutOfRange", "TileRow"),
    (TILE, "TILECOL", "9999999999", "TileOutOfRange", "TileCol"),
    (INFO, "TILEROW", "x", "InvalidParameterValue", "TileRow"),
    (INFO, "TILECOL", "nan", "InvalidParameterValue", "TileCol"),
    (INFO, "I", "a", "InvalidParameterValue", "I"),
    (INFO, "J", "", "MissingParameterValue", "J"),
    (FREE, "X", "1", "MissingParameterValue", "y"),
    ({**FREE, "X": "1", "Y": "2"}, "ZOOMLEVEL", None, "MissingParameterValue", "zoomlevel"),
    ({**FREE, "X": "1", "Y": "2"}, "ZOOMLEVEL", "a", "InvalidParameterValue", "zoomlevel"),
    ({**FREE, "X": "1"}, "Y", "inf", "InvalidParameterValue", "y"),
    ({**FREE, "X": "1"}, "Y", "1e999", "InvalidParameterValue", "y"),
    ({**FREE, "X": "1"}, "Y", "1_0", "InvalidParameterValue", "y"),
    (FREE, "BBOX", "1,2,3", "InvalidParameterValue", "bbox"),
    (FREE, "BBOX", "1,2,3,nan", "InvalidParameterValue", "bbox"),
    (FREE, "BBOX", "3,2,1,4", "InvalidParameterValue", "bbox"),
]


@pytest.mark.parametrize(("fields", "name", "value", "code", "locator"), INVALID)
def test_invalid_parameters(
    fields: dict[str, str], name: str, value: str | None, code: str, locator: str
) -> None:
    assert refused(kvp(fields, **{name: value})) == (code, locator, 400)


def test_versions_of_capabilities() -> None:
    base = "SERVICE=WMTS&REQUEST=GetCapabilities"
    assert refused(f"{base}&ACCEPTVERSIONS=2.0.0") == ("VersionNegotiationFailed", "", 400)
    assert refused(f"{base}&SECTIONS=Bogus") == ("InvalidParameterValue", "sections", 400)
    assert refused(f"{base}&SECTIONS=") == ("MissingParameterValue", "sections", 400)
    assert read(f"{base}&ACCEPTVERSIONS=2.0.0,1.0.0&SECTIONS=Contents").sections == {"Contents"}
    assert read(f"{base}&ACCEPTFORMATS=text/html,text/xml").media_type == "text/xml"
    assert read(f"{base}&ACCEPTFORMATS=text/html").media_type == "application/xml"


def refused(query: str, path: str = "/wmts", **request: Any) -> tuple[str, str, int]:
    """Code, locator and status of the error."""
    with pytest.raises(OwsError) as caught:
        read(query, path, **request)
    return caught.value.code, caught.value.locator, caught.value.status


# -- feature info ----------------------------------------------------------------------------------


def test_feature_info_in_a_tile() -> None:
    query = read(kvp(INFO, childlayer="a , b,"))
    place = PixelOfTile(ADDRESS, 5, 6)
    assert query == FeatureInfoQuery((LAYERS[0].name,), LAYERS[0], place, "text/html", ("a", "b"))


def test_feature_info_at_a_point() -> None:
    query = read(kvp(FREE, x="-1.5e1", y="48", srid="8307", infoformat="application/gml%2Bxml"))
    assert query.place == Point(2, -15.0, 48.0, "8307")
    assert (query.info_format, query.children) == ("application/gml+xml", None)


def test_feature_info_in_a_box() -> None:
    query = read(kvp(FREE, bbox="1,2,3,4"))
    assert query.place == Box(2, (1.0, 2.0, 3.0, 4.0), "")
    assert query.info_format == "text/xml"


# -- paths -----------------------------------------------------------------------------------------

PATHS = [
    ("with a style", "dem/ramp/WebMercatorQuad/8/3/4.png", "dem", "ramp"),
    ("without a style", "dem/WebMercatorQuad/8/3/4.png", "dem", ""),
    ("an empty style", "dem//WebMercatorQuad/8/3/4.png", "dem", ""),
    ("an encoded slash", "maps%2Fscene/default/WebMercatorQuad/8/3/4.png", "maps/scene", "default"),
    ("a slash and a style", "maps/scene/default/WebMercatorQuad/8/3/4.png", "maps/scene", "default"),
    ("a slash without a style", "maps/scene/WebMercatorQuad/8/3/4.png", "maps/scene", ""),
    ("a style of the shorter layer", "maps/default/WebMercatorQuad/8/3/4.png", "maps", "default"),
    ("the name of the image", "dem.tif/WebMercatorQuad/8/3/4.png", "dem", ""),
    (
        "everything encoded",
        "%E5%BD%B1%E5%83%8F%202024%3Aa%2Fb%26c/default/WebMercatorQuad/8/3/4.png",
        STRANGE,
        "default",
    ),
    ("a set by its encoded name", "dem/ramp/WebMercator%51uad/8/3/4.png", "dem", "ramp"),
]


@pytest.mark.parametrize(
    ("path", "identifier", "style"), [case[1:] for case in PATHS], ids=[c[0] for c in PATHS]
)
def test_paths_of_tiles(path: str, identifier: str, style: str) -> None:
    query = read(path=f"/wmts/{path}")
    assert (query.layer.identifier, query.tile) == (identifier, ADDRESS._replace(style=style))
    assert (query.format, query.is_restful) == ("png", True)


def test_a_set_that_is_named_after_a_layer_with_a_slash() -> None:
    for before in ("maps/scene/default", "maps%2Fscene/default", "maps/scene", "maps%2Fscene"):
        query = read(path=f"/wmts/{before}/maps/scene:native/8/3/4.png")
        assert (query.layer.identifier, query.tile.matrix_set) == ("maps/scene", "maps/scene:native")


def test_paths_of_feature_info() -> None:
    for path, style in (("dem/default", "default"), ("dem", "")):
        query = read(path=f"/wmts/{path}/WebMercatorQuad/8/3/4/6/5.json")
        assert query.place == PixelOfTile(ADDRESS._replace(style=style), 5, 6)
        assert (query.info_format, query.is_restful) == ("application/json", True)


@pytest.mark.parametrize(
    ("path", "code", "status"),
    [
        ("1.0.0/WMTSCapabilities.xml/Bogus", "InvalidParameterValue", 404),
        ("Bogus", "InvalidParameterValue", 404),
        ("nothing/default/WebMercatorQuad/8/3/4.png", "InvalidParameterValue", 404),
        ("dem/default/WebMercatorQuad/8/x/4.png", "TileOutOfRange", 400),
        ("dem/default/WebMercatorQuad/8/3/4/x/5.html", "InvalidParameterValue", 400),
    ],
)
def test_paths_that_are_none(path: str, code: str, status: int) -> None:
    refusal = refused("", f"/wmts/{path}")
    assert (refusal[0], refusal[2]) == (code, status)


def test_capabilities_by_path() -> None:
    query = read(path="/wmts/1.0.0/WMTSCapabilities.xml", HTTP_ACCEPT="text/html,*/*;q=0.1")
    assert (query.is_restful, query.endpoint.rest) == (True, "http://a.example/wmts/")
    assert refused("", "/wmts/1.0.0/WMTSCapabilities.xml", HTTP_ACCEPT="image/png")[2] == 406


def test_parameters_go_before_a_path() -> None:
    assert read("SERVICE=WMTS&REQUEST=GetCapabilities", "/wmts/x").is_restful is False


@given(
    st.lists(st.text(st.characters(max_codepoint=255, exclude_characters="?#")), max_size=9),
    st.dictionaries(
        st.sampled_from([*INFO, "X", "Y", "BBOX", "ZOOMLEVEL", "SECTIONS"]),
        st.text(st.characters(max_codepoint=255)),
    ),
    st.sampled_from(["/wmts", "/wmts-china", "/ows", "/dem_c/wmts", "/DataServer"]),
)
def test_any_request_is_read_or_refused(parts: list[str], fields: dict[str, str], start: str) -> None:
    assert answered_status(kvp({"SERVICE": "WMTS", **fields}), "/".join((start, *parts))) < 500


def answered_status(query: str, path: str) -> int:
    """200, or that of the error."""
    try:
        read(query, path)
    except IIPServeError as error:
        return error.status
    return 200


# -- the Chinese map platform ----------------------------------------------------------------------

CHINA = {**TILE, "FORMAT": "tiles", "TILEMATRIXSET": "c"}


def test_requests_of_the_platform() -> None:
    query = read(kvp(CHINA), "/wmts-china")
    assert (query.is_china, query.tile.matrix_set, query.format) == (True, "c", "tiles")
    query = read(kvp(CHINA, layer="img", tilematrixset="w"), "/dem_w/wmts")
    assert (query.layer.identifier, query.tile.matrix_set, query.is_china) == ("dem", "w", True)
    query = read(kvp(CHINA, layer=None, tilematrixset=None), "/dem_c/wmts")
    assert (query.layer.identifier, query.tile.matrix_set) == ("dem", "c")
    query = read("T=dem_w&x=4&y=3&l=8", "/DataServer")
    assert (query.layer.identifier, query.tile) == ("dem", TileAddress("", "w", "8", 3, 4))
    query = read(path="/wmts-china/dem/default/ChinaPublicServices_dem/8/3/4.png")
    assert (query.is_china, query.tile) == (True, ADDRESS._replace(matrix_set="ChinaPublicServices_dem"))


def test_sets_named_after_a_layer_with_a_slash() -> None:
    for before in ("maps/scene/default", "maps%2Fscene/default", "maps/scene"):
        query = read(path=f"/wmts-china/{before}/ChinaPublicServices_maps/scene/8/3/4.png")
        assert query.layer.identifier == "maps/scene"
        assert query.tile.matrix_set == "ChinaPublicServices_maps/scene"


def test_keys_of_the_platform() -> None:
    catalog = FakeCatalog(LAYERS, china_keys=("secret",))
    assert read(kvp(CHINA, tk="secret"), "/wmts-china", catalog).is_china
    assert read(kvp(TILE), "/wmts", catalog)
    for key in (None, "other"):
        assert refused(kvp(CHINA, tk=key), "/wmts-china", catalog=catalog) == ("NoApplicableCode", "tk", 403)
