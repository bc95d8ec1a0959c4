"""GetMapML and GetMap of MapML: links of every form are answered, and what is refused is a fault of WMS."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

import pytest
from pyproj import Transformer

from iipserve.geo.layer import ServiceMetadata
from iipserve.plan import CatalogPlan, Document, RenderPlan, ValuePlan
from iipserve.protocols.wmts import PROTOCOL as WMTS
from iipserve.protocols.xyz import PROTOCOL as XYZ
from tests.protocols.mapml.test_documents import EPSG, attributes, meta
from tests.protocols.mapml.test_documents import ask as by_path
from tests.protocols.wms.services import ask
from tests.protocols.wmts.catalogs import STRANGE, FakeCatalog
from tests.protocols.wmts.services import ENTRIES, kvp

ASKED = {"SERVICE": "WMS", "REQUEST": "GetMapML", "LAYER": "degrees", "STYLE": "", "PROJECTION": "OSMTILE"}
NAMES = [each.layer.identifier for each in ENTRIES if each.layer.identifier not in ("mars", "plain")]


def catalog_of(items: dict[str, str] | None = None, **said: Any) -> FakeCatalog:
    """The layers of the tests, with items of metadata, and options of the service."""
    metadata = MappingProxyType(items or {})
    entries = [replace(each, layer=replace(each.layer, metadata=metadata)) for each in ENTRIES]
    catalog = FakeCatalog([each.layer for each in entries], entries=entries)
    catalog.metadata = ServiceMetadata(options=MappingProxyType(said))
    return catalog


def answered(query: str, catalog: Any = None) -> Any:
    found = ask(query, catalog=catalog or catalog_of())
    assert found.answer is not None, found.error
    assert not isinstance(found.answer.content, CatalogPlan)
    return found.answer.content


def read(query: str, catalog: Any = None) -> ElementTree.Element:
    content = answered(query, catalog)
    assert isinstance(content, Document)
    assert content.media_type == "text/mapml; charset=utf-8"
    return ElementTree.fromstring(content.body)


def links(root: ElementTree.Element, rel: str) -> list[str]:
    found = [each.get("tref") or each["href"] for each in attributes(root, "link", rel=rel)]
    assert all(each.startswith("http://a.example/wms?") for each in found)
    return [each.removeprefix("http://a.example/wms?") for each in found]


def box(root: ElementTree.Element) -> dict[str, str]:
    """The variables of the box that the inputs allow."""
    sides = {"xmin": "min", "ymin": "min", "xmax": "max", "ymax": "max"}
    return {name: attributes(root, "input", name=name)[0][end] for name, end in sides.items()}


@pytest.mark.parametrize("rel", ["tile", "image"])
@pytest.mark.parametrize("projection", EPSG)
@pytest.mark.parametrize("name", NAMES)
def test_links_are_answered(name: str, projection: str, rel: str) -> None:
    """A map of all that there is, a click on it, the legend, and the same in other projections."""
    found = ask(kvp(ASKED, layer=quote(name), projection=projection, link_rel=rel))
    if found.answer is None:
        assert projection in ("CBMTILE", "APSTILE")
        return
    root = read(kvp(ASKED, layer=quote(name), projection=projection, link_rel=rel))
    variables = {**box(root), "w": "300", "h": "200", "i": "3", "j": "5"}
    (shown,), (query,) = links(root, rel), links(root, "query")
    plan = answered(shown.format(**variables))
    assert isinstance(plan, RenderPlan)
    assert isinstance(answered(query.format(**variables)), ValuePlan)
    assert isinstance(answered(links(root, "legend")[0]), RenderPlan)
    for address in links(root, "alternate"):
        read(address)


@pytest.mark.parametrize("projection", EPSG)
def test_the_box_is_that_of_the_layer(projection: str) -> None:
    """By PROJ, along the edges of the layer."""
    layer = "degrees" if projection != "CBMTILE" else "world"
    root = read(kvp(ASKED, layer=layer, projection=projection, link_rel="image"))
    (extent,) = attributes(root, "extent")
    assert extent["units"] == projection
    units = {each["units"] for each in attributes(root, "input", type="location") if each["name"] > "w"}
    assert units == {"gcrs" if projection == "WGS84" else "pcrs"}
    if layer == "world":
        return
    transformer = Transformer.from_crs(4326, EPSG[projection], always_xy=True)
    edges = [(10 + 6 * part / 60, y) for part in range(61) for y in (46, 50)]
    edges += [(x, 46 + 4 * part / 60) for part in range(61) for x in (10, 16)]
    xs, ys = zip(*(transformer.transform(*edge) for edge in edges), strict=True)
    wanted = {"xmin": min(xs), "ymin": min(ys), "xmax": max(xs), "ymax": max(ys)}
    side = max(xs) - min(xs)
    assert {name: float(text) for name, text in box(root).items()} == pytest.approx(wanted, abs=side / 300)
    assert float(meta(root, "zoom")["value"]) <= float(meta(root, "zoom")["max"])


def test_what_is_linked_to_is_stated_by_service_layer_and_request() -> None:
    def rel(items: dict[str, str], extra: str = "", **said: Any) -> str:
        root = read(f"{kvp(ASKED)}{extra}", catalog_of(items, **said))
        (found,) = {each["rel"] for each in attributes(root, "link")} & {"tile", "image"}
        return found

    image = {"mapml.link_rel": "image"}
    assert rel({}) == "tile"
    assert rel({}, **image) == "image"
    assert rel({"wms_link_rel": "tile"}, **image) == "tile"
    assert rel({"wms_link_rel": "tile"}, "&LINK_REL=image") == "image"


def test_the_format_of_maps_is_stated_by_service_layer_and_request() -> None:
    def format(items: dict[str, str], extra: str = "", **said: Any) -> str:
        (shown,) = links(read(f"{kvp(ASKED)}{extra}", catalog_of(items, **said)), "tile")
        return dict(part.split("=") for part in shown.split("&"))["FORMAT"]

    assert format({}) == "image/png"
    assert format({}, **{"mapml.image_format": "webp"}) == "image/webp"
    assert format({"wms_image_format": "image/jpeg"}, **{"mapml.image_format": "webp"}) == "image/jpeg"
    assert format({"wms_image_format": "image/jpeg"}, "&FORMAT=image/png") == "image/png"


@pytest.mark.parametrize("system", ["MapML:OSMTILE", "EPSG:3857", "mapml:osmtile"])
def test_get_map_in_the_form_of_geoserver(system: str) -> None:
    asked = f"SERVICE=WMS&VERSION=1.3.0&REQUEST=GetMap&LAYERS=degrees&STYLES=&CRS={system}&FORMAT=text/mapml"
    root = read(f"{asked}&BBOX=0,0,1,1&WIDTH=9&HEIGHT=9")
    assert attributes(root, "extent")[0]["units"] == "OSMTILE"


@pytest.mark.parametrize("projection", EPSG)
def test_projections_are_systems_of_maps(projection: str) -> None:
    """A map in one is that of its coordinate reference system, with x first."""
    box = "10,50,20,60" if projection == "WGS84" else "1000000,6000000,1200000,6200000"
    asked = f"SERVICE=WMS&VERSION=1.3.0&REQUEST=GetMap&LAYERS=world&STYLES=&BBOX={box}&WIDTH=9&HEIGHT=9"
    system = "CRS:84" if projection == "WGS84" else f"EPSG:{EPSG[projection]}"
    plans = [answered(f"{asked}&FORMAT=image/png&CRS={each}") for each in (f"MapML:{projection}", system)]
    assert plans[0] == plans[1]
    assert isinstance(plans[0], RenderPlan)


def test_further_parameters_are_passed_on() -> None:
    root = read(f"{kvp(ASKED)}&GAMMA=0.5&bgcolor=0xFF0000&transparent=false")
    (shown,), alternates = links(root, "tile"), links(root, "alternate")
    assert "&TRANSPARENT=false&GAMMA=0.5&BGCOLOR=0xFF0000" in shown
    assert all("GAMMA=0.5" in each for each in alternates)


def test_styles_are_linked() -> None:
    root = ElementTree.fromstring(
        answered(kvp(ASKED, layer=quote(STRANGE), style="ramp")).body.decode("utf-8")
    )
    assert len(links(root, "self style")) == len(links(root, "style")) == 1
    assert "STYLE=ramp" in links(root, "legend")[0]


def test_clicks_ask_for_mapml_where_it_is_offered() -> None:
    def format(**said: Any) -> list[str]:
        return [
            dict(part.split("=") for part in each.split("&"))["INFO_FORMAT"]
            for each in links(read(kvp(ASKED), catalog_of(**said)), "query")
        ]

    assert format() == ["text/mapml"]
    assert format(**{"wms.info_formats": ("text/plain", "text/html")}) == ["text/html"]
    assert format(**{"wms.operations": ("GetMap", "GetMapML")}) == []


@pytest.mark.parametrize(
    ("changes", "items", "code", "words"),
    [
        ({"layer": "none"}, {}, "LayerNotDefined", "none"),
        ({"style": "none"}, {}, "StyleNotDefined", "none"),
        ({"projection": "NONE"}, {}, "InvalidCRS", "OSMTILE, CBMTILE, APSTILE, WGS84"),
        ({"projection": "EPSG:25832"}, {}, "InvalidCRS", "EPSG:25832"),
        ({"layer": "plain"}, {}, "InvalidCRS", "plain"),
        ({}, {"enable_request": "GetCapabilities GetMap"}, "LayerNotDefined", "degrees"),
        ({"link_rel": "none"}, {}, "", "tile, image"),
        ({"format": "none/such"}, {}, "InvalidFormat", "none/such"),
    ],
)
def test_what_is_refused_is_a_fault_of_wms(
    changes: dict[str, str], items: dict[str, str], code: str, words: str
) -> None:
    found = ask(kvp(ASKED, **changes), catalog=catalog_of(items))
    assert found.error is not None
    assert isinstance(found.error.content, Document)
    text = found.error.content.body.decode()
    assert words in text
    assert (f'code="{code}"' in text) if code else ("code=" not in text)


def test_systems_of_the_service_file_are_the_projections() -> None:
    catalog = catalog_of(**{"wms.crs": ("EPSG:3857",)})
    root = read(kvp(ASKED, layer="utm"), catalog)
    assert links(root, "alternate") == []
    assert ask(kvp(ASKED, layer="utm", projection="WGS84"), catalog=catalog).error is not None


def test_all_links_to_a_square_are_one_plan() -> None:
    """The same square by the links to maps as tiles, to a map of the window, and to tiles of WMTS, and by XYZ."""
    (shown,) = links(read(kvp(ASKED, layer="mercator")), "tile")
    (window,) = links(read(kvp(ASKED, layer="mercator", link_rel="image")), "image")
    (tile,) = attributes(ElementTree.fromstring(by_path("/mapml/mercator/OSMTILE").body), "link", rel="tile")
    side, half = 40075016.6855784 / 2**10, 20037508.3427892
    square = {"xmin": 550, "ymin": 1024 - 356, "xmax": 551, "ymax": 1024 - 355}
    box = {name: repr(number * side - half) for name, number in square.items()}
    path = tile["tref"].format(z=10, y=355, x=550).removeprefix("http://a.example")
    tile_plan = by_path(path, protocol=WMTS)
    assert answered(shown.format(**box)) == tile_plan
    assert answered(window.format(**box, w=256, h=256)) == tile_plan
    assert by_path("/xyz/mercator/10/550/355.png", protocol=XYZ) == tile_plan
