"""Where footprints are, as conditions in SQL: exact ones, which an index of the database makes quick.

PostGIS compares footprints itself. SQLite calls `relations.related` for those that its boxes do not decide. Of plain
PostgreSQL, which has no such function, those are read and compared first, and the condition names their numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    LargeBinary,
    Row,
    Select,
    Text,
    and_,
    bindparam,
    case,
    cast,
    column,
    func,
    literal,
    not_,
    or_,
    select,
    text,
    true,
    type_coerce,
)

from iipserve.collections.boxes import Boxes
from iipserve.collections.relations import boxes_around, related, shape_of
from iipserve.collections.schema import Kind, Tables
from iipserve.errors import TooLarge
from iipserve.geo.grid import Bounds

Condition = ColumnElement[bool]
MAX_COMPARED = 50_000
"""Footprints that are compared in Python for one search of plain PostgreSQL."""
MAX_CANDIDATES = 2_000
"""Items in a box that SQLite looks up one by one. Where there are more, it goes through all in the order of the search,
until a page is full, which is soon."""
_FUNCTIONS: Final = {
    "s_intersects": "ST_Intersects",
    "s_disjoint": "ST_Disjoint",
    "s_equals": "ST_Equals",
    "s_touches": "ST_Touches",
    "s_crosses": "ST_Crosses",
    "s_overlaps": "ST_Overlaps",
    "s_within": "ST_Within",
    "s_contains": "ST_Contains",
}


class Places:
    """Conditions on footprints, for one search through one connection."""

    def __init__(
        self, connection: Connection | None, tables: Tables, kind: Kind, scope: Sequence[Condition]
    ) -> None:
        """For a search.

        Args:
            connection: to a database of plain PostgreSQL; others need none.
            tables: of the store.
            kind: of the database.
            scope: conditions that all items of the search meet.
        """
        self._connection = connection
        self._tables = tables
        self._item = tables.item
        self._kind = kind
        self._scope = scope

    def in_boxes(self, boxes: Boxes) -> Condition:
        """Whether the footprint meets one of the boxes."""
        import shapely

        return or_(*(self._related("s_intersects", shapely.box(*box), (box,)) for box in boxes))

    def related(self, relation: str, geometry: str) -> Condition:
        """Whether the footprint has a relation of CQL2 to a GeoJSON geometry; null without a footprint."""
        shape = shape_of(geometry)
        return self._related(relation, shape, boxes_around(shape))

    def _related(self, relation: str, shape: Any, boxes: Boxes) -> Condition:
        wkb = shape.wkb
        if self._kind is Kind.POSTGIS:
            return self._exact(relation, wkb, true())
        if relation == "s_disjoint":
            return not_(self._related("s_intersects", shape, boxes))
        if relation == "s_intersects" and shape.equals(_box(boxes)):
            return self.meet(boxes, wkb)
        overlaps = or_(*(self._overlaps(box) for box in boxes))
        return and_(overlaps, self._exact(relation, wkb, overlaps))

    def meet(self, boxes: Boxes, wkb: bytes | BindParameter[bytes]) -> Condition:
        """Whether the footprint meets boxes.

        Args:
            boxes: their sides, or parameters for these.
            wkb: all of them as a geometry, or a parameter for it.
        """
        if self._kind is Kind.POSTGIS:
            return self._exact("s_intersects", wkb, true())
        overlaps = or_(*(self._overlaps(box) for box in boxes))
        # what is within a box meets it, whatever its form
        within = or_(*(self._is_within(box) for box in boxes))
        return and_(overlaps, or_(within, self._exact("s_intersects", wkb, and_(overlaps, not_(within)))))

    def _exact(self, relation: str, wkb: bytes | BindParameter[bytes], candidates: Condition) -> Condition:
        other = literal(wkb, LargeBinary) if isinstance(wkb, bytes) else wkb
        if self._kind is Kind.POSTGIS:
            return getattr(func, _FUNCTIONS[relation])(self._item.c.shape, func.ST_GeomFromWKB(other, 4326))
        if self._kind is Kind.SQLITE:
            geometry = type_coerce(self._item.c.geometry, Text)
            return func.iipserve_related(relation, geometry, other) == 1
        assert isinstance(wkb, bytes)
        return self._numbers(relation, wkb, candidates)

    def _numbers(self, relation: str, wkb: bytes, candidates: Condition) -> Condition:
        """The items of a relation by their numbers, which are found by reading footprints."""
        item = self._item
        assert self._connection is not None
        statement = select(item.c.sequence, cast(item.c.geometry, Text)).where(*self._scope, candidates)
        rows = self._connection.execute(statement.limit(MAX_COMPARED + 1)).all()
        if len(rows) > MAX_COMPARED:
            raise TooLarge(
                "too many images are near this geometry; a box, a time or a collection leaves fewer"
            )
        numbers = [number for number, geometry in rows if related(relation, geometry, wkb)]
        is_found = is_one_of(self._tables, numbers)
        # unknown where there is no footprint
        return case((item.c.west.is_not(None), is_found), else_=None)

    def _overlaps(self, box: Bounds) -> Condition:
        """Whether the bounds of an item have a point in common with a box."""
        c = self._item.c
        if self._kind is Kind.POSTGRESQL:
            corners = func.box(func.point(box.min_x, box.min_y), func.point(box.max_x, box.max_y))
            return or_(
                c.box_1.op("&&", is_comparison=True)(corners), c.box_2.op("&&", is_comparison=True)(corners)
            )
        across = and_(c.west > c.east, or_(c.west <= box.max_x, c.east >= box.min_x))
        plain = and_(c.west <= c.east, c.west <= box.max_x, c.east >= box.min_x)
        return and_(c.south <= box.max_y, c.north >= box.min_y, or_(plain, across))

    def _is_within(self, box: Bounds) -> Condition:
        c = self._item.c
        inside = (c.west <= c.east, c.west >= box.min_x, c.east <= box.max_x)
        return and_(*inside, c.south >= box.min_y, c.north <= box.max_y)


def candidates(connection: Connection, boxes: Boxes, collections: Sequence[int]) -> str | None:
    """The numbers of the items near boxes by the R*Tree of SQLite, in the form of `is_one_of`; None where going through all is
    quicker.

    Args:
        connection: to the database.
        boxes: where items are searched for.
        collections: whose items they are; none: those of all.
    """
    is_of_one = len(collections) == 1
    values: dict[str, Any] = {"c": collections[0]} if is_of_one else {}
    for number, box in enumerate(boxes):
        values |= {f"{side}{number}": value for side, value in zip("wsen", box, strict=True)}
    found: str | None = _numbers_of(
        connection.execute(_r_tree_query(len(boxes), is_of_one, MAX_CANDIDATES), values).one(), MAX_CANDIDATES
    )
    return found


def listed(connection: Connection, kind: Kind, found: Select[Any], limit: int) -> Any:
    """The numbers that a query finds, in the form of `is_one_of`; None if there are more than `limit`."""
    return _numbers_of(connection.execute(_together(kind, found, limit)).one(), limit)


def _together(kind: Kind, found: Select[Any], limit: int) -> Select[Any]:
    """How many numbers a query finds, and one value for all of them: as rows, they would be thousands of objects for Python's garbage
    collector, whose pauses are longer than a search."""
    numbers = found.limit(limit + 1).subquery()
    together = func.json_group_array if kind is Kind.SQLITE else func.array_agg
    return select(func.count(), together(numbers.c[0]))


def _numbers_of(row: Row[Any], limit: int) -> Any:
    count, numbers = tuple(row)
    return None if count > limit else numbers or []


def is_one_of(tables: Tables, numbers: str | Sequence[int] | None) -> Condition:
    """That the sequence of an item is one of these, which may be many. For SQLite they are a list in JSON, or None for a parameter
    `numbers` with it."""
    sequence = tables.item.c.sequence
    if numbers is None or isinstance(numbers, str):
        found = text("SELECT value FROM json_each(:numbers)")
        return sequence.in_(found if numbers is None else found.bindparams(numbers=numbers))
    return sequence == func.any(bindparam(None, numbers, unique=True))


def _box(boxes: Boxes) -> Any:
    import shapely

    return shapely.union_all([shapely.box(*box) for box in boxes])


@cache
def _r_tree_query(boxes: int, is_of_one: bool, limit: int) -> Select[Any]:
    """With the parameters w0, s0, e0, n0 of the first box, those of others, and c, the collection."""
    within = " AND collection_min <= :c AND collection_max >= :c" if is_of_one else ""
    parts = [
        f"SELECT id / 2 AS sequence FROM iipserve_item_box WHERE west <= :e{number} AND east >= :w{number} "
        f"AND south <= :n{number} AND north >= :s{number}{within}"
        for number in range(boxes)
    ]
    found = text(" UNION ".join(parts)).columns(column("sequence"))
    return _together(Kind.SQLITE, select(found.subquery()), limit)
