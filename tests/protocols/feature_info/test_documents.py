"""The formats of an answer, read by parsers that know nothing of this server."""

from __future__ import annotations

import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

pytest.importorskip("pyproj")
pytest.importorskip("rasterio")
pytest.importorskip("lxml")

from lxml import etree

from iipserve.geo.crs import UnknownCrs
from iipserve.geo.georeference import Band
from iipserve.geo.grid import Bounds
from iipserve.protocols import feature_info
from iipserve.protocols.feature_info.formats import EXTENSIONS, UnknownInfoFormat, writer
from iipserve.protocols.feature_info.gml import element_names, write_gml
from iipserve.protocols.feature_info.places import Place, key_of_srid
from iipserve.protocols.feature_info.planning import UnknownChild
from iipserve.protocols.feature_info.texts import write_html, write_layers, write_text
from tests.geo_rasters import KINDS, positions, write_geotiff
from tests.protocols.feature_info.asking import Rasters, at, at_pixel
from tests.schemas import schema_in

MEDIA_TYPES = tuple(EXTENSIONS.values())
GML = "{http://www.opengis.net/gml}"
INFO = "{urn:x-iipserve:feature-info:1.0}"
HOSTILE = '<script>alert("&\x01\n'


@pytest.fixture
def rasters(tmp_path: Path) -> Rasters:
    return Rasters(tmp_path)


