"""Pages of searches: every order, values that are missing, and changes while a client reads on."""

from __future__ import annotations

import base64
import random
from dataclasses import replace
from typing import Any

import pytest

pytest.importorskip("cql2")

from iipserve.collections.store import Store
from iipserve.collections.values import ItemSearch, Page, SortKey
from iipserve.errors import InvalidRequest
from tests.collections.images import collection, item, picture
from tests.collections.searched_items import ITEMS, found


def key_of(value: Any) -> tuple[int, Any]:
    """Numbers before texts, by their values."""
    return (1, value) if isinstance(value, str) else (0, value)


VALUES: dict[str, Any] = {
    "id": lambda each: each.id,
    "datetime": lambda each: each.datetime,
    "start_datetime": lambda each: each.start,
    "gsd": lambda each: each.gsd_min,
    "platform": lambda each: each.properties.get("platform"),
    "eo:cloud_cover": lambda each: each.properties.get("eo:cloud_cover"),
    "mixed": lambda each: each.properties.get("mixed"),
}


def value_of(name: str, id: str) -> Any:
    """What an item is sorted by; None if that is neither a number nor a text."""
    value = VALUES[name](ITEMS[id])
    return None if isinstance(value, bool | list | dict) else value


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize(
    ("name", "limit"), [*((name, 7) for name in VALUES), ("id", 500), ("datetime", 1), ("mixed", 1)]
)
def test_items_are_in_order_and_those_without_a_value_come_last(
    filled: Store,
    name: str,
    descending: bool,
    limit: int,
) -> None:
    ids = found(filled, sort=(SortKey(name, descending),), limit=limit)
    assert set(ids) == set(ITEMS)
    values = [value_of(name, id) for id in ids]
    known = [value for value in values if value is not None]
    assert values == known + [None] * (len(values) - len(known))
    assert known == sorted(known, key=key_of, reverse=descending)


def test_equal_values_are_sorted_by_the_next_key(filled: Store) -> None:
    ids = found(filled, sort=(SortKey("gsd"), SortKey("eo:cloud_cover", True), SortKey("id")), limit=11)
    missing = 1e9
    keys = [
        (ITEMS[id].gsd_min or missing, -ITEMS[id].properties.get("eo:cloud_cover", -missing), id)
        for id in ids
    ]
    assert keys == sorted(keys)
    assert set(ids) == set(ITEMS)


def test_the_newest_come_first_unless_stated(filled: Store) -> None:
    times = [ITEMS[id].latest for id in found(filled)]
    known = [time for time in times if time is not None]
    assert known == sorted(known, reverse=True)
    assert times == [*known, None]


def test_items_that_stay_are_on_one_page_each_whatever_changes(store: Store) -> None:
    store.create(collection())
    chance = random.Random(3)
    stay = [item(f"s{number}", gsd_min=chance.choice([None, 1.0, 2.0])) for number in range(60)]
    store.add_items("aerial", [*stay, *(item(f"g{number}", gsd_min=1.0) for number in range(60))])
    seen: list[str] = []
    token: str | None = ""
    while token is not None:
        page = store.search(ItemSearch(sort=(SortKey("gsd"),), limit=10, token=token))
        seen += [each.id for each in page.items]
        token = page.next_token
        number = len(seen)
        store.delete_items("aerial", [f"g{(number * 7 + step) % 60}" for step in range(5)])
        store.add_items("aerial", [picture(f"n{number}"), item(f"m{number}", gsd_min=1.0)])
        if number > 300:
            break
    assert len(seen) == len(set(seen))
    assert {each.id for each in stay} <= set(seen)


def test_a_token_is_good_for_its_order_only(filled: Store) -> None:
    search = ItemSearch(collections=("aerial",), sort=(SortKey("gsd"),), limit=5)
    token = filled.search(search).next_token
    assert token is not None
    changed = base64.urlsafe_b64encode(
        base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))[:-1] + b"9"
    ).decode()
    for bad in ("x", "é", token[:-2], changed, "a" * 10_000, token + "\n", "[1]"):
        with pytest.raises(InvalidRequest, match="token"):
            filled.search(ItemSearch(collections=("aerial",), sort=(SortKey("gsd"),), token=bad))
    for sort in ((), (SortKey("gsd", True),), (SortKey("id"),)):
        with pytest.raises(InvalidRequest, match="token"):
            filled.search(ItemSearch(collections=("aerial",), sort=sort, token=token))
    assert filled.search(
        ItemSearch(collections=("aerial",), sort=(SortKey("gsd"),), limit=50, token=token)
    ).items


def last_page(store: Store, search: ItemSearch) -> tuple[ItemSearch, Page]:
    """The search for the last page, by the links of the pages before it, and that page."""
    page = store.search(search)
    while page.next_token is not None:
        search = replace(search, token=page.next_token)
        page = store.search(search)
    return search, page


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("name", [*VALUES, ""])
def test_pages_lead_back_to_the_first_one(filled: Store, name: str, descending: bool) -> None:
    sort = (SortKey(name, descending),) if name else ()
    search, page = last_page(filled, ItemSearch(collections=("aerial",), sort=sort, limit=7))
    ids = [each.id for each in page.items]
    while page.previous_token is not None:
        page = filled.search(replace(search, token=page.previous_token))
        assert page.items
        ids = [*(each.id for each in page.items), *ids]
    assert ids == found(filled, sort=sort, limit=7)
    assert page.next_token is not None
    following = filled.search(replace(search, token=page.next_token))
    assert ids.index(following.items[0].id) == len(page.items)
    assert following.previous_token is not None


def test_pages_before_have_each_item_once_whatever_changes(store: Store) -> None:
    store.create(collection())
    chance = random.Random(5)
    stay = [item(f"s{number}", gsd_min=chance.choice([None, 1.0, 2.0])) for number in range(60)]
    store.add_items("aerial", [*stay, *(item(f"g{number}", gsd_min=1.0) for number in range(60))])
    search, page = last_page(store, ItemSearch(sort=(SortKey("gsd"),), limit=10))
    seen = [each.id for each in page.items]
    while page.previous_token is not None:
        page = store.search(replace(search, token=page.previous_token))
        seen += [each.id for each in page.items]
        number = len(seen)
        store.delete_items("aerial", [f"g{(number * 7 + step) % 60}" for step in range(5)])
        store.add_items("aerial", [picture(f"n{number}"), item(f"m{number}", gsd_min=2.0)])
    assert len(seen) == len(set(seen))
    assert {each.id for each in stay} <= set(seen)


def test_an_empty_page_leads_to_all_items(store: Store) -> None:
    store.create(collection())
    store.add_items("aerial", [item(f"i{number}") for number in range(4)])
    search = ItemSearch(sort=(SortKey("id"),), limit=2)
    second = store.search(replace(search, token=str(store.search(search).next_token)))
    store.delete_items("aerial", ["i0", "i1"])
    before = store.search(replace(search, token=str(second.previous_token)))
    assert (before.items, before.previous_token) == ((), None)
    after = store.search(replace(search, token=str(before.next_token)))
    assert ([each.id for each in after.items], after.next_token, after.previous_token) == (
        ["i2", "i3"],
        None,
        None,
    )


@pytest.mark.parametrize("name", ["geometry", "bbox"])
def test_there_is_no_order_of_places(filled: Store, name: str) -> None:
    with pytest.raises(InvalidRequest, match=name):
        filled.search(ItemSearch(sort=(SortKey(name),)))
