"""Properties that have a column and an index: searches by them find the same as without, and go through the index."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("cql2")

from sqlalchemy import Connection, event, text

from iipserve.collections import migrations, shortlists
from iipserve.collections.conditions import TEMPORAL
from iipserve.collections.filters import parse_filter
from iipserve.collections.opening import opened
from iipserve.collections.schema import COMMON, Kind
from iipserve.collections.sql_store import SqlStore
from iipserve.collections.store import Store
from iipserve.collections.values import ItemSearch, SortKey
from tests.collections.earlier_tables import make_version_1
from tests.collections.images import collection, item
from tests.collections.searched_items import ITEMS, found

LONG = "landsat-" + "9" * 300
FILTERS = [
    "eo:cloud_cover < 5", "eo:cloud_cover >= 95.5", "7 > eo:cloud_cover", "eo:cloud_cover BETWEEN 10 AND 20",
    "eo:cloud_cover <> 7", "eo:cloud_cover IN (1, 2, 3, 50)", "eo:cloud_cover IS NULL", "NOT eo:cloud_cover < 90",
    "platform = 'señal'", "platform < 'b'", "platform > 'sentinel'", "platform <= 'Landsat-9'", "platform LIKE 'la%'",
    "platform LIKE '%2%'", "platform IN ('100%', 'none')", "platform IS NULL", "CASEI(platform) = CASEI('LANDSAT-8')",
    "eo:cloud_cover < 5 OR platform = 'señal'", "eo:cloud_cover < 5 OR gsd = 10", "constellation = 'none'",
    "(eo:cloud_cover < 3 OR eo:cloud_cover > 97) AND platform LIKE 'l%' AND flag = TRUE", "title IS NOT NULL",
    "datetime < TIMESTAMP('2020-01-01T12:00:00Z')", "datetime = DATE('2020-01-02')", "gsd < 5", "created > DATE('2020-01-01')",
    "end_datetime <= TIMESTAMP('2020-01-01T12:00:00Z')", "start_datetime IS NULL", "id LIKE 'i1%'", "id > 'i5' OR gsd = 10",
    *(f"{name}(datetime, INTERVAL('2020-01-01T12:00:00Z', '2020-01-01T17:00:00Z'))" for name in TEMPORAL),
    "T_BEFORE(datetime, TIMESTAMP('2020-01-01T12:00:00Z'))", "T_AFTER(datetime, INTERVAL('..', '2020-01-01T12:00:00Z'))",
    f"platform = '{LONG}'", f"platform > '{LONG}'", f"platform LIKE '{LONG[:250]}%'",
]  # fmt: skip


@pytest.mark.parametrize("text", FILTERS)
def test_a_shortlist_makes_no_difference(filled: Store, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether few items can meet a filter, or too many to look each of them up."""
    for sort in ((), (SortKey("eo:cloud_cover"), SortKey("platform", True)), (SortKey("datetime", True),)):
        search: dict[str, Any] = {"filter": parse_filter(text), "sort": sort, "limit": len(ITEMS)}
        monkeypatch.setattr(shortlists, "MAX_CANDIDATES", 2_000)
        few = found(filled, **search)
        monkeypatch.setattr(shortlists, "MAX_CANDIDATES", -1)
        assert found(filled, **search) == few


@pytest.mark.parametrize("descending", [False, True])
def test_texts_are_sorted_by_their_beginnings_and_other_types_come_last(
    store: Store, descending: bool
) -> None:
    platforms = ["b", "a" * 200 + "2", "a" * 200 + "1", "", "ä", LONG]
    others = [5, None, True, [1], {"a": 1}]
    store.create(collection())
    items = [
        item(f"{number}", properties={"platform": each}) for number, each in enumerate([*platforms, *others])
    ]
    store.add_items("aerial", items)
    sorts = (SortKey("platform", descending),)
    ids = found(store, collections=("aerial",), sort=sorts, limit=2)
    values = [store.item("aerial", id).properties["platform"] for id in ids]
    # equal beginnings, and what has no value, in the order in which they were added
    expected = sorted(platforms, key=lambda each: each[:200]), others
    first, last = (each[::-1] for each in expected) if descending else expected
    beginnings = [each[:200] for each in first]
    assert [each[:200] for each in values[: len(first)]] == beginnings
    assert values[len(first) :] == last


