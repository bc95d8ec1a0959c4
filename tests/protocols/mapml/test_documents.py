"""MapML documents of layers without files: what a viewer reads of them, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, unquote
from xml.etree import ElementTree

import pytest
from pyproj import Transformer

from iipserve.errors import Forbidden, IIPServeError
from iipserve.geo.layer import ServiceMetadata
from iipserve.geo.matrixset_files import standard_sets
from iipserve.geo.ows.exceptions import OperationNotSupported, OwsError
from iipserve.http import Request
from iipserve.plan import Document, RenderPlan, ValuePlan
from iipserve.protocols import Images, Protocol
from iipserve.protocols.mapml_paths import PROTOCOL
from iipserve.protocols.wms import PROTOCOL as WMS
from iipserve.protocols.wmts import PROTOCOL as WMTS
from iipserve.router import Router
from tests.protocols.wmts.catalogs import STRANGE, FakeCatalog
from tests.protocols.wmts.services import CATALOG, ENTRIES, INFOS, server_of

XHTML = "{http://www.w3.org/1999/xhtml}"
EPSG = {"OSMTILE": 3857, "CBMTILE": 3978, "APSTILE": 5936, "WGS84": 4326}
SETS = {
    "OSMTILE": "WebMercatorQuad",
    "CBMTILE": "CanadianNAD83_LCC",
    "APSTILE": "APSTILE",
    "WGS84": "WorldCRS84Quad",
}
ALL = FakeCatalog([each.layer for each in ENTRIES], entries=ENTRIES, matrix_sets=tuple(SETS.values()))


def ask(
    path: str, query: str = "", catalog: Any = CATALOG, protocol: Protocol = PROTOCOL, **environ: str
) -> Any:
    """What a protocol answers to a path. Raises what it raises."""
    server = server_of(catalog)
    request = Request("GET", path, query, {"HTTP_HOST": "a.example", **environ})
    found = Router(server.config, {protocol.name: protocol}).route(request)
    assert found is not None
    parsed = protocol.parse(found.routed, server)
    images: dict[Any, Any] = {name: INFOS[name] for name in parsed.names}
    return protocol.plan(parsed, Images(images), server).content


def read(path: str, query: str = "", catalog: Any = CATALOG, **environ: str) -> ElementTree.Element:
    content = ask(path, query, catalog, **environ)
    assert isinstance(content, Document)
    assert content.media_type == "text/mapml; charset=utf-8"
    return ElementTree.fromstring(content.body)


def attributes(root: ElementTree.Element, kind: str, /, **wanted: str) -> list[dict[str, str]]:
    found = [each.attrib for each in root.iter(f"{XHTML}map-{kind}")]
    return [each for each in found if all(each.get(key) == value for key, value in wanted.items())]


def meta(root: ElementTree.Element, name: str) -> dict[str, str]:
    (found,) = attributes(root, "meta", name=name)
    return dict(part.split("=") for part in found["content"].split(","))


@pytest.mark.parametrize("projection", ["OSMTILE", "APSTILE", "WGS84"])
def test_limits_and_zoom_belong_to_the_same_level(projection: str) -> None:
    """The corners of the layer, transformed by PROJ, are in the first and the last column and row at zoom `value`."""
    root = read(f"/mapml/degrees/{projection}", catalog=ALL)
    assert root.tag == f"{XHTML}mapml-"
    assert attributes(root, "meta", name="projection") == [{"name": "projection", "content": projection}]
    assert [each["units"] for each in attributes(root, "extent")] == [projection]
    (zoom,) = attributes(root, "input", type="zoom")
    assert zoom["max"] == zoom["value"] == meta(root, "zoom")["value"]
    matrix = standard_sets()[SETS[projection]].matrices[int(zoom["value"])]
    transformer = Transformer.from_crs(4326, EPSG[projection], always_xy=True)
    edges = [(10 + 6 * part / 60, y) for part in range(61) for y in (46, 50)]
    edges += [(x, 46 + 4 * part / 60) for part in range(61) for x in (10, 16)]
    xs, ys = zip(*(transformer.transform(*edge) for edge in edges), strict=True)
    left, top = matrix.top_left
    side = matrix.cell_size * 256
    columns, rows = [(x - left) / side for x in xs], [(top - y) / side for y in ys]
    (across,), (down,) = (attributes(root, "input", axis=axis) for axis in ("column", "row"))
    assert (int(float(across["min"])), int(float(down["min"]))) == (int(min(columns)), int(min(rows)))
    assert int(float(across["max"])) == pytest.approx(int(max(columns) - 1e-6), abs=0)
    assert int(float(down["max"])) == pytest.approx(int(max(rows) - 1e-6), abs=0)
    assert across["units"] == down["units"] == "tilematrix"
    corners = meta(root, "extent")
    unit = ("longitude", "latitude") if projection == "WGS84" else ("easting", "northing")
    assert float(corners[f"top-left-{unit[0]}"]) == pytest.approx(min(xs), abs=2 * side / 256)
    assert float(corners[f"top-left-{unit[1]}"]) == pytest.approx(max(ys), abs=2 * side / 256)
    assert float(corners[f"bottom-right-{unit[0]}"]) == pytest.approx(max(xs), abs=2 * side / 256)
    assert float(corners[f"bottom-right-{unit[1]}"]) == pytest.approx(min(ys), abs=2 * side / 256)


PLACED = [each.layer.identifier for each in ENTRIES if each.layer.identifier not in ("mars", "plain")]


@pytest.mark.parametrize("projection", ["OSMTILE", "WGS84"])
@pytest.mark.parametrize("name", PLACED)
def test_links_are_answered(name: str, projection: str) -> None:
    """Every corner of the limits is a tile of WMTS, a click there has an answer, and alternates are documents."""
    root = read(f"/mapml/{quote(name, safe='')}/{projection}", catalog=ALL)
    others = attributes(root, "link", rel="alternate")
    assert {"OSMTILE", "WGS84"} - {projection} <= {each["projection"] for each in others}
    _check_links(root)
    for each in others:
        _check_links(read(each["href"].removeprefix("http://a.example"), catalog=ALL))


def _check_links(root: ElementTree.Element) -> None:
    (zoom,) = attributes(root, "input", type="zoom")
    (across,), (down,) = (attributes(root, "input", axis=axis) for axis in ("column", "row"))
    (tile,), (query,) = (attributes(root, "link", rel=rel) for rel in ("tile", "query"))
    for column in (across["min"], across["max"]):
        for row in (down["min"], down["max"]):
            names = {"z": zoom["value"], "x": int(float(column)), "y": int(float(row)), "i": "3", "j": "5"}
            for link, kind in ((tile, RenderPlan), (query, ValuePlan)):
                address = link["tref"].format(**names).removeprefix("http://a.example")
                assert isinstance(ask(address, catalog=ALL, protocol=WMTS), kind)


def test_styles_are_linked() -> None:
    root = read(f"/mapml/{quote(STRANGE, safe='')}/OSMTILE", "style=ramp&format=jpeg")
    shown, others = attributes(root, "link", rel="self style"), attributes(root, "link", rel="style")
    assert [each["title"] for each in shown + others] == ["Ramp", "default"]
    (tile,) = attributes(root, "link", rel="tile")
    assert f"/{quote(STRANGE, safe='')}/ramp/WebMercatorQuad/{{z}}/{{y}}/{{x}}.jpg" in tile["tref"]
    (legend,) = attributes(root, "link", rel="legend")
    assert legend["href"].endswith("/ramp/legend.png")
    path, _, query = others[0]["href"].removeprefix("http://a.example").partition("?")
    assert unquote(path) == f"/mapml/{STRANGE}/OSMTILE"
    assert query == "format=jpeg"


def test_texts_are_escaped_and_the_default_projection_is_osmtile() -> None:
    root = read("/mapml/utm")
    assert root.findtext(f".//{XHTML}map-title") == "A <map> & more"
    assert attributes(root, "extent")[0]["units"] == "OSMTILE"


def test_the_older_dialect() -> None:
    root = ElementTree.fromstring(ask("/mapml/utm/WGS84", "dialect=rfc123").body)
    assert root.tag == "mapml"
    types = [each.get("content") for each in root.iter("meta") if each.get("http-equiv") == "Content-Type"]
    assert types == ["text/mapml;projection=WGS84"]
    (extent,) = root.iter("extent")
    assert extent.get("units") == "WGS84"
    assert {each.get("name") for each in extent.iter("input")} == {"z", "x", "y", "i", "j"}
    assert {each.get("rel") for each in extent.iter("link")} == {"tile", "query"}


def test_addresses_are_those_of_the_client() -> None:
    catalog = FakeCatalog([each.layer for each in ENTRIES], entries=ENTRIES)
    stated = MappingProxyType({"service.public_address": "https://maps.example/img"})
    catalog.metadata = ServiceMetadata(options=stated)
    root = read("/mapml/utm/OSMTILE", catalog=catalog)
    addresses = [each.get("href") or each["tref"] for each in attributes(root, "link")]
    assert addresses
    assert all(
        each.startswith(("https://maps.example/img/wmts/", "https://maps.example/img/mapml/"))
        for each in addresses
    )


@pytest.mark.parametrize(
    ("path", "query", "status", "words"),
    [
        ("/mapml/none/OSMTILE", "", 404, "there is no layer 'none'"),
        ("/mapml/utm/NONE", "", 404, "OSMTILE, CBMTILE, APSTILE, WGS84"),
        ("/mapml/utm/OSMTILE", "style=none", 404, "no style 'none'"),
        ("/mapml/utm/CBMTILE", "", 404, "no tiles of CanadianNAD83_LCC"),
        ("/mapml/plain/OSMTILE", "", 404, "has no place on a map"),
        ("/mapml/utm/OSMTILE", "dialect=none", 400, "viewer, rfc123"),
        ("/mapml/utm/OSMTILE", "format=none", None, "not offered"),
    ],
)
def test_what_does_not_exist_is_told(path: str, query: str, status: int | None, words: str) -> None:
    with pytest.raises(IIPServeError, match=words) as raised:
        ask(path, query)
    assert status in (None, raised.value.status)


GET = "SERVICE=WMTS&REQUEST=GetMapML&LAYER="


@pytest.mark.parametrize("path", ["/wmts", "/ows", "/any"])
def test_wmts_gives_the_same_document(path: str) -> None:
    content = ask(path, f"{GET}{quote(STRANGE)}&STYLE=ramp&PROJECTION=WGS84&FORMAT=image/jpeg", protocol=WMTS)
    same = ask(f"/mapml/{quote(STRANGE, safe='')}/WGS84", "style=ramp&format=jpeg")
    assert content == same


@pytest.mark.parametrize(
    "query", ["none", "utm&PROJECTION=NONE", "utm&PROJECTION=CBMTILE", "utm&STYLE=none", "utm&FORMAT=none"]
)
def test_wmts_reports_faults_in_its_own_form(query: str) -> None:
    with pytest.raises(OwsError) as raised:
        ask("/wmts", f"{GET}{query}", protocol=WMTS)
    assert (raised.value.code, raised.value.status) == ("InvalidParameterValue", 400)


@pytest.mark.parametrize("said", [{"mapml.enabled": False}, {"wms.operations": ("GetMap", "GetFeatureInfo")}])
def test_documents_can_be_switched_off(said: dict[str, Any]) -> None:
    catalog = FakeCatalog([each.layer for each in ENTRIES], entries=ENTRIES)
    catalog.metadata = ServiceMetadata(options=MappingProxyType(said))
    with pytest.raises(Forbidden):
        ask("/mapml/utm/OSMTILE", catalog=catalog)
    with pytest.raises(OperationNotSupported):
        ask("/wmts", f"{GET}utm", catalog=catalog, protocol=WMTS)
    for asked in ("GetMapML&LAYER=utm", "GetMap&LAYERS=utm&STYLES=&CRS=EPSG:3857&FORMAT=text/mapml"):
        with pytest.raises(OperationNotSupported):
            ask("/wms", f"SERVICE=WMS&VERSION=1.3.0&REQUEST={asked}", catalog=catalog, protocol=WMS)
    tile = "/wmts/utm/default/WebMercatorQuad/8/91/138.png"
    assert isinstance(ask(tile, catalog=catalog, protocol=WMTS), RenderPlan)


def test_layers_can_be_kept_out() -> None:
    kept = replace(ENTRIES[0].layer, metadata=MappingProxyType({"enable_request": "GetMap"}))
    catalog = FakeCatalog([kept], entries=[replace(ENTRIES[0], layer=kept)])
    with pytest.raises(IIPServeError, match="no layer 'utm'"):
        ask("/mapml/utm/OSMTILE", catalog=catalog)
    with pytest.raises(OwsError, match="no layer 'utm'"):
        ask("/wmts", f"{GET}utm", catalog=catalog, protocol=WMTS)
