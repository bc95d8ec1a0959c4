"""Tables of a store, for each kind of database.

One row of `item` is one image. What differs is how places are indexed: SQLite has an R*Tree that triggers keep; PostgreSQL
computes boxes from the bounds of a row, PostGIS a geometry from its footprint, both with a GiST index.
"""

from __future__ import annotations

import enum
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Computed,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.types import TypeEngine, UserDefinedType

from iipserve.collections.expressions import DataType
from iipserve.collections.paging import MAX_TEXT_LENGTH
from iipserve.collections.queryables import QUERYABLES

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PREFIX = "iipserve_"
"""Of the names of all tables."""


class Kind(enum.Enum):
    """Kinds of databases."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"
    POSTGIS = "postgis"


class Instant(TypeDecorator[datetime]):
    """An instant with a time zone: `timestamptz` in PostgreSQL, microseconds since 1970 in SQLite. Read in UTC."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The column's type."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(TIMESTAMP(timezone=True))
        return dialect.type_descriptor(BigInteger())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """As the database has it."""
        return value if value is None or dialect.name == "postgresql" else microseconds(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """As Python has it."""
        if value is None:
            return None
        return value.astimezone(UTC) if isinstance(value, datetime) else from_microseconds(value)


class BoxType(UserDefinedType[str]):
    """PostgreSQL's `box`: two corners."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """Its name."""
        return "box"


NUMBER = BigInteger().with_variant(Integer, "sqlite")
OBJECT = JSON().with_variant(JSONB, "postgresql")


class Tables(NamedTuple):
    """The tables of a store."""

    metadata: MetaData
    store: Table
    """One row about the store itself."""
    collection: Table
    item: Table
    item_columns: tuple[Column[Any], ...]
    """Of `item` without those that are computed, in the order in which `rows.item_from_row` reads them."""
    job: Table


@cache
def tables(kind: Kind) -> Tables:
    """The tables for a kind of database."""
    metadata = MetaData()
    store = Table(
        f"{PREFIX}store", metadata,
        Column("number", Integer, primary_key=True, autoincrement=False),
        Column("schema", Integer, nullable=False),
        Column("kind", Text, nullable=False),
        Column("secret", Text, nullable=False),
        Column("holder", Text, nullable=False),
        Column("version", BigInteger, nullable=False),
        Column("floor", BigInteger, nullable=False),
        Column("created", Instant, nullable=False),
    )  # fmt: skip
    collection = Table(
        f"{PREFIX}collection", metadata,
        Column("number", NUMBER, primary_key=True),
        Column("name", Text, nullable=False, unique=True),
        Column("title", Text, nullable=False),
        Column("description", Text, nullable=False),
        Column("keywords", OBJECT, nullable=False),
        Column("license", Text, nullable=False),
        Column("style", OBJECT, nullable=False),
        Column("rule", Text, nullable=False),
        Column("order", Text, nullable=False),
        Column("times", OBJECT, nullable=False),
        Column("members", OBJECT, nullable=False),
        Column("version", BigInteger, nullable=False),
        Column("created", Instant, nullable=False),
        Column("updated", Instant, nullable=False),
        Column("summary", OBJECT, nullable=False),
        sqlite_autoincrement=True,
    )  # fmt: skip
    columns = _item_columns(collection)
    item = Table(f"{PREFIX}item", metadata, *columns, *_indexes(columns), sqlite_autoincrement=True)
    for name in COMMON:
        _add_common(item, name, kind)
    _add_places(item, kind)
    return Tables(metadata, store, collection, item, columns, _job_table(metadata, collection))


def _job_table(metadata: MetaData, collection: Table) -> Table:
    """The table of jobs, which end with their collection."""
    number = ForeignKey(collection.c.number, ondelete="CASCADE")
    return Table(
        f"{PREFIX}job", metadata,
        Column("number", NUMBER, primary_key=True),
        Column("id", Text, nullable=False, unique=True),
        Column("collection", NUMBER, number, nullable=False, index=True),
        Column("kind", Text, nullable=False),
        Column("parameters", OBJECT, nullable=False),
        Column("is_resumable", Boolean, nullable=False),
        Column("worker", Text, nullable=False),
        Column("attempts", Integer, nullable=False),
        Column("status", Text, nullable=False),
        Column("message", Text, nullable=False),
        Column("done", BigInteger, nullable=False),
        Column("failed", BigInteger, nullable=False),
        Column("total", BigInteger),
        Column("failures", OBJECT, nullable=False),
        Column("created", Instant, nullable=False),
        Column("started", Instant),
        Column("finished", Instant),
        Column("updated", Instant, nullable=False),
        sqlite_autoincrement=True,
    )  # fmt: skip


def _item_columns(collection: Table) -> tuple[Column[Any], ...]:
    number = ForeignKey(collection.c.number, ondelete="CASCADE")
    return (
        Column("sequence", NUMBER, primary_key=True),
        Column("collection", NUMBER, number, nullable=False),
        Column("id", Text, nullable=False),
        Column("href", Text, nullable=False),
        Column("size", BigInteger, nullable=False),
        Column("mtime_ns", BigInteger, nullable=False),
        Column("checksum", Text, nullable=False),
        Column("driver", Text, nullable=False),
        Column("width", BigInteger, nullable=False),
        Column("height", BigInteger, nullable=False),
        Column("bands", OBJECT, nullable=False),
        Column("dtype", Text, nullable=False),
        Column("nodata", Text),
        Column("crs", Text, nullable=False),
        Column("transform", JSON(none_as_null=True)),
        Column("geometry", JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")),
        Column("west", Float(53)),
        Column("south", Float(53)),
        Column("east", Float(53)),
        Column("north", Float(53)),
        Column("gsd_min", Float(53)),
        Column("gsd_max", Float(53)),
        Column("visible_min", Float(53), nullable=False),
        Column("visible_max", Float(53)),
        Column("datetime", Instant),
        Column("start_datetime", Instant),
        Column("end_datetime", Instant),
        Column("earliest", Instant),
        Column("latest", Instant),
        Column("properties", OBJECT, nullable=False),
        Column("members", OBJECT, nullable=False),
        Column("status", Text, nullable=False),
        Column("revision", BigInteger, nullable=False),
        Column("created", Instant, nullable=False),
        Column("updated", Instant, nullable=False),
    )


def _indexes(columns: tuple[Column[Any], ...]) -> tuple[Any, ...]:
    c = {column.name: column for column in columns}
    return (
        UniqueConstraint(c["collection"], c["id"]),
        Index(f"{PREFIX}item_sequence", c["collection"], c["sequence"]),
        Index(f"{PREFIX}item_latest", c["collection"], c["latest"], c["sequence"]),
        Index(f"{PREFIX}item_datetime", c["collection"], c["datetime"], c["sequence"]),
        Index(f"{PREFIX}item_gsd", c["collection"], c["gsd_min"], c["sequence"]),
        *(
            Index(f"{PREFIX}item_{name}", c["collection"], c[name], c["sequence"])
            for name in ("start_datetime", "end_datetime", "created", "updated")
        ),
        # of searches through all collections
        Index(f"{PREFIX}item_newest", c["latest"], c["sequence"]),
        Index(f"{PREFIX}item_id", c["id"]),
    )


COMMON = {
    "eo:cloud_cover": "cloud_cover",
    "platform": "platform",
    "constellation": "constellation",
    "title": "title",
    "view:off_nadir": "off_nadir",
    "view:sun_elevation": "sun_elevation",
}
"""Members of `properties` that the database computes a column of, by which items are found and sorted. Those of another type than
`QUERYABLES` says have no value in it; of texts it has the first `MAX_TEXT_LENGTH` characters, since indexes have a limit."""


def _add_common(item: Table, name: str, kind: Kind) -> None:
    """Add the column of a common property and its index."""
    is_number = QUERYABLES[name].type is DataType.NUMBER
    type = Float(53) if is_number else Text().with_variant(Text(collation="C"), "postgresql")
    if kind is Kind.SQLITE:
        computed = Computed(_member_in_sqlite(name, is_number), persisted=False)
    else:
        computed = Computed(_member_in_postgresql(name, is_number), persisted=True)
    column: Column[Any] = Column(COMMON[name], type, computed)
    item.append_column(column)
    Index(f"{PREFIX}item_{COMMON[name]}", item.c.collection, column, item.c.sequence)


def _member_in_sqlite(name: str, is_number: bool) -> str:
    path = f"properties, '$.\"{name}\"'"
    if is_number:
        return f"CASE WHEN json_type({path}) IN ('integer', 'real') THEN json_extract({path}) END"
    return f"CASE json_type({path}) WHEN 'text' THEN substr(json_extract({path}), 1, {MAX_TEXT_LENGTH}) END"


def _member_in_postgresql(name: str, is_number: bool) -> str:
    """Numbers that are too large for a float have no value."""
    member = f"properties -> '{name}'"
    if not is_number:
        text = f"left(properties ->> '{name}', {MAX_TEXT_LENGTH})"
        return f"CASE jsonb_typeof({member}) WHEN 'string' THEN {text} END"
    number, value = (f"CAST({member} AS {type})" for type in ("numeric", "double precision"))
    return (
        f"CASE jsonb_typeof({member}) WHEN 'number' THEN CASE WHEN abs({number}) < 1e308 THEN {value} END END"
    )


def _add_places(item: Table, kind: Kind) -> None:
    """Add what finds items by their place. Of SQLite it is a table of its own: `R_TREE`."""
    if kind is Kind.POSTGRESQL:
        for name, box in (("box_1", BOX_1), ("box_2", BOX_2)):
            column: Column[Any] = Column(name, BoxType, Computed(box, persisted=True))
            item.append_column(column)
            Index(f"{PREFIX}item_{name}", column, postgresql_using="gist")
    elif kind is Kind.POSTGIS:
        from geoalchemy2 import Geometry

        shape: Column[Any] = Column(
            "shape", Geometry("GEOMETRY", 4326, spatial_index=False), Computed(SHAPE, persisted=True)
        )
        item.append_column(shape)
        Index(f"{PREFIX}item_shape", shape, postgresql_using="gist")


BOX_1 = "box(point(west, south), point(CASE WHEN west > east THEN 180 ELSE east END, north))"
BOX_2 = "CASE WHEN west > east THEN box(point(-180, south), point(east, north)) END"
SHAPE = "ST_SetSRID(ST_Force2D(ST_GeomFromGeoJSON(geometry)), 4326)"

_ROWS = """
    INSERT INTO iipserve_item_box
    SELECT 2 * new.sequence, new.west, iif(new.west > new.east, 180, new.east), new.south, new.north,
           new.collection, new.collection + 0.5
    WHERE new.west IS NOT NULL;
    INSERT INTO iipserve_item_box
    SELECT 2 * new.sequence + 1, -180, new.east, new.south, new.north, new.collection, new.collection + 0.5
    WHERE new.west > new.east;
"""
_NO_ROWS = "DELETE FROM iipserve_item_box WHERE id IN (2 * old.sequence, 2 * old.sequence + 1);"

R_TREE = (
    """
    CREATE VIRTUAL TABLE iipserve_item_box
    USING rtree(id, west, east, south, north, collection_min, collection_max)
    """,
    f"CREATE TRIGGER iipserve_item_added AFTER INSERT ON iipserve_item BEGIN {_ROWS} END",
    f"CREATE TRIGGER iipserve_item_deleted AFTER DELETE ON iipserve_item BEGIN {_NO_ROWS} END",
    """
    CREATE TRIGGER iipserve_item_moved
    AFTER UPDATE OF sequence, collection, west, south, east, north ON iipserve_item
    WHEN old.sequence IS NOT new.sequence OR old.collection IS NOT new.collection OR old.west IS NOT new.west
        OR old.south IS NOT new.south OR old.east IS NOT new.east OR old.north IS NOT new.north
    BEGIN """
    f"{_NO_ROWS} {_ROWS} END",
)
"""Statements that make the index of places of SQLite: boxes with a number of twice the sequence of their item, plus one for
its second box. A collection is a third dimension, half a unit wide, since the area of boxes without width is 0, by which the
tree could not be balanced. Coordinates are 32-bit floats, rounded outwards: what it finds are candidates."""


def microseconds(instant: datetime) -> int:
    """Since 1970."""
    return (instant - EPOCH) // timedelta(microseconds=1)


def from_microseconds(value: int) -> datetime:
    """The instant so many microseconds after 1970, in UTC."""
    return EPOCH + timedelta(microseconds=value)
