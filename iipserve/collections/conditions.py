"""Filters as conditions in SQL. Everything that a client wrote is a bound parameter, names of properties too."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Float,
    Numeric,
    Text,
    and_,
    case,
    cast,
    collate,
    false,
    func,
    literal,
    literal_column,
    not_,
    or_,
    true,
)

from iipserve.collections.expressions import (
    Arithmetic,
    Comparison,
    DataType,
    Expression,
    Folded,
    In,
    IsNull,
    Junction,
    Like,
    Moment,
    Not,
    Property,
    Scalar,
    Span,
    Spatial,
    Temporal,
)
from iipserve.collections.places import Places
from iipserve.collections.property_columns import PropertyColumns
from iipserve.collections.relations import folded
from iipserve.collections.schema import Instant, Kind
from iipserve.collections.times import format_instant

Condition = ColumnElement[bool]

OPERATORS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "=": operator.eq, "<>": operator.ne, "<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge,
}  # fmt: skip
EXCHANGED: Final = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
"""Operators for exchanged sides; others are the same."""
FIRST = datetime.min.replace(tzinfo=UTC)
LAST = datetime.max.replace(tzinfo=UTC)


class Conditions:
    """Makes conditions for items of one kind of database."""

    def __init__(self, kind: Kind, properties: PropertyColumns, places: Places) -> None:
        self._is_sqlite = kind is Kind.SQLITE
        self._properties = properties
        self._places = places

    def of(self, expression: Expression) -> Condition:
        """The condition that an expression is; null where it is unknown."""
        match expression:
            case bool():
                return true() if expression else false()
            case Junction(name, arguments):
                return (and_ if name == "and" else or_)(*map(self.of, arguments))
            case Not(argument):
                return not_(self.of(argument))
            case Comparison():
                return self._comparison(expression)
            case In(value, options, type):
                return self._value(value, type).in_(options)
            case Like(value, pattern):
                return self._like(value, pattern)
            case IsNull(Property(name)):
                return self._properties.is_null(name)
            case Spatial(name, geometry):
                return self._places.related(name, geometry)
            case Temporal():
                return self._temporal(expression)

    # -- comparisons

    def _comparison(self, comparison: Comparison) -> Condition:
        name, left, right, type = (comparison.operator, comparison.left, comparison.right, comparison.type)
        if type is DataType.INSTANT:
            return self._instants(name, left, right)
        if type is not None:
            return OPERATORS[name](self._value(left, type), self._value(right, type))
        return func.coalesce(
            *(
                OPERATORS[name](self._value(left, each), self._value(right, each))
                for each in (DataType.NUMBER, DataType.TEXT)
            )
        )

    def _value(self, scalar: Scalar, type: DataType) -> ColumnElement[Any]:
        match scalar:
            case Property(name):
                return self._properties.value(name, type)
            case bool() | Moment():
                return literal(scalar)
            case str():
                return literal(scalar, Text)
            case float():
                return literal(scalar, Float(53))
            case Folded(name, argument):
                return self._folded(name, self._value(argument, DataType.TEXT))
            case Arithmetic(name, left, right):
                return self._computed(name, *(self._value(side, DataType.NUMBER) for side in (left, right)))

    def _folded(self, name: str, text: ColumnElement[Any]) -> ColumnElement[Any]:
        if self._is_sqlite:
            return func.iipserve_fold(name, text, type_=Text)
        if name == "casei":
            return collate(func.lower(collate(text, "und-x-icu"), type_=Text), "C")
        apart = func.normalize(text, literal_column("NFD"))
        return collate(func.regexp_replace(apart, "[\\u0300-\\u036f]", "", "g", type_=Text), "C")

    def _computed(self, name: str, left: ColumnElement[Any], right: ColumnElement[Any]) -> ColumnElement[Any]:
        if self._is_sqlite:
            return func.iipserve_compute(name, left, right, type_=Float(53))
        divisor = func.nullif(right, 0.0, type_=Float(53))
        match name:
            case "+" | "-" | "*":
                return left.op(name, return_type=Float(53))(right)
            case "/":
                return left.op("/", return_type=Float(53))(divisor)
            case "div":
                return func.trunc(left.op("/", return_type=Float(53))(divisor), type_=Float(53))
            case "%":
                return cast(func.mod(cast(left, Numeric), cast(divisor, Numeric)), Float(53))
            case _:
                defined = or_(
                    left > 0, and_(left == 0, right >= 0), and_(left < 0, right == func.trunc(right))
                )
                return case((defined, func.power(left, right, type_=Float(53))), else_=None)

    # -- patterns

    def _like(self, value: Scalar, pattern: Scalar) -> Condition:
        text = self._value(value, DataType.TEXT)
        characters = pattern_characters(pattern)
        if self._is_sqlite:
            return text.op("GLOB", is_comparison=True)(literal(_glob(characters), Text))
        return text.like(_like(characters), escape="\\")

    # -- times

    def _instants(self, name: str, left: Scalar, right: Scalar) -> Condition:
        if isinstance(left, Moment) and not isinstance(right, Moment):
            return self._instants(EXCHANGED.get(name, name), right, left)
        if not isinstance(right, Moment):
            return OPERATORS[name](*(self._value(side, DataType.INSTANT) for side in (left, right)))
        if isinstance(left, Moment):
            return true() if OPERATORS[name](left.interval.start, right.interval.start) else false()
        value = self._value(left, DataType.INSTANT)
        # texts of RFC 3339 in UTC are in the order of time without the letter at their end
        is_text = isinstance(left, Property) and self._properties.column(left.name) is None
        if is_text:
            value = func.rtrim(value, "Z", type_=Text)
        start, end = (_literal(instant, is_text) for instant in right.interval)
        match name:
            case "=":
                return and_(value >= start, value <= end)
            case "<>":
                return or_(value < start, value > end)
            case "<" | ">=":
                return OPERATORS[name](value, start)
            case _:
                return OPERATORS[name](value, end)

    def _temporal(self, expression: Temporal) -> Condition:
        a, b = (self._ends(span) for span in (expression.left, expression.right))
        return TEMPORAL[expression.operator](*a, *b)

    def _ends(self, span: Span) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
        return self._end(span.start, 0), self._end(span.end, 1)

    def _end(self, end: Property | Moment | None, which: int) -> ColumnElement[Any]:
        """The start (0) or the end (1) of one end of an interval."""
        if end is None:
            return literal((FIRST, LAST)[which], Instant)
        if isinstance(end, Moment):
            return literal(end.interval[which], Instant)
        if end.name == "datetime":
            return self._properties.end(which)
        return self._properties.value(end.name, DataType.INSTANT)


TEMPORAL: Final[dict[str, Callable[[Any, Any, Any, Any], Condition]]] = {
    "t_after": lambda a, b, c, d: a > d,
    "t_before": lambda a, b, c, d: b < c,
    "t_contains": lambda a, b, c, d: and_(a < c, b > d),
    "t_disjoint": lambda a, b, c, d: or_(a > d, b < c),
    "t_during": lambda a, b, c, d: and_(a > c, b < d),
    "t_equals": lambda a, b, c, d: and_(a == c, b == d),
    "t_finishedby": lambda a, b, c, d: and_(a < c, b == d),
    "t_finishes": lambda a, b, c, d: and_(a > c, b == d),
    "t_intersects": lambda a, b, c, d: and_(a <= d, b >= c),
    "t_meets": lambda a, b, c, d: b == c,
    "t_metby": lambda a, b, c, d: a == d,
    "t_overlappedby": lambda a, b, c, d: and_(a > c, a < d, b > d),
    "t_overlaps": lambda a, b, c, d: and_(a < c, b > c, b < d),
    "t_startedby": lambda a, b, c, d: and_(a == c, b > d),
    "t_starts": lambda a, b, c, d: and_(a == c, b < d),
}
"""Of an interval from a to b and one from c to d (OGC 21-065r2, Temporal Functions; J. F. Allen, 1983)."""


def _literal(instant: datetime | None, is_text: bool) -> ColumnElement[Any]:
    assert instant is not None
    return literal(format_instant(instant).rstrip("Z"), Text) if is_text else literal(instant, Instant)


def pattern_characters(pattern: Scalar) -> list[tuple[str, bool]]:
    """Characters of a pattern of CQL2, and whether each is a wildcard."""
    functions: list[str] = []
    while isinstance(pattern, Folded):
        functions.append(pattern.function)
        pattern = pattern.argument
    text = str(pattern)
    for function in reversed(functions):
        text = folded(function, text) or ""
    found = re.findall(r"\\.|.", text, re.DOTALL)
    return [(part[-1], part in ("%", "_")) for part in found]


def _glob(characters: list[tuple[str, bool]]) -> str:
    """The pattern of SQLite's GLOB, which minds the case."""
    special = {"%": "*", "_": "?"}
    return "".join(
        special[character] if is_wildcard else f"[{character}]" if character in "*?[" else character
        for character, is_wildcard in characters
    )


def _like(characters: list[tuple[str, bool]]) -> str:
    return "".join(
        character if is_wildcard or character not in "%_\\" else f"\\{character}"
        for character, is_wildcard in characters
    )
