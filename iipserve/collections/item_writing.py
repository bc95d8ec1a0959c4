"""Changes of the items of one collection within a transaction, which has locked the row of the collection."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Connection, bindparam, delete, select, update
from sqlalchemy.engine import Row

from iipserve.collections.rows import item_from_row, item_values
from iipserve.collections.schema import Tables
from iipserve.collections.summaries import Statistics, computed, has_all
from iipserve.collections.validity import check_item, is_possible_id
from iipserve.collections.values import CREATED, REFUSED, REPLACED, Item, ItemResult
from iipserve.errors import InvalidRequest, NotFound, PreconditionFailed

T = TypeVar("T")
PART = 500
"""Values of one statement."""


class Change:
    """The items of one collection while they are changed. `finish` ends it."""

    def __init__(self, connection: Connection, tables: Tables, row: Row[Any]) -> None:
        """Change those of the collection of a row."""
        self._connection, self._tables, self._item = connection, tables, tables.item
        self._number: int = row.number
        self._name: str = row.name
        self._revision: int = row.version + 1
        self._now = datetime.now(UTC)
        self._statistics = Statistics.read(row.summary)
        self._is_changed = False
        self._removed: set[str] = set()
        """Extremes of items that were removed or replaced."""

    def finish(self) -> None:
        """Give the collection its new version and summary, if anything was changed."""
        if not self._is_changed:
            return
        if not has_all(self._connection, self._item, self._number, self._statistics, self._removed):
            longest = self._statistics.longest
            self._statistics = computed(self._connection, self._item, self._number)
            self._statistics.longest = longest
        table = self._tables.collection
        values = {"version": self._revision, "updated": self._now, "summary": self._statistics.stored()}
        self._connection.execute(update(table).where(table.c.number == self._number).values(values))

    # -- add

    def add(
        self, items: Sequence[Item], upsert: bool, expected: Mapping[str, int] | None = None
    ) -> list[ItemResult]:
        """`Store.add_items`."""
        known = {item.id: item for item in self._found([item.id for item in items])}
        new: dict[str, Item] = {}
        results = []
        for item in items:
            before = known.get(item.id)
            if before is not None and expected is not None and before.revision != expected.get(item.id):
                result = ItemResult(item.id, REFUSED, _changed(item.id), conflicts=True, is_outdated=True)
            else:
                result = self._result(item, before is not None or item.id in new, upsert)
            results.append(result)
            if result.status != REFUSED:
                new[item.id] = item
        self._insert([item for id, item in new.items() if id not in known])
        self._update([(known[id], item) for id, item in new.items() if id in known])
        return results

    def _result(self, item: Item, is_known: bool, upsert: bool) -> ItemResult:
        try:
            check_item(item)
            if item.collection != self._name:
                raise InvalidRequest(f"the item is one of the collection {item.collection!r}")
        except InvalidRequest as error:
            return ItemResult(item.id, REFUSED, str(error))
        if is_known and not upsert:
            error_text = f"the collection {self._name!r} has an item {item.id!r} already"
            return ItemResult(item.id, REFUSED, error_text, conflicts=True)
        return ItemResult(item.id, REPLACED if is_known else CREATED)

    def _insert(self, items: Sequence[Item]) -> None:
        if not items:
            return
        rows = [item_values(item, self._number, self._revision, self._now, self._now) for item in items]
        self._connection.execute(self._item.insert().inline(), rows)
        for item in items:
            self._statistics.add(item)
        self._is_changed = True

    # -- replace

    def replace(self, item: Item, expected: int | None) -> Item:
        """`Store.replace_item`."""
        check_item(item)
        before = self._one(item.id, expected)
        self._update([(before, item)])
        return replace(
            item, sequence=before.sequence, revision=self._revision, created=before.created, updated=self._now
        )

    def _update(self, pairs: Sequence[tuple[Item, Item]]) -> None:
        """Replace items, each by the one next to it."""
        if not pairs:
            return
        rows = []
        for before, item in pairs:
            created = before.created or self._now
            rows.append(item_values(item, self._number, self._revision, created, self._now))
            rows[-1]["_sequence"] = before.sequence
            self._removed |= self._statistics.remove(before)
            self._statistics.add(item)
        table = self._item
        self._connection.execute(update(table).where(table.c.sequence == bindparam("_sequence")), rows)
        self._is_changed = True

    def set_status(self, statuses: Sequence[tuple[str, str]]) -> int:
        """`Store.set_status`."""
        wanted = dict(statuses)
        changed = [item for item in self._found(list(wanted)) if item.status != wanted[item.id]]
        self._update([(item, replace(item, status=wanted[item.id])) for item in changed])
        return len(changed)

    # -- delete

    def delete_one(self, id: str, expected: int | None) -> None:
        """`Store.delete_item`."""
        self._remove([self._one(id, expected)])

    def delete(self, ids: Sequence[str]) -> int:
        """`Store.delete_items`."""
        found = list(self._found(ids))
        self._remove(found)
        return len(found)

    def _remove(self, items: Sequence[Item]) -> None:
        for part in _parts([item.sequence for item in items]):
            self._connection.execute(delete(self._item).where(self._item.c.sequence.in_(part)))
        for item in items:
            self._removed |= self._statistics.remove(item)
        self._is_changed |= bool(items)

    # -- find

    def _one(self, id: str, expected: int | None) -> Item:
        for item in self._found([id]):
            if expected is not None and item.revision != expected:
                raise PreconditionFailed(_changed(id))
            return item
        raise NotFound(f"the collection {self._name!r} has no item {id!r}")

    def _found(self, ids: Sequence[str]) -> Iterator[Item]:
        """Items that are there, of some ids."""
        c = self._item.c
        for part in _parts(filter(is_possible_id, dict.fromkeys(ids))):
            query = select(*self._tables.item_columns).where(c.collection == self._number, c.id.in_(part))
            for row in self._connection.execute(query):
                yield item_from_row(row, self._name)


def _changed(id: str) -> str:
    return f"the item {id!r} has been changed meanwhile"


def _parts(values: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(values)
    while part := list(islice(rest, PART)):
        yield part
