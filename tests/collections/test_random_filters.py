"""Filters of any form: each is refused, or finds the same items in every kind of store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("cql2")

from iipserve.collections.filters import parse_filter, parse_query, parse_text
from iipserve.collections.store import Store, open_store
from iipserve.collections.values import ItemSearch
from iipserve.errors import InvalidRequest
from tests.collections.images import collection
from tests.collections.searched_items import ITEMS, PLATFORMS

NAMES = st.sampled_from(
    ["id", "collection", "datetime", "start_datetime", "created", "gsd", "proj:code", "geometry", "platform",
     "eo:cloud_cover", "mixed", "flag", "nothing", "a.b", "名", "'; --", "properties.mixed", "$", "a[0]"]
)  # fmt: skip
PROPERTIES = NAMES.map(lambda name: {"property": name})
TIMES = st.sampled_from(["2020-01-01T12:00:00Z", "2020-01-02T00:00:00.5+01:00", "2020-01-01", "..", "x"])
NUMBERS = st.one_of(st.integers(-100, 100), st.floats(allow_nan=False, allow_infinity=False), st.just(1e308))
TEXTS = st.one_of(st.sampled_from([*PLATFORMS, "", "%", "a%_\\", "[*?", "\\", "İß"]), st.text(max_size=5))
LITERALS = st.one_of(
    NUMBERS,
    TEXTS,
    st.booleans(),
    st.none(),
    TIMES.map(lambda text: {"timestamp": text}),
    TIMES.map(lambda text: {"date": text}),
)
COORDINATES = st.tuples(st.integers(-200, 200), st.integers(-90, 90)).map(list)
GEOMETRIES = st.one_of(
    COORDINATES.map(lambda each: {"type": "Point", "coordinates": each}),
    st.lists(COORDINATES, min_size=2, max_size=4).map(
        lambda each: {"type": "LineString", "coordinates": each}
    ),
    st.lists(COORDINATES, min_size=3, max_size=5).map(
        lambda each: {"type": "Polygon", "coordinates": [[*each, each[0]]]}
    ),
    st.lists(st.integers(-180, 180), min_size=4, max_size=4).map(lambda each: {"bbox": each}),
)
SPATIAL = [
    "s_intersects",
    "s_disjoint",
    "s_within",
    "s_contains",
    "s_touches",
    "s_overlaps",
    "s_crosses",
    "s_equals",
]
TEMPORAL = [
    "t_after",
    "t_before",
    "t_during",
    "t_intersects",
    "t_meets",
    "T_STARTEDBY",
    "t_equals",
    "t_overlaps",
]


def operations(names: list[str], *arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Objects with an operator, and an argument of each strategy."""
    return st.builds(lambda name, *each: {"op": name, "args": list(each)}, st.sampled_from(names), *arguments)


SCALARS = st.recursive(
    st.one_of(PROPERTIES, LITERALS),
    lambda inner: st.one_of(
        operations(["+", "-", "*", "/", "%", "^", "div"], inner, inner),
        operations(["casei", "accenti"], inner),
    ),
    max_leaves=4,
)
SPANS = st.one_of(
    PROPERTIES,
    LITERALS,
    st.tuples(st.one_of(TIMES, PROPERTIES), TIMES).map(lambda ends: {"interval": list(ends)}),
)
PREDICATES = st.one_of(
    operations(["=", "<>", "<", ">", "<=", ">=", "!="], SCALARS, SCALARS),
    operations(["between"], SCALARS, SCALARS, SCALARS),
    operations(["in"], SCALARS, st.lists(SCALARS, max_size=3)),
    operations(["like"], SCALARS, SCALARS),
    operations(["isNull"], PROPERTIES),
    operations(SPATIAL, st.just({"property": "geometry"}), GEOMETRIES),
    operations(SPATIAL, GEOMETRIES, st.just({"property": "geometry"})),
    operations(TEMPORAL, SPANS, SPANS),
    PROPERTIES,
    st.booleans(),
)
TREES = st.recursive(
    PREDICATES,
    lambda inner: st.one_of(operations(["and", "or"], inner, inner), operations(["not"], inner)),
    max_leaves=4,
)
FEW = settings(
    max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """The same items in a store of SQLite."""
    store = open_store(str(tmp_path_factory.mktemp("reference") / "images.sqlite"))
    store.create(collection())
    store.add_items("aerial", list(ITEMS.values()))
    yield store
    store.close()


def ids(store: Store, expression: Any) -> set[str] | str:
    """Ids of the items that are found, or `refused`."""
    try:
        page = store.search(ItemSearch(collections=("aerial",), filter=expression, limit=1000))
    except InvalidRequest:
        return "refused"
    return {each.id for each in page.items}


@FEW
@given(TREES)
def test_any_filter_is_refused_or_finds_the_same_everywhere(
    filled: Store, reference: Store, tree: Any
) -> None:
    try:
        expression = parse_filter(tree)
    except InvalidRequest:
        return
    found = ids(filled, expression)
    # numbers that are too large have no value in SQLite, and are refused by PostgreSQL
    assert found in ("refused", ids(reference, expression))


@given(
    st.recursive(
        st.one_of(LITERALS, NAMES), lambda inner: st.lists(inner) | st.dictionaries(TEXTS | NAMES, inner)
    )
)
def test_any_json_is_read_or_refused(value: Any) -> None:
    for read in (lambda: parse_filter(value, "cql2-json"), lambda: parse_query(value)):
        try:
            read()
        except InvalidRequest:
            continue


TOKENS = ["id", "datetime", "=", "<", "AND", "OR", "NOT", "(", ")", "'a'", "'", '"', "1", "-", "1e9", "IS", "NULL", "LIKE",
          "BETWEEN", "IN", ",", "TIMESTAMP('2020-01-01T00:00:00Z')", "INTERVAL(", "POINT(1 2)", "POLYGON((", "BBOX(", "CASEI(",
          "S_INTERSECTS(", "geometry", "T_AFTER(", "TRUE", "*", "^", "\\", "\n", "é", "||", ";"]  # fmt: skip


@given(st.lists(st.sampled_from(TOKENS), max_size=14))
def test_any_text_is_read_or_refused(tokens: list[str]) -> None:
    with suppress(InvalidRequest):
        parse_text(" ".join(tokens))
