"""A connection to PostgreSQL that a process keeps: it holds the lock of the service, and asks for versions."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Any, TypeVar

import psycopg

from iipserve.collections.failures import UNAVAILABLE, unavailable
from iipserve.collections.instance_lock import InstanceLock
from iipserve.collections.schema import PREFIX
from iipserve.errors import ConfigError, StoreUnavailable

T = TypeVar("T")

PAUSE_SECONDS = 1.0
"""After a failure to connect, until it is tried again."""
KEY = "hashtextextended('iipserve ' || current_schema(), 0)"
"""Of the lock: stores in several schemas of one database have their own."""
_VERSION = f"SELECT version FROM {PREFIX}collection WHERE name = %s"


class Session:
    """The connection, made when it is needed, and again after it is lost. For all threads, one at a time."""

    def __init__(self, parameters: dict[str, Any]) -> None:
        """Connect to nothing yet."""
        self._parameters = parameters
        self._connection: psycopg.Connection[Any] | None = None
        self._turn = threading.Lock()
        self._holder = ""
        self._retry_at = 0.0

    def version(self, name: str) -> int:
        """Version of a collection; 0 where there is none. Raises `StoreUnavailable`."""
        try:
            row = self._run(lambda connection: connection.execute(_VERSION, (name,)).fetchone())
        except (psycopg.DataError, UnicodeError):
            return 0
        return row[0] if row else 0

    def hold(self, holder: str) -> None:
        """Hold the store for a service, also after the connection was lost. Raises `ConfigError`."""
        self._run(lambda connection: SessionLock(connection).acquire(holder))
        self._holder = holder

    def close(self) -> None:
        """Close the connection, and thereby give the lock back."""
        with self._turn:
            self._drop()
            self._holder = ""

    def _run(self, action: Callable[[psycopg.Connection[Any]], T]) -> T:
        """Do something, once more if the connection was lost meanwhile."""
        with self._turn:
            for is_last in (False, True):
                try:
                    return action(self._connected())
                except psycopg.DataError:
                    raise
                except psycopg.Error as error:
                    self._drop()
                    if is_last:
                        raise unavailable(error) from error
        raise AssertionError("one of two attempts returns or raises")

    def _connected(self) -> psycopg.Connection[Any]:
        if self._connection is not None:
            return self._connection
        if monotonic() < self._retry_at:
            raise StoreUnavailable(UNAVAILABLE)
        try:
            connection = psycopg.connect(**self._parameters, autocommit=True)
        except psycopg.Error:
            self._retry_at = monotonic() + PAUSE_SECONDS
            raise
        self._connection = connection
        self._hold_again(connection)
        return connection

    def _hold_again(self, connection: psycopg.Connection[Any]) -> None:
        """Take the lock again; where another service has taken the store meanwhile, this one does without."""
        try:
            if self._holder:
                SessionLock(connection).acquire(self._holder)
        except ConfigError as error:
            self._drop()
            raise unavailable(error) from error

    def _drop(self) -> None:
        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.close()
        self._connection = None


class SessionLock(InstanceLock):
    """A lock of the database that belongs to a connection. The name of the holder is in the store's own row."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        """Use an open connection that commits each statement."""
        self._connection = connection

    def release(self) -> None:
        """All locks of the connection."""
        self._connection.execute("SELECT pg_advisory_unlock_all()")

    def _take_alone(self) -> bool:
        return bool(self._value(f"SELECT pg_try_advisory_lock({KEY})"))

    def _share(self) -> bool:
        if not self._value(f"SELECT pg_try_advisory_lock_shared({KEY})"):
            return False
        self._connection.execute(f"SELECT pg_advisory_unlock({KEY})")
        return True

    def _read(self) -> str:
        return str(self._value(f"SELECT holder FROM {PREFIX}store") or "")

    def _write(self, holder: str) -> None:
        self._connection.execute(f"UPDATE {PREFIX}store SET holder = %s", (holder,))

    def _value(self, statement: str) -> Any:
        row = self._connection.execute(statement).fetchone()
        return row[0] if row else None
