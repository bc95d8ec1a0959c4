"""The images of a map without a filter, by statements that are made once.

To make a statement of SQLAlchemy takes longer than SQLite takes to answer it. What maps ask differs in few ways (`Form`), so the
statement of each form is kept, and gets its values as parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import shapely
from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Float,
    Integer,
    LargeBinary,
    Row,
    Select,
    Table,
    Text,
    bindparam,
    or_,
    select,
)

from iipserve.collections.boxes import Boxes, cover_the_world, wrapped
from iipserve.collections.paging import order_by
from iipserve.collections.places import Places, candidates, is_one_of
from iipserve.collections.property_columns import PropertyColumns, unindexed
from iipserve.collections.rows import item_from_row
from iipserve.collections.schema import Instant, Kind, tables
from iipserve.collections.searching import center_of, last_end, map_order
from iipserve.collections.summaries import Statistics
from iipserve.collections.values import Interval, Item
from iipserve.geo.grid import Bounds

if TYPE_CHECKING:
    from iipserve.collections.sql_store import SqlStore

Condition = ColumnElement[bool]
KINDS = (Kind.SQLITE, Kind.POSTGIS)
"""Plain PostgreSQL compares footprints before its statement can be made."""
TIMES = ("start", "end", "last")
"""Ends of the interval of a map, and after which no image of it ends."""
SIDES = ("west", "south", "east", "north")


class Form(NamedTuple):
    """What makes statements different."""

    kind: Kind
    boxes: int
    """Of the map; none if it shows the whole world."""
    is_listed: bool
    """Candidates are looked up by their numbers."""
    times: tuple[str, ...] | None
    """Those of `TIMES` that are stated; None: images of any time, or of none."""
    order: str
    has_value: bool | None
    """Images that have a value of what they are sorted by, or that have none; None: both."""


def matching(
    connection: Connection,
    store: SqlStore,
    collection: str,
    box: Bounds,
    pixel_size: float,
    interval: Interval | None,
    order: str,
    limit: int,
) -> tuple[Item, ...]:
    """`Store.matching` without a filter, of a kind of database that is one of `KINDS`."""
    kind = store.backend.kind
    row = connection.execute(_collection(kind), {"name": collection}).one_or_none()
    if row is None:
        return ()
    boxes = wrapped(box)
    boxes = () if cover_the_world(boxes) else boxes
    values = {"collection": row.number, "pixel_size": pixel_size, "limit": limit, **_place_values(boxes)}
    values |= dict(zip(("x", "y"), center_of(box), strict=True))
    times = None
    if interval is not None:
        ends = (*interval, last_end(interval, Statistics.read(row.summary).longest))
        given = {name: value for name, value in zip(TIMES, ends, strict=True) if value is not None}
        times, values = tuple(given), values | given
    numbers = candidates(connection, boxes, [row.number]) if boxes and kind is Kind.SQLITE else None
    if numbers is not None:
        values["numbers"] = numbers
    form = Form(kind, len(boxes), numbers is not None, times, order, None)
    return tuple(item_from_row(row, collection) for row in _rows(connection, form, values))


def _rows(connection: Connection, form: Form, values: dict[str, Any]) -> Sequence[Row[Any]]:
    """As `searching`: those with and without a value of what is sorted by are two statements, so that an index has them in order."""
    if form.is_listed or not map_order(tables(form.kind), form.order, _CENTER)[0].is_nullable:
        return connection.execute(_statement(form), values).all()
    rows = connection.execute(_statement(form._replace(has_value=True)), values).all()
    left = values["limit"] - len(rows)
    if left > 0:
        others = _statement(form._replace(has_value=False))
        return [*rows, *connection.execute(others, values | {"limit": left})]
    return rows


def _place_values(boxes: Boxes) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for number, box in enumerate(boxes):
        values |= {f"{side}_{number}": value for side, value in zip(SIDES, box, strict=True)}
        values[f"shape_{number}"] = shapely.box(*box).wkb
    return values


def _number(name: str) -> BindParameter[float]:
    return bindparam(name, type_=Float(53))


_CENTER: Any = (_number("x"), _number("y"))


@lru_cache
def _collection(kind: Kind) -> Select[Any]:
    c = tables(kind).collection.c
    return select(c.number, c.summary).where(c.name == bindparam("name", type_=Text))


@lru_cache(maxsize=256)
def _statement(form: Form) -> Select[Any]:
    """The statement of a form, with parameters for all values."""
    item = tables(form.kind).item
    order = map_order(tables(form.kind), form.order, _CENTER)
    first = order[0].expression
    if form.has_value is not None:
        order = [order[0]._replace(is_nullable=False), *order[1:]]
    properties = PropertyColumns(tables(form.kind), form.kind, None if form.is_listed else first)
    collection = unindexed(item.c.collection) if form.is_listed else item.c.collection
    where = [
        collection == bindparam("collection", type_=Integer),
        *_seen(item),
        *_times(properties, form.times),
    ]
    if form.is_listed:
        where.append(is_one_of(tables(form.kind), None))
    if form.has_value is not None:
        where.append(first.is_not(None) if form.has_value else first.is_(None))
    where.append(_place(item, form))
    statement = select(*tables(form.kind).item_columns).where(*where).order_by(*order_by(order))
    return statement.limit(bindparam("limit", type_=Integer))


def _seen(item: Table) -> tuple[Condition, ...]:
    """That images are seen at the pixel size of the map."""
    c, size = item.c, _number("pixel_size")
    return c.visible_min <= size, or_(c.visible_max.is_(None), c.visible_max >= size)


def _times(properties: PropertyColumns, stated: Sequence[str] | None) -> list[Condition]:
    """That images have some of their time in an interval."""
    if stated is None:
        return []
    earliest, latest = properties.end(0), properties.end(1)
    start, end, last = (bindparam(name, type_=Instant) for name in TIMES)
    found = {"start": latest >= start, "end": earliest <= end, "last": latest <= last}
    return [found[name] for name in stated] or [latest.is_not(None)]


def _place(item: Table, form: Form) -> Condition:
    """That images meet the map."""
    places = Places(None, tables(form.kind), form.kind, ())
    parts = []
    for number in range(form.boxes):
        sides: Any = (_number(f"{side}_{number}") for side in SIDES)
        parts.append(places.meet((Bounds(*sides),), bindparam(f"shape_{number}", type_=LargeBinary)))
    return or_(*parts) if parts else item.c.west.is_not(None)
