"""Searches through the whole application: parameters by GET and POST, pages, fields, refusals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("sqlalchemy")
pytest.importorskip("cql2")

from iipserve import app
from tests.protocols.stac.services import COUNT, ROOT, application, ask, linked, read, refusal, square

SEARCH = f"{ROOT}search"
TRIANGLE = {"type": "Polygon", "coordinates": [[[3, 10], [8, 10], [3, 15], [3, 10]]]}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> app.Application:
    return application(tmp_path_factory.mktemp("searches"))


def numbers(value: Any) -> list[int]:
    """Of the squares among the items found."""
    return [int(each["id"][7:9]) for each in value["features"] if each["id"].startswith("square")]


def clouds(number: int) -> int | None:
    return square(number).properties.get("eo:cloud_cover")


def cloudy(number: int) -> bool:
    return (clouds(number) or 0) > 20


CASES: list[tuple[str, dict[str, Any], list[int]]] = [
    ("bbox=3,10,4,10.5", {"bbox": [3, 10, 4, 10.5]}, [3]),
    ("bbox=3,10,0,4,10.5,9", {"bbox": [3, 10, 0, 4, 10.5, 9]}, [3]),
    ("bbox=22.5,10,-170,15", {"bbox": [22.5, 10, -170, 15]}, [21, 22, 23, 24]),
    ("datetime=2024-05-03T12:00:00Z", {"datetime": "2024-05-03T12:00:00Z"}, [2]),
    ("datetime=2024-05-03T14:00:00%2B02:00", {"datetime": "2024-05-03T14:00:00+02:00"}, [2]),
    ("datetime=../2024-05-03T12:00:00Z", {"datetime": "../2024-05-03T12:00:00Z"}, [0, 1, 2]),
    ("datetime=2024-05-23T12:00:00Z/", {"datetime": "2024-05-23T12:00:00Z/"}, [22, 23, 24]),
    ("ids=square-03.tif,square-07.tif", {"ids": ["square-03.tif", "square-07.tif"]}, [3, 7]),
    ("ids=square-03.tif&bbox=20,10,21,11", {"ids": ["square-03.tif"], "bbox": [20, 10, 21, 11]}, []),
    ("collections=strange", {"collections": ["strange"]}, []),
    (
        f"intersects={quote(json.dumps({'type': 'Point', 'coordinates': [3.5, 10.5]}))}",
        {"intersects": {"type": "Point", "coordinates": [3.5, 10.5]}},
        [3],
    ),
    (
        f"filter={quote('eo:cloud_cover > 20')}",
        {"filter": {"op": ">", "args": [{"property": "eo:cloud_cover"}, 20]}},
        [number for number in range(COUNT) if cloudy(number)],
    ),
    (
        "filter-lang=cql2-json&filter="
        + quote(json.dumps({"op": "=", "args": [{"property": "id"}, "square-09.tif"]})),
        {"filter": "id = 'square-09.tif'", "filter-lang": "cql2-text"},
        [9],
    ),
    (
        f"query={quote(json.dumps({'eo:cloud_cover': {'gte': 22, 'lt': 24}}))}",
        {"query": {"eo:cloud_cover": {"gte": 22, "lt": 24}}},
        [22, 23],
    ),
    (
        f"query={quote(json.dumps({'eo:cloud_cover': {'eq': '7'}}))}",
        {"query": {"eo:cloud_cover": {"eq": "7"}}, "collections": "squares,strange"},
        [7],
    ),
    (
        f"query={quote(json.dumps({'datetime': {'lt': '2024-05-03T12:00:00Z'}, 'platform': {'eq': 'kite'}}))}",
        {"query": {"datetime": {"lt": "2024-05-03T12:00:00Z"}, "platform": {"eq": "kite"}}},
        [1],
    ),
    (
        f"query={quote(json.dumps({'platform': {'eq': 'kite'}}))}&filter={quote('eo:cloud_cover < 3')}",
        {"query": {"platform": {"eq": "kite"}}, "filter": {"op": "<", "args": [{"property": "eo:cloud_cover"}, 3]}},
        [1, 2],
    ),
]  # fmt: skip
"""Parameters, members that say the same, and the squares that they find."""


@pytest.mark.parametrize(("query", "members", "expected"), CASES, ids=[query[:40] for query, _, _ in CASES])
def test_parameters_and_members_find_the_same(
    server: app.Application, query: str, members: dict[str, Any], expected: list[int]
) -> None:
    by_get = read(server, f"{SEARCH}?limit=100&sortby=id&{query}")
    by_post = read(
        server, SEARCH, "POST", {"limit": 100, "sortby": [{"field": "id", "direction": "asc"}], **members}
    )
    assert numbers(by_get) == expected
    assert by_get["features"] == by_post["features"]
    assert by_get["numberMatched"] == by_get["numberReturned"] == len(by_get["features"])


def test_items_of_a_collection_are_searched_by_the_same_parameters(server: app.Application) -> None:
    address = f"{ROOT}collections/squares/items?limit=100&bbox=22.5,10,30,15&sortby=-id"
    assert numbers(read(server, address)) == [24, 23, 22, 21]


def test_a_box_across_the_antimeridian_finds_what_is_there(server: app.Application) -> None:
    for box in ("175,0,-178,1", "-179,0,-176,1", "171,0,172,1"):
        (item,) = read(server, f"{SEARCH}?bbox={box}")["features"]
        assert item["id"] == "seam.tif"


# -- pages -----------------------------------------------------------------------------------------


def pages(
    server: app.Application, address: str, method: str = "GET", content: Any = None, rel: str = "next"
) -> Iterator[Any]:
    """All pages of a search, by the links that the answers give."""
    while True:
        value = read(server, address, method, content)
        yield value
        following = [each for each in value["links"] if each["rel"] == rel]
        if not following:
            return
        (link,) = following
        assert link["type"] == "application/geo+json"
        address, method, content = link["href"], link.get("method", "GET"), link.get("body")


ORDERS = [
    "id",
    "-id",
    "datetime",
    "-datetime",
    "eo:cloud_cover,-id",
    "-eo:cloud_cover",
    "-properties.gsd,%2Bid",
]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("limit", [1, 7, 25])
def test_pages_have_each_item_once_in_order(server: app.Application, order: str, limit: int) -> None:
    whole = read(server, f"{SEARCH}?limit=100&sortby={order}")["features"]
    parts = list(pages(server, f"{SEARCH}?limit={limit}&sortby={order}"))
    assert [each["id"] for part in parts for each in part["features"]] == [each["id"] for each in whole]
    assert all(part["numberReturned"] == len(part["features"]) <= limit for part in parts)
    assert all(part["features"] for part in parts)
    assert not linked(parts[0], "prev")
    for part, before in pairwise(parts):
        (address,) = linked(before, "prev")
        assert read(server, address)["features"] == part["features"]


def test_pages_of_a_search_by_post(server: app.Application) -> None:
    content = {"limit": 4, "collections": ["squares"], "sortby": [{"field": "id", "direction": "desc"}]}
    content |= {"fields": {"include": ["id"], "exclude": ["links"]}, "query": {"gsd": {"eq": 20}}}
    found = list(pages(server, SEARCH, "POST", content))
    assert [number for part in found for number in numbers(part)] == list(reversed(range(COUNT)))
    assert all("links" not in each for part in found for each in part["features"])
    (last,) = [each for each in found[-1]["links"] if each["rel"] == "prev"]
    assert (last["method"], last["href"], last["merge"]) == ("POST", SEARCH, False)
    back = list(pages(server, SEARCH, "POST", last["body"], "prev"))
    assert [each["features"] for each in back] == [each["features"] for each in found[-2::-1]]


def test_a_page_keeps_the_parameters_of_the_search(server: app.Application) -> None:
    value = read(server, f"{SEARCH}?limit=2&filter={quote('eo:cloud_cover > 3')}&f=json&sortby=%2Bid")
    (link,) = [each["href"] for each in value["links"] if each["rel"] == "next"]
    assert link.startswith(f"{SEARCH}?limit=2&filter=eo%3Acloud_cover%20%3E%203&f=json&sortby=%2Bid&token=")


# -- fields ----------------------------------------------------------------------------------------


IDENTITY = {"type", "stac_version", "id", "collection"}
USUAL = IDENTITY | {"stac_extensions", "geometry", "bbox", "links", "assets", "properties"}
"""Members of items."""
FIELDS: list[tuple[str, dict[str, Any], set[str], set[str] | None]] = [
    ("", {}, USUAL, {"datetime"}),
    ("geometry", {"include": ["geometry"]}, IDENTITY | {"geometry"}, None),
    ("%2Bgeometry,-geometry", {"include": ["geometry"], "exclude": ["geometry"]}, IDENTITY | {"geometry"}, None),
    ("id,-links", {"include": ["id"], "exclude": ["links"]}, IDENTITY, None),
    ("properties.gsd", {"include": ["properties.gsd"]}, IDENTITY | {"properties"}, {"gsd"}),
    ("gsd,properties.platform", {"include": ["gsd", "properties.platform"]}, IDENTITY | {"properties"}, {"gsd", "platform"}),
    ("-properties,gsd", {"include": ["gsd"], "exclude": ["properties"]}, IDENTITY | {"properties"}, {"gsd"}),
    ("nothing.at.all", {"include": ["nothing.at.all"]}, IDENTITY, None),
]  # fmt: skip
"""As a parameter, as a member, and which members and properties an item then has (Fields 1.0.0)."""


@pytest.mark.parametrize(
    ("text", "member", "members", "properties"), FIELDS, ids=[text for text, *_ in FIELDS]
)
def test_fields(
    server: app.Application, text: str, member: Any, members: set[str], properties: set[str] | None
) -> None:
    (by_get,) = read(server, f"{SEARCH}?ids=square-03.tif&fields={text}")["features"]
    (by_post,) = read(server, SEARCH, "POST", {"ids": ["square-03.tif"], "fields": member})["features"]
    assert by_get == by_post
    assert set(by_get) == members
    assert properties is None or set(by_get["properties"]) == properties


@pytest.mark.parametrize("fields", [{}, {"include": [], "exclude": []}, {"include": None}], ids=str)
def test_fields_that_name_none_are_the_usual_ones_on_every_page(server: app.Application, fields: Any) -> None:
    """As without a value (Fields 1.0.0), by GET too."""
    content = {"limit": 4, "collections": ["squares"], "fields": fields}
    by_post = list(pages(server, SEARCH, "POST", content))
    by_get = list(pages(server, f"{SEARCH}?limit=4&collections=squares&fields="))
    plain = pages(server, f"{SEARCH}?limit=4&collections=squares")
    for found in (by_post, by_get):
        assert len(found) > 2
        items = [item for part in found for item in part["features"]]
        assert all((set(item), set(item["properties"])) == (USUAL, {"datetime"}) for item in items)
    assert (
        [numbers(part) for part in by_post] == [numbers(part) for part in by_get] == list(map(numbers, plain))
    )


def test_excluded_fields_alone_leave_all_others(server: app.Application) -> None:
    (whole,) = read(server, f"{SEARCH}?ids=square-03.tif")["features"]
    (found,) = read(server, f"{SEARCH}?ids=square-03.tif&fields=-geometry,-properties.gsd")["features"]
    del whole["geometry"], whole["properties"]["gsd"]
    assert found == whole
    (found,) = read(server, f"{SEARCH}?ids=square-03.tif&fields=properties,-properties.gsd")["features"]
    assert found["properties"] == whole["properties"]


# -- refusals --------------------------------------------------------------------------------------

BAD_PARAMETERS = [
    "limit=0", "limit=-1", "limit=x", "limit=1.5", "limit=99999999999999999999",
    "bbox=0", "bbox=0,1", "bbox=0,1,2", "bbox=0,0,0,1,1", "bbox=0,0,0,1,1,1,1", "bbox=0,2,1,1", "bbox=nan,0,1,1",
    "bbox=[0,0,1,1]", "bbox=a,b,c,d", "bbox=0,0,1e999,1",
    "datetime=/", "datetime=../..", "datetime=2024-05-01", "datetime=2024-05-01T00:00:00",
    "datetime=2024-05-02T00:00:00Z/2024-05-01T00:00:00Z", "datetime=2024-13-01T00:00:00Z", "datetime=a/b/c",
    "intersects=x", "intersects={}", "intersects=%7B%22type%22:%22Point%22%7D",
    "bbox=0,0,1,1&intersects=%7B%22type%22:%22Point%22,%22coordinates%22:[0,0]%7D",
    "filter=eo:cloud_cover%20>", "filter=x&filter-lang=sql", "filter=id='a'&filter-crs=EPSG:3857",
    "filter=datetime<TIMESTAMP('a%27%27;--')", "query=[1]", "query=%7B%22gsd%22:%7B%22about%22:1%7D%7D",
    "sortby=", "sortby=,", "token=nonsense", "token=%00", "ids=%ff",
]  # fmt: skip


@pytest.mark.parametrize("query", [each for each in BAD_PARAMETERS if each != "sortby="])
def test_bad_parameters_are_refused(server: app.Application, query: str) -> None:
    for path in ("search", "collections/squares/items"):
        status, description = refusal(server, f"{ROOT}{path}?{query}")
        assert status == 400, description
        assert "Traceback" not in description


BAD_BODIES: list[Any] = [
    b"", b"{", b"[]", b'"a"', b"null", b'{"limit": NaN}', b'{"bbox": [0, 0, 1e999, 1]}', b"\xff", b'{"ids": ["\\ud800"]}',
    {"limit": "10"}, {"limit": True}, {"limit": 0}, {"limit": None}, {"bbox": "0,0,1,1"},
    {"bbox": [0, 0, 1]}, {"bbox": {"a": 1}}, {"bbox": ["0", "0", "1", "1"]}, {"ids": 1}, {"ids": [1]},
    {"collections": {"a": 1}}, {"datetime": 1}, {"intersects": [1]}, {"intersects": {"type": "Circle"}},
    {"bbox": [0, 0, 1, 1], "intersects": TRIANGLE}, {"sortby": "id"}, {"sortby": [{"direction": "asc"}]},
    {"fields": "id"}, {"fields": [1]}, {"fields": None}, {"query": "a"}, {"filter": [1]}, {"filter": {"op": "drop", "args": []}},
    {"filter": "id = 'a'", "filter-lang": 1}, {"token": 1}, {"token": "x.y"},
]  # fmt: skip


@pytest.mark.parametrize("content", BAD_BODIES, ids=[str(each)[:40] for each in BAD_BODIES])
def test_bad_bodies_are_refused(server: app.Application, content: Any) -> None:
    status, description = refusal(server, SEARCH, "POST", content)
    assert status == 400, description


def test_a_token_is_of_its_search(server: app.Application) -> None:
    value = read(server, f"{SEARCH}?limit=2&sortby=id")
    (link,) = [each["href"] for each in value["links"] if each["rel"] == "next"]
    status, _ = refusal(server, link.replace("sortby=id", "sortby=-datetime"))
    assert status == 400


@pytest.mark.parametrize("limit", [10_001, 10**17])
def test_a_limit_above_the_maximum_is_the_maximum(server: app.Application, limit: int) -> None:
    by_get, by_post = read(server, f"{SEARCH}?limit={limit}"), read(server, SEARCH, "POST", {"limit": limit})
    assert by_get["numberReturned"] == by_post["numberReturned"] == COUNT + 7


TEXTS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["", "0", "1e999", "nan", "%", "%00", "%ff", "-180,-90,180,90", "1,2,3,4", "id='a'", "gsd>1", "((", "{}",
                     '{"type":"Point","coordinates":[0,0]}', '{"gsd":{"in":[1,"a",null]}}', "-datetime", "2024-05-01T00:00:00Z/"]),
)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["op", "args", "property", "type", "coordinates", "eq", "in", "field", "include"]
            ),
            inner,
        )
    ),
    max_leaves=8,
)
NAMES = st.sampled_from(
    ["limit", "bbox", "datetime", "ids", "collections", "filter", "filter-lang", "filter-crs", "query", "sortby", "fields",
     "token", "intersects", "f"]
)  # fmt: skip


@given(st.dictionaries(NAMES, TEXTS, max_size=4))
def test_no_parameters_end_in_an_error_of_the_server(
    server: app.Application, parameters: dict[str, str]
) -> None:
    query = "&".join(f"{name}={quote(text, safe='%')}" for name, text in parameters.items())
    assert ask(server, f"{SEARCH}?{query}").status in (200, 400, 404)


@given(st.dictionaries(NAMES, VALUES, max_size=4))
def test_no_body_ends_in_an_error_of_the_server(server: app.Application, content: dict[str, Any]) -> None:
    assert ask(server, SEARCH, "POST", content).status in (200, 400, 404)
