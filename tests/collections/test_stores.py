"""What every kind of store does with collections and items, each in turn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from iipserve.collections.store import Store
from iipserve.collections.values import CREATED, REFUSED, REPLACED, Item, TimePolicy
from iipserve.errors import Conflict, InvalidRequest, NotFound, PreconditionFailed
from tests.collections.images import collection, full_item, item, picture

SET_BY_STORE = ("sequence", "revision", "created", "updated")


def as_given(stored: Item) -> Item:
    """An item without what the store sets."""
    return replace(stored, sequence=0, revision=0, created=None, updated=None)


@pytest.fixture
def aerial(store: Store) -> Store:
    """A store with the collection `aerial`."""
    store.create(collection())
    return store


# -- collections


def test_a_collection_is_read_as_it_was_created(
    store: Store, opening: Callable[..., Store], store_url: str
) -> None:
    given = collection(
        "航片 50%25.v1",
        title="Aerial images",
        description="of 2020",
        keywords=("a", "b"),
        license="CC-BY-4.0",
        style={"bands": [3, 2, 1], "range": {"1": [0, 4095]}},
        rule="mean",
        order="finest",
        times=TimePolicy("nearest", 86400.0, "all"),
        members={"providers": [{"name": "Agency"}]},
    )
    created = store.create(given)
    assert created.version > 0
    assert created.created == created.updated
    assert replace(created, version=0, created=None, updated=None) == given
    assert opening(store_url).collection(given.name) == created


def test_collections_are_listed_by_name(store: Store) -> None:
    for name in ("b", "C", "a", "ä"):
        store.create(collection(name))
    assert [each.name for each in store.collections()] == ["C", "a", "b", "ä"]


def test_a_name_is_given_once(aerial: Store) -> None:
    with pytest.raises(Conflict, match="aerial"):
        aerial.create(collection())


def test_a_replaced_collection_keeps_its_items(aerial: Store) -> None:
    aerial.add_items("aerial", [item()])
    before = aerial.collection("aerial")
    after = aerial.replace(collection(title="New"), expected=before.version)
    assert (after.title, after.version, after.created) == ("New", before.version + 1, before.created)
    assert after.summary == before.summary
    assert aerial.item("aerial", "a.tif").sequence == 1


def test_a_collection_is_replaced_and_deleted_only_in_the_version_that_is_expected(aerial: Store) -> None:
    version = aerial.version("aerial")
    aerial.add_items("aerial", [item()])
    with pytest.raises(PreconditionFailed):
        aerial.replace(collection(), expected=version)
    with pytest.raises(PreconditionFailed):
        aerial.delete("aerial", expected=version)
    aerial.delete("aerial", expected=aerial.version("aerial"))
    assert aerial.collections() == ()


def test_a_deleted_collection_takes_its_items_along_and_no_others(aerial: Store) -> None:
    aerial.create(collection("other"))
    aerial.add_items("aerial", [item()])
    aerial.add_items("other", [item(collection="other")])
    aerial.delete("aerial")
    with pytest.raises(NotFound, match="no collection 'aerial'"):
        aerial.item("aerial", "a.tif")
    aerial.create(collection())
    assert list(aerial.items("aerial")) == []
    assert [each.id for each in aerial.items("other")] == ["a.tif"]


def test_what_does_not_exist_is_not_found(aerial: Store) -> None:
    calls: list[Callable[[], object]] = [
        lambda: aerial.collection("none"),
        lambda: aerial.replace(collection("none")),
        lambda: aerial.delete("none"),
        lambda: aerial.item("none", "a.tif"),
        lambda: list(aerial.items("none")),
        lambda: aerial.add_items("none", []),
        lambda: aerial.delete_items("none", []),
        lambda: aerial.item("aerial", "none"),
        lambda: aerial.replace_item(item("none")),
        lambda: aerial.delete_item("aerial", "none"),
    ]
    for call in calls:
        with pytest.raises(NotFound, match="none"):
            call()


# -- items


def test_an_item_is_read_as_it_was_added(aerial: Store) -> None:
    given = [full_item(), item(), picture(), item("seam", (170.0, -10.0, -170.0, 10.0)), item("50%25 名.tif")]
    results = aerial.add_items("aerial", given)
    assert [(result.id, result.status) for result in results] == [(each.id, CREATED) for each in given]
    for each in given:
        assert as_given(aerial.item("aerial", each.id)) == each


def test_missing_data_that_is_not_a_number_stays_so(aerial: Store) -> None:
    aerial.add_items("aerial", [item(nodata=float("nan"))])
    nodata = aerial.item("aerial", "a.tif").nodata
    assert nodata is not None
    assert nodata != nodata


def test_items_are_read_in_the_order_of_adding_in_parts(aerial: Store) -> None:
    names = [f"{number % 7}-{number}" for number in range(2500)]
    aerial.add_items("aerial", [picture(name) for name in names])
    found = list(aerial.items("aerial"))
    assert [each.id for each in found] == names
    assert [each.id for each in aerial.items("aerial", after=found[1999].sequence)] == names[2000:]


def test_an_id_is_unique_in_its_collection_only(aerial: Store) -> None:
    aerial.create(collection("other"))
    aerial.add_items("aerial", [item(size=1)])
    aerial.add_items("other", [item(collection="other", size=2)])
    assert [aerial.item(name, "a.tif").size for name in ("aerial", "other")] == [1, 2]


def test_an_id_that_is_there_is_refused_and_the_others_are_added(aerial: Store) -> None:
    aerial.add_items("aerial", [item("a", size=1)])
    results = aerial.add_items("aerial", [item("a", size=2), item("b"), item("c", size=1), item("c", size=2)])
    assert [(result.status, result.conflicts) for result in results] == [
        (REFUSED, True),
        (CREATED, False),
        (CREATED, False),
        (REFUSED, True),
    ]
    assert [(each.id, each.size) for each in aerial.items("aerial")] == [("a", 1), ("b", 0), ("c", 1)]


def test_items_that_are_not_as_they_were_expected_are_refused(aerial: Store) -> None:
    aerial.add_items("aerial", [item("a", size=1), item("b", size=1), item("c", size=1)])
    before = {id: aerial.item("aerial", id).revision for id in "ab"}
    aerial.replace_item(item("b", size=2))
    results = aerial.add_items("aerial", [item(id, size=3) for id in "abcd"], upsert=True, expected=before)
    assert [(each.status, each.is_outdated) for each in results] == [
        (REPLACED, False), (REFUSED, True), (REFUSED, True), (CREATED, False),
    ]  # fmt: skip
    assert [aerial.item("aerial", id).size for id in "abcd"] == [3, 2, 1, 3]


def test_upsert_replaces_and_the_last_of_a_batch_wins(aerial: Store) -> None:
    aerial.add_items("aerial", [item("a", size=1)])
    first = aerial.item("aerial", "a")
    results = aerial.add_items(
        "aerial", [item("a", size=2), item("b", size=3), item("b", size=4)], upsert=True
    )
    assert [result.status for result in results] == [REPLACED, CREATED, REPLACED]
    stored = {each.id: each for each in aerial.items("aerial")}
    assert {id: each.size for id, each in stored.items()} == {"a": 2, "b": 4}
    assert (stored["a"].sequence, stored["a"].created) == (first.sequence, first.created)


def test_items_that_cannot_be_stored_are_refused_each_by_itself(aerial: Store) -> None:
    bad = [
        item("a/b"),
        item(""),
        item("control\n"),
        item("inf", gsd_min=float("inf")),
        item("nan", properties={"a": float("nan")}),
        item("nul", properties={"a": "b\0c"}),
        item("surrogate", properties={"a": "\ud800"}),
        item("huge", size=1 << 63),
        item("other", collection="other"),
        item("half", start=item().datetime),
        item("box", bounds=()),
        item("kind", geometry={"type": "Circle", "coordinates": [1, 2]}),
        item("ring", geometry={"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1]]]}),
        item("number", geometry={"type": "Point", "coordinates": [float("nan"), 2]}),
    ]
    results = aerial.add_items("aerial", [*bad, item("good")])
    assert [result.status for result in results] == [REFUSED] * len(bad) + [CREATED]
    assert all(result.error and not result.conflicts for result in results[:-1])
    assert [each.id for each in aerial.items("aerial")] == ["good"]


def test_a_replaced_item_keeps_its_sequence(aerial: Store) -> None:
    aerial.add_items("aerial", [item("a"), item("b")])
    before = aerial.item("aerial", "a")
    given = replace(full_item("a"), collection="aerial")
    after = aerial.replace_item(given, expected=before.revision)
    assert after == aerial.item("aerial", "a")
    assert as_given(after) == given
    assert (after.sequence, after.created) == (before.sequence, before.created)
    assert after.revision > before.revision


def test_an_item_is_replaced_and_deleted_only_in_the_revision_that_is_expected(aerial: Store) -> None:
    aerial.add_items("aerial", [item()])
    old = aerial.item("aerial", "a.tif").revision
    new = aerial.replace_item(item(size=2), expected=old).revision
    with pytest.raises(PreconditionFailed):
        aerial.replace_item(item(size=3), expected=old)
    with pytest.raises(PreconditionFailed):
        aerial.delete_item("aerial", "a.tif", expected=old)
    assert aerial.item("aerial", "a.tif").size == 2
    aerial.delete_item("aerial", "a.tif", expected=new)
    assert list(aerial.items("aerial")) == []


def test_an_item_that_cannot_be_stored_does_not_replace_another(aerial: Store) -> None:
    aerial.add_items("aerial", [item()])
    with pytest.raises(InvalidRequest):
        aerial.replace_item(item(gsd_min=float("nan")))
    assert as_given(aerial.item("aerial", "a.tif")) == item()


def test_items_are_deleted_in_one_go(aerial: Store) -> None:
    aerial.add_items("aerial", [picture(str(number)) for number in range(1200)])
    assert aerial.delete_items("aerial", [str(number) for number in range(0, 2400, 2)]) == 600
    assert [each.id for each in aerial.items("aerial")] == [str(number) for number in range(1, 1200, 2)]


def test_only_statuses_that_differ_are_changed(aerial: Store) -> None:
    aerial.add_items("aerial", [item("a"), item("b")])
    version = aerial.version("aerial")
    assert aerial.set_status("aerial", [("a", "ok"), ("c", "missing")]) == 0
    assert aerial.version("aerial") == version
    assert aerial.set_status("aerial", [("a", "ok"), ("b", "broken: short")]) == 1
    assert [each.status for each in aerial.items("aerial")] == ["ok", "broken: short"]
    assert aerial.version("aerial") > version


def test_texts_are_values_and_never_statements(aerial: Store) -> None:
    name = "'; DROP TABLE iipserve_item; --"
    aerial.add_items("aerial", [item(name, properties={name: name})])
    assert aerial.item("aerial", name).properties == {name: name}
    assert aerial.version(name) == 0
    assert aerial.delete_items("aerial", [name, "x' OR '1'='1"]) == 1
