"""Tables are made, and those of an earlier version of this server are brought forward, when a store is opened."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TypeAlias

from sqlalchemy import Connection, inspect, select, update
from sqlalchemy.schema import CreateColumn

from iipserve.collections.backend import Backend
from iipserve.collections.schema import PREFIX, Kind
from iipserve.errors import ConfigError

Migration: TypeAlias = Callable[[Connection, Backend], None]
"""Changes tables from one version to the next, in the transaction of the connection."""

COMPUTED = ("cloud_cover", "platform", "constellation", "title", "off_nadir", "sun_elevation")
INDEXED = (*COMPUTED, "start_datetime", "end_datetime", "created", "updated")


def _add_jobs(connection: Connection, backend: Backend) -> None:
    """The table of jobs."""
    backend.tables.job.create(connection)


def _add_indexes(connection: Connection, backend: Backend) -> None:
    """Columns of common properties, and indexes of what items are sorted by."""
    item = backend.tables.item
    columns = [CreateColumn(item.c[name]).compile(dialect=connection.dialect) for name in COMPUTED]
    added = [f"ADD COLUMN {column}" for column in columns]
    # PostgreSQL writes the table anew for all of them at once, SQLite adds one at a time and writes nothing
    for part in added if backend.kind is Kind.SQLITE else [", ".join(added)]:
        connection.exec_driver_sql(f"ALTER TABLE {item.name} {part}")
    names = {f"{PREFIX}item_{name}" for name in INDEXED}
    for index in sorted(item.indexes, key=lambda index: str(index.name)):
        if index.name in names:
            index.create(connection)


MIGRATIONS: tuple[Migration, ...] = (_add_jobs, _add_indexes)
"""The first one leads from version 1 to version 2. One that a release had is never changed."""


def prepare(backend: Backend, migrations: Sequence[Migration] = MIGRATIONS) -> bytes:
    """Make or migrate the tables of a store, in one transaction: the secret that signs tokens of searches.

    Raises:
        ConfigError: the tables are of a newer version, or of another kind of database.
    """
    store = backend.tables.store
    wanted = len(migrations) + 1
    with backend.writing() as connection:
        backend.guard(connection)
        if not inspect(connection).has_table(store.name):
            _create(connection, backend, wanted)
        row = connection.execute(select(store)).one()
        _check(backend, row.kind, row.schema, wanted)
        for migrate in migrations[row.schema - 1 :]:
            migrate(connection, backend)
        if row.schema < wanted:
            connection.execute(update(store).values(schema=wanted))
        return bytes.fromhex(row.secret)


def _create(connection: Connection, backend: Backend, version: int) -> None:
    backend.tables.metadata.create_all(connection)
    backend.add_places(connection)
    connection.execute(
        backend.tables.store.insert().values(
            number=1,
            schema=version,
            kind=backend.kind.value,
            secret=secrets.token_hex(32),
            holder="",
            version=1,
            floor=0,
            created=datetime.now(UTC),
        )
    )


def _check(backend: Backend, kind: str, version: int, wanted: int) -> None:
    if kind != backend.kind.value:
        raise ConfigError(f"the store is one of {kind}, not of {backend.kind.value}")
    if version > wanted:
        raise ConfigError(
            f"the store has tables of version {version} and was made by a newer version of iipserve; "
            f"this one reads up to version {wanted}"
        )
