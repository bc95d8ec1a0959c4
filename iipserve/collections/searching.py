"""Searches for items in SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, and_, or_, select
from sqlalchemy.sql.elements import ColumnElement

from iipserve.collections.rows import item_from_row
from iipserve.collections.values import Interval, Item, ItemSearch, Page, split_box
from iipserve.errors import InvalidRequest
from iipserve.geo.grid import Bounds

if TYPE_CHECKING:
    from iipserve.collections.sql_store import SqlStore


def search(connection: Connection, store: SqlStore, search: ItemSearch) -> Page:
    """`Store.search`."""
    collection, c = store.tables.collection, store.tables.item.c
    for name in search.collections:
        store.collection_row(connection, name)
    conditions = list(_conditions(store, search))
    if search.token:
        conditions.append(c.sequence < _sequence(search.token))
    query = (
        select(*store.tables.item_columns, collection.c.name.label("collection_name"))
        .join(collection, c.collection == collection.c.number)
        .where(*conditions)
        .order_by(c.sequence.desc())
        .limit(search.limit + 1)
    )
    rows = connection.execute(query).all()
    items = tuple(item_from_row(row, row[-1]) for row in rows[: search.limit])
    return Page(items, str(items[-1].sequence) if len(rows) > search.limit else None)


def _conditions(store: SqlStore, search: ItemSearch) -> list[ColumnElement[bool]]:
    c = store.tables.item.c
    conditions: list[ColumnElement[bool]] = []
    if search.collections:
        conditions.append(store.tables.collection.c.name.in_(search.collections))
    if search.ids:
        conditions.append(c.id.in_(search.ids))
    if search.boxes:
        conditions.append(store.backend.meets_boxes(search.boxes))
    if search.intersects is not None:
        conditions.append(store.backend.meets_geometry(search.intersects))
    return conditions + within(store, search.interval)


def within(store: SqlStore, interval: Interval | None) -> list[ColumnElement[bool]]:
    """Conditions that some of the time of items is in an interval."""
    c = store.tables.item.c
    if interval is None:
        return []
    conditions: list[ColumnElement[bool]] = [c.earliest.is_not(None)]
    if interval.start is not None:
        conditions.append(c.latest >= interval.start)
    if interval.end is not None:
        conditions.append(c.earliest <= interval.end)
    return conditions


def _sequence(token: str) -> int:
    try:
        return int(token)
    except ValueError:
        raise InvalidRequest("the token is not one of this server") from None


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
    table, c = store.tables.collection, store.tables.item.c
    number = connection.scalar(select(table.c.number).where(table.c.name == collection))
    if number is None:
        return ()
    visible = and_(c.visible_min <= pixel_size, or_(c.visible_max.is_(None), c.visible_max >= pixel_size))
    conditions = [c.collection == number, visible, store.backend.meets_boxes(split_box(box), number)]
    orders: dict[str, list[Any]] = {
        "newest": [c.latest.is_(None), c.latest.desc(), c.sequence.desc()],
        "finest": [c.gsd_min.is_(None), c.gsd_min, c.sequence.desc()],
    }
    query = select(*store.tables.item_columns).where(*conditions, *within(store, interval))
    rows = connection.execute(query.order_by(*orders.get(order, [c.sequence.desc()])).limit(limit))
    return tuple(item_from_row(row, collection) for row in rows)


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
