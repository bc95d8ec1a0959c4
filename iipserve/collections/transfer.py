"""Copies all collections of a store into an empty one, of another kind or the same: from SQLite to PostGIS."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

from sqlalchemy import Connection, Table, func, select, text, update
from sqlalchemy.engine import Row

from iipserve.collections.failures import translated
from iipserve.collections.opening import opened
from iipserve.collections.schema import Kind
from iipserve.collections.sql_store import SqlStore
from iipserve.errors import Conflict

Progress: TypeAlias = Callable[[int, int], object]
"""Is called with the number of items that have been copied, and that of all."""

PART = 1000


def transfer(source: str, target: str, progress: Progress = lambda done, total: None) -> int:
    """Copy what a store holds at this moment into another one: how many items.

    Everything stays as it is: versions, sequences, times. The target is changed in one transaction, so that it has all
    or nothing.

    Args:
        source: address of a store (`store.open_store`).
        target: address of another one, which has no collections. It is made if it is not there.
        progress: called before the first item and after each part.

    Raises:
        Conflict: the target has collections.
        ConfigError, NotInstalled, StoreUnavailable: as `store.open_store`.
    """
    one = opened(source)
    try:
        other = opened(target)
        try:
            return _Transfer(one, other, progress).run()
        finally:
            other.close()
    finally:
        one.close()


class _Transfer:
    def __init__(self, source: SqlStore, target: SqlStore, progress: Progress) -> None:
        self._source, self._target, self._progress = source, target, progress

    def run(self) -> int:
        """Copy everything."""
        with (
            translated(),
            self._source.backend.snapshot() as reading,
            self._target.backend.writing() as writing,
        ):
            self._check_empty(writing)
            total = reading.scalar(select(func.count()).select_from(self._source.tables.item)) or 0
            self._progress(0, total)
            self._copy_store(reading, writing)
            self._copy(reading, writing, self._source.tables.collection, self._target.tables.collection)
            done = 0
            for count in self._copy_items(reading, writing):
                done += count
                self._progress(done, total)
            self._go_on_counting(writing)
            return done

    def _check_empty(self, writing: Connection) -> None:
        table = self._target.tables.collection
        writing.execute(select(self._target.tables.store).with_for_update())
        if writing.scalar(select(func.count()).select_from(table)):
            raise Conflict("the store to copy to has collections already")

    def _copy_store(self, reading: Connection, writing: Connection) -> None:
        """Go on with versions where the source is, above those that the target has had."""
        there = reading.execute(select(self._source.tables.store)).one()
        here = writing.execute(select(self._target.tables.store)).one()
        values = {"version": there.version + here.version, "floor": max(there.floor, here.floor)}
        writing.execute(update(self._target.tables.store).values(values))

    def _copy(self, reading: Connection, writing: Connection, source: Table, target: Table) -> None:
        rows = reading.execute(select(source)).all()
        if rows:
            writing.execute(target.insert().inline(), [dict(row._mapping) for row in rows])

    def _copy_items(self, reading: Connection, writing: Connection) -> Iterator[int]:
        columns = self._source.tables.item_columns
        names = [column.name for column in columns]
        sequence = self._source.tables.item.c.sequence
        after = 0
        while True:
            query = select(*columns).where(sequence > after).order_by(sequence).limit(PART)
            rows: Sequence[Row[Any]] = reading.execute(query).all()
            if not rows:
                return
            values = [dict(zip(names, row, strict=True)) for row in rows]
            writing.execute(self._target.tables.item.insert().inline(), values)
            after = rows[-1][0]
            yield len(rows)

    def _go_on_counting(self, writing: Connection) -> None:
        """PostgreSQL counts by itself, and not from the numbers that it is given."""
        if self._target.backend.kind is Kind.SQLITE:
            return
        tables = self._target.tables
        for column in (tables.item.c.sequence, tables.collection.c.number):
            name = f"pg_get_serial_sequence('{column.table.name}', '{column.name}')"
            last = f"(SELECT max({column.name}) FROM {column.table.name})"
            writing.execute(text(f"SELECT setval({name}, coalesce({last}, 1), {last} IS NOT NULL)"))
