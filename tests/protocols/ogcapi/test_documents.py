"""Documents of OGC API by the tables of the standards, links that lead where they say, forms and errors."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import morecantile
import pytest

from iipserve.geo.extents import geographic_bounds
from iipserve.geo.linked_sets import sets_of
from iipserve.geo.matrixset_files import FOLDER
from tests.protocols.ogcapi.schemas import COLLECTION, TILE_MATRIX_SET, TILE_SET, TILEJSON
from tests.protocols.ogcapi.services import ROOT, document, linked, read, refusal
from tests.protocols.wmts.catalogs import STRANGE
from tests.protocols.wmts.services import CATALOG, ENTRIES

REL = "http://www.opengis.net/def/rel/ogc/1.0/"
STRANGE_PATH = "%E5%BD%B1%E5%83%8F%202024%3Aa%2Fb%26c"
IDENTIFIERS = [entry.layer.identifier for entry in ENTRIES]


def valid(value: Any, schema: Any) -> Any:
    jsonschema.Draft202012Validator(schema).validate(value)
    return value


# -- service ---------------------------------------------------------------------------------------


def test_the_landing_page_leads_to_everything() -> None:
    page = read("/ogc/")
    assert page == read("/ogc")
    assert page["title"] == "Maps"
    for rel in (
        "self",
        "alternate",
        "service-desc",
        "service-doc",
        "conformance",
        "data",
        f"{REL}tiling-schemes",
    ):
        (href,) = linked(page, rel)
        assert href.startswith(ROOT)
        assert document(href).body


def test_conformance() -> None:
    classes = read("/ogc/conformance")["conformsTo"]
    assert "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/core" in classes
    assert "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/core" in classes
    assert "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/png" in classes
    assert len(set(classes)) == len(classes)


def test_the_definition_of_the_api() -> None:
    answer = document("/ogc/api")
    assert answer.media_type == "application/vnd.oai.openapi+json;version=3.0"
    value = json.loads(answer.body)
    assert value["openapi"] == "3.0.3"
    assert value["servers"] == [{"url": ROOT.removesuffix("/")}]
    identifiers = [
        operation["operationId"] for path in value["paths"].values() for operation in path.values()
    ]
    assert len(set(identifiers)) == len(identifiers)
    known = {
        "collectionId": "degrees", "styleId": "default", "tileMatrixSetId": "WorldCRS84Quad", "tileMatrix": "6",
        "tileRow": "14", "tileCol": "67",
    }  # fmt: skip
    for path, operations in value["paths"].items():
        stated = [_resolved(value, each) for each in operations["get"]["parameters"]]
        in_path = [each["name"] for each in stated if each["in"] == "path"]
        assert all(f"{{{name}}}" in path for name in in_path)
        assert path.count("{") == len(in_path)
        for response in operations["get"]["responses"].values():
            assert _resolved(value, response)["description"]
        if "tileCol" not in in_path and not path.endswith(("/map", "/coverage")):
            assert (
                document("/ogc" + path.format(**known)).media_type
                in operations["get"]["responses"]["200"]["content"]
                or path == "/api"
            )


def _resolved(value: Any, part: Any) -> Any:
    for name in part.get("$ref", "").removeprefix("#/").split("/") if "$ref" in part else ():
        part = value = value[name]
    return part


# -- tile matrix sets ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["WebMercatorQuad", "WorldCRS84Quad", "WGS1984Quad"])
def test_tile_matrix_sets_are_as_published(name: str) -> None:
    (item,) = [each for each in read("/ogc/tileMatrixSets")["tileMatrixSets"] if each["id"] == name]
    value = valid(read(linked(item, "self")[0]), TILE_MATRIX_SET)
    published = json.loads((FOLDER / f"{name}.json").read_text())
    assert value == published
    theirs, ours = morecantile.tms.get(name), morecantile.TileMatrixSet(**value)
    assert ours.crs.to_epsg() == theirs.crs.to_epsg()
    assert ours.tile(14.2, 48.3, 12) == theirs.tile(14.2, 48.3, 12)


@pytest.mark.parametrize("identifier", ["utm", "maps/laea", "degrees", STRANGE, "plain", "mars"])
def test_sets_of_images(identifier: str) -> None:
    """The link of a tile set to its tile matrix set leads to a definition of all of its matrices."""
    path = f"/ogc/collections/{identifier.replace('/', '%2F')}/map/tiles"
    if identifier == STRANGE:
        path = f"/ogc/collections/{STRANGE_PATH}/map/tiles"
    item = read(path)["tilesets"][-1]
    tileset = read(linked(item, "self")[0])
    (scheme,) = linked(item, f"{REL}tiling-scheme")
    assert item["tileMatrixSetURI"] == scheme
    value = valid(read(scheme), TILE_MATRIX_SET)
    assert [each["id"] for each in value["tileMatrices"]] == [
        each["tileMatrix"] for each in tileset["tileMatrixSetLimits"]
    ]
    if identifier == "maps/laea":
        assert value["tileMatrices"][0]["pointOfOrigin"] == [3210000, 4321000], "northing first"
        assert value["tileMatrices"][-1]["cellSize"] == 25


# -- layers ----------------------------------------------------------------------------------------


def test_all_layers_are_listed() -> None:
    value = read("/ogc/collections")
    assert [each["id"] for each in value["collections"]] == IDENTIFIERS
    assert value["numberReturned"] == len(IDENTIFIERS)
    for item in value["collections"]:
        valid(item, COLLECTION)
        one = valid(read(linked(item, "self")[0]), COLLECTION)
        assert (one["id"], one["title"]) == (item["id"], item["title"])
        boxes = [each.get("extent", {}).get("spatial", {}).get("bbox") for each in (one, item)]
        assert boxes[0] == boxes[1]
        assert linked(one, f"{REL}tilesets-map") == linked(item, f"{REL}tilesets-map")


def test_extents() -> None:
    found = {each["id"]: each.get("extent") for each in read("/ogc/collections")["collections"]}
    for entry in ENTRIES:
        bounds = geographic_bounds(entry.geo.georeference) if entry.geo.georeference.crs != "image" else None
        extent = found[entry.layer.identifier]
        if bounds is None:
            assert extent is None
        else:
            assert extent == {
                "spatial": {"bbox": [list(bounds)], "crs": "http://www.opengis.net/def/crs/OGC/1.3/CRS84"}
            }
    assert found["plain"] is None
    assert found["mars"] is None
    assert found["degrees"]["spatial"]["bbox"] == [[10, 46, 16, 50]]
    west, _, east, _ = found["dateline"]["spatial"]["bbox"][0]
    assert west > east


def test_layers_are_listed_in_parts() -> None:
    seen, address = [], "/ogc/collections?limit=5"
    for _ in range(3):
        value = read(address)
        seen += [each["id"] for each in value["collections"]]
        address = next(iter(linked(value, "next")), "")
    assert seen == IDENTIFIERS
    assert address == ""
    assert linked(value, "prev") == [f"{ROOT}collections?limit=5&offset=5"]
    assert len(read("/ogc/collections?limit=0")["collections"]) == 1
    assert read("/ogc/collections?limit=99999999999999999999")["numberReturned"] == len(IDENTIFIERS)
    assert read("/ogc/collections?offset=99999999999999999999")["collections"] == []
    for text in ("-1", "a", "1.5", "%C2%B2"):
        assert refusal(f"/ogc/collections?limit={text}")[0] == 400


# -- tile sets -------------------------------------------------------------------------------------


@pytest.mark.parametrize("entry", ENTRIES, ids=IDENTIFIERS)
def test_tile_sets_have_the_limits_of_all_services(entry: Any) -> None:
    (href,) = linked(read(f"/ogc/collections/{quoted(entry)}"), f"{REL}tilesets-map")
    tilesets = read(href)["tilesets"]
    sets = {each.set.identifier: each for each in sets_of(entry, CATALOG.metadata)}
    if entry.layer.identifier != "mars":
        assert len(tilesets) == len(sets)
    for item in tilesets:
        valid({**item}, TILE_SET)
        value = valid(read(linked(item, "self")[0]), TILE_SET)
        assert {name: item[name] for name in ("title", "dataType", "crs", "tileMatrixSetURI")} == {
            name: value[name] for name in ("title", "dataType", "crs", "tileMatrixSetURI")
        }
        one = sets.get(linked(item, "self")[0].rpartition("/")[2])
        if one:
            assert [tuple(each.values()) for each in value["tileMatrixSetLimits"]] == [
                (
                    limits.matrix.identifier,
                    limits.min_row,
                    limits.max_row,
                    limits.min_column,
                    limits.max_column,
                )
                for limits in one.limits
            ]
            corners = value["boundingBox"]
            assert [*corners["lowerLeft"], *corners["upperRight"]] == pytest.approx(
                [*one.set.in_axis_order(*one.bounds[:2]), *one.set.in_axis_order(*one.bounds[2:])]
            )


def quoted(entry: Any) -> str:
    identifier = entry.layer.identifier
    return STRANGE_PATH if identifier == STRANGE else identifier.replace("/", "%2F")


def test_templates_of_tiles() -> None:
    value = read(f"/ogc/collections/{STRANGE_PATH}/map/tiles/WorldCRS84Quad")
    items = [each for each in value["links"] if each["rel"] == "item"]
    assert [each["type"] for each in items] == ["image/png", "image/jpeg", "image/webp", "image/tiff"]
    assert all(each["templated"] is True for each in items)
    assert items[0]["href"] == (
        f"{ROOT}collections/{STRANGE_PATH}/map/tiles/WorldCRS84Quad/{{tileMatrix}}/{{tileRow}}/{{tileCol}}?f=png"
    )


def test_styles_have_tile_sets_of_their_own() -> None:
    value = read(f"/ogc/collections/{STRANGE_PATH}")
    assert [each["id"] for each in value["styles"]] == ["default", "ramp"]
    (href,) = linked(value["styles"][1], f"{REL}tilesets-map")
    assert href == f"{ROOT}collections/{STRANGE_PATH}/styles/ramp/map/tiles"
    for item in read(href)["tilesets"]:
        tileset = read(linked(item, "self")[0])
        assert "/styles/ramp/map/tiles/" in linked(tileset, "item")[0]
    status, detail = refusal(f"/ogc/collections/{STRANGE_PATH}/styles/none/map/tiles")
    assert (status, "it has default, ramp" in detail) == (404, True)


def test_identifiers_with_slashes() -> None:
    """Some web servers decode them on the way."""
    for path in (
        "/ogc/collections/maps/laea",
        "/ogc/collections/maps%2flaea",
        "/ogc/collections/maps/laea.tif",
    ):
        assert read(path)["id"] == "maps/laea"
    for path in ("maps/laea/map/tiles/maps/laea:native", "maps%2Flaea/map/tiles/native"):
        value = read(f"/ogc/collections/{path}")
        assert value["crs"] == "http://www.opengis.net/def/crs/EPSG/0/3035"
    assert read("/ogc/tileMatrixSets/maps/laea:native")["id"] == "maps/laea:native"
    assert read("/ogc/tileMatrixSets/native_maps%2Flaea")["id"] == "maps/laea:native"


# -- TileJSON --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "entry",
    [each for each in ENTRIES if each.layer.identifier not in ("plain", "mars")],
    ids=lambda each: each.layer.identifier,
)
def test_tilejson(entry: Any) -> None:
    value = valid(read(f"/ogc/collections/{quoted(entry)}/map/tiles/WebMercatorQuad?f=tilejson"), TILEJSON)
    other = valid(read(f"/xyz/{quoted(entry)}/tiles.json"), TILEJSON)
    assert {**value, "tiles": 0} == {**other, "tiles": 0}
    assert value["tiles"] == [
        f"{ROOT}collections/{quoted(entry)}/map/tiles/WebMercatorQuad/{{z}}/{{y}}/{{x}}?f=png"
    ]
    assert other["tiles"] == [f"http://a.example/xyz/{quoted(entry)}/{{z}}/{{x}}/{{y}}.png"]
    one = next(each for each in sets_of(entry, CATALOG.metadata) if each.set.identifier == "WebMercatorQuad")
    assert (value["minzoom"], value["maxzoom"]) == (0, len(one.limits) - 1)
    west, south, east, north = value["bounds"]
    bounds = geographic_bounds(entry.geo.georeference)
    assert bounds is not None
    expected = (-180, bounds.min_y, 180, bounds.max_y) if bounds.max_x < bounds.min_x else bounds
    assert (west, south, east, north) == pytest.approx(expected)
    longitude, latitude, zoom = value["center"]
    assert west <= longitude <= east
    assert south <= latitude <= north
    assert 0 <= zoom <= value["maxzoom"]


def test_tilejson_says_what_else_is_asked_for() -> None:
    value = read(f"/xyz/{STRANGE_PATH}/tiles.json?style=ramp&f=webp")
    assert value["tiles"] == [f"http://a.example/xyz/{STRANGE_PATH}/{{z}}/{{x}}/{{y}}.webp?style=ramp"]
    assert read("/xyz/utm/tiles.json")["name"] == "A <map> & more"
    status, detail = refusal("/ogc/collections/utm/map/tiles/WorldCRS84Quad?f=tilejson")
    assert (status, "f=json" in detail) == (400, True)
    assert refusal("/ogc/collections/utm?f=tilejson")[0] == 400
