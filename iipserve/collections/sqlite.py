"""Stores in a file of SQLite: write-ahead log, R*Tree, one writer at a time."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    create_engine,
    event,
    select,
)
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import QueuePool

from iipserve.collections.backend import Backend
from iipserve.collections.failures import reason, translated
from iipserve.collections.instance_lock import FileLock
from iipserve.collections.relations import register
from iipserve.collections.rows import to_json
from iipserve.collections.schema import PREFIX, R_TREE, Kind
from iipserve.collections.write_turns import WriteTurns
from iipserve.errors import ConfigError

BUSY_SECONDS = 10.0
"""That a writer waits for others."""
READ_SECONDS = 30.0
"""That one search may take with all its statements; of PostgreSQL, each statement (`postgresql.OPTIONS`)."""
STEPS = 100_000
"""Of SQLite's virtual machine between two looks at the time: milliseconds."""
PAUSE_SECONDS = 0.02
"""Between two attempts to open a file that another process is preparing."""
PRAGMAS = ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON", "cache_size = -16000")
_VERSION = f"SELECT version FROM {PREFIX}collection WHERE name = ?"


class SqliteBackend(Backend):
    """A file of SQLite."""

    kind = Kind.SQLITE

    def __init__(self, path: str) -> None:
        """Open a file, which is made if it is not there. Raises `ConfigError` if that fails."""
        self._path = os.path.abspath(path)
        self._lock = FileLock(self._path)
        self._turns = WriteTurns(self._path, BUSY_SECONDS)
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self.engine = _engine(self._path)
        self.close_with(self.engine.dispose)
        self.close_with(partial(_close, self._connections))
        try:
            self._connect_first()
        except Exception as error:
            raise ConfigError(f"the store {path} cannot be opened: {reason(error)}") from error

    def _connect_first(self) -> None:
        """Turn a new file into one with a WAL: SQLite itself does not wait for another process that is doing so."""
        end = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                with self.engine.connect():
                    return
            except OperationalError as error:
                if "locked" not in str(error.orig) or time.monotonic() > end:
                    raise
            time.sleep(PAUSE_SECONDS)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """As of all databases; a statement that takes too long is interrupted."""
        with super().reading() as connection:
            driver: Any = connection.connection.driver_connection
            end = time.monotonic() + READ_SECONDS
            driver.set_progress_handler(lambda: time.monotonic() > end, STEPS)
            try:
                yield connection
            finally:
                driver.set_progress_handler(None, 0)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that has the right to write from its beginning."""
        with self._turns.turn(), self.engine.connect() as connection:
            connection = connection.execution_options(sqlite_begin="BEGIN IMMEDIATE")
            with connection.begin():
                yield connection

    def version(self, name: str) -> int:
        """By a connection of the thread's own, 5 us."""
        try:
            row = self._connection().execute(_VERSION, (name,)).fetchone()
        except (sqlite3.Error, UnicodeError) as error:
            return self._version_slowly(name, error)
        return row[0] if row else 0

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(
                self._path, isolation_level=None, timeout=BUSY_SECONDS, check_same_thread=False
            )
            self._local.connection = connection
            self._connections.append(connection)
        return connection

    def _version_slowly(self, name: str, error: Exception) -> int:
        """Where the quick way fails: the same by SQLAlchemy, whose errors are translated."""
        if isinstance(error, UnicodeError):
            return 0
        self._local.connection = None
        c = self.tables.collection.c
        with translated(), self.reading() as connection:
            return connection.execute(select(c.version).where(c.name == name)).scalar() or 0

    def hold(self, holder: str) -> None:
        """By a lock on a file next to the store."""
        self._lock.acquire(holder)

    def add_places(self, connection: Connection) -> None:
        """The R*Tree and its triggers."""
        for statement in R_TREE:
            connection.exec_driver_sql(statement)

    def guard(self, connection: Connection) -> None:
        """The transaction has the right to write already."""

    def close(self) -> None:
        """Also the lock."""
        super().close()
        self._local = threading.local()
        _close(self._connections)
        self._lock.release()


def _close(connections: list[sqlite3.Connection]) -> None:
    while connections:
        connections.pop().close()


def _engine(path: str) -> Engine:
    engine = create_engine(
        f"sqlite:///{path}",
        poolclass=QueuePool,
        pool_size=8,
        max_overflow=-1,
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False, "isolation_level": None},
        json_serializer=to_json,
    )
    event.listen(engine, "connect", _connected)
    event.listen(engine, "begin", _begin)
    return engine


def _connected(connection: Any, _record: Any) -> None:
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    register(connection)


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("sqlite_begin", "BEGIN"))
