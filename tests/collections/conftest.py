"""Stores of each kind that is installed: empty ones for each test, and filled ones to search."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("sqlalchemy")

from iipserve.collections.store import Store, open_store
from tests.collections.images import collection, item
from tests.collections.searched_items import ITEMS
from tests.databases import Server, postgresql

KINDS = ("sqlite", "postgresql", "postgis")


@pytest.fixture(scope="session")
def database_server() -> Iterator[Server]:
    """PostgreSQL."""
    pytest.importorskip("psycopg")
    with postgresql() as server:
        yield server


@pytest.fixture(params=KINDS)
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a store that does not exist yet, of each kind in turn."""
    return new_store_url(request.param, request, tmp_path)


def new_store_url(kind: str, request: pytest.FixtureRequest, folder: Path) -> str:
    """The address of another store of a kind; skips where it is not installed."""
    if kind == "sqlite":
        return str(folder / "images.sqlite")
    server: Server = request.getfixturevalue("database_server")
    if kind == "postgis" and not server.has_postgis:
        pytest.skip("PostGIS is not installed")
    return server.database(postgis=kind == "postgis")


@pytest.fixture
def opening() -> Iterator[Callable[..., Store]]:
    """Opens stores as `open_store` does, and closes them after the test."""
    opened: list[Store] = []

    def open_one(url: str, holder: str = "") -> Store:
        opened.append(open_store(url, holder))
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()


@pytest.fixture
def store(store_url: str, opening: Callable[..., Store]) -> Store:
    """An empty store of each kind in turn."""
    return opening(store_url)


@pytest.fixture(scope="module", params=KINDS)
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store of each kind in turn with `ITEMS` in the collection `aerial`, and one of them in `other`."""
    store = open_store(new_store_url(request.param, request, tmp_path_factory.mktemp("store")))
    for name in ("aerial", "other", "empty"):
        store.create(collection(name))
    store.add_items("aerial", list(ITEMS.values()))
    store.add_items("other", [item("i0", collection="other")])
    yield store
    store.close()
