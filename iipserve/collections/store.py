"""Stores of collections: the interface, and how one is opened.

A store is a file of SQLite, or a database of PostgreSQL with or without PostGIS. It is opened after the fork, by each process
for itself, and used by all threads of the process. Everything here is done in one transaction, and every change of a
collection or of its items makes its `version` another one in the same transaction: who has seen a version has seen
everything that was changed before it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from iipserve.collections.jobs import Job, JobState
from iipserve.collections.values import Collection, Interval, Item, ItemResult, ItemSearch, Page
from iipserve.errors import NotInstalled
from iipserve.geo.grid import Bounds

PACKAGES = ("antimeridian", "cql2", "shapely", "sqlalchemy")
"""Of the extra `collections`, besides those of `geo`."""
POSTGRESQL_PACKAGES = ("geoalchemy2", "psycopg")
"""Of the extra `postgis`."""
MAX_MOSAIC_ITEMS = 50
"""Items that `Store.matching` gives unless stated."""


class Store(ABC):
    """Collections and their items.

    All methods raise `StoreUnavailable` if the database cannot be used at present, and `InvalidRequest` for texts and
    numbers that it cannot hold. They wait for a file or a network, so that a thread that leads hands over first
    (`leader.hand_over`); only `version` of a store in a file is quick enough without.
    """

    @abstractmethod
    def version(self, name: str) -> int:
        """Version of a collection, 0 where there is none: a few microseconds for SQLite, one query for PostgreSQL.

        Another one after every change, whichever process made it. A collection that is deleted and created again goes
        on with higher numbers.
        """

    @abstractmethod
    def store_version(self) -> int:
        """Grows with every change of any collection, and when one is created or deleted."""

    # -- collections

    @abstractmethod
    def collections(self) -> tuple[Collection, ...]:
        """All collections, by name."""

    @abstractmethod
    def collection(self, name: str) -> Collection:
        """One collection. Raises `NotFound`."""

    @abstractmethod
    def create(self, collection: Collection) -> Collection:
        """Add a collection without items; gives it as it is stored. Raises `Conflict` if there is one of that name."""

    @abstractmethod
    def replace(self, collection: Collection, expected: int | None = None) -> Collection:
        """Replace what is said of a collection, not its items; gives it as it is stored.

        Raises:
            NotFound: there is none of that name.
            PreconditionFailed: its version is not `expected`.
        """

    @abstractmethod
    def delete(self, name: str, expected: int | None = None) -> None:
        """Delete a collection and its items, never their files. Raises as `replace`."""

    # -- items

    @abstractmethod
    def item(self, collection: str, id: str) -> Item:
        """One item. Raises `NotFound`, which says whether the collection or the item is missing."""

    @abstractmethod
    def items(self, collection: str, after: int = 0) -> Iterator[Item]:
        """All items in the order of `sequence`, those greater than `after`, read in parts: memory does not grow with them.

        Items that are added or deleted meanwhile may be in it or not. Raises `NotFound` at the first item.
        """

    @abstractmethod
    def add_items(
        self,
        collection: str,
        items: Sequence[Item],
        upsert: bool = False,
        expected: Mapping[str, int] | None = None,
    ) -> list[ItemResult]:
        """Add items in one transaction, with one result for each in their order: those that are refused keep none away.

        An item whose id the collection or an item before it has is refused, or replaces that one with `upsert`.
        With `expected`, revisions by id, an item that is there and has another revision is refused (`is_outdated`).
        `Item.collection` of all must be `collection`. Raises `NotFound` if there is no such collection.
        """

    @abstractmethod
    def replace_item(self, item: Item, expected: int | None = None) -> Item:
        """Replace an item, which keeps its sequence and time of creation; gives it as it is stored.

        Raises:
            NotFound: there is no such collection or item.
            PreconditionFailed: its revision is not `expected`.
        """

    @abstractmethod
    def delete_item(self, collection: str, id: str, expected: int | None = None) -> None:
        """Delete an item, never its file. Raises as `replace_item`."""

    @abstractmethod
    def delete_items(self, collection: str, ids: Iterable[str]) -> int:
        """Delete those of the items that are there, in one transaction: how many. Raises `NotFound` for the collection."""

    @abstractmethod
    def set_status(self, collection: str, statuses: Iterable[tuple[str, str]]) -> int:
        """Set the status of items, by id, in one transaction: how many had another one. Others are ignored."""

    # -- searching

    @abstractmethod
    def search(self, search: ItemSearch) -> Page:
        """One page of the items that are searched for.

        Raises:
            NotFound: one of the collections does not exist.
            InvalidRequest: the token is not of this search, or an expression has no meaning for these items.
        """

    @abstractmethod
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
        """Items that a map shows, the uppermost first: whose footprint meets the box and that are seen at its pixel size.

        Args:
            collection: its name; one that does not exist has no items.
            box: of the map in degrees, with west greater than east if it crosses 180 degrees.
            pixel_size: of the map, in metres.
            interval: some of their time is in it; None: any, items without a time too.
            filter: expression of `collections.filters`.
            order: one of `values.ORDERS`.
            limit: at most so many; one more than wanted shows whether there are more.
        """

    @abstractmethod
    def times(self, collection: str) -> tuple[Interval, ...]:
        """Distinct times of its items in order, each an instant (start equals end) or a period; none where there is none."""

    # -- jobs, which are no part of the version of their collection

    @abstractmethod
    def create_job(self, job: Job, check: Callable[[tuple[Job, ...]], None] | None = None) -> Job:
        """Add a job; gives it as it is stored.

        Args:
            job: the job.
            check: called with all jobs that are still to be done, while no other is added that is checked too; what it raises
                keeps this one from being added.

        Raises:
            NotFound: there is no such collection.
        """

    @abstractmethod
    def job(self, collection: str, id: str) -> Job:
        """One job. Raises `NotFound`, which says whether the collection or the job is missing."""

    @abstractmethod
    def jobs(self, collection: str) -> tuple[Job, ...]:
        """All jobs of a collection, the newest first, of finished ones the last `jobs.MAX_FINISHED`. Raises `NotFound`."""

    @abstractmethod
    def unfinished_jobs(self) -> tuple[Job, ...]:
        """Jobs of all collections that are still to be done, the oldest first."""

    @abstractmethod
    def report_job(self, id: str, worker: str, state: JobState, attempts: int | None = None) -> bool:
        """Set how far a job of a worker is, and its `attempts` unless they stay.

        False: it is not that worker's any more, finished, or deleted; it is to be left.
        """

    @abstractmethod
    def take_over_job(self, job: Job, worker: str) -> bool:
        """Give an unfinished job, as it was read, to another worker. False: another one has taken it, or it is finished."""

    @abstractmethod
    def dismiss_job(self, collection: str, id: str) -> Job:
        """Have a job ended before it is done, or forget one that is finished; the job as dismissed. Raises `NotFound`."""

    # -- the store

    @abstractmethod
    def close(self) -> None:
        """Close all connections of this process, and give the lock back."""


def require(url: str = "") -> None:
    """See that the packages for a store are installed.

    Raises:
        NotInstalled: one is missing.
    """
    server = is_postgresql(url)
    names = PACKAGES + (POSTGRESQL_PACKAGES if server else ())
    if missing := [name for name in names if find_spec(name) is None]:
        extras = "collections,postgis" if server else "collections"
        raise NotInstalled(
            f"image collections need Python packages that are not installed here ({', '.join(missing)}); "
            f"the administrator can install them with: pip install 'iipserve[{extras}]'"
        )


def is_postgresql(url: str) -> bool:
    """Whether the address of a store is one of PostgreSQL."""
    return url.partition(":")[0].partition("+")[0] in ("postgresql", "postgres", "postgis")


def open_store(url: str, holder: str = "") -> Store:
    """Open a store, and make or migrate its tables.

    Args:
        url: path of an SQLite file, or an address of SQLAlchemy: `sqlite:///...`, `postgresql://...`. Where the database has
            PostGIS, it is used; `postgis://...` demands it, `postgresql+psycopg://...?postgis=no` leaves it out.
        holder: names the service, the same for all its processes. One service at a time holds a store, until its last
            process ends. Empty for tools, which may change a store in use.

    Raises:
        NotInstalled: a package is missing.
        ConfigError: the address is not one, another service holds the store, or it is of a newer version of this server.
        StoreUnavailable: the database cannot be reached.
    """
    require(url)
    from iipserve.collections.opening import opened

    return opened(url, holder)
