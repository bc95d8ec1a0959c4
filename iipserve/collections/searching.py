"""Searches for items in SQL: pages in any order, and what a map shows.

A search is one condition and a list of columns to sort by. Where the first of these may be null, items with and without a
value are two statements, so that an index gives either in its order.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Connection, Row, Select, case, func, or_, select

from iipserve.collections.boxes import Boxes, cover_the_world, wrapped
from iipserve.collections.conditions import Conditions
from iipserve.collections.expressions import Expression, Junction, Spatial
from iipserve.collections.geometries import read_geometry
from iipserve.collections.paging import (
    Position,
    SortColumn,
    Values,
    after,
    order_by,
    read_token,
    turned_round,
    write_token,
)
from iipserve.collections.places import Places, candidates, is_one_of
from iipserve.collections.property_columns import PropertyColumns, unindexed
from iipserve.collections.relations import boxes_around, shape_of
from iipserve.collections.rows import item_from_row
from iipserve.collections.schema import Kind, Tables
from iipserve.collections.shortlists import Shortlists
from iipserve.collections.summaries import Statistics
from iipserve.collections.validity import is_possible_id
from iipserve.collections.values import Interval, Item, ItemSearch, Page
from iipserve.geo.grid import Bounds

if TYPE_CHECKING:
    from iipserve.collections.sql_store import SqlStore

Condition = ColumnElement[bool]
MAX_COUNTED = 2_000
"""Matches that are counted in large collections; of more, `Page.matched` is None."""
MAX_ALL_COUNTED = 20_000
"""Items of collections all of which are gone through to count matches. In larger ones, matches of a place or of a time only."""


def search(connection: Connection, store: SqlStore, search: ItemSearch) -> Page:
    """`Store.search`."""
    rows_of = _collections(connection, store, search.collections)
    names = {row.number: row.name for row in rows_of}
    # of one collection, an index has its items in order
    is_of_all = not search.collections and len(names) != 1
    columns = _sort_columns(store, search)
    place = read_token(search.token, search.sort, store.secret) if search.token else Position()
    turned = turned_round(columns) if place.is_backward else columns
    query = _Query(connection, store, rows_of, search, turned, is_of_all=is_of_all)
    rows = query.rows(place.values, search.limit + 1)
    has_more, rows = len(rows) > search.limit, rows[: search.limit]
    if place.is_backward:
        rows.reverse()
    items = tuple(item_from_row(row, names[row.collection]) for row in rows)
    ends = [tuple(row[-len(columns) :]) for row in (*rows[:1], *rows[-1:])]
    tokens = [
        None if each is None else write_token(each, search.sort, store.secret)
        for each in _around(place, ends, has_more)
    ]
    is_whole = not has_more and place == Position()
    matched = len(items) if is_whole else query.count() if search.count else None
    return Page(items, tokens[1], matched, tokens[0])


def _around(
    place: Position, ends: Sequence[Values], has_more: bool
) -> tuple[Position | None, Position | None]:
    """The pages before and after a page.

    Args:
        place: of the page.
        ends: values of its first and of its last item; none if it is empty.
        has_more: there are items beyond it, in its direction.
    """
    first, last = ends or (None, None)
    if place.is_backward:
        return (Position(first, is_backward=True) if has_more else None), Position(last)
    is_begin = place.values is None or first is None
    return (None if is_begin else Position(first, is_backward=True)), (Position(last) if has_more else None)


def matching(
    connection: Connection,
    store: SqlStore,
    collection: str,
    box: Bounds,
    pixel_size: float,
    interval: Interval | None,
    filter: Any,
    order: str,
    limit: int,
) -> tuple[Item, ...]:
    """`Store.matching`."""
    c = store.tables.item.c
    found = _all_collections(store).where(store.tables.collection.c.name == collection)
    row = connection.execute(found).one_or_none()
    if row is None:
        return ()
    shown = ItemSearch(boxes=wrapped(box), interval=interval, filter=filter)
    is_visible = (c.visible_min <= pixel_size, or_(c.visible_max.is_(None), c.visible_max >= pixel_size))
    query = _Query(
        connection, store, [row], shown, map_order(store.tables, order, center_of(box)), is_visible
    )
    rows = query.rows(None, limit)
    return tuple(item_from_row(row, collection) for row in rows)


def _all_collections(store: SqlStore) -> Select[Any]:
    c = store.tables.collection.c
    return select(c.number, c.name, c.summary)


def _collections(connection: Connection, store: SqlStore, names: Sequence[str]) -> list[Row[Any]]:
    """Rows of those collections, or of all. Raises `NotFound`."""
    if names:
        return [store.collection_row(connection, name) for name in names]
    return list(connection.execute(_all_collections(store)).all())


class _Query:
    """The conditions of one search."""

    def __init__(
        self,
        connection: Connection,
        store: SqlStore,
        collections: Sequence[Row[Any]],
        search: ItemSearch,
        columns: Sequence[SortColumn],
        conditions: Sequence[Condition] = (),
        is_of_all: bool = False,
    ) -> None:
        """Begin a statement.

        Args:
            connection: to the database.
            store: the store.
            collections: rows of those that are searched.
            search: what is asked for.
            columns: that items are sorted by.
            conditions: further ones, which databases compare before footprints.
            is_of_all: the collections are all of the store.
        """
        self._connection = connection
        self._tables = store.tables
        self._kind = store.backend.kind
        self._columns = columns
        self._order = columns[0].expression
        self._numbers = [row.number for row in collections]
        self._where: list[Condition] = []
        self._is_listed = False
        """Candidates are looked up by their numbers, and sorted."""
        statistics = [Statistics.read(row.summary) for row in collections]
        self._total = sum(each.count for each in statistics)
        self._longest = max((each.longest for each in statistics), default=0)
        self._restrict(search, () if is_of_all else tuple(self._numbers), conditions)

    def add(self, *conditions: Condition) -> None:
        """Find items only that meet these."""
        self._where += conditions

    def _restrict(
        self, search: ItemSearch, numbers: tuple[int, ...], conditions: Sequence[Condition]
    ) -> None:
        c = self._tables.item.c
        expressions = [] if search.filter is None else [search.filter]
        if search.intersects is not None:
            expressions.insert(0, Spatial("s_intersects", read_geometry(search.intersects)))
        boxes = () if cover_the_world(search.boxes) else search.boxes
        near = () if search.ids else boxes or _nearby(expressions)
        self._find_nearby(near, numbers)
        has_index = self._kind is not Kind.SQLITE and bool(near)
        if not (search.ids or self._is_listed or has_index):
            self._find_listed(search.interval or Interval(None, None), expressions)
        self._is_selective = bool(search.ids or search.interval or self._is_listed or has_index)
        self._properties = PropertyColumns(self._tables, self._kind, None if self._is_listed else self._order)
        if numbers:
            number = self._column(c.collection)
            self.add(number == numbers[0] if len(numbers) == 1 else number.in_(numbers))
        of_collections = len(self._where)
        if search.ids:
            self.add(c.id.in_([id for id in search.ids if is_possible_id(id)]))
        if search.interval is not None:
            self.add(*self._within(search.interval))
        self.add(*conditions)
        places = Places(self._connection, self._tables, self._kind, tuple(self._where))
        if boxes:
            self.add(places.in_boxes(boxes))
        elif search.boxes:
            self.add(c.west.is_not(None))
        filters = Conditions(self._kind, self._properties, places)
        self.add(*(filters.of(expression) for expression in expressions))
        self._has_conditions = len(self._where) > of_collections

    def _find_nearby(self, boxes: Boxes, numbers: Sequence[int]) -> None:
        """Let SQLite begin with the items near boxes, if they are few."""
        if boxes and self._kind is Kind.SQLITE:
            found = candidates(self._connection, boxes, numbers)
            if found is not None:
                self.add(is_one_of(self._tables, found))
                self._is_listed = True

    def _find_listed(self, interval: Interval, expressions: Sequence[Expression]) -> None:
        """Begin with the items that can meet the conditions, if an index says which, and they are few."""
        lists = Shortlists(self._connection, self._tables, self._kind, self._numbers, self._order)
        lists.add(interval.start, last_end(interval, self._longest), expressions)
        few = lists.few()
        self._is_listed = few is not None
        self.add(*(lists.in_order() if few is None else (few,)))

    def _column(self, column: Any) -> ColumnElement[Any]:
        """A column, so that SQLite does not use an index of it where it looks items up by their numbers."""
        return unindexed(column) if self._is_listed and self._kind is Kind.SQLITE else column

    def _within(self, interval: Interval) -> list[Condition]:
        """That some of the time of an item is in an interval."""
        latest, earliest = self._properties.end(1), self._properties.end(0)
        conditions: list[Condition] = []
        last = last_end(interval, self._longest)
        if interval.start is not None:
            conditions.append(latest >= interval.start)
        if interval.end is not None:
            conditions.append(earliest <= interval.end)
        if last is not None:
            conditions.append(latest <= last)
        return conditions or [latest.is_not(None)]

    def rows(self, values: Values | None, limit: int) -> list[Row[Any]]:
        """The next rows after those values: columns of the item, and those that it is sorted by."""
        columns = self._columns
        first = columns[0]._replace(expression=self._column(columns[0].expression))
        if self._is_listed or not first.is_nullable:
            return self._part([first, *columns[1:]], values, limit)
        plain = [first._replace(is_nullable=False), *columns[1:]]
        halves = [(False, first.expression.is_not(None)), (True, first.expression.is_(None))]
        if first.nulls_first:
            halves.reverse()
        if values is not None and halves[0][0] != (values[0] is None):
            del halves[0]
        rows: list[Row[Any]] = []
        for _, condition in halves:
            if len(rows) < limit:
                rows += self._part(plain, values, limit - len(rows), condition)
            values = None
        return rows

    def _part(
        self, columns: Sequence[SortColumn], values: Values | None, limit: int, *conditions: Condition
    ) -> list[Row[Any]]:
        shown = [column.expression.label(f"sort_{number}") for number, column in enumerate(columns)]
        statement = select(*self._tables.item_columns, *shown).where(*self._where, *conditions)
        if values is not None:
            statement = statement.where(after(columns, values))
        return list(self._connection.execute(statement.order_by(*order_by(columns)).limit(limit)).all())

    def count(self) -> int | None:
        """How many items there are; None if that takes too long to count."""
        item = self._tables.item
        if not self._has_conditions:
            return self._total
        found = select(item.c.sequence).where(*self._where)
        if self._total > MAX_ALL_COUNTED:
            if not self._is_selective:
                return None
            found = found.limit(MAX_COUNTED + 1)
        count = int(self._connection.scalar(select(func.count()).select_from(found.subquery())) or 0)
        return None if count > MAX_COUNTED and self._total > MAX_ALL_COUNTED else count


def _nearby(expressions: Sequence[Expression]) -> Boxes:
    """Boxes outside of which nothing can be true of all of these, none where that is not known."""
    for expression in expressions:
        if isinstance(expression, Spatial) and expression.operator != "s_disjoint":
            return boxes_around(shape_of(expression.geometry))
        if isinstance(expression, Junction) and expression.operator == "and":
            boxes = _nearby(expression.arguments)
            if boxes:
                return boxes
    return ()


def _sort_columns(store: SqlStore, search: ItemSearch) -> list[SortColumn]:
    """What a search is sorted by, in the end by the number of the item."""
    c = store.tables.item.c
    if not search.sort:
        return [SortColumn(c.latest, True, is_nullable=True), SortColumn(c.sequence, True)]
    properties = PropertyColumns(store.tables, store.backend.kind)
    columns = [column for key in search.sort for column in properties.sort_columns(key)]
    return [*columns, SortColumn(c.sequence, search.sort[0].descending)]


def last_end(interval: Interval, longest: int) -> datetime | None:
    """After which no item ends that has some of its time in an interval. It says nothing new, but ends the way through an index.

    Args:
        interval: of the search.
        longest: microseconds of the longest item.
    """
    try:
        return interval.end and interval.end + timedelta(microseconds=longest)
    except OverflowError:
        return None


def map_order(tables: Tables, order: str, center: Sequence[Any]) -> list[SortColumn]:
    """What the images of a map are sorted by, the uppermost first.

    Args:
        tables: of the store.
        order: one of `values.ORDERS`, or `coarsest`.
        center: of the map, as `center_of` has it, or parameters for it.
    """
    c = tables.item.c
    last_added = SortColumn(c.sequence, True)
    match order:
        case "finest":
            return [SortColumn(c.gsd_min, False, is_nullable=True), last_added]
        case "coarsest":
            return [SortColumn(c.gsd_max, True, is_nullable=True), last_added]
        case "number":
            return [last_added]
        case "center":
            return [SortColumn(_distance(tables, *center), False, is_nullable=True), last_added]
        case _:
            return [SortColumn(c.latest, True, is_nullable=True), last_added]


def center_of(box: Bounds) -> tuple[float, float]:
    """The longitude and latitude in the middle of a box."""
    west, south, east, north = box
    return (west + (east if east >= west else east + 360)) / 2, (south + north) / 2


def _distance(tables: Tables, x: Any, y: Any) -> ColumnElement[float]:
    """The square of the distance of the centers of items from a point, in degrees, the short way round the Earth."""
    c = tables.item.c
    middle = (c.west + c.east + case((c.west > c.east, 360.0), else_=0.0)) / 2
    turned = func.abs(middle - x)
    across = case((turned > 180, 360 - turned), else_=turned)
    up = (c.south + c.north) / 2 - y
    return across * across + up * up


def times(connection: Connection, store: SqlStore, collection: str) -> tuple[Interval, ...]:
    """`Store.times`."""
    table, c = store.tables.collection, store.tables.item.c
    query = (
        select(c.earliest, c.latest)
        .join(table, c.collection == table.c.number)
        .where(table.c.name == collection, c.earliest.is_not(None))
        .distinct()
        .order_by(c.earliest, c.latest)
    )
    return tuple(Interval(row[0], row[1]) for row in connection.execute(query))
