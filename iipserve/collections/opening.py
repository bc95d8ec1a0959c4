"""From the address of a store to the store."""

from __future__ import annotations

from sqlalchemy import URL, Connection, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from iipserve.collections.backend import Backend
from iipserve.collections.failures import reason, translated
from iipserve.collections.migrations import prepare
from iipserve.collections.schema import Kind, tables
from iipserve.collections.sql_store import SqlStore
from iipserve.collections.store import is_postgresql
from iipserve.errors import ConfigError


def opened(url: str, holder: str = "") -> SqlStore:
    """`store.open_store`, with the packages installed. Raises the same."""
    backend = _backend(url)
    try:
        with translated():
            secret = prepare(backend)
        if holder:
            backend.hold(holder)
    except BaseException:
        backend.close()
        raise
    return SqlStore(backend, secret)


def _backend(url: str) -> Backend:
    if is_postgresql(url):
        return _postgresql(
            _parsed(url.replace("postgres:", "postgresql:", 1) if url[:9] == "postgres:" else url)
        )
    from iipserve.collections.sqlite import SqliteBackend

    if "://" not in url:
        return SqliteBackend(url)
    parsed = _parsed(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database or parsed.database == ":memory:":
        raise ConfigError(f"the store {shown(url)} is neither a file of SQLite nor a database of PostgreSQL")
    return SqliteBackend(parsed.database)


def _parsed(url: str) -> URL:
    try:
        return make_url(url)
    except (ArgumentError, ValueError) as error:
        raise ConfigError("the address of the store is not one of SQLAlchemy (postgresql://...)") from error


def shown(url: str) -> str:
    """An address without its password."""
    try:
        return make_url(url).render_as_string() if "://" in url else url
    except (ArgumentError, ValueError):
        return url.partition("://")[0] + "://..."


def _postgresql(url: URL) -> Backend:
    from iipserve.collections.postgresql import PostgisBackend, PostgresqlBackend

    wanted = "yes" if url.get_backend_name() == "postgis" else str(url.query.get("postgis", ""))
    url = url.difference_update_query(["postgis"])
    probe = PostgresqlBackend(url)
    kind = _kind(probe, wanted)
    if kind is Kind.POSTGRESQL:
        return probe
    probe.close()
    return PostgisBackend(url)


def _kind(probe: Backend, wanted: str) -> Kind:
    """What the store is, if there is one; else PostGIS where the database has it, or may have it, unless it is unwanted."""
    store = tables(Kind.POSTGRESQL).store
    with translated(), probe.reading() as connection:
        if inspect(connection).has_table(store.name):
            return Kind(connection.execute(store.select()).one().kind)
        if wanted == "no":
            return Kind.POSTGRESQL
        if _has_postgis(connection):
            return Kind.POSTGIS
        try:
            connection.execute(text("CREATE EXTENSION IF NOT EXISTS postgis"))
        except SQLAlchemyError as error:
            # also where another process has done the same at this moment
            if not _has_postgis(connection):
                return _without_postgis(wanted, error)
        return Kind.POSTGIS


def _has_postgis(connection: Connection) -> bool:
    return bool(connection.scalar(text("SELECT 1 FROM pg_extension WHERE extname = 'postgis'")))


def _without_postgis(wanted: str, error: SQLAlchemyError) -> Kind:
    if wanted == "yes":
        raise ConfigError(f"PostGIS cannot be installed in the database: {reason(error)}") from error
    return Kind.POSTGRESQL
