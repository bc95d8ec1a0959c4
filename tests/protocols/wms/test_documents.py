"""Capabilities documents of both versions: valid by schema and DTD, read by OWSLib, and true."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest
from lxml import etree
from owslib.wms import WebMapService

from iipserve.config import Config
from iipserve.geo import crs
from iipserve.geo.extents import transform_bounds
from iipserve.geo.grid import Bounds
from iipserve.geo.layer import Contact, LayerEntry, ServiceMetadata
from iipserve.geo.ows.addresses import Endpoint
from iipserve.geo.ows.exceptions import OwsError
from iipserve.plan import Document
from iipserve.protocols import Server
from iipserve.protocols import map_options as options
from iipserve.protocols.wms import describe
from iipserve.protocols.wms.documents import plan_capabilities
from iipserve.protocols.wms.mapml import SCHEMA
from iipserve.protocols.wms.query import CapabilitiesQuery, DescribeQuery
from tests.protocols.client import FORMATS
from tests.protocols.wms.services import ask
from tests.protocols.wmts.catalogs import STRANGE, FakeCatalog
from tests.protocols.wmts.services import BY_INFO, ENTRIES
from tests.schemas import WMS, validated, validated_by_dtd

VERSIONS = ("1.3.0", "1.1.1")
NS = {"w": WMS, "sld": "http://www.opengis.net/sld", "xlink": "http://www.w3.org/1999/xlink"}
ADDRESS = "https://maps.example/img/wms?map=a&"
CONTACT = Contact(
    "A. Person", "Office", "Head", "1", "2", "Street 3", "Town", "State", "4", "Land", "a@b.example"
)  # fmt: skip
RICH = {
    "attribution_title": "Survey & co", "attribution_onlineresource": "https://s.example/?a=1&b=2",
    "attribution_logourl_href": "https://s.example/l.png", "attribution_logourl_width": "10",
    "attribution_logourl_height": "20", "authorityurl_name": "The survey", "authorityurl_href": "https://s.example/",
    "identifier_authority": "The survey", "identifier_value": "x<1", "metadataurl_list": "a b",
    "metadataurl_a_href": "https://s.example/a", "metadataurl_a_type": "TC211", "metadataurl_b_href": "https://s.example/b",
    "metadataurl_b_type": "own kind", "dataurl_href": "https://s.example/d", "dataurl_format": "text/html",
    "timeextent": "2014/2016/P1Y", "timedefault": "2015", "dimensionlist": "elevation,wave", "elevation_extent": "0,10",
    "wave_extent": "1/9/1", "wave_units": "nm", "opaque": "1", "minscaledenom": "1000", "maxscaledenom": "2e6",
}  # fmt: skip


def server_of(catalog: Any) -> Server:
    return Server(Config(), FORMATS, catalog=lambda: catalog, listed=lambda: catalog, geo_image=BY_INFO.get)


def catalog_of(entries: list[LayerEntry] = ENTRIES, **fields: Any) -> FakeCatalog:
    catalog = FakeCatalog([each.layer for each in entries], entries=entries)
    named = {f"wms.{name}": value for name, value in fields.pop("said", {}).items()}
    catalog.metadata = ServiceMetadata(**{"title": "Maps", **fields}, options=MappingProxyType(named))
    return catalog


def with_metadata(items: Mapping[str, str], entry: LayerEntry = ENTRIES[0]) -> LayerEntry:
    return replace(entry, layer=replace(entry.layer, metadata=MappingProxyType(dict(items))))


def answer(version: str, catalog: Any = None, **fields: Any) -> Document:
    catalog = catalog or catalog_of()
    query = CapabilitiesQuery(Endpoint(ADDRESS, ""), version, **fields)
    return plan_capabilities(query, server_of(catalog)).describe(catalog)


def plain(root: Any) -> Any:
    """The document without namespaces, which 1.1.1 does not have."""
    for each in root.iter():
        each.tag = each.tag.rpartition("}")[2]
    return root


def capabilities(version: str, catalog: Any = None, **fields: Any) -> Any:
    body = answer(version, catalog, **fields).body
    return plain(validated(body) if version == "1.3.0" else validated_by_dtd(body))


def layer_named(root: Any, name: str) -> Any:
    (found,) = [each for each in root.iter("Layer") if each.findtext("Name") == name]
    return found


def systems(layer: Any) -> list[str]:
    """Those of a layer, inherited ones first."""
    inherited = [] if layer.getparent().tag != "Layer" else systems(layer.getparent())
    return inherited + [each.text for each in layer if each.tag in ("CRS", "SRS")]


PLAIN_TOO = {"plain_images": True}
CATALOGS: Mapping[str, Mapping[str, Any]] = {
    "usual": {},
    "plain images": {"said": PLAIN_TOO},
    "no layers": {"entries": []},
    "everything stated": {
        "entries": [with_metadata(RICH)],
        "contact": CONTACT,
        "abstract": "<a> & \u00fc",
        "keywords": ("k", "l"),
        "fees": "none",
        "access_constraints": "none",
        "provider_site": "https://p.example/?a&b",
        "said": {"metadata": RICH, "root_name": "all", "root_title": "All", "root_keywords": ("r",)},
    },
    "part of a contact": {"contact": Contact(city="Town", organization="Office")},
    "maps alone": {"said": {"operations": ("GetMap",)}},
    "unusable items": {
        "entries": [
            with_metadata(
                {"attribution_logourl_href": "x", "dataurl_href": "javascript", "minscaledenom": "nan"}
            )
        ]
    },
}


@pytest.mark.parametrize("name", CATALOGS)
@pytest.mark.parametrize("version", VERSIONS)
def test_documents_are_valid(version: str, name: str) -> None:
    root = capabilities(version, catalog_of(**CATALOGS[name]))
    assert (root.get("version"), root.get("updateSequence")) == (version, "7")


@pytest.mark.parametrize("version", VERSIONS)
def test_addresses_are_those_of_the_service(version: str) -> None:
    root = capabilities(version)
    for each in root.iter("OnlineResource"):
        assert each.get(f"{{{NS['xlink']}}}href").startswith(ADDRESS)
    assert b"map=a&amp;" in answer(version).body
    for operation in root.find("Capability/Request"):
        assert [each.tag for each in operation.find("DCPType/HTTP")] == ["Get", "Post"]


@pytest.mark.parametrize("version", VERSIONS)
def test_update_sequences(version: str) -> None:
    capabilities(version, update_sequence="6")
    for asked, code in (("7", "CurrentUpdateSequence"), ("8", "InvalidUpdateSequence")):
        with pytest.raises(OwsError) as caught:
            answer(version, update_sequence=asked)
        assert caught.value.code == code


def test_types() -> None:
    assert answer("1.3.0").media_type == "text/xml; charset=utf-8"
    assert answer("1.1.1").media_type == "application/vnd.ogc.wms_xml; charset=utf-8"


@pytest.mark.parametrize("version", VERSIONS)
def test_every_layer_has_its_systems_and_boxes(version: str) -> None:
    root = capabilities(version, catalog_of(said=PLAIN_TOO))
    attribute = "CRS" if version == "1.3.0" else "SRS"
    for entry in ENTRIES:
        shown = options.offered(entry, ServiceMetadata())
        found = layer_named(root, entry.layer.identifier)
        keys = options.crs_of(shown, ServiceMetadata())
        expected = {"CRS:1" if key == crs.IMAGE else key for key in keys}
        if version == "1.3.0" and "EPSG:4326" in expected:
            expected.add("CRS:84")
        assert set(systems(found)) == expected
        boxes = {each.get(attribute): each for each in found.findall("BoundingBox")}
        assert set(boxes) == expected
        for each in boxes.values():
            min_x, min_y, max_x, max_y = (float(each.get(key)) for key in ("minx", "miny", "maxx", "maxy"))
            assert all(map(math.isfinite, (min_x, min_y, max_x, max_y)))
            assert min_x < max_x
            assert min_y < max_y


def sides(box: Any) -> tuple[str, ...]:
    return tuple(box.get(key) for key in ("minx", "miny", "maxx", "maxy"))


def test_the_order_of_axes_is_that_of_the_version() -> None:
    for version, attribute, expected in (
        ("1.3.0", "CRS", ("46", "10", "50", "16")),
        ("1.1.1", "SRS", ("10", "46", "16", "50")),
    ):
        found = layer_named(capabilities(version), "degrees")
        boxes = {each.get(attribute): sides(each) for each in found.findall("BoundingBox")}
        assert boxes["EPSG:4326"] == expected
    assert boxes.keys() == {"EPSG:4326", "EPSG:3857"}
    found = layer_named(capabilities("1.3.0"), "degrees")
    assert sides(found.find("BoundingBox[@CRS='CRS:84']")) == ("10", "46", "16", "50")
    assert [each.text for each in found.find("EX_GeographicBoundingBox")] == ["10", "16", "46", "50"]
    assert sides(layer_named(capabilities("1.1.1"), "degrees").find("LatLonBoundingBox")) == (
        "10",
        "46",
        "16",
        "50",
    )


def test_layers_across_the_antimeridian() -> None:
    found = layer_named(capabilities("1.3.0"), "dateline")
    west, south, east, north = map(float, sides(found.find("BoundingBox[@CRS='CRS:84']")))
    assert 170 < west < 180 < east < 190
    assert [each.text for each in found.find("EX_GeographicBoundingBox")][:2] == ["-180", "180"]
    there = transform_bounds("EPSG:32660", "EPSG:4326", Bounds(600000, 5600000, 1200000, 6000000))
    assert there is not None
    assert (west, south, east - 360, north) == pytest.approx(
        (there.min_x, there.min_y, there.max_x, there.max_y)
    )


def test_systems_are_inherited_where_all_layers_have_them() -> None:
    root = capabilities("1.3.0")
    top = root.find("Capability/Layer")
    assert {each.text for each in top.findall("CRS")} == {"EPSG:4326", "CRS:84", "EPSG:3857"}
    for each in root.iter("Layer"):
        names = systems(each)
        assert len(names) == len(set(names))


def test_plain_pictures_are_listed_on_request_only() -> None:
    names = {each.findtext("Name") for each in capabilities("1.3.0").iter("Layer")}
    assert "plain" not in names
    assert "mars" not in names
    root = capabilities("1.3.0", catalog_of(said=PLAIN_TOO))
    found = layer_named(root, "plain")
    assert systems(found) == ["CRS:1"]
    assert sides(found.find("BoundingBox")) == ("0", "0", "400", "300")
    while found.tag == "Layer":
        assert found.find("EX_GeographicBoundingBox") is None
        found = found.getparent()


def test_folders_are_layers() -> None:
    found = layer_named(capabilities("1.3.0"), "maps")
    assert [each.findtext("Name") for each in found.findall("Layer")] == ["maps/cgcs", "maps/laea"]
    assert layer_named(capabilities("1.3.0"), STRANGE.split("/")[0]).findtext("Layer/Name") == STRANGE


@pytest.mark.parametrize("version", VERSIONS)
def test_what_a_layer_says(version: str) -> None:
    found = layer_named(capabilities(version, catalog_of([with_metadata(RICH)])), "utm")
    assert (found.get("queryable"), found.get("opaque")) == ("1", "1")
    assert found.findtext("Title") == "A <map> & more"
    assert [each.text for each in found.findall("KeywordList/Keyword")] == ["a", "b"]
    assert found.findtext("Attribution/Title") == "Survey & co"
    assert found.find("AuthorityURL").get("name") == found.find("Identifier").get("authority") == "The_survey"
    kinds = [each.get("type") for each in found.findall("MetadataURL")]
    assert kinds == (["TC211", "own_kind"] if version == "1.3.0" else ["TC211"])
    assert [each.get("name") for each in found.findall("Dimension")] == ["time", "elevation", "wave"]
    extent = found.find("Dimension" if version == "1.3.0" else "Extent")
    assert (extent.text, extent.get("default")) == ("2014/2016/P1Y", "2015")
    if version == "1.3.0":
        assert (found.findtext("MinScaleDenominator"), found.findtext("MaxScaleDenominator")) == (
            "1000",
            "2000000",
        )
    else:
        hint = found.find("ScaleHint")
        assert float(hint.get("min")) == pytest.approx(math.hypot(0.28, 0.28))


@pytest.mark.parametrize("version", VERSIONS)
def test_styles_have_legends(version: str) -> None:
    styles = layer_named(capabilities(version), STRANGE).findall("Style")
    assert [(each.findtext("Name"), each.findtext("Title")) for each in styles] == [
        ("default", "default"),
        ("ramp", "Ramp"),
    ]
    legend = styles[1].find("LegendURL")
    place = legend.find("OnlineResource").get(f"{{{NS['xlink']}}}href")
    assert place.startswith(f"{ADDRESS}SERVICE=WMS&VERSION={version}&REQUEST=GetLegendGraphic&")
    assert place.isascii()
    assert "LAYER=%E5%BD%B1%E5%83%8F%202024%3Aa%2Fb%26c&STYLE=ramp&" in place
    assert int(legend.get("width")) > 0


def test_operations_of_the_service_and_of_layers() -> None:
    limited = with_metadata({"enable_request": "GetCapabilities GetMap"}, ENTRIES[1])
    hidden = with_metadata({"enable_request": "GetMap"}, ENTRIES[2])
    root = capabilities("1.3.0", catalog_of([ENTRIES[0], limited, hidden]))
    assert layer_named(root, "utm").get("queryable") == "1"
    assert layer_named(root, "degrees").get("queryable") == "0"
    assert layer_named(root, "degrees").find("Style/LegendURL") is None
    assert "mercator" not in [each.findtext("Name") for each in root.iter("Layer")]
    root = capabilities("1.3.0", catalog_of(said={"operations": ("GetMap",), "formats": ("jpeg",)}))
    assert [each.tag for each in root.find("Capability/Request")] == ["GetCapabilities", "GetMap"]
    assert [each.text for each in root.findall("Capability/Request/GetMap/Format")] == ["image/jpeg"]


@pytest.mark.parametrize("version", VERSIONS)
def test_mapml_is_listed_where_the_standard_has_a_place(version: str) -> None:
    """As a format in both versions; as an operation of the schema that the document names in 1.3.0."""
    root = capabilities(version)
    assert root.findall("Capability/Request/GetMap/Format")[-1].text == "text/mapml"
    listed = [each.findtext("Format") for each in root.findall("Capability/Request/GetMapML")]
    assert listed == (["text/mapml"] if version == "1.3.0" else [])
    said = root.get("{http://www.w3.org/2001/XMLSchema-instance}schemaLocation", "").split()
    places = dict(zip(said[::2], said[1::2], strict=True))
    if version == "1.3.0":
        assert places["urn:x-iipserve:mapml:1.0"].startswith(ADDRESS)
        asked = ask(places["urn:x-iipserve:mapml:1.0"].removeprefix(ADDRESS)).answer
        assert asked is not None
        assert isinstance(asked.content, Document)
        assert asked.content.body == SCHEMA.read_bytes()
    without = capabilities(version, catalog_of(said={"operations": ("GetMap",)}))
    assert "text/mapml" not in [each.text for each in without.iter("Format")]
    assert b"mapml" not in answer(version, catalog_of(said={"operations": ("GetMap",)})).body


def test_layers_that_are_asked_for() -> None:
    root = capabilities("1.3.0", layers=("utm", "maps", "nothing"))
    names = [each.findtext("Name") for each in root.iter("Layer")]
    assert names == [None, "utm", "maps", "maps/cgcs", "maps/laea"]


def test_texts_that_are_kept_say_the_same() -> None:
    assert answer("1.3.0") == answer("1.3.0")
    other = catalog_of([replace(ENTRIES[0], layer=replace(ENTRIES[0].layer, title="Other"))])
    assert layer_named(capabilities("1.3.0", other), "utm").findtext("Title") == "Other"


@pytest.mark.parametrize("version", VERSIONS)
def test_owslib_reads_documents(version: str) -> None:
    service = WebMapService(ADDRESS, version=version, xml=answer(version).body)
    assert {"utm", "maps/laea", STRANGE} <= set(service.contents)
    found = service.contents["utm"]
    assert found.boundingBoxWGS84 == pytest.approx((15, 45.08, 15.153, 45.154), abs=0.01)
    assert set(found.crsOptions) >= {"EPSG:32633", "EPSG:4326", "EPSG:3857"}
    assert service.getOperationByName("GetMap").formatOptions[0] == "image/png"


@pytest.mark.parametrize("version", VERSIONS)
def test_numbers_have_no_exponents(version: str) -> None:
    for box in capabilities(version).iter("BoundingBox"):
        for side in sides(box):
            assert re.fullmatch(r"-?\d+(\.\d+)?", side)


def described(version: str, **options: Any) -> bytes:
    layers = tuple(each.layer for each in ENTRIES if each.layer.identifier in ("utm", STRANGE))
    query = DescribeQuery(layers, Endpoint(ADDRESS, ""), version)
    return describe.plan_description(query, ServiceMetadata(options=MappingProxyType(dict(options)))).body


def test_descriptions_of_layers() -> None:
    root = validated_by_dtd(described("1.1.1"))
    assert [(each.get("name"), each.get("owsType")) for each in root] == [("utm", "WCS"), (STRANGE, "WCS")]
    assert [each[0].get("typeName") for each in root] == ["utm", STRANGE]
    assert {each.get("owsURL") for each in root} == {ADDRESS}
    root = etree.fromstring(described("1.3.0"))
    assert [each.text for each in root.iter("{http://www.opengis.net/se}CoverageName")] == [
        "utm", "\u5f71\u50cf_2024_a_b_c",
    ]  # fmt: skip


def test_descriptions_have_no_address_where_coverages_are_switched_off() -> None:
    root = validated_by_dtd(described("1.1.1", **{"wcs.enabled": False}))
    assert {each.get("owsURL") for each in root} == {None}


@pytest.mark.parametrize("version", VERSIONS)
def test_styles_of_clients_are_announced(version: str) -> None:
    (found,) = capabilities(version).iter("UserDefinedSymbolization")
    assert (found.get("SupportSLD"), found.get("UserStyle"), found.get("UserLayer")) == ("1", "1", "0")
    operations = {each.tag for each in capabilities(version).find("Capability/Request")}
    assert ("GetStyles" in operations) == (version == "1.1.1")