def test_numbers_of_any_size_and_type_can_be_stored(store: Store) -> None:
    values: list[Any] = [10**400, -(10**400), -0.25, 0, "7", None]
    store.create(collection())
    items = [item(str(number), properties={"eo:cloud_cover": each}) for number, each in enumerate(values)]
    assert {result.error for result in store.add_items("aerial", items)} == {""}
    assert [each.properties["eo:cloud_cover"] for each in store.items("aerial")] == values
    few = parse_filter("eo:cloud_cover BETWEEN -1 AND 1")
    assert found(store, filter=few) == ["3", "2"]


def test_tables_of_version_1_get_the_columns(store_url: str, opening: Callable[..., Store]) -> None:
    store = opened(store_url)
    store.create(collection())
    store.add_items("aerial", list(ITEMS.values()))
    searches = [{"filter": parse_filter(FILTERS[0])}, {"sort": (SortKey("platform"),)}]
    expected = [found(store, **each) for each in searches]
    make_version_1(store)
    store.close()
    migrated = opening(store_url)
    assert [found(migrated, **each) for each in searches] == expected
    assert isinstance(migrated, SqlStore)
    names = migrated.read(lambda connection: index_names(connection, migrated.backend.kind))
    assert {f"iipserve_item_{name}" for name in migrations.INDEXED} <= names


def index_names(connection: Connection, kind: Kind) -> set[str]:
    """Of all indexes of the database."""
    query = "SELECT name FROM sqlite_master" if kind is Kind.SQLITE else "SELECT indexname FROM pg_indexes"
    return set(connection.scalars(text(query)))


@pytest.mark.parametrize(
    "name", [*COMMON, "datetime", "start_datetime", "end_datetime", "created", "updated", "gsd", "id"]
)
def test_pages_of_an_order_are_read_from_an_index(name: str, tmp_path: Path) -> None:
    """As SQLite says, which knows nothing of how many items there are."""
    store = opened(str(tmp_path / "images.sqlite"))
    store.create(collection())
    store.add_items("aerial", [item(str(number)) for number in range(3)])
    plans = explained(store)
    for descending in (False, True):
        page = store.search(ItemSearch(collections=("aerial",), sort=(SortKey(name, descending),), limit=2))
        store.search(
            ItemSearch(
                collections=("aerial",),
                sort=(SortKey(name, descending),),
                limit=2,
                token=page.next_token or "",
            )
        )
    store.close()
    assert plans
    assert not [plan for plan in plans if "TEMP B-TREE" in plan or plan.startswith("SCAN iipserve_item")]


def test_a_filter_begins_with_the_index_of_its_property(tmp_path: Path) -> None:
    store = opened(str(tmp_path / "images.sqlite"))
    store.create(collection())
    plans = explained(store)
    store.search(ItemSearch(filter=parse_filter("eo:cloud_cover < 1")))
    store.close()
    assert any(
        "USING INDEX iipserve_item_cloud_cover (collection=? AND cloud_cover<?)" in plan for plan in plans
    )
    assert not [plan for plan in plans if plan.startswith("SCAN iipserve_item")]


def explained(store: SqlStore) -> list[str]:
    """What SQLite is going to do for each statement from now on; more as they are executed."""
    plans: list[str] = []

    def explain(_connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith("SELECT"):
            rows = cursor.connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans.extend(row[3] for row in rows)

    event.listen(store.backend.engine, "before_cursor_execute", explain)
    return plans
