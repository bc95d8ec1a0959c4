"""Copying a store into one of another kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from iipserve.collections.store import Store, open_store
from iipserve.collections.transfer import transfer
from iipserve.errors import Conflict
from tests.collections.conftest import KINDS, new_store_url
from tests.collections.images import collection, full_item, item, picture

COUNT = 2300


@pytest.fixture(scope="module")
def source_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A file with two collections, of which one has been changed and one has lost items; it is only read."""
    url = str(tmp_path_factory.mktemp("source") / "source.sqlite")
    store = open_store(url)
    store.create(collection("gone"))
    store.delete("gone")
    store.create(collection(title="Aerial", style={"a": [1]}))
    store.create(collection("empty"))
    store.add_items("aerial", [full_item(), item("seam", (170.0, -10.0, -170.0, 10.0)), picture()])
    store.add_items("aerial", [item(str(number)) for number in range(COUNT)])
    store.delete_items("aerial", ["7", str(COUNT - 1)])
    store.close()
    return url


@pytest.mark.parametrize("kind", KINDS)
def test_everything_is_copied_as_it_is(
    kind: str, source_url: str, request: pytest.FixtureRequest, tmp_path: Path, opening: Callable[..., Store]
) -> None:
    target_url = new_store_url(kind, request, tmp_path)
    calls: list[tuple[int, int]] = []
    assert transfer(source_url, target_url, lambda done, total: calls.append((done, total))) == COUNT + 1
    assert (calls[0], calls[-1]) == ((0, COUNT + 1), (COUNT + 1, COUNT + 1))
    assert calls == sorted(calls)
    source, target = opening(source_url), opening(target_url)
    assert target.collections() == source.collections()
    assert list(target.items("aerial")) == list(source.items("aerial"))
    assert target.store_version() >= source.store_version()


@pytest.mark.parametrize("kind", KINDS)
def test_the_copy_goes_on_counting(
    kind: str, source_url: str, request: pytest.FixtureRequest, tmp_path: Path, opening: Callable[..., Store]
) -> None:
    target_url = new_store_url(kind, request, tmp_path)
    transfer(source_url, target_url)
    target = opening(target_url)
    last = max(each.sequence for each in target.items("aerial"))
    version = target.version("aerial")
    target.add_items("aerial", [item("new")])
    target.create(collection("gone"))
    assert target.item("aerial", "new").sequence > last
    assert target.version("aerial") > version
    assert target.version("gone") > 1


def test_a_store_with_collections_is_left_as_it_is(source_url: str, store: Store, store_url: str) -> None:
    store.create(collection("mine"))
    with pytest.raises(Conflict):
        transfer(source_url, store_url)
    assert [each.name for each in store.collections()] == ["mine"]


def test_an_interrupted_copy_leaves_nothing(source_url: str, store: Store, store_url: str) -> None:
    def interrupt(done: int, total: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        transfer(source_url, store_url, interrupt)
    assert store.collections() == ()
    transfer(source_url, store_url)
    assert len(list(store.items("aerial"))) == COUNT + 1
