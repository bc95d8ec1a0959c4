"""What differs between databases: connections and transactions."""

from __future__ import annotations

import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine

from iipserve.collections.schema import Kind, Tables, tables


class Backend(ABC):
    """A database, for one process and all its threads."""

    kind: Kind
    engine: Engine
    """Of transactions; those that only read need none."""

    @property
    def tables(self) -> Tables:
        """Of this kind of database."""
        return tables(self.kind)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection on which each statement sees what is committed when it begins: without transactions, whose begin and end
        would be statements of their own."""
        with self.engine.connect() as connection:
            yield connection.execution_options(isolation_level="AUTOCOMMIT")

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that ends with the block: committed, or rolled back by an exception."""
        with self.engine.begin() as connection:
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A connection on which everything is as it was at the first statement."""
        with self.engine.connect() as connection:
            yield connection

    @abstractmethod
    def version(self, name: str) -> int:
        """`Store.version`."""

    @abstractmethod
    def hold(self, holder: str) -> None:
        """Hold the store for a service from now on. Raises `ConfigError` if another one has it."""

    @abstractmethod
    def add_places(self, connection: Connection) -> None:
        """Make what `schema` does not describe, after all tables."""

    @abstractmethod
    def guard(self, connection: Connection) -> None:
        """Let no other process make or migrate tables until the transaction ends."""

    def close_with(self, closes: Callable[[], object]) -> None:
        """Have something closed once nobody refers to the backend, which nobody may have closed; not where a process ends, since
        connections end with it.

        Args:
            closes: does not refer to the backend.
        """
        weakref.finalize(self, closes).atexit = False

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()
