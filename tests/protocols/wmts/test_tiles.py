"""GetTile: the pixels of tiles, and every fault with code, locator and status by the tables of WMTS."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from iipserve.config import Config
from iipserve.geo.grid import Bounds, GridRef
from iipserve.geometry import Region, Size
from iipserve.http import Request
from iipserve.plan import CatalogPlan, Crop, RenderPlan, Warp
from iipserve.protocols.wmts import PROTOCOL
from iipserve.router import Router
from tests.protocols.wmts.catalogs import FakeCatalog
from tests.protocols.wmts.services import ENTRIES, ask, kvp
from tests.schemas import validated

TILE = {
    "SERVICE": "WMTS", "VERSION": "1.0.0", "REQUEST": "GetTile", "LAYER": "mercator", "STYLE": "default",
    "FORMAT": "image/png", "TILEMATRIXSET": "WebMercatorQuad", "TILEMATRIX": "10", "TILEROW": "355", "TILECOL": "550",
}  # fmt: skip


def plan(query: str = "", path: str = "/wmts", **options: Any) -> RenderPlan:
    """The plan of a tile."""
    asked = ask(query, path, **options)
    assert asked.answer is not None, asked.error and asked.error.document.body
    assert isinstance(asked.answer.content, RenderPlan)
    return asked.answer.content


def fault(query: str = "", path: str = "/wmts", **options: Any) -> tuple[str, str, int]:
    """Code, locator and status of a refusal, whose document is valid."""
    error = ask(query, path, **options).error
    assert error is not None
    (exception,) = validated(error.document.body)
    assert error.document.media_type == "text/xml; charset=utf-8"
    return exception.get("exceptionCode"), exception.get("locator", ""), error.status


# -- pixels ----------------------------------------------------------------------------------------


def test_a_tile_of_the_image_itself_is_a_crop() -> None:
    view = plan(kvp(TILE, tilerow="356", tilecol="551")).view
    assert isinstance(view, Crop)
    assert (view.level, view.region, view.size) == (0, Region(256, 256, 256, 256), Size(256, 256))


def test_the_ground_of_a_tile() -> None:
    """The known tile 7/54/36 (row before column) of WebMercatorQuad."""
    view = plan(kvp(TILE, layer="world", tilematrix="2", tilerow="1", tilecol="3")).view
    assert isinstance(view, Warp)
    assert view.target.crs == "EPSG:3857"
    assert view.target.bounds == pytest.approx(
        Bounds(10018754.171394622, 0, 20037508.342789244, 10018754.171394622)
    )


def grid(query: str, path: str = "/wmts") -> GridRef:
    view = plan(query, path).view
    assert isinstance(view, Warp)
    return view.target


def test_degrees_have_longitude_first_below_the_protocol() -> None:
    for name, key in (("WorldCRS84Quad", "EPSG:4326"), ("WGS1984Quad", "EPSG:4326")):
        target = grid(kvp(TILE, layer="utm", tilematrixset=name, tilematrix="5", tilerow="7", tilecol="34"))
        assert target.crs == key
        assert target.bounds == pytest.approx(Bounds(11.25, 45, 16.875, 50.625)), name


def test_the_sets_of_the_chinese_map_platform() -> None:
    fields = {
        **TILE,
        "LAYER": "maps/cgcs",
        "TILEMATRIX": "7",
        "TILEROW": "18",
        "TILECOL": "104",
        "FORMAT": "tiles",
    }
    for name in ("c", "tdt_c", "ChinaPublicServices_maps/cgcs"):
        view = plan(kvp(fields, tilematrixset=name), "/wmts-china").view
        assert isinstance(view, Crop)
        assert (view.level, view.region) == (0, Region(0, 0, 256, 256))
    target = grid(kvp(fields, tilematrixset="w", tilematrix="5", tilerow="12", tilecol="26"), "/wmts-china")
    assert target.crs == "EPSG:3857"
    assert target.bounds.width == pytest.approx(40075016.68557849 / 32)
    assert plan("T=maps/cgcs_c&x=104&y=18&l=7", "/DataServer").view == view
    assert plan(kvp(fields, layer="img", tilematrixset=None), "/maps/cgcs_c/wmts").view == view


SPELLINGS = [
    {"TILEMATRIX": "WebMercatorQuad:10"},
    {"TILEMATRIX": "010"},
    {"TILEMATRIX": "EPSG:900913:10"},
    {"TILEMATRIXSET": "GoogleMapsCompatible"},
    {"STYLE": ""},
    {"FORMAT": "IMAGE/PNG"},
    {"FORMAT": "png"},
    {"FORMAT": "image/png;%20mode=8bit"},
    {"LAYER": "mercator.tif"},
]


@pytest.mark.parametrize("changes", SPELLINGS)
def test_spellings_of_one_tile_have_one_plan(changes: dict[str, str]) -> None:
    assert plan(kvp({**TILE, **changes})) == plan(kvp(TILE))


def test_all_ways_to_a_tile_have_one_plan() -> None:
    expected = plan(kvp(TILE))
    for path in ("mercator/default", "mercator", "mercator/"):
        assert plan(path=f"/wmts/{path}/WebMercatorQuad/10/355/550.png") == expected
    assert plan(form=kvp(TILE).encode()) == expected
    for path in ("/ows", "/", "/fcgi-bin/iipsrv.fcgi"):
        assert plan(kvp(TILE), path) == expected
    assert plan(kvp(TILE, service=None), "/fcgi-bin/iipsrv.fcgi") == expected


@pytest.mark.parametrize(
    ("format", "name"),
    [
        ("image/jpeg", "jpeg"),
        ("image/jpg", "jpeg"),
        ("image/webp", "webp"),
        ("image/tiff", "tiff"),
        ("image/tiff; application=geotiff", "tiff"),
        ('image/tiff;subtype="geotiff"', "tiff"),
        ("IMAGE/TIFF", "tiff"),
    ],
)
def test_formats(format: str, name: str) -> None:
    assert plan(kvp(TILE, format=format)).encoding.format == name


@pytest.mark.parametrize(
    ("extension", "name"),
    [("png", "png"), ("jpg", "jpeg"), ("jpeg", "jpeg"), ("tif", "tiff"), ("WEBP", "webp")],
)
def test_extensions(extension: str, name: str) -> None:
    path = f"/wmts/mercator/WebMercatorQuad/10/355/550.{extension}"
    assert plan(path=path).encoding.format == name


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.layer.identifier)
def test_the_own_set_has_the_pixels_of_the_image(entry: Any) -> None:
    if entry.layer.identifier == "rotated":
        assert fault(kvp(TILE, layer="rotated", tilematrixset="native"))[1] == "TileMatrixSet"
        return
    matrix = {"utm": 2, "world": 4, "mercator": 2, "maps/cgcs": 1, "plain": 1}.get(entry.layer.identifier, 2)
    name = quote(entry.layer.identifier)
    query = kvp(TILE, layer=name, tilematrixset="native", tilematrix=str(matrix), tilerow="0", tilecol="0")
    view = plan(query).view
    assert isinstance(view, Crop)
    assert (view.level, view.region) == (0, Region(0, 0, 256, 256))


# -- faults ----------------------------------------------------------------------------------------

FAULTS = [
    ("LAYER", "nothing", "InvalidParameterValue", "layer"),
    ("STYLE", "nothing", "InvalidParameterValue", "Style"),
    ("FORMAT", "image/nothing", "InvalidParameterValue", "format"),
    ("FORMAT", "image/gif", "InvalidParameterValue", "format"),
    ("TILEMATRIXSET", "nothing", "InvalidParameterValue", "TileMatrixSet"),
    ("TILEMATRIXSET", "degrees:native", "InvalidParameterValue", "TileMatrixSet"),
    ("TILEMATRIX", "nothing", "InvalidParameterValue", "TileMatrix"),
    ("TILEMATRIX", "99", "InvalidParameterValue", "TileMatrix"),
    ("TILEROW", "-1", "TileOutOfRange", "TileRow"),
    ("TILEROW", "1024", "TileOutOfRange", "TileRow"),
    ("TILECOL", "1024", "TileOutOfRange", "TileCol"),
    ("TILEROW", "354", "TileOutOfRange", "TileRow"),
    ("TILEROW", "357", "TileOutOfRange", "TileRow"),
    ("TILECOL", "549", "TileOutOfRange", "TileCol"),
    ("TILECOL", "553", "TileOutOfRange", "TileCol"),
    ("TILEROW", "a", "TileOutOfRange", "TileRow"),
    ("TILECOL", "NaN", "TileOutOfRange", "TileCol"),
    ("TILEMATRIX", "24", "TileOutOfRange", "TileRow"),
]


@pytest.mark.parametrize(("name", "value", "code", "locator"), FAULTS)
def test_faults_of_parameters(name: str, value: str, code: str, locator: str) -> None:
    assert fault(kvp({**TILE, name: value})) == (code, locator, 400)


@pytest.mark.parametrize(
    ("path", "code", "locator", "status"),
    [
        ("nothing/default/WebMercatorQuad/10/355/550.png", "InvalidParameterValue", "layer", 404),
        ("mercator/nothing/WebMercatorQuad/10/355/550.png", "InvalidParameterValue", "Style", 404),
        ("mercator/default/nothing/10/355/550.png", "InvalidParameterValue", "TileMatrixSet", 404),
        ("mercator/default/WebMercatorQuad/x/355/550.png", "InvalidParameterValue", "TileMatrix", 404),
        ("mercator/default/WebMercatorQuad/10/x/550.png", "TileOutOfRange", "TileRow", 400),
        ("mercator/default/WebMercatorQuad/10/355/9999999999.png", "TileOutOfRange", "TileCol", 400),
        ("mercator/default/WebMercatorQuad/10/9999/550.png", "TileOutOfRange", "TileRow", 404),
        ("mercator/default/WebMercatorQuad/10/355/553.png", "TileOutOfRange", "TileCol", 404),
        ("mercator/default/WebMercatorQuad/10/355/550.bmp", "InvalidParameterValue", "format", 404),
        ("mercator/default/WebMercatorQuad/10/355/550", "InvalidParameterValue", "", 404),
        ("Bogus", "InvalidParameterValue", "", 404),
    ],
)
def test_faults_of_paths(path: str, code: str, locator: str, status: int) -> None:
    assert fault(path=f"/wmts/{path}") == (code, locator, status)


def test_tiles_without_data_are_empty_where_the_service_says_so() -> None:
    catalog = FakeCatalog([each.layer for each in ENTRIES], tile_outside="empty")
    assert plan(kvp(TILE, tilerow="354"), catalog=catalog).view.size == Size(256, 256)
    assert fault(kvp(TILE, tilerow="1024"), catalog=catalog) == ("TileOutOfRange", "TileRow", 400)


def test_formats_of_the_service() -> None:
    catalog = FakeCatalog([each.layer for each in ENTRIES], formats=("avif", "jpg"))
    assert plan(kvp(TILE, format="image/avif"), catalog=catalog).encoding.format == "avif"
    assert plan(kvp(TILE, format="image/jpeg"), catalog=catalog).encoding.format == "jpeg"
    assert fault(kvp(TILE), catalog=catalog) == ("InvalidParameterValue", "format", 400)


TILE_PATH = "/wmts/mercator/default/WebMercatorQuad/10/355/550"
REQUESTS = {
    "GetCapabilities": [
        ("SERVICE=WMTS&REQUEST=GetCapabilities", "/wmts"),
        ("", "/wmts/1.0.0/WMTSCapabilities.xml"),
        ("SERVICE=WMTS&REQUEST=GetCapabilities", "/wmts-china"),
        ("SERVICE=WMTS&REQUEST=GetCapabilities", "/iipsrv.fcgi"),
    ],
    "GetTile": [
        (kvp(TILE), "/wmts"),
        (kvp(TILE), "/ows"),
        ("", f"{TILE_PATH}.png"),
        ("", "/wmts-china/maps/cgcs/default/c/7/18/104.png"),
        ("T=maps/cgcs_c&x=104&y=18&l=7", "/DataServer"),
    ],
    "GetFeatureInfo": [
        (kvp(TILE, request="GetFeatureInfo", i="1", j="1", infoformat="text/plain"), "/wmts"),
        ("", f"{TILE_PATH}/1/1.json"),
    ],
}
"""Requests of each operation in all forms: query and path."""


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"operations": ("GetTile",)},
        {"operations": ("GetFeatureInfo",)},
        {"operations": ()},
        {"enabled": False},
        {"enabled": False, "operations": ("GetTile",)},
    ],
)
def test_operations_are_those_of_the_service(options: dict[str, Any]) -> None:
    """GetCapabilities is answered by every service that is on."""
    catalog = FakeCatalog([each.layer for each in ENTRIES], entries=ENTRIES, **options)
    answered = {"GetCapabilities", *options.get("operations", REQUESTS)}
    for operation, forms in REQUESTS.items():
        for query, path in forms:
            if options.get("enabled", True) and operation in answered:
                assert ask(query, path, catalog).answer is not None, path
            else:
                assert fault(query, path, catalog=catalog) == ("OperationNotSupported", operation, 501)


def test_dimensions_are_ignored() -> None:
    """No layer has one, so that a parameter of that name means nothing."""
    for name in ("TIME", "ELEVATION", "DIM_BAND"):
        for value in ("2020-01-01T00:00:00Z/P1D", "current", "%C3%BC", ""):
            assert plan(f"{kvp(TILE)}&{name}={value}") == plan(kvp(TILE))
            assert plan(f"{name.lower()}={value}", f"{TILE_PATH}.png") == plan("", f"{TILE_PATH}.png")
    content = ask("SERVICE=WMTS&REQUEST=GetCapabilities&TIME=current").answer
    assert content is not None
    assert isinstance(content.content, CatalogPlan)
    body = content.content.describe(FakeCatalog([each.layer for each in ENTRIES], entries=ENTRIES)).body
    assert b"<Layer>" in body
    assert b"Dimension" not in body


def test_methods_and_hosts() -> None:
    assert fault(kvp(TILE)[:-1] + "%FF") == ("InvalidParameterValue", "tilecol", 400)
    capabilities = "SERVICE=WMTS&REQUEST=GetCapabilities"
    assert fault(capabilities, HTTP_HOST="a b")[::2] == ("NoApplicableCode", 400)


def test_routes() -> None:
    router = Router(Config(), {"wmts": PROTOCOL})
    for path, query in (
        ("/wmts", ""), ("/wmts/", ""), ("/ows", ""), ("/wmts-china", ""), ("/x", "service=wmts"), ("/x", "a=b&SERVICE=WMTS"),
    ):  # fmt: skip
        assert router.route(Request("GET", path, query, {})) is not None
    assert router.route(Request("GET", "/x", "SERVICE=WFS", {})) is None
    assert fault() == ("MissingParameterValue", "service", 400)
    assert fault(path="/ows") == ("MissingParameterValue", "service", 400)
    assert fault("SERVICE=WFS", "/ows") == ("InvalidParameterValue", "service", 400)


def test_without_the_extra_everything_is_not_implemented(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iipserve.geo.missing_packages", lambda: ("pyproj",))
    assert fault(kvp(TILE)) == ("OperationNotSupported", "", 501)
    assert fault(path="/wmts/1.0.0/WMTSCapabilities.xml") == ("OperationNotSupported", "", 501)
    error = ask(kvp(TILE)).error
    assert error is not None
    assert b"pip install 'iipserve[geo]'" in error.document.body
