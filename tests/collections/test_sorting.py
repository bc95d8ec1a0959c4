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
        ("nonsense", BASE),
        ("-geometry", {name: value for name, value in BASE.items() if name != "geometry"}),
        ("properties", ITEM),
        ("properties.eo:cloud_cover", BASE | {"properties": BASE["properties"] | {"eo:cloud_cover": 5}}),
        ("eo:cloud_cover", BASE | {"properties": BASE["properties"] | {"eo:cloud_cover": 5}}),
        ("properties,-properties.foo", BASE | {"properties": BASE["properties"] | {"eo:cloud_cover": 5}}),
        ("properties.foo.bar", BASE | {"properties": BASE["properties"] | {"foo": {"bar": 1}}}),
        ("-assets.thumbnail", BASE | {"assets": {"data": {"href": "x", "roles": ["data"]}}}),
        ("-properties", {name: value for name, value in BASE.items() if name != "properties"}),
        ("geometry.type,-geometry", {name: value for name, value in BASE.items() if name != "geometry"}),
    ],
)
def test_fields_are_added_to_what_makes_an_item_and_then_left_out(
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
    assert fields_of({"include": None, "exclude": None}) == Fields()
