"""Whatever an item holds is refused, or read as it was given: for each kind of store."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iipserve.collections.store import Store
from iipserve.collections.values import REFUSED, ItemSearch
from iipserve.errors import InvalidRequest, NotFound
from tests.collections.images import collection, item

OFFSETS = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
"""Not named zones: instants that clocks skip equal none of another zone."""

TEXTS = st.text(st.characters(exclude_categories=()), max_size=8)
"""Also the character 0 and halves of pairs, which are no text."""
NUMBERS = st.one_of(
    st.integers(-(1 << 70), 1 << 70), st.floats(-1e15, 1e15), st.sampled_from([float("nan"), float("inf")])
)
"""PostgreSQL writes larger floats as integers of the same decimal digits: the same number in JSON, not in Python."""
JSON: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=6,
)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "id": TEXTS,
        "href": TEXTS,
        "size": st.integers(),
        "mtime_ns": st.integers(),
        "crs": TEXTS,
        "nodata": st.floats(allow_nan=False),
        "gsd_min": st.floats(),
        "visible_max": st.floats(),
        "datetime": st.datetimes(timezones=OFFSETS),
        "properties": st.dictionaries(TEXTS, JSON, max_size=4),
        "members": st.dictionaries(TEXTS, JSON, max_size=4),
        "status": TEXTS,
    },
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fields=FIELDS)
def test_an_item_is_refused_or_read_as_it_was_given(store: Store, fields: dict[str, Any]) -> None:
    if not store.collections():
        store.create(collection())
    given_item = item(**fields)
    (result,) = store.add_items("aerial", [given_item], upsert=True)
    if result.status == REFUSED:
        assert result.error
        return
    stored = store.item("aerial", given_item.id)
    as_given = replace(stored, sequence=0, revision=0, created=None, updated=None)
    assert as_given == given_item
    store.delete_items("aerial", [given_item.id])
    assert store.collection("aerial").summary.count == 0


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=TEXTS)
def test_any_name_may_be_asked_for(store: Store, name: str) -> None:
    assert store.version(name) == 0
    with suppress(InvalidRequest):
        assert store.matching(name, item().bounds[0], 1.0) == ()
    with pytest.raises((InvalidRequest, NotFound)):
        store.collection(name)
    with pytest.raises((InvalidRequest, NotFound)):
        store.search(ItemSearch(collections=(name,), ids=(name,)))
    with pytest.raises((InvalidRequest, NotFound)):
        store.delete_item(name, name)
