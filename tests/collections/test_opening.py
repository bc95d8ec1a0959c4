"""Addresses of stores, and tables of other versions."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
from sqlalchemy import Column, Connection, Engine, Text, event, select, text

from iipserve.collections import migrations, sqlite
from iipserve.collections.backend import Backend
from iipserve.collections.jobs import Job
from iipserve.collections.opening import opened, shown
from iipserve.collections.schema import Kind
from iipserve.collections.store import Store, open_store
from iipserve.errors import ConfigError, StoreUnavailable
from tests.collections.earlier_tables import make_version_1
from tests.collections.images import collection, item
from tests.databases import Server

ROWS = 3


def add_note(connection: Connection, backend: Backend) -> None:
    """A migration: another column."""
    connection.execute(text("ALTER TABLE iipserve_item ADD COLUMN note TEXT"))


def fill_note(connection: Connection, backend: Backend) -> None:
    """A migration that needs the one before."""
    connection.execute(text("UPDATE iipserve_item SET note = id"))


def fail(connection: Connection, backend: Backend) -> None:
    """A migration that does not end."""
    raise ZeroDivisionError


WANTED = [*migrations.MIGRATIONS, add_note, fill_note]


def test_a_file_that_another_process_is_preparing_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "store.sqlite"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    made = sqlite._engine

    def impatient(path: str) -> Engine:
        """SQLite does not wait while a file gets its WAL."""
        engine = made(path)
        event.listen(engine, "do_connect", lambda *given: given[-1].update(timeout=0))
        return engine

    monkeypatch.setattr(sqlite, "_engine", impatient)
    pauses: list[float] = []

    def end(seconds: float) -> None:
        pauses.append(seconds)
        other.close()

    monkeypatch.setattr("iipserve.collections.sqlite.time.sleep", end)
    open_store(str(path)).close()
    assert pauses == [sqlite.PAUSE_SECONDS]


@pytest.mark.parametrize("address", ["{path}", "sqlite:///{path}"])
def test_a_file_is_named_by_its_path_or_by_an_address(address: str, tmp_path: Path) -> None:
    path = tmp_path / "images.sqlite"
    open_store(address.format(path=path)).close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("mysql://a:secret@host/db", "neither a file of SQLite nor a database of PostgreSQL"),
        ("sqlite://", "neither a file"),
        ("sqlite:///:memory:", "neither a file"),
        ("/nowhere/images.sqlite", "cannot be opened"),
        ("postgresql://user:secret@host:port/db", "address"),
    ],
)
def test_other_addresses_are_mistakes_that_keep_passwords(address: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        open_store(address)
    assert "secret" not in str(caught.value)


def test_a_file_that_is_no_database_is_a_mistake(tmp_path: Path) -> None:
    path = tmp_path / "picture.tif"
    path.write_bytes(b"II*\0" + bytes(4096))
    with pytest.raises((ConfigError, StoreUnavailable)):
        open_store(str(path))
    assert path.read_bytes() == b"II*\0" + bytes(4096)


def test_passwords_are_not_shown() -> None:
    assert shown("postgresql://user:secret@host/db") == "postgresql://user:***@host/db"


def test_a_database_is_used_with_postgis_where_it_has_it(database_server: Server) -> None:
    for postgis, kind in ((True, Kind.POSTGIS), (False, Kind.POSTGRESQL)):
        if postgis and not database_server.has_postgis:
            continue
        store = opened(database_server.database(postgis=postgis))
        assert store.backend.kind is kind
        store.close()


def test_many_processes_open_a_store_at_once(store_url: str, opening: Callable[..., Store]) -> None:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        secrets = set(pool.map(_secret, [store_url] * 4))
    assert len(secrets) == 1
    opening(store_url).create(collection())


def _secret(url: str) -> bytes:
    store = opened(url)
    store.close()
    return store.secret


def test_tables_are_brought_forward_with_what_is_in_them(store_url: str) -> None:
    store = opened(store_url)
    store.create(collection())
    store.add_items("aerial", [item(str(number)) for number in range(ROWS)])
    assert migrations.prepare(store.backend, WANTED) == store.secret
    table = store.tables.item
    query = select(table.c.id, Column("note", Text)).select_from(table).order_by(table.c.id)
    rows = store.read(lambda connection: connection.execute(query).all())
    assert [tuple(row) for row in rows] == [(str(number), str(number)) for number in range(ROWS)]
    migrations.prepare(store.backend, WANTED)
    store.close()


def test_tables_of_the_first_version_get_jobs(store_url: str) -> None:
    store = opened(store_url)
    store.create(collection())
    make_version_1(store)
    store.close()
    again = opened(store_url)
    job = again.create_job(Job(id="j", collection="aerial", kind="check"))
    assert again.jobs("aerial") == (job,)
    again.close()


def test_a_migration_that_fails_leaves_the_tables_as_they_were(store_url: str) -> None:
    store = opened(store_url)
    with pytest.raises(ZeroDivisionError):
        migrations.prepare(store.backend, [*migrations.MIGRATIONS, add_note, fail])
    everything = text("SELECT * FROM iipserve_item")
    columns = store.read(lambda connection: list(connection.execute(everything).keys()))
    assert "sequence" in columns
    assert "note" not in columns
    assert migrations.prepare(store.backend) == store.secret
    store.close()


def test_tables_of_a_newer_version_are_refused(store_url: str) -> None:
    store = opened(store_url)
    migrations.prepare(store.backend, [*migrations.MIGRATIONS, add_note])
    store.close()
    with pytest.raises(
        ConfigError, match=rf"version {len(migrations.MIGRATIONS) + 2} .* newer version of iipserve"
    ):
        open_store(store_url)