class Tables(HTMLParser):
    """Texts of cells, by table and row; every tag that was seen."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self.captions: list[str] = []
        self.tags: set[str] = set()
        self._into: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th", "caption"):
            self._into = self.captions if tag == "caption" else self.tables[-1][-1]
            self._into.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th", "caption"):
            self._into = None

    def handle_data(self, data: str) -> None:
        if self._into is not None:
            self._into[-1] += data


def tables(body: bytes) -> Tables:
    parser = Tables()
    parser.feed(body.decode())
    return parser


# -- text/xml --------------------------------------------------------------------------------------


def test_layers_with_one_feature_for_each_band(rasters: Rasters) -> None:
    layer = rasters.layer(KINDS["scaled"](rasters.folder))
    answer = rasters.document(layer, at_pixel(layer, 37.5, 20.5, 2.5), "text/xml")
    assert answer.media_type == "text/xml; charset=utf-8"
    root = etree.fromstring(answer.body)
    assert root.tag == "layers"
    assert [each.get("name") for each in root] == ["height", "temperature"]
    assert [[one.get("id") for one in each] for each in root] == [["1"], ["1"]]
    fields = {field.tag: field.text for field in root[0][0]}
    assert fields == {
        "Value": "35.0", "Unit": "m", "Stored": "20", "NoData": "false", "Minimum": "31.0", "Maximum": "39.0",
        "Mean": "35.0", "Pixels": "25", "X": "500750.0", "Y": "4999590.0", "Longitude": fields["Longitude"],
        "Latitude": fields["Latitude"], "Column": "37", "Row": "20",
    }  # fmt: skip
    assert float(fields["Longitude"]) == pytest.approx(15.00953, abs=1e-4)


def test_layers_without_anything_there_stay_empty(rasters: Rasters) -> None:
    layer = rasters.layer(KINDS["utm"](rasters.folder))
    body = rasters.document(layer, at("EPSG:4326", 0, 0), "text/xml").body
    assert [(each.tag, dict(each.attrib), len(each)) for each in etree.fromstring(body)] == [
        ("layer", {"name": "band2"}, 0),
        ("layer", {"name": "band1"}, 0),
    ]


@pytest.mark.parametrize(
    ("children", "expected"),
    [
        (None, ["band3", "two", "one"]),
        (("one", "band3"), ["band3", "one"]),
        (("band3", "one"), ["band3", "one"]),
        (("band1", "one", "band2"), ["two", "one"]),
        (("band3",), ["band3"]),
    ],
)
def test_children_are_reported_from_the_top(
    children: tuple[str, ...] | None, expected: list[str], rasters: Rasters
) -> None:
    pixels = positions(20, 10)[[0, 1, 0]]
    layer = rasters.layer(write_geotiff(rasters.folder / "a.tif", pixels, names=("one", "two", "")))
    body = rasters.document(layer, at_pixel(layer, 3.5, 4.5), "text/xml", children).body
    root = etree.fromstring(body)
    assert [each.get("name") for each in root] == expected
    values = {"band3": "3", "two": "4", "one": "3"}
    assert [each.findtext("feature/Value") for each in root] == [values[name] for name in expected]


def test_a_child_that_is_unknown(rasters: Rasters) -> None:
    layer = rasters.layer(KINDS["utm"](rasters.folder))
    for name in ("band3", "band0", "", "Band1", "x" * 10000):
        with pytest.raises(UnknownChild, match="no sub-layer of 'utm'; it has band1, band2") as caught:
            rasters.document(layer, at_pixel(layer, 1, 1), "text/xml", (name,))
        assert len(str(caught.value)) < 250


def test_several_layers_are_told_apart_the_topmost_first(rasters: Rasters) -> None:
    below, above = rasters.layer(KINDS["utm"](rasters.folder)), rasters.layer(KINDS["nan"](rasters.folder))
    body = rasters.document([below, above], at_pixel(below, 3.5, 4.5), "text/xml").body
    names = [each.get("name") for each in etree.fromstring(body)]
    assert names == ["nan/band2", "nan/band1", "utm/band2", "utm/band1"]
    features = json.loads(rasters.document([below, above], at_pixel(below, 45.5, 15.5)).body)["features"]
    assert [each["id"] for each in features] == ["utm"]


# -- text/html and text/plain ----------------------------------------------------------------------


def test_one_table_for_each_layer(rasters: Rasters) -> None:
    layer = rasters.layer(KINDS["scaled"](rasters.folder), title="Air & water")
    answer = rasters.document([layer, layer], at_pixel(layer, 37.5, 20.5, 1.5), "text/html")
    assert answer.media_type == "text/html; charset=utf-8"
    read = tables(answer.body)
    assert read.captions == ["Air & water"] * 2
    assert read.tables[0][1] == ["height", "35.0", "m", "20", "33.0", "37.0", "35.0", "9"]
    assert len(read.tables[1]) == 3


def test_lines_of_text(rasters: Rasters) -> None:
    layer = rasters.layer(KINDS["utm"](rasters.folder))
    answer = rasters.document(layer, at_pixel(layer, 37.5, 20.5, 2.5), "text/plain")
    assert answer.media_type == "text/plain; charset=utf-8"
    lines = answer.body.decode().splitlines()
    assert lines[0] == "Layer utm"
    assert "  x = 500750.0" in lines
    assert lines[lines.index("  band1 = 37") + 1] == "    minimum 35, maximum 39, mean 37.0 of 25 pixels"


@pytest.mark.parametrize("media_type", MEDIA_TYPES)
def test_names_of_any_kind_are_harmless(media_type: str, rasters: Rasters) -> None:
    layer = rasters.layer(KINDS["utm"](rasters.folder), title=HOSTILE)
    bands = (Band(HOSTILE, HOSTILE), Band("影像 ü", "\ud800"))
    layer = replace(layer, geo=replace(layer.geo, bands=bands))
    body = rasters.document(layer, at_pixel(layer, 3.5, 4.5), media_type).body
    assert b"<script" not in body or media_type in ("application/json", "text/plain")
    assert b"\x01" not in body
    if "html" in media_type:
        assert "script" not in tables(body).tags
    elif "xml" in media_type:
        etree.fromstring(body)
    elif "json" in media_type:
        assert json.loads(body)["features"][0]["properties"]["title"] == HOSTILE
    else:
        assert len(body.decode().splitlines()) == 12


@pytest.mark.parametrize("media_type", MEDIA_TYPES)
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_of_raster_in_every_format(kind: str, media_type: str, rasters: Rasters) -> None:
    layer = rasters.layer(KINDS[kind](rasters.folder))
    whole = Place(layer.geo.georeference.crs, Bounds(-1e12, -1e12, 1e12, 1e12))
    outside = Place(layer.geo.georeference.crs, Bounds(1e12, 1e12, 2e12, 2e12), (1e12, 1e12))
    for place in (whole, outside):
        answer = rasters.document(layer, place, media_type)
        if "xml" in media_type:
            etree.fromstring(answer.body)
        assert answer.body


# -- GML -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "system", "is_north_first"),
    [
        ("utm", "urn:ogc:def:crs:EPSG::32633", False),
        ("wgs84", "urn:ogc:def:crs:EPSG::4326", True),
        ("cgcs2000", "urn:ogc:def:crs:EPSG::4490", True),
        ("mercator", "urn:ogc:def:crs:EPSG::3857", False),
        ("plain", "urn:ogc:def:crs:OGC::imageCRS", False),
        ("europa", None, False),
    ],
)
def test_positions_in_the_order_of_the_authority(
    kind: str, system: str | None, is_north_first: bool, rasters: Rasters
) -> None:
    layer = rasters.layer(KINDS[kind](rasters.folder))
    place = at_pixel(layer, 3.5, 4.5)
    answer = rasters.document(layer, place, MEDIA_TYPES[-1])
    assert answer.media_type == "application/gml+xml; version=3.1"
    point = etree.fromstring(answer.body).find(f".//{GML}Point")
    assert point.get("srsName") == system
    position = tuple(map(float, point.findtext(f"{GML}pos").split()))
    assert place.point is not None
    assert position == (place.point[::-1] if is_north_first else place.point)


def test_a_system_without_a_code_has_its_position_in_wgs_84(rasters: Rasters) -> None:
    layer = rasters.layer(KINDS["sinusoidal"](rasters.folder))
    root = etree.fromstring(rasters.document(layer, at_pixel(layer, 3.5, 4.5), MEDIA_TYPES[-1]).body)
    point = root.find(f".//{GML}Point")
    assert point.get("srsName") == "urn:ogc:def:crs:EPSG::4326"
    latitude, longitude = map(float, point.findtext(f"{GML}pos").split())
    assert (latitude, longitude) == (
        float(root.findtext(f".//{INFO}latitude")),
        float(root.findtext(f".//{INFO}longitude")),
    )


@pytest.fixture(scope="module")
def schema() -> etree.XMLSchema:
    path = Path(feature_info.__file__).with_name("feature_info.xsd")
    return schema_in(path, "http://localhost/feature_info.xsd")


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_gml_is_valid(kind: str, schema: etree.XMLSchema, rasters: Rasters) -> None:
    layer = rasters.layer(KINDS[kind](rasters.folder))
    hostile = replace(layer, layer=replace(layer.layer, identifier=HOSTILE))
    system = layer.geo.georeference.crs
    for place in (Place(system, Bounds(-1e12, -1e12, 1e12, 1e12)), at(system, 1e12, 1e12)):
        body = rasters.document([layer, hostile], place, MEDIA_TYPES[-1]).body
        schema.assertValid(etree.fromstring(body))
    assert not schema.validate(etree.fromstring(body.replace(b"FeatureCollection", b"Features")))


def test_values_are_named_by_their_bands(rasters: Rasters) -> None:
    layer = rasters.layer(KINDS["scaled"](rasters.folder))
    root = etree.fromstring(rasters.document(layer, at_pixel(layer, 37.5, 20.5, 1.5), MEDIA_TYPES[-1]).body)
    (feature,) = root.findall(f"{GML}featureMember/{INFO}Layer")
    assert feature.get(f"{GML}id") == "layer1"
    assert feature.findtext(f"{GML}name") == "scaled"
    values = {part.tag.removeprefix(INFO): part.text for part in feature if "height" in part.tag}
    assert values == {
        "height": "35.0", "height_stored": "20", "height_minimum": "33.0", "height_maximum": "37.0",
        "height_mean": "35.0", "height_pixels": "9",
    }  # fmt: skip
    assert feature.find(f"{INFO}height").get("unit") == "m"


def test_names_of_elements_are_legal_and_differ() -> None:
    names = ["a b", "a_b", "1", "", "column", "Höhe", "a/b", "x:y"]
    assert element_names([Band(name) for name in names]) == [
        "a_b", "a_b_2", "_1", "_", "column_2", "Höhe", "a_b_3", "x_y",
    ]  # fmt: skip


# -- names in requests -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", write_layers),
        ("text/xml", write_layers),
        ("TEXT/XML", write_layers),
        ("text/xml; charset=utf-8", write_layers),
        ("application/gml+xml; version=3.1", write_gml),
        ("application/gml xml; version=3.1", write_gml),
        ("application/gml+xml;version=3.1", write_gml),
        ("application/gml+xml", write_gml),
        ("text/xml; subtype=gml/3.1.1", write_gml),
        ('text/xml;subtype="gml/3.1.1"', write_gml),
        ("text/html", write_html),
        (" text/html ", write_html),
        ("text/plain", write_text),
    ],
)
def test_media_types_are_matched_leniently(text: str, expected: object) -> None:
    assert writer(text) is expected


@pytest.mark.parametrize("text", ["image/png", "text", "text/", "application/gml", "\x00", "x" * 10000])
def test_a_media_type_that_is_unknown(text: str) -> None:
    with pytest.raises(
        UnknownInfoFormat, match="is no format of feature info; text/html, text/xml"
    ) as caught:
        writer(text)
    assert len(str(caught.value)) < 800


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4326", "EPSG:4326"),
        ("8307", "EPSG:4326"),
        ("8265", "EPSG:4269"),
        ("3785", "EPSG:3857"),
        (" 900913 ", "EPSG:3857"),
        ("54004", "ESRI:54004"),
        ("32633", "EPSG:32633"),
        ("EPSG:32633", "EPSG:32633"),
        ("urn:ogc:def:crs:EPSG::4326", "EPSG:4326"),
    ],
)
def test_numbers_of_coordinate_reference_systems(text: str, expected: str) -> None:
    assert key_of_srid(text) == expected


@pytest.mark.parametrize("text", ["1", "", "-4326", "4326.0", "x", "٤٣٢٦", "9" * 5000, "\x00"])
def test_a_number_that_is_unknown(text: str) -> None:
    with pytest.raises(UnknownCrs):
        key_of_srid(text)
