"""Capabilities documents: valid by the schemas of OGC, read by OWSLib, and true."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, unquote

import pytest
from owslib.wmts import WebMapTileService

from iipserve.config import Config
from iipserve.geo.layer import Contact, ServiceMetadata
from iipserve.geo.linked_sets import with_all_matrices
from iipserve.geo.ows.exceptions import OwsError
from iipserve.plan import CatalogPlan, Document
from iipserve.protocols.wmts.tiles import offered
from tests.protocols.wmts.catalogs import STRANGE, FakeCatalog
from tests.protocols.wmts.services import CATALOG, ENTRIES, TILE, ask, kvp, server_of
from tests.schemas import OWS, WMTS, validated

NS = {"w": WMTS, "ows": OWS, "xlink": "http://www.w3.org/1999/xlink"}
BASE = "SERVICE=WMTS&REQUEST=GetCapabilities"
PROXY = {
    "HTTP_HOST": "127.0.0.1:8080",
    "HTTP_X_FORWARDED_PROTO": "https",
    "HTTP_X_FORWARDED_HOST": "maps.example",
    "HTTP_X_FORWARDED_PREFIX": "/img",
}


def answer(query: str = BASE, path: str = "/wmts", catalog: Any = CATALOG, **options: Any) -> Document:
    """The document, as the application has it written."""
    asked = ask(query, path, catalog, **options).answer
    assert asked is not None
    assert isinstance(asked.content, CatalogPlan)
    document = asked.content.describe(catalog)
    assert document.vary == asked.content.vary
    return document


def capabilities(query: str = BASE, path: str = "/wmts", **options: Any) -> Any:
    """The root of a document, which is valid."""
    return validated(answer(query, path, **options).body)


REST = {"query": "", "path": "/wmts/1.0.0/WMTSCapabilities.xml"}
WAYS: Mapping[str, Mapping[str, Any]] = {
    "by parameters": {},
    "by path": REST,
    "at /ows": {"path": "/ows"},
    "at a program": {"path": "/fcgi-bin/iipsrv.fcgi"},
    "for China": {"path": "/wmts-china"},
    "for China by path": {"query": "", "path": "/wmts-china/1.0.0/WMTSCapabilities.xml"},
    "for one layer of China": {"path": "/utm_c/wmts"},
    "behind a proxy": PROXY,
    "by path behind a proxy": {**REST, **PROXY},
    "with BASE_URL": {"config": Config(base_url="https://maps.example/?map=a&x=1")},
    "without layers": {"catalog": FakeCatalog([])},
}


@pytest.mark.parametrize("way", WAYS)
def test_documents_are_valid(way: str) -> None:
    root = capabilities(**WAYS[way])
    assert (root.get("version"), root.get("updateSequence")) == ("1.0.0", "7")


SECTIONS = {
    "ServiceIdentification": "ows:ServiceIdentification",
    "ServiceProvider": "ows:ServiceProvider",
    "OperationsMetadata": "ows:OperationsMetadata",
    "Contents": "w:Contents",
    "Themes": "w:Themes",
}


@pytest.mark.parametrize("asked", [*SECTIONS, "All", "Contents,ServiceProvider", "all,Themes"])
def test_sections(asked: str) -> None:
    root = capabilities(f"{BASE}&SECTIONS={asked}")
    chosen = set(asked.split(",")) & set(SECTIONS) if "all" not in asked.lower() else set(SECTIONS)
    found = {name for name, path in SECTIONS.items() if root.find(path, NS) is not None}
    assert found == chosen
    assert (root.find("w:ServiceMetadataURL", NS) is not None) == (chosen == set(SECTIONS))


def test_update_sequences() -> None:
    assert len(capabilities(f"{BASE}&UPDATESEQUENCE=7")) == 0
    assert len(capabilities(f"{BASE}&UPDATESEQUENCE=6")) > 4
    with pytest.raises(OwsError, match="later than"):
        answer(f"{BASE}&UPDATESEQUENCE=8")


def test_types() -> None:
    assert answer().media_type == "application/xml; charset=utf-8"
    assert answer(f"{BASE}&ACCEPTFORMATS=text/xml").media_type == "text/xml; charset=utf-8"
    assert "Accept" in answer(**REST).vary.split(", ")
    assert "Accept" not in answer().vary.split(", ")


# -- addresses -------------------------------------------------------------------------------------


def addresses(root: Any) -> list[str]:
    """Every address and template of a document, but those of schemas."""
    return [str(value) for value in root.xpath("//@xlink:href | //@template", namespaces=NS)]


@pytest.mark.parametrize("way", [{}, REST])
def test_addresses_behind_a_proxy(way: Mapping[str, Any]) -> None:
    for address in addresses(capabilities(**way, **PROXY)):
        assert address.startswith("https://maps.example/img/wmts")
        assert address.count("/img") == 1


def test_addresses_by_parameters_can_be_continued() -> None:
    root = capabilities(config=Config(base_url="https://maps.example/?map=a&x=1"))
    assert set(addresses(root)) == {"https://maps.example/?map=a&x=1&"}
    assert b"?map=a&amp;x=1&amp;" in answer(config=Config(base_url="https://maps.example/?map=a&x=1")).body


def test_encodings() -> None:
    root = capabilities()
    for operation in ("GetCapabilities", "GetTile", "GetFeatureInfo"):
        (found,) = root.findall(f".//ows:Operation[@name='{operation}']", NS)
        values = found.xpath(
            ".//ows:Get//ows:Constraint[@name='GetEncoding']//ows:Value/text()", namespaces=NS
        )
        assert values == ["KVP", "RESTful"]
    (address,) = root.xpath("w:ServiceMetadataURL/@xlink:href", namespaces=NS)
    assert address == "http://a.example/wmts/1.0.0/WMTSCapabilities.xml"


def layer_element(root: Any, identifier: str) -> Any:
    for found in root.iterfind("w:Contents/w:Layer", NS):
        if found.findtext("ows:Identifier", namespaces=NS) == identifier:
            return found
    raise AssertionError(f"no layer {identifier}")


def test_templates_are_encoded() -> None:
    found = layer_element(capabilities(), STRANGE)
    templates = found.xpath("w:ResourceURL/@template", namespaces=NS)
    assert len(templates) == 1 + len(found.findall("w:InfoFormat", NS))
    for template in templates:
        path = template.removeprefix("http://a.example/wmts/")
        assert template.isascii()
        assert re.fullmatch(r"[A-Za-z0-9._~{}/%-]+", path)
        assert unquote(path.split("/")[0]) == STRANGE


def test_names_of_sets_can_be_put_into_addresses() -> None:
    """GDAL and OpenLayers put them there as they are."""
    links = layer_element(capabilities(), STRANGE).xpath(
        "w:TileMatrixSetLink/w:TileMatrixSet/text()", namespaces=NS
    )
    own = quote(STRANGE, safe="/:") + ":native"
    assert links[-1] == own
    expected = ask(kvp(TILE, layer=quote(STRANGE), tilematrixset="native")).answer
    for path in (own, quote(own), quote(own, safe="")):
        assert ask(path=f"/wmts/{quote(STRANGE, safe='')}/default/{path}/2/0/0.png").answer == expected
        assert ask(kvp(TILE, layer=quote(STRANGE), tilematrixset=path)).answer == expected


# -- contents --------------------------------------------------------------------------------------


def test_what_a_layer_says() -> None:
    found = layer_element(capabilities(), "utm")
    assert found.findtext("ows:Title", namespaces=NS) == "A <map> & more"
    assert found.findtext("ows:Abstract", namespaces=NS) == "\u00fcber"
    assert found.xpath("ows:Keywords/ows:Keyword/text()", namespaces=NS) == ["a", "b"]
    styles = layer_element(capabilities(), STRANGE).findall("w:Style", NS)
    assert [style.get("isDefault") for style in styles] == ["true", None]


def test_boxes_are_finite_and_where_the_image_is() -> None:
    root = capabilities()
    for each in ENTRIES:
        found = layer_element(root, each.layer.identifier)
        box = found.find("ows:WGS84BoundingBox", NS)
        on_earth = each.layer.identifier not in ("mars", "plain")
        assert (box is not None) == on_earth
        if on_earth:
            west, south, east, north = (float(word) for corner in box for word in corner.text.split())
            assert -180 <= west < east <= 180
            assert -90 <= south < north <= 90
    box = layer_element(root, "degrees").find("ows:WGS84BoundingBox", NS)
    assert [corner.text for corner in box] == ["10 46", "16 50"]
    urns = layer_element(root, "degrees").xpath(
        "ows:BoundingBox[@crs='urn:ogc:def:crs:EPSG::4326']", namespaces=NS
    )
    assert [corner.text for corner in urns[0]] == ["46 10", "50 16"]


def test_no_number_of_a_document_is_infinite_or_has_an_exponent() -> None:
    for way in ({}, {"path": "/wmts-china"}):
        for found in capabilities(**way).iter(
            *(f"{{{OWS}}}{name}Corner" for name in ("Lower", "Upper")),
            f"{{{WMTS}}}TopLeftCorner",
            f"{{{WMTS}}}ScaleDenominator",
        ):
            assert re.fullmatch(r"-?\d+(\.\d+)?( -?\d+(\.\d+)?)?", found.text), found.text


def test_the_order_of_axes_is_that_of_the_system() -> None:
    root = capabilities()
    sets = {
        each.findtext("ows:Identifier", namespaces=NS): each
        for each in root.iterfind("w:Contents/w:TileMatrixSet", NS)
    }
    corners = {
        name: each.findtext("w:TileMatrix/w:TopLeftCorner", namespaces=NS) for name, each in sets.items()
    }
    assert corners["WGS1984Quad"] == "90 -180"
    assert corners["WorldCRS84Quad"] == "-180 90"
    assert sets["WGS1984Quad"].findtext("ows:SupportedCRS", namespaces=NS) == "urn:ogc:def:crs:EPSG::4326"
    assert corners["utm:native"] == "500000 5000000"
    assert corners["plain:native"] == "0 0"
    root = capabilities(path="/wmts-china")
    assert root.xpath("w:Contents/w:TileMatrixSet/ows:Identifier/text()", namespaces=NS) == ["c", "w"]
    corner = root.findtext("w:Contents/w:TileMatrixSet/w:TileMatrix/w:TopLeftCorner", namespaces=NS)
    assert corner == "90 -180"


def test_links_are_to_sets_of_the_document() -> None:
    for way in ({}, {"path": "/wmts-china"}):
        root = capabilities(**way)
        sets = set(root.xpath("w:Contents/w:TileMatrixSet/ows:Identifier/text()", namespaces=NS))
        links = set(
            root.xpath("w:Contents/w:Layer/w:TileMatrixSetLink/w:TileMatrixSet/text()", namespaces=NS)
        )
        assert links == sets


def test_other_bodies_and_plain_pictures_are_not_on_earth() -> None:
    root = capabilities()
    links = "w:TileMatrixSetLink/w:TileMatrixSet/text()"
    assert layer_element(root, "plain").xpath(links, namespaces=NS) == ["plain:native"]
    assert layer_element(root, "mars").xpath(links, namespaces=NS) == ["mars:native"]


def test_layers_that_are_asked_for() -> None:
    root = capabilities(f"{BASE}&LAYERS=utm,maps/laea,nothing")
    assert root.xpath("w:Contents/w:Layer/ows:Identifier/text()", namespaces=NS) == ["utm", "maps/laea"]


def test_folders_are_themes() -> None:
    root = capabilities()
    theme, strange = root.findall("w:Themes/w:Theme", NS)
    assert theme.findtext("ows:Identifier", namespaces=NS) == "maps"
    assert theme.xpath("w:LayerRef/text()", namespaces=NS) == ["maps/cgcs", "maps/laea"]
    assert strange.findtext("ows:Identifier", namespaces=NS) == STRANGE.split("/")[0]
    assert unquote(strange.findtext("w:LayerRef", namespaces=NS)) == STRANGE


def test_what_a_service_says() -> None:
    class Described(FakeCatalog):
        def __init__(self) -> None:
            super().__init__([], entries=ENTRIES[:1])
            contact = Contact(
                "A. Person",
                "Office",
                "Head",
                "1",
                "2",
                "Street 3",
                "Town",
                "State",
                "4",
                "Land",
                "a@b.example",
                "https://b.example/?a&b",
            )
            self.metadata = ServiceMetadata(
                "T",
                "A",
                ("k",),
                "none",
                "free",
                "",
                "https://p.example/",
                contact,
                options=MappingProxyType({}),
            )

    root = capabilities(catalog=Described())
    text = {element.tag.rpartition("}")[2]: element.text for element in root.iter() if element.text}
    for name, value in (
        ("ProviderName", "Office"),
        ("Voice", "1"),
        ("PostalCode", "4"),
        ("ElectronicMailAddress", "a@b.example"),
        ("Fees", "none"),
        ("AccessConstraints", "free"),
    ):
        assert text[name] == value
    assert "https://b.example/?a&b" in addresses(root)


@pytest.mark.parametrize("way", [way for way in WAYS if way != "without layers"])
def test_owslib_reads_documents(way: str) -> None:
    document = answer(**WAYS[way])
    service = WebMapTileService("http://a.example/wmts", xml=document.body)
    assert set(service.contents) >= {"utm", STRANGE}
    for name, content in service.contents.items():
        assert content.formats[0] == "image/png"
        assert list(content.styles)
        assert content.tilematrixsetlinks, name


def test_limits_are_those_of_tiles_or_those_of_the_set() -> None:
    """Of every matrix that the document has, those finer than the layer too."""
    root = capabilities()
    listed = {
        found.findtext("ows:Identifier", namespaces=NS): len(found.findall("w:TileMatrix", NS))
        for found in root.iterfind("w:Contents/w:TileMatrixSet", NS)
    }
    for each in ENTRIES:
        linked = {one.set.identifier: one for one in offered(each, server_of(), is_china=False)[1]}
        for found in layer_element(root, each.layer.identifier).iterfind("w:TileMatrixSetLink", NS):
            one = linked[found.findtext("w:TileMatrixSet", namespaces=NS)]
            stated = {
                row[0].text: tuple(int(value.text) for value in row[1:])
                for row in found.iterfind(".//w:TileMatrixLimits", NS)
            }
            assert len(stated) <= listed[one.set.identifier]
            for limits in with_all_matrices(each, one).limits[: listed[one.set.identifier]]:
                expected = (limits.min_row, limits.max_row, limits.min_column, limits.max_column)
                whole = (0, limits.matrix.rows - 1, 0, limits.matrix.columns - 1)
                assert (
                    stated.get(limits.matrix.identifier, expected if 0 in expected[1::2] else whole)
                    == expected
                )


def test_sets_end_with_the_finest_matrix_that_a_layer_needs() -> None:
    """GDAL takes the last matrix of a set for the size of a layer."""
    for asked in ("world", "utm", "world,utm"):
        root = capabilities(f"{BASE}&LAYERS={asked}")
        chosen = [each for each in ENTRIES if each.layer.identifier in asked.split(",")]
        for found in root.iterfind("w:Contents/w:TileMatrixSet", NS):
            name = found.findtext("ows:Identifier", namespaces=NS)
            sets = [one for each in chosen for one in offered(each, server_of(), is_china=False)[1]]
            counts = [len(one.limits) for one in sets if one.set.identifier == name]
            assert len(found.findall("w:TileMatrix", NS)) == max(counts)


def test_texts_that_are_kept_say_the_same() -> None:
    for way in ({}, {"path": "/wmts-china"}, {"path": "/x.fcgi"}, PROXY):
        assert answer(**way) == answer(**way)
    first = capabilities(f"{BASE}&LAYERS=utm")
    other = FakeCatalog(
        CATALOG.layers,
        entries=[replace(ENTRIES[0], layer=replace(ENTRIES[0].layer, title="Other"))],
        formats=("png",),
    )
    second = capabilities(f"{BASE}&LAYERS=utm", catalog=other)
    assert first.findtext("w:Contents/w:Layer/ows:Title", namespaces=NS) == "A <map> & more"
    assert second.findtext("w:Contents/w:Layer/ows:Title", namespaces=NS) == "Other"
    assert second.xpath("w:Contents/w:Layer/w:Format/text()", namespaces=NS) == ["image/png"]


def test_operations_and_formats_of_the_service() -> None:
    def catalog(**options: Any) -> FakeCatalog:
        return FakeCatalog(CATALOG.layers, entries=ENTRIES[:1], **options)

    root = capabilities(catalog=catalog(operations=("GetTile",)))
    assert root.xpath(".//ows:Operation/@name", namespaces=NS) == ["GetCapabilities", "GetTile"]
    assert not root.xpath(".//w:InfoFormat | .//w:ResourceURL[@resourceType='FeatureInfo']", namespaces=NS)
    root = capabilities(catalog=catalog(info_formats=("text/html",)))
    assert root.xpath(".//w:InfoFormat/text()", namespaces=NS) == ["text/html"]
    info = kvp(TILE, layer="utm", request="GetFeatureInfo", i="1", j="1", infoformat="text/plain")
    for chosen, code, status in (
        (catalog(operations=("GetTile",)), "OperationNotSupported", 501),
        (catalog(enabled=False), "OperationNotSupported", 501),
        (catalog(info_formats=("text/html",)), "InvalidParameterValue", 400),
    ):
        error = ask(info, catalog=chosen).error
        assert error is not None
        assert (validated(error.document.body)[0].get("exceptionCode"), error.status) == (code, status)
    assert ask(info, catalog=catalog()).answer is not None
