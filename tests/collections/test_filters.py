"""Filters of requests: both forms of CQL2 and `query` give one expression, and what is wrong is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytest.importorskip("cql2")

from iipserve.collections.filters import parse_filter, parse_query, parse_text
from iipserve.errors import InvalidRequest

DATETIME, CLOUDS, GEOMETRY = (
    {"property": "datetime"},
    {"property": "eo:cloud_cover"},
    {"property": "geometry"},
)
POINT = {"type": "Point", "coordinates": [7.0, 46.0]}
TIME = "2020-01-01T00:00:00Z"

PAIRS: list[tuple[str, Any]] = [
    ("eo:cloud_cover < 10", {"op": "<", "args": [CLOUDS, 10]}),
    ('"eo:cloud_cover" >= 10.5', {"op": ">=", "args": [CLOUDS, 10.5]}),
    ("10 > eo:cloud_cover", {"op": ">", "args": [10, CLOUDS]}),
    ("eo:cloud_cover BETWEEN 0 AND 10", {"op": "between", "args": [CLOUDS, 0, 10]}),
    ("eo:cloud_cover NOT BETWEEN 0 AND 10", {"op": "not", "args": [{"op": "between", "args": [CLOUDS, 0, 10]}]}),
    ("id IN ('a','b')", {"op": "in", "args": [{"property": "id"}, ["a", "b"]]}),
    ("id LIKE 'S2A\\_%'", {"op": "like", "args": [{"property": "id"}, "S2A\\_%"]}),
    ("CASEI(id) LIKE CASEI('s2%')", {"op": "like", "args": [
        {"op": "casei", "args": [{"property": "id"}]}, {"op": "casei", "args": ["s2%"]}]}),
    ("platform IS NULL", {"op": "isNull", "args": [{"property": "platform"}]}),
    ("platform IS NOT NULL", {"op": "not", "args": [{"op": "isNull", "args": [{"property": "platform"}]}]}),
    (f"datetime > TIMESTAMP('{TIME}')", {"op": ">", "args": [DATETIME, {"timestamp": TIME}]}),
    (f"datetime > '{TIME}'", {"op": ">", "args": [DATETIME, {"timestamp": TIME}]}),
    ("datetime = DATE('2020-01-01')", {"op": "=", "args": [DATETIME, {"date": "2020-01-01"}]}),
    ("T_BEFORE(datetime, DATE('2020-01-01'))", {"op": "t_before", "args": [DATETIME, {"date": "2020-01-01"}]}),
    (f"T_DURING(datetime, INTERVAL('{TIME}', '..'))", {"op": "t_during", "args": [
        DATETIME, {"interval": [TIME, ".."]}]}),
    ("S_INTERSECTS(geometry, POINT(7 46))", {"op": "s_intersects", "args": [GEOMETRY, POINT]}),
    ("S_CONTAINS(POINT(7 46), geometry)", {"op": "s_within", "args": [GEOMETRY, POINT]}),
    ("S_INTERSECTS(geometry, BBOX(170,-10,-170,10))", {"op": "s_intersects", "args": [
        GEOMETRY, {"bbox": [170, -10, -170, 10]}]}),
    ("a = 1 AND b = 'x' OR NOT c = TRUE", {"op": "or", "args": [
        {"op": "and", "args": [{"op": "=", "args": [{"property": "a"}, 1]}, {"op": "=", "args": [{"property": "b"}, "x"]}]},
        {"op": "not", "args": [{"op": "=", "args": [{"property": "c"}, True]}]}]}),
    ("eo:cloud_cover * 2 + 1 > 5", {"op": ">", "args": [
        {"op": "+", "args": [{"op": "*", "args": [CLOUDS, 2]}, 1]}, 5]}),
    ("properties.platform = 'l''9'", {"op": "=", "args": [{"property": "platform"}, "l'9"]}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "tree"), PAIRS, ids=[text for text, _ in PAIRS])
def test_text_and_json_are_one_expression(text: str, tree: Any) -> None:
    expected = parse_filter(tree)
    assert parse_filter(text, "cql2-text") == expected
    assert parse_filter(json.dumps(tree), "cql2-json") == expected
    assert hash(expected) == hash(parse_text(text))


def test_between_with_a_list_of_its_ends_is_read() -> None:
    flat = {"op": "between", "args": [CLOUDS, 1, 2]}
    assert parse_filter({"op": "between", "args": [CLOUDS, [1, 2]]}) == parse_filter(flat)


BAD_TEXTS = [
    "", " ", "eo:cloud_cover", "eo:cloud_cover <", "eo:cloud_cover < 'a'", "id = 1", "id < TRUE", "datetime > 'x'",
    "datetime > 5", "datetime > TIMESTAMP('2020')", "datetime > TIMESTAMP('2020-02-30T00:00:00Z')",
    "datetime = TIMESTAMP('2020-01-01T00:00:00Z'' OR 1=1 --')", "T_AFTER(id, DATE('2020-01-01'))",
    "T_AFTER(datetime)", "T_DURING(datetime, INTERVAL('..'))",
    "T_DURING(datetime, INTERVAL('2021-01-01T00:00:00Z','2020-01-01T00:00:00Z'))",
    "S_INTERSECTS(id, POINT(1 2))", "S_INTERSECTS(geometry, geometry)", "S_INTERSECTS(POINT(1 2), POINT(1 2))",
    "S_INTERSECTS(geometry, POLYGON((0 0, 1 1)))", "S_INTERSECTS(geometry, POINT(1 95))",
    "S_INTERSECTS(geometry, POINT(1e999 0))", "S_NEAR(geometry, POINT(1 2))", "geometry = 'x'", "f(id) = 1",
    "id = 'a'; DROP TABLE iipserve_item", "id = 'a' --", "id = 'a", "((id = 'a')", "id = 'a')", "id == 'a'", "1",
    "'a'", "id LIKE 5", "id LIKE platform", "eo:cloud_cover + 'a' = 1", "eo:cloud_cover < 1e999",
    "A_CONTAINS(keywords, ('a','b'))", "(" * 200 + "id = 'a'" + ")" * 200, "NOT " * 5000 + "id = 'a'",
    "id = '" + "a" * 20_000 + "'", "id LIKE '" + "%a" * 100 + "'", "\x00", "id = 'a\x00b'",
]  # fmt: skip


@pytest.mark.parametrize("text", BAD_TEXTS, ids=lambda text: repr(text[:60]))
def test_a_text_that_is_no_filter_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        parse_text(text)


def _nested(depth: int) -> Any:
    tree: Any = {"op": "=", "args": [{"property": "id"}, "a"]}
    for _ in range(depth):
        tree = {"op": "not", "args": [tree]}
    return tree


BAD_TREES: list[Any] = [
    None, 1, "a", [], {}, {"op": "="}, {"op": 1, "args": []}, {"op": "=", "args": {}}, {"op": "=", "args": []},
    {"op": "and", "args": []}, {"op": "not", "args": [True, False]}, {"op": "=", "args": [{"property": "id"}, None]},
    {"op": "=", "args": [{"property": 1}, 1]}, {"op": "=", "args": [{"property": ""}, 1]},
    {"op": "=", "args": [{"property": 'a"b'}, 1]}, {"op": "=", "args": [{"property": "a\0"}, 1]},
    {"op": "=", "args": [{"property": "x" * 1000}, 1]}, {"op": "=", "args": [{"property": "id"}, "\ud800"]},
    {"op": "=", "args": [{"property": "id"}, "a\0b"]}, {"op": "=", "args": [CLOUDS, float("nan")]},
    {"op": "=", "args": [CLOUDS, float("inf")]}, {"op": "=", "args": [CLOUDS, 10**400]},
    {"op": "=", "args": [CLOUDS, [1]]}, {"op": "=", "args": [CLOUDS, {"timestamp": 5}]},
    {"op": "in", "args": [CLOUDS, 5]}, {"op": "in", "args": [CLOUDS, "abc"]}, {"op": "in", "args": [CLOUDS, ["a"]]},
    {"op": "isNull", "args": [5]}, {"op": "<", "args": [{"property": "flag"}, True]},
    {"op": "s_intersects", "args": [GEOMETRY, {"type": "Point"}]},
    {"op": "s_intersects", "args": [GEOMETRY, {"type": "Point", "coordinates": []}]},
    {"op": "s_intersects", "args": [GEOMETRY, {"type": "Point", "coordinates": ["1", "2"]}]},
    {"op": "s_intersects", "args": [GEOMETRY, {"type": "Circle", "coordinates": [1, 2]}]},
    {"op": "s_intersects", "args": [GEOMETRY, {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1]]]}]},
    {"op": "s_intersects", "args": [GEOMETRY, {"type": "GeometryCollection", "geometries": [
        {"type": "GeometryCollection", "geometries": []}]}]},
    {"op": "s_intersects", "args": [GEOMETRY, {"type": "MultiPoint", "coordinates": [[0, 0]] * 20_000}]},
    {"op": "s_intersects", "args": [GEOMETRY, {"bbox": [1, 2, 3]}]},
    {"op": "s_intersects", "args": [GEOMETRY, {"bbox": "1,2,3,4"}]},
    {"op": "t_before", "args": [DATETIME, {"interval": [TIME]}]}, {"op": "t_before", "args": [DATETIME, 5]},
    {"op": "t_before", "args": [DATETIME, {"interval": "x"}]}, _nested(100),
    {"op": "or", "args": [{"op": "=", "args": [CLOUDS, 1]}] * 3000},
    {"op": "or", "args": [{"op": "s_touches", "args": [GEOMETRY, POINT]}] * 11},
    {"op": "in", "args": [DATETIME, [TIME] * 301]}, {"op": "in", "args": [{"property": "mixed"}, [1, "a"] * 200]},
]  # fmt: skip


@pytest.mark.parametrize("tree", BAD_TREES, ids=lambda tree: repr(tree)[:60])
def test_json_that_is_no_filter_is_refused(tree: Any) -> None:
    with pytest.raises(InvalidRequest):
        parse_filter(tree, "cql2-json")


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, '{"op": NaN}', "x" * 200_000])
def test_what_is_not_json_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        parse_filter(text, "cql2-json")


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="'sql' is neither cql2-text nor cql2-json"):
        parse_filter("id = 'a'", "sql")
    with pytest.raises(InvalidRequest):
        parse_filter({"op": "=", "args": []}, "cql2-text")


def test_a_message_says_where_a_text_is_no_filter() -> None:
    with pytest.raises(InvalidRequest, match="at character 6"):
        parse_text("id = = 'a'")
    with pytest.raises(InvalidRequest, match="a number cannot be compared with a text: 'eo:cloud_cover'"):
        parse_text("eo:cloud_cover = 'a'")


QUERIES = {
    "eo:cloud_cover < 10 AND eo:cloud_cover >= 1": {"eo:cloud_cover": {"lt": 10, "gte": 1}},
    "eo:cloud_cover = 1": {"eo:cloud_cover": {"eq": 1}},
    "eo:cloud_cover > 1 AND eo:cloud_cover <= 2 AND platform <> 'x'": {
        "properties.eo:cloud_cover": {"gt": 1, "lte": 2}, "platform": {"neq": "x"}},
    "platform LIKE 'a\\%b%'": {"platform": {"startsWith": "a%b"}},
    "platform LIKE '%b'": {"platform": {"endsWith": "b"}},
    "platform LIKE '%b\\_%'": {"platform": {"contains": "b_"}},
    "platform IN ('a', 'b')": {"platform": {"in": ["a", "b"]}},
    f"datetime >= TIMESTAMP('{TIME}')": {"datetime": {"gte": TIME}},
}  # fmt: skip


@pytest.mark.parametrize("text", QUERIES)
def test_query_says_the_same_as_a_filter(text: str) -> None:
    assert parse_query(QUERIES[text]) == parse_text(text)


def test_an_empty_query_asks_for_nothing() -> None:
    assert parse_query({}) is None
    assert parse_query({"platform": {}}) is None


@pytest.mark.parametrize(
    "value",
    [
        "a",
        [],
        {"a": 5},
        {"a": {"like": "x"}},
        {"a": {"in": "x"}},
        {"a": {"contains": 5}},
        {"eo:cloud_cover": {"eq": "x"}},
        {f"p{number}": {"eq": 1} for number in range(100_000)},
        {"p": {"in": [str(number) for number in range(100_000)]}},
    ],
    ids=lambda value: repr(value)[:60],
)
def test_a_query_of_another_form_is_refused(value: object) -> None:
    with pytest.raises(InvalidRequest):
        parse_query(value)
