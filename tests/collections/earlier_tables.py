"""Stores with the tables of earlier versions of this server."""

from __future__ import annotations

from sqlalchemy import Connection, text, update

from iipserve.collections import migrations
from iipserve.collections.sql_store import SqlStore


def make_version_1(store: SqlStore) -> None:
    """Take away what later versions have added; the store can only be closed then."""

    def go_back(connection: Connection) -> None:
        store.tables.job.drop(connection)
        for name in migrations.INDEXED:
            connection.execute(text(f"DROP INDEX iipserve_item_{name}"))
        for name in migrations.COMPUTED:
            connection.execute(text(f"ALTER TABLE iipserve_item DROP COLUMN {name}"))
        connection.execute(update(store.tables.store).values(schema=1))

    store.write(go_back)
