"""`sortby` and `fields`, by the examples of their specifications."""

from __future__ import annotations

from typing import Any

import pytest

from iipserve.collections.sorting import Fields, fields_of, parse_fields, parse_sort, sort_of
from iipserve.errors import InvalidRequest

ITEM: dict[str, Any] = {
    "type": "Feature",
    "stac_version": "1.1.0",
    "id": "a",
    "geometry": {"type": "Point", "coordinates": [1, 2]},
    "bbox": [1, 2, 1, 2],
    "properties": {"datetime": "2020-01-01T00:00:00Z", "eo:cloud_cover": 5, "foo": {"bar": 1, "baz": 2}},
    "links": [],
    "assets": {"data": {"href": "x", "roles": ["data"]}, "thumbnail": {"href": "y"}},
    "collection": "c",
}
BASE = {name: value for name, value in ITEM.items() if name != "properties"} | {
    "properties": {"datetime": "2020-01-01T00:00:00Z"}
}
OWN = {name: ITEM[name] for name in ("type", "stac_version", "id", "collection")}


def without(value: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: each for key, each in value.items() if key != name}


def test_the_text_and_the_objects_of_sortby_say_the_same() -> None:
    keys = [("datetime", True), ("eo:cloud_cover", False), ("id", False)]
    assert list(parse_sort("-properties.datetime,+eo:cloud_cover, id")) == keys
    objects = [
        {"field": "properties.datetime", "direction": "desc"},
        {"field": "eo:cloud_cover", "direction": "asc"},
        {"field": "id"},
    ]
    assert list(sort_of(objects)) == keys


@pytest.mark.parametrize("text", ["", "-", "a,,b", "a,-a", "properties.a,a", ",".join("abcdefghi")])
def test_a_sortby_without_names_or_with_one_twice_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        parse_sort(text)


@pytest.mark.parametrize(
    "value", ["a", {}, [1], [{}], [{"field": 1}], [{"field": "a", "direction": "up"}], [{"field": ""}]]
)
def test_a_sortby_that_is_no_list_of_fields_is_refused(value: object) -> None:
    with pytest.raises(InvalidRequest):
        sort_of(value)


@pytest.mark.parametrize(
    ("text", "body"),
    [
        ("", {}),
        ("-geometry", {"exclude": ["geometry"]}),
        (
            "id,type,geometry,properties.eo:cloud_cover",
            {"include": ["id", "type", "geometry", "properties.eo:cloud_cover"]},
        ),
        ("+id,+properties,-properties.foo", {"include": ["id", "properties"], "exclude": ["properties.foo"]}),
    ],
)
def test_the_text_and_the_object_of_fields_say_the_same(text: str, body: object) -> None:
    assert parse_fields(text) == fields_of(body)


@pytest.mark.parametrize(
    ("text", "document"),
    [
        ("", BASE),
        ("nonsense", OWN),
        ("-geometry", without(ITEM, "geometry")),
        ("properties", OWN | {"properties": ITEM["properties"]}),
        ("properties.eo:cloud_cover", OWN | {"properties": {"eo:cloud_cover": 5}}),
        ("eo:cloud_cover", OWN | {"properties": {"eo:cloud_cover": 5}}),
        ("properties,-properties.foo", OWN | {"properties": without(ITEM["properties"], "foo")}),
        ("properties.foo.bar", OWN | {"properties": {"foo": {"bar": 1}}}),
        ("-properties,properties.foo.bar", OWN | {"properties": {"foo": {"bar": 1}}}),
        ("-assets.thumbnail", ITEM | {"assets": {"data": {"href": "x", "roles": ["data"]}}}),
        ("-properties", without(ITEM, "properties")),
        ("geometry.type,-geometry", OWN | {"geometry": {"type": ITEM["geometry"]["type"]}}),
        ("geometry,-geometry", OWN | {"geometry": ITEM["geometry"]}),
    ],
)
def test_fields_are_those_that_are_included_or_all_that_are_not_excluded(
    text: str, document: dict[str, Any]
) -> None:
    before = repr(ITEM)
    assert parse_fields(text).select(ITEM) == document
    assert repr(ITEM) == before


@pytest.mark.parametrize(
    "value", ["a", [], {"include": "a"}, {"include": [1]}, {"exclude": {}}, {"include": ["a"] * 300}]
)
def test_fields_that_are_no_lists_of_names_are_refused(value: object) -> None:
    with pytest.raises(InvalidRequest):
        fields_of(value)


def test_null_lists_of_fields_are_empty() -> None:
    assert fields_of({"include": None, "exclude": None}) == Fields(())
    assert fields_of({"include": None, "exclude": ["id"]}) == Fields((), ("id",))
