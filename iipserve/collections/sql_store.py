"""The store of collections in SQL, the same for every database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, TypeVar

from sqlalchemy import Connection, delete, func, select, update
from sqlalchemy.engine import Row

from iipserve.collections import item_writing, job_rows, map_search
from iipserve.collections.backend import Backend
from iipserve.collections.failures import translated
from iipserve.collections.jobs import Job, JobState
from iipserve.collections.rows import collection_from_row, collection_values, item_from_row
from iipserve.collections.schema import Tables
from iipserve.collections.searching import matching, search, times
from iipserve.collections.store import MAX_MOSAIC_ITEMS, Store
from iipserve.collections.summaries import Statistics
from iipserve.collections.validity import check_collection
from iipserve.collections.values import Collection, Interval, Item, ItemResult, ItemSearch, Page
from iipserve.errors import Conflict, NotFound, PreconditionFailed
from iipserve.geo.grid import Bounds

T = TypeVar("T")
PART = 1000
"""Items that are read at once."""


class SqlStore(Store):
    """A store in a database; `store.open_store` makes it."""

    def __init__(self, backend: Backend, secret: bytes) -> None:
        """Use a database whose tables are in place."""
        self.backend = backend
        self.secret = secret
        """Signs tokens of searches: the same in all processes."""

    @cached_property
    def tables(self) -> Tables:
        """Of the database."""
        return self.backend.tables

    def read(self, action: Callable[[Connection], T]) -> T:
        """Do something that changes nothing."""
        with translated(), self.backend.reading() as connection:
            return action(connection)

    def write(self, action: Callable[[Connection], T]) -> T:
        """Do something in one transaction."""
        with translated(), self.backend.writing() as connection:
            return action(connection)

    # -- versions

    def version(self, name: str) -> int:
        """See `Store`."""
        return self.backend.version(name)

    def store_version(self) -> int:
        """The sum of all versions, and of all that have been deleted."""
        sums = select(func.coalesce(func.sum(self.tables.collection.c.version), 0)).scalar_subquery()
        return int(
            self.read(lambda connection: connection.scalar(select(self.tables.store.c.version + sums))) or 0
        )

    # -- collections

    def collections(self) -> tuple[Collection, ...]:
        """See `Store`."""
        query = select(self.tables.collection).order_by(self.tables.collection.c.name)
        rows = self.read(lambda connection: connection.execute(query).all())
        return tuple(sorted(map(collection_from_row, rows), key=lambda collection: collection.name))

    def collection(self, name: str) -> Collection:
        """See `Store`."""
        return collection_from_row(self.read(lambda connection: self.collection_row(connection, name)))

    def create(self, collection: Collection) -> Collection:
        """See `Store`."""
        check_collection(collection)
        return self.write(lambda connection: self._create(connection, collection))

    def _create(self, connection: Connection, collection: Collection) -> Collection:
        table, store = self.tables.collection, self.tables.store
        floor = connection.execute(select(store.c.floor).with_for_update()).scalar_one()
        if connection.scalar(select(table.c.number).where(table.c.name == collection.name)) is not None:
            raise Conflict(f"there is a collection {collection.name!r} already")
        now = datetime.now(UTC)
        values = collection_values(collection) | {
            "version": floor + 1,
            "created": now,
            "updated": now,
            "summary": Statistics().stored(),
        }
        connection.execute(table.insert().values(values))
        return collection_from_row(self.collection_row(connection, collection.name))

    def replace(self, collection: Collection, expected: int | None = None) -> Collection:
        """See `Store`."""
        check_collection(collection)
        return self.write(lambda connection: self._replace(connection, collection, expected))

    def _replace(self, connection: Connection, collection: Collection, expected: int | None) -> Collection:
        table = self.tables.collection
        row = self._expected_row(connection, collection.name, expected)
        values = collection_values(collection) | {"version": row.version + 1, "updated": datetime.now(UTC)}
        connection.execute(update(table).where(table.c.number == row.number).values(values))
        return collection_from_row(self.collection_row(connection, collection.name))

    def delete(self, name: str, expected: int | None = None) -> None:
        """See `Store`."""
        self.write(lambda connection: self._delete(connection, name, expected))

    def _delete(self, connection: Connection, name: str, expected: int | None) -> None:
        table, item, store = self.tables.collection, self.tables.item, self.tables.store
        row = self._expected_row(connection, name, expected)
        connection.execute(delete(item).where(item.c.collection == row.number))
        connection.execute(delete(table).where(table.c.number == row.number))
        floor = connection.execute(select(store.c.floor).with_for_update()).scalar_one()
        version = store.c.version + row.version + 1
        connection.execute(update(store).values(version=version, floor=max(floor, row.version)))

    def _expected_row(self, connection: Connection, name: str, expected: int | None) -> Row[Any]:
        """The row of a collection that is about to change, locked."""
        row = self.collection_row(connection, name, lock=True)
        if expected is not None and row.version != expected:
            raise PreconditionFailed(f"the collection {name!r} has been changed meanwhile")
        return row

    def collection_row(self, connection: Connection, name: str, lock: bool = False) -> Row[Any]:
        """The row of a collection; with `lock` no other transaction changes it until this one ends. Raises `NotFound`."""
        query = select(self.tables.collection).where(self.tables.collection.c.name == name)
        row = connection.execute(query.with_for_update() if lock else query).one_or_none()
        if row is None:
            raise NotFound(f"there is no collection {name!r}")
        return row

    # -- items

    def item(self, collection: str, id: str) -> Item:
        """See `Store`."""
        return self.read(lambda connection: self._item(connection, collection, id))

    def _item(self, connection: Connection, collection: str, id: str) -> Item:
        number = self.collection_row(connection, collection).number
        c = self.tables.item.c
        query = select(*self.tables.item_columns).where(c.collection == number, c.id == id)
        row = connection.execute(query).one_or_none()
        if row is None:
            raise NotFound(f"the collection {collection!r} has no item {id!r}")
        return item_from_row(row, collection)

    def items(self, collection: str, after: int = 0) -> Iterator[Item]:
        """See `Store`."""
        number = self.read(lambda connection: self.collection_row(connection, collection)).number
        c = self.tables.item.c
        while True:
            query = select(*self.tables.item_columns).where(c.collection == number, c.sequence > after)
            query = query.order_by(c.sequence).limit(PART)
            part = self.read(lambda connection, query=query: connection.execute(query).all())  # type: ignore[misc]
            yield from (item_from_row(row, collection) for row in part)
            if len(part) < PART:
                return
            after = part[-1][0]

    def add_items(
        self,
        collection: str,
        items: Sequence[Item],
        upsert: bool = False,
        expected: Mapping[str, int] | None = None,
    ) -> list[ItemResult]:
        """See `Store`."""
        return self._change(collection, lambda change: change.add(items, upsert, expected))

    def replace_item(self, item: Item, expected: int | None = None) -> Item:
        """See `Store`."""
        return self._change(item.collection, lambda change: change.replace(item, expected))

    def delete_item(self, collection: str, id: str, expected: int | None = None) -> None:
        """See `Store`."""
        self._change(collection, lambda change: change.delete_one(id, expected))

    def delete_items(self, collection: str, ids: Iterable[str]) -> int:
        """See `Store`."""
        return self._change(collection, lambda change: change.delete(list(ids)))

    def set_status(self, collection: str, statuses: Iterable[tuple[str, str]]) -> int:
        """See `Store`."""
        return self._change(collection, lambda change: change.set_status(list(statuses)))

    def _change(self, collection: str, action: Callable[[item_writing.Change], T]) -> T:
        """Change items of a collection, and its version and summary with them."""

        def change_and_finish(connection: Connection) -> T:
            row = self.collection_row(connection, collection, lock=True)
            change = item_writing.Change(connection, self.tables, row)
            result = action(change)
            change.finish()
            return result

        return self.write(change_and_finish)

    # -- searching

    def search(self, search_: ItemSearch) -> Page:
        """See `Store`."""
        return self.read(lambda connection: search(connection, self, search_))

    def matching(
        self,
        collection: str,
        box: Bounds,
        pixel_size: float,
        interval: Interval | None = None,
        filter: Any = None,
        order: str = "newest",
        limit: int = MAX_MOSAIC_ITEMS,
    ) -> tuple[Item, ...]:
        """See `Store`."""
        if filter is None and self.backend.kind in map_search.KINDS:
            return self.read(
                lambda connection: map_search.matching(
                    connection, self, collection, box, pixel_size, interval, order, limit
                )
            )
        return self.read(
            lambda connection: matching(
                connection, self, collection, box, pixel_size, interval, filter, order, limit
            )
        )

    def times(self, collection: str) -> tuple[Interval, ...]:
        """See `Store`."""
        return self.read(lambda connection: times(connection, self, collection))

    # -- jobs

    def create_job(self, job: Job, check: Callable[[tuple[Job, ...]], None] | None = None) -> Job:
        """See `Store`."""

        def checked(connection: Connection) -> Job:
            if check is not None:
                # in the order in which deleting a collection locks them
                self.collection_row(connection, job.collection, lock=True)
                connection.execute(select(self.tables.store).with_for_update()).one()
                check(job_rows.unfinished(connection, self))
            return job_rows.create(connection, self, job)

        return self.write(checked)

    def job(self, collection: str, id: str) -> Job:
        """See `Store`."""
        return self.read(lambda connection: job_rows.find(connection, self, collection, id))

    def jobs(self, collection: str) -> tuple[Job, ...]:
        """See `Store`."""
        return self.read(lambda connection: job_rows.of_collection(connection, self, collection))

    def unfinished_jobs(self) -> tuple[Job, ...]:
        """See `Store`."""
        return self.read(lambda connection: job_rows.unfinished(connection, self))

    def report_job(self, id: str, worker: str, state: JobState, attempts: int | None = None) -> bool:
        """See `Store`."""
        return self.write(lambda connection: job_rows.report(connection, self, id, worker, state, attempts))

    def take_over_job(self, job: Job, worker: str) -> bool:
        """See `Store`."""
        return self.write(lambda connection: job_rows.take_over(connection, self, job, worker))

    def dismiss_job(self, collection: str, id: str) -> Job:
        """See `Store`."""
        return self.write(lambda connection: job_rows.dismiss(connection, self, collection, id))

    # -- the store

    def close(self) -> None:
        """See `Store`."""
        self.backend.close()
