"""Searches that go through all items: in flat memory, and not without end."""

from __future__ import annotations

import resource
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from iipserve.collections import sqlite
from iipserve.collections.filters import parse_text
from iipserve.collections.store import Store
from iipserve.collections.values import ItemSearch, SortKey
from iipserve.errors import SearchTooLong
from tests.collections.images import collection, item

COUNT = 1000
LONG = "x" * 6000
"""Of a property of each item, all of which together would show in the memory."""
NONE = parse_text("remark = 'none'")
SEARCHES = {
    "filter": ItemSearch(filter=NONE),
    "order": ItemSearch(sort=(SortKey("remark"),), limit=1),
    "count": ItemSearch(filter=NONE, count=True),
}


@pytest.fixture
def long_items(store_url: str, opening: Callable[..., Store]) -> Store:
    store = opening(store_url)
    store.create(collection())
    some = item("a")
    for start in range(0, COUNT, 500):
        store.add_items(
            "aerial",
            [
                replace(some, id=f"i{number}", properties={"remark": LONG})
                for number in range(start, start + 500)
            ],
        )
    return store


def test_searches_without_an_index_take_the_memory_of_a_page(long_items: Store) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tracemalloc.start()
    try:
        for search in SEARCHES.values():
            long_items.search(search)
        assert tracemalloc.get_traced_memory()[1] < COUNT * len(LONG) / 4
    finally:
        tracemalloc.stop()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown * 1024 < 40 << 20  # caches of the driver


def test_a_search_that_takes_too_long_is_ended(long_items: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the connection is good for the next one, and for changes that take as long."""
    found: Any = long_items
    if found.backend.kind.name == "SQLITE":
        monkeypatch.setattr(sqlite, "READ_SECONDS", 0.0)
        monkeypatch.setattr(sqlite, "STEPS", 100)
        with pytest.raises(SearchTooLong, match="takes too long; a time, a place"):
            long_items.search(SEARCHES["filter"])
        assert long_items.delete_items("aerial", [f"i{number}" for number in range(100)]) == 100
        monkeypatch.undo()
    else:
        with pytest.raises(SearchTooLong, match="takes too long; a time, a place"):
            found.read(lambda connection: _short(connection))
    assert len(long_items.search(ItemSearch(limit=2)).items) == 2


def _short(connection: Any) -> None:
    connection.execute(text("SET statement_timeout = 50"))
    try:
        connection.execute(text("SELECT count(*) FROM generate_series(1, 100000000)"))
    finally:
        connection.execute(text("SET statement_timeout = '30s'"))
