"""Versions of collections: each change makes another one, which all processes see at once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from iipserve.collections.store import Store
from tests.collections.images import collection, item

CHANGES: list[Callable[[Store], object]] = [
    lambda store: store.replace(collection(title="New")),
    lambda store: store.add_items("aerial", [item("b")]),
    lambda store: store.add_items("aerial", [item("a", size=1)], upsert=True),
    lambda store: store.replace_item(item("a", size=2)),
    lambda store: store.set_status("aerial", [("a", "missing")]),
    lambda store: store.delete_item("aerial", "b"),
    lambda store: store.delete_items("aerial", ["a"]),
]


@pytest.fixture
def other(store: Store, opening: Callable[..., Store], store_url: str) -> Store:
    """The same store, as another process has it open."""
    return opening(store_url)


def test_every_change_is_seen_by_the_next_question(store: Store, other: Store) -> None:
    assert (other.version("aerial"), other.store_version()) == (0, store.store_version())
    store.create(collection())
    store.create(collection("untouched"))
    store.add_items("aerial", [item("a")])
    untouched = other.version("untouched")
    seen, seen_of_store = other.version("aerial"), other.store_version()
    for change in CHANGES:
        change(store)
        version, of_store = other.version("aerial"), other.store_version()
        assert version > seen
        assert of_store > seen_of_store
        assert store.version("aerial") == store.collection("aerial").version == version
        seen, seen_of_store = version, of_store
    assert other.version("untouched") == untouched


def test_an_item_has_the_version_of_its_last_change(store: Store) -> None:
    store.create(collection())
    store.add_items("aerial", [item("a"), item("b")])
    first = store.version("aerial")
    store.replace_item(item("b", size=2))
    assert [each.revision for each in store.items("aerial")] == [first, store.version("aerial")]


def test_a_collection_that_is_created_again_has_no_version_of_before(store: Store, other: Store) -> None:
    versions, of_store = [], []
    for count in (3, 1, 0, 2):
        store.create(collection())
        for number in range(count):
            store.add_items("aerial", [item(str(number))])
        versions.append(other.version("aerial"))
        of_store.append(other.store_version())
        store.delete("aerial")
        assert other.version("aerial") == 0
        of_store.append(other.store_version())
    assert versions == sorted(set(versions))
    assert of_store == sorted(set(of_store))


def test_what_changes_nothing_leaves_the_version(store: Store) -> None:
    store.create(collection())
    store.add_items("aerial", [item("a")])
    version = store.version("aerial")
    store.add_items("aerial", [item("a"), item("b/c")])
    store.add_items("aerial", [])
    store.delete_items("aerial", ["none"])
    assert store.version("aerial") == version


@pytest.mark.parametrize("name", ["", "\0", "\ud800", "x" * 10_000])
def test_names_that_no_collection_can_have_have_no_version(store: Store, name: str) -> None:
    assert store.version(name) == 0
