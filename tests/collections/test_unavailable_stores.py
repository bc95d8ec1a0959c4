"""Databases that are locked, stopped or killed in the middle of things."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from urllib.parse import quote

import pytest
from sqlalchemy import text

from iipserve.collections import sqlite
from iipserve.collections.opening import opened
from iipserve.collections.store import Store, open_store
from iipserve.errors import ConfigError, StoreUnavailable
from tests.collections.images import collection, item
from tests.databases import Server, postgresql
from tests.transport.processes import until


@pytest.fixture(scope="module")
def own_server() -> Iterator[Server]:
    """PostgreSQL that these tests stop."""
    pytest.importorskip("psycopg")
    with postgresql() as server:
        yield server


def test_a_file_that_another_process_writes_for_long_is_unavailable_and_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.05)
    path = tmp_path / "images.sqlite"
    store = open_store(str(path))
    store.create(collection())
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable):
        store.add_items("aerial", [item()])
    assert store.version("aerial") == 1
    other.execute("ROLLBACK")
    other.close()
    assert store.add_items("aerial", [item()])[0].error == ""
    store.close()


def test_a_damaged_file_is_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "images.sqlite"
    store = open_store(str(path))
    store.create(collection())
    store.close()
    path.write_bytes(path.read_bytes()[:4096] + b"\xff" * 200_000)
    with pytest.raises((StoreUnavailable, ConfigError)):
        open_store(str(path))


def test_a_database_that_does_not_answer_is_unavailable() -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(StoreUnavailable):
        open_store("postgresql://user:secret@/db?host=/nowhere")


def test_a_store_goes_on_when_its_database_is_back(own_server: Server) -> None:
    store = open_store(own_server.database(postgis=False), "one")
    store.create(collection())
    store.add_items("aerial", [item("a")])
    version = store.version("aerial")
    own_server.stop()
    calls = [
        lambda: store.version("aerial"),
        lambda: store.item("aerial", "a"),
        lambda: store.add_items("aerial", [item("b")]),
    ]
    for call in calls:
        with pytest.raises(StoreUnavailable):
            call()
    own_server.start()
    assert store.item("aerial", "a").id == "a"
    assert store.add_items("aerial", [item("b")])[0].error == ""
    until(lambda: _version(store) == version + 1)
    store.close()


def test_a_search_that_takes_too_long_is_ended_and_a_change_is_not(own_server: Server) -> None:
    url = own_server.database(postgis=False)
    store = opened(url.replace("options=", f"options={quote('-c statement_timeout=1s ')}"))
    slow = text("SELECT pg_sleep(1.5)")
    with pytest.raises(StoreUnavailable):
        store.read(lambda connection: connection.execute(slow))
    store.write(lambda connection: connection.execute(slow))
    store.close()


def test_the_lock_is_taken_again_when_the_database_is_back(own_server: Server) -> None:
    url = own_server.database(postgis=False)
    store = open_store(url, "one")
    own_server.stop()
    own_server.start()
    until(lambda: _version(store) == 0)
    with pytest.raises(ConfigError, match="another service, one"):
        open_store(url, "two")
    store.close()


def test_a_killed_database_has_whole_batches_only(own_server: Server) -> None:
    url = own_server.database(postgis=False)
    store = open_store(url)
    store.create(collection())
    sent: list[str] = []
    some_are_sent = threading.Event()

    def add(batch: str) -> None:
        store.add_items("aerial", [item(f"{batch}-{number}") for number in range(20)])
        sent.append(batch)

    def add_all() -> None:
        for batch in count():
            add(str(batch))
            some_are_sent.set()

    def add_until_it_fails() -> None:
        with pytest.raises(StoreUnavailable):
            add_all()

    thread = threading.Thread(target=add_until_it_fails)
    thread.start()
    some_are_sent.wait()
    own_server.stop()
    thread.join()
    own_server.start()
    stored = [each.id for each in store.items("aerial")]
    assert len(stored) % 20 == 0
    assert len(stored) // 20 in (len(sent), len(sent) + 1)
    assert store.collection("aerial").summary.count == len(stored)
    store.close()


def _version(store: Store) -> int | None:
    """The version of the collection; None while the connection is not made again, which is tried once a second."""
    try:
        return store.version("aerial")
    except StoreUnavailable:
        return None
