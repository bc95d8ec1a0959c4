"""Properties of items as SQL expressions: columns of the table, or members of their JSON, by type.

A member of another type than the one that is asked for has no value, in each kind of database.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Float,
    Text,
    UnaryExpression,
    case,
    cast,
    collate,
    func,
    literal,
    select,
)
from sqlalchemy.sql.operators import custom_op

from iipserve.collections.expressions import DataType
from iipserve.collections.paging import MAX_TEXT_LENGTH, SortColumn
from iipserve.collections.schema import COMMON, Kind, Tables
from iipserve.collections.values import SortKey
from iipserve.errors import InvalidRequest

COLUMNS = {
    "id": "id",
    "datetime": "datetime",
    "start_datetime": "start_datetime",
    "end_datetime": "end_datetime",
    "created": "created",
    "updated": "updated",
    "gsd": "gsd_min",
    "proj:code": "crs",
}
"""Properties that have a column of their own."""
EXTENTS = ("geometry", "bbox")
ALWAYS_THERE = ("id", "created", "updated")


_PLUS: custom_op[Any] = custom_op("+")
"""Changes nothing but keeps SQLite from an index (https://sqlite.org/optoverview.html, section 2)."""


def unindexed(column: Any) -> ColumnElement[Any]:
    """A column whose index SQLite does not use."""
    return UnaryExpression(column, operator=_PLUS, type_=column.type)


class PropertyColumns:
    """Expressions for the properties of items of one kind of database."""

    def __init__(self, tables: Tables, kind: Kind, order: object = None) -> None:
        """For a search.

        Args:
            tables: of the store.
            kind: of the database.
            order: the column that a search is sorted by first: the only one whose index SQLite may go through for the sake of a
                condition, since it takes any condition for one that few items meet, and sorts these.
        """
        self._order = order
        self._item = tables.item
        self._collection = tables.collection
        self._is_sqlite = kind is Kind.SQLITE

    def value(self, name: str, type: DataType) -> ColumnElement[Any]:
        """The value of a property if it is of that type, else null."""
        column = self.column(name)
        if column is not None:
            return self.compared(column)
        return {
            DataType.NUMBER: self._number,
            DataType.BOOLEAN: self._boolean,
            DataType.TEXT: self._text,
            DataType.INSTANT: self._text,
        }[type](name)

    def end(self, which: int) -> ColumnElement[Any]:
        """The start (0) or the end (1) of the time of an item."""
        return self.compared((self._item.c.earliest, self._item.c.latest)[which])

    def compared(self, column: Any) -> ColumnElement[Any]:
        """A column in a condition."""
        if not self._is_sqlite or not isinstance(column, Column) or column is self._order:
            return column
        return unindexed(column)

    def column(self, name: str) -> ColumnElement[Any] | None:
        """The column of a property that has one."""
        if name == "collection":
            number = self._collection.c.number == self._item.c.collection
            return select(self._collection.c.name).where(number).scalar_subquery()
        if name in EXTENTS:
            return self._item.c.geometry
        return self._item.c[COLUMNS[name]] if name in COLUMNS else None

    def is_null(self, name: str) -> ColumnElement[bool]:
        """Whether an item has no such property, or null."""
        if name in EXTENTS:
            return self._item.c.west.is_(None)
        column = self.column(name)
        if name == "proj:code":
            return self._item.c.crs == ""
        return (
            func.coalesce(self._type(name), "null") == "null"
            if column is None
            else self.compared(column).is_(None)
        )

    def sort_columns(self, key: SortKey) -> list[SortColumn]:
        """What items are sorted by for a key: members of JSON by their type, and then by their value.

        Raises:
            InvalidRequest: there is no order of such properties.
        """
        name, descending = key
        if name in EXTENTS:
            raise InvalidRequest(f"items cannot be sorted by {name}")
        column = self.column(name)
        if column is not None:
            return [SortColumn(column, descending, name in COLUMNS and name not in ALWAYS_THERE)]
        if name in COMMON:
            return [SortColumn(self._item.c[COMMON[name]], descending, is_nullable=True)]
        type = self._type(name)
        rank = case((type.in_(self._names("number")), 0), (type.in_(self._names("text")), 1), else_=None)
        members = (rank, self._number(name), func.substr(self._text(name), 1, MAX_TEXT_LENGTH))
        return [SortColumn(member, descending, is_nullable=True) for member in members]

    # -- members of JSON

    def _path(self, name: str) -> ColumnElement[str]:
        return literal(f'$."{name}"', Text)

    def _type(self, name: str) -> ColumnElement[str]:
        properties = self._item.c.properties
        if self._is_sqlite:
            return func.json_type(properties, self._path(name), type_=Text)
        return func.jsonb_typeof(properties.op("->", return_type=Text)(literal(name, Text)), type_=Text)

    def _names(self, type: str) -> tuple[str, ...]:
        """What the database calls a type of JSON."""
        if self._is_sqlite:
            return {"number": ("integer", "real"), "text": ("text",), "boolean": ("true", "false")}[type]
        return {"number": ("number",), "text": ("string",), "boolean": ("boolean",)}[type]

    def _member(self, name: str) -> ColumnElement[Any]:
        """The value, as text in PostgreSQL."""
        properties = self._item.c.properties
        if self._is_sqlite:
            return func.json_extract(properties, self._path(name))
        return properties.op("->>", return_type=Text)(literal(name, Text))

    def _of_type(self, name: str, type: str, value: ColumnElement[Any]) -> ColumnElement[Any]:
        return case((self._type(name).in_(self._names(type)), value), else_=None)

    def _number(self, name: str) -> ColumnElement[Any]:
        return self._of_type(name, "number", cast(self._member(name), Float(53)))

    def _text(self, name: str) -> ColumnElement[Any]:
        text = self._of_type(name, "text", self._member(name))
        return text if self._is_sqlite else collate(text, "C")

    def _boolean(self, name: str) -> ColumnElement[Any]:
        return self._of_type(name, "boolean", cast(self._member(name), Boolean))
