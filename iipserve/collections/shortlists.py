"""The few items that can meet the conditions of a search, where an index says so.

Databases do not know how many items a condition leaves, and go through all in the order of the search, until a page is full. That
is soon if many items meet the conditions; so what is few is counted, and looked up by number.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import takewhile
from typing import Any, Final, TypeAlias

from sqlalchemy import ColumnElement, Connection, Select, and_, select, union_all

from iipserve.collections import conditions
from iipserve.collections.conditions import EXCHANGED, pattern_characters
from iipserve.collections.expressions import (
    Comparison,
    Expression,
    In,
    IsNull,
    Junction,
    Like,
    Moment,
    Property,
    Scalar,
    Span,
    Temporal,
)
from iipserve.collections.paging import MAX_TEXT_LENGTH
from iipserve.collections.places import MAX_CANDIDATES, is_one_of, listed
from iipserve.collections.schema import COMMON, Kind, Tables
from iipserve.collections.validity import MAX_NAME

Condition = ColumnElement[bool]
Alternatives: TypeAlias = tuple[tuple[str, Condition], ...]
"""Names of columns and a condition on each, one of which every item meets that is searched for."""
MAX_ALTERNATIVES = 20
"""Conditions of one list, each of which is a search."""
COLUMNS: Final = COMMON | {
    "id": "id",
    "gsd": "gsd_min",
    "datetime": "datetime",
    "start_datetime": "start_datetime",
    "end_datetime": "end_datetime",
    "created": "created",
    "updated": "updated",
}
"""Properties whose columns have an index."""
OPERATORS: Final[dict[str, Callable[[Any, Any], Any]]] = conditions.OPERATORS | {
    "in": lambda column, values: column.in_(values),
    "is": lambda column, value: column.is_(value),
}
WITHIN: Final = ("t_during", "t_equals", "t_finishedby", "t_finishes", "t_meets", "t_overlaps", "t_starts")
BEYOND: Final = ("t_after", "t_contains", "t_metby", "t_overlappedby", "t_startedby")
"""Relations of the time of an item to an interval, in which its end is in the interval, or not before the end of it."""


class Shortlists:
    """What indexes say of the items of a search."""

    def __init__(
        self, connection: Connection, tables: Tables, kind: Kind, collections: Sequence[int], order: object
    ) -> None:
        """For a search through one connection.

        Args:
            connection: to the database.
            tables: of the store.
            kind: of the database.
            collections: the numbers of those that are searched.
            order: the column that the search is sorted by first.
        """
        self._connection = connection
        self._item = tables.item
        self._tables = tables
        self._kind = kind
        self._collections = collections
        self._order = order
        self._conditions: list[Alternatives] = []

    def add(self, start: datetime | None, end: datetime | None, filters: Iterable[Expression]) -> None:
        """Search for items that do not end before a start or after an end (None: any), and of which all filters are true."""
        needs = [*self._conditions, *self._latest(start, end)]
        self._conditions = _joined([*needs, *self._needs(Junction("and", tuple(filters)))])

    def few(self) -> Condition | None:
        """A condition that names the items which can meet all that is asked for; None if these are many, or no index knows them."""
        for alternatives in self._conditions:
            if self._is_of_order(alternatives):
                # going through them in their order is as quick
                continue
            numbers = listed(self._connection, self._kind, self._search(alternatives), MAX_CANDIDATES)
            if numbers is not None:
                return is_one_of(self._tables, numbers)
        return None

    def in_order(self) -> list[Condition]:
        """Between which values of the order all items are."""
        return [alternatives[0][1] for alternatives in self._conditions if self._is_of_order(alternatives)]

    def _is_of_order(self, alternatives: Alternatives) -> bool:
        return len(alternatives) == 1 and self._item.c.get(alternatives[0][0]) is self._order

    def _search(self, alternatives: Alternatives) -> Select[Any]:
        c = self._item.c
        parts = [
            select(c.sequence).where(c.collection.in_(self._collections), condition)
            for _, condition in alternatives
        ]
        found = union_all(*parts).subquery() if len(parts) > 1 else parts[0].subquery()
        return select(found.c.sequence)

    # -- what every item meets of which an expression is true

    def _needs(self, expression: Expression) -> list[Alternatives]:
        match expression:
            case Junction("and", arguments):
                return _joined(need for argument in arguments for need in self._needs(argument))
            case Junction("or", arguments):
                return _any_of([self._needs(argument) for argument in arguments])
            case Comparison(operator, Property(name), str() | float() | Moment() as value):
                return self._compared(name, operator, value)
            case Comparison(operator, str() | float() | Moment() as value, Property(name)):
                return self._compared(name, EXCHANGED.get(operator, operator), value)
            case In(Property(name), options):
                return self._on(name, [("in", [_shortened(name, option) for option in options])])
            case Like(Property(name), pattern):
                return self._on(name, self._beginnings(name, pattern))
            case IsNull(Property(name)):
                found = self._on(name, [("is", None)])
                # of its own, since an order has those without a value apart
                return [((f"{name} is null", condition),) for ((_, condition),) in found]
            case Temporal(operator, Span(Property("datetime"), Property("datetime")), span):
                return self._related(operator, span)
        return []

    def _on(self, name: str, comparisons: Sequence[tuple[str, Any]]) -> list[Alternatives]:
        """Comparisons with the column of a property, if it has one."""
        return self._on_column(COLUMNS[name], comparisons) if name in COLUMNS else []

    def _on_column(self, name: str, comparisons: Sequence[tuple[str, Any]]) -> list[Alternatives]:
        column = self._item.c[name]
        if not comparisons:
            return []
        return [((name, and_(*(OPERATORS[operator](column, value) for operator, value in comparisons))),)]

    def _compared(self, name: str, operator: str, value: str | float | Moment) -> list[Alternatives]:
        if operator == "<>":
            return []
        if isinstance(value, Moment):
            return self._on(name, _instants(operator, value))
        if name in COMMON and isinstance(value, str):
            # the column has the beginning of a text, which may be the same
            operator = {"<": "<=", ">": ">="}.get(operator, operator)
        return self._on(name, [(operator, _shortened(name, value))])

    def _beginnings(self, name: str, pattern: Scalar) -> list[tuple[str, Any]]:
        """Between which texts those are that match a pattern, by what it begins with. The order of a column is that of characters
        by number, except that of ids in PostgreSQL."""
        characters = takewhile(lambda character: not character[1], pattern_characters(pattern))
        beginning = "".join(character for character, _ in characters)[:MAX_TEXT_LENGTH]
        if not beginning or (name == "id" and self._kind is not Kind.SQLITE):
            return []
        return [(">=", beginning), ("<=", beginning + chr(sys.maxunicode) * MAX_NAME)]

    def _related(self, operator: str, span: Span) -> list[Alternatives]:
        """The end of the time of an item by a relation of that time to an interval."""
        ends = (span.start, span.end)
        if any(isinstance(end, Property) for end in ends):
            return []
        start, end = (
            end.interval[which] if isinstance(end, Moment) else None for which, end in enumerate(ends)
        )
        if operator in WITHIN:
            return self._latest(start, end)
        if operator in BEYOND:
            return self._latest(end, None)
        return {"t_before": self._latest(None, start), "t_intersects": self._latest(start, None)}.get(
            operator, []
        )

    def _latest(self, start: datetime | None, end: datetime | None) -> list[Alternatives]:
        bounds = ((">=", start), ("<=", end))
        return self._on_column(
            "latest", [(operator, bound) for operator, bound in bounds if bound is not None]
        )


def _joined(needs: Iterable[Alternatives]) -> list[Alternatives]:
    """Those with one alternative on the same column as one."""
    by_column: dict[str, list[Condition]] = {}
    others: list[Alternatives] = []
    for need in needs:
        if len(need) == 1:
            by_column.setdefault(need[0][0], []).append(need[0][1])
        else:
            others.append(need)
    return [((name, and_(*conditions)),) for name, conditions in by_column.items()] + others


def _any_of(needs: Sequence[list[Alternatives]]) -> list[Alternatives]:
    """The first need of each, as alternatives."""
    if not all(needs):
        return []
    alternatives = tuple(alternative for need in needs for alternative in need[0])
    return [alternatives] if len(alternatives) <= MAX_ALTERNATIVES else []


def _instants(operator: str, moment: Moment) -> list[tuple[str, Any]]:
    """Comparisons with a day or an instant, as `conditions` has them."""
    start, end = moment.interval
    if operator == "=":
        return [(">=", start), ("<=", end)]
    return [(operator, start if operator in ("<", ">=") else end)]


def _shortened(name: str, value: str | float) -> str | float:
    return value[:MAX_TEXT_LENGTH] if isinstance(value, str) and name in COMMON else value
