"""Stores in PostgreSQL: with PostGIS by geometries (`PostgisBackend`), without by boxes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import URL, Connection, create_engine, text

from iipserve.collections.backend import Backend
from iipserve.collections.postgresql_session import KEY, Session
from iipserve.collections.rows import to_json
from iipserve.collections.schema import Kind

PARAMETERS = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
"""Of connections, unless the address of the store has its own: a host that is away is found out within 25 seconds."""
OPTIONS = (
    "-c timezone=UTC -c lock_timeout=15s -c statement_timeout=30s -c idle_in_transaction_session_timeout=120s"
)
POOL: dict[str, Any] = {
    "pool_size": 4,
    "max_overflow": 12,
    "pool_timeout": 10,
    "pool_pre_ping": True,
    "pool_recycle": 1800,
}


class PostgresqlBackend(Backend):
    """A database of PostgreSQL. Places are boxes, by which footprints are found and compared."""

    kind = Kind.POSTGRESQL

    def __init__(self, url: URL) -> None:
        """Connect to nothing yet."""
        options = " ".join(filter(None, (OPTIONS, str(url.query.get("options", "")))))
        arguments = {**PARAMETERS, **url.query, "options": options}
        url = url.set(drivername="postgresql+psycopg", query={})
        self.engine = create_engine(url, connect_args=arguments, json_serializer=to_json, **POOL)
        _, parameters = self.engine.dialect.create_connect_args(url)
        self._session = Session({**parameters, **arguments})
        self.close_with(self.engine.dispose)
        self.close_with(self._session.close)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction whose statements may take as long as they need: deleting a large collection, say."""
        with self.engine.begin() as connection:
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """By the isolation level for that."""
        with self.engine.connect() as connection:
            yield connection.execution_options(isolation_level="REPEATABLE READ")

    def version(self, name: str) -> int:
        """One query, by the connection that holds the lock."""
        return self._session.version(name)

    def hold(self, holder: str) -> None:
        """By a lock of the database, which belongs to a connection."""
        self._session.hold(holder)

    def add_places(self, connection: Connection) -> None:
        """Nothing: places are columns."""

    def guard(self, connection: Connection) -> None:
        """By a lock of the database that ends with the transaction."""
        connection.execute(text(f"SELECT pg_advisory_xact_lock({KEY} + 1)"))

    def close(self) -> None:
        """Also the lock."""
        super().close()
        self._session.close()


class PostgisBackend(PostgresqlBackend):
    """A database of PostgreSQL with PostGIS. Places are footprints."""

    kind = Kind.POSTGIS
