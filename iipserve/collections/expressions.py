"""Filters as values: what a CQL2 expression says of an item, whichever way it was written.

Source: OGC 21-065r2, Common Query Language (CQL2), the classes Basic CQL2, Advanced Comparison Operators, Case- and
Accent-insensitive Comparison, Basic Spatial Functions, Spatial Functions, Temporal Functions, Property-Property
Comparisons and Arithmetic Expressions. `filters` reads them, `conditions` makes SQL of them. Everything is hashable and
its `repr` complete, so that a filter can be part of a plan.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from iipserve.collections.values import Interval


class DataType(Enum):
    """What a property or a literal is."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    INSTANT = "time"
    GEOMETRY = "geometry"


@dataclass(frozen=True, slots=True)
class Property:
    """A queryable of the item, without `properties.`: `datetime`, `eo:cloud_cover`."""

    name: str


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant, or the day of a date: from its first to its last microsecond."""

    interval: Interval


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """Two numbers and one of `+ - * / % ^ div`; division by zero has no value."""

    operator: str
    left: Scalar
    right: Scalar


@dataclass(frozen=True, slots=True)
class Folded:
    """A text without differences of case (`casei`), or of accents (`accenti`)."""

    function: str
    argument: Scalar


Literal: TypeAlias = str | bool | float | Moment
"""Numbers are floats."""
Scalar: TypeAlias = Property | Literal | Arithmetic | Folded


@dataclass(frozen=True, slots=True)
class Comparison:
    """One of `= <> < > <= >=`. Unknown where a side has no value, or one of another kind."""

    operator: str
    left: Scalar
    right: Scalar
    type: DataType | None
    """What is compared; None for two properties of unknown kinds, which are compared if they have the same."""


@dataclass(frozen=True, slots=True)
class In:
    """Equal to one of some literals of a type."""

    value: Scalar
    options: tuple[str, ...] | tuple[float, ...]
    type: DataType


@dataclass(frozen=True, slots=True)
class Like:
    """`%` is any text, `_` one character, and a backslash takes their meaning away."""

    value: Scalar
    pattern: Scalar
    """A text, or one that is `Folded`."""


@dataclass(frozen=True, slots=True)
class IsNull:
    """The item does not have the property, or null."""

    value: Property


@dataclass(frozen=True, slots=True)
class Spatial:
    """How the item's geometry is related to another: `s_intersects` and the like."""

    operator: str
    geometry: str
    """GeoJSON, checked by `geometries.read_geometry`."""


@dataclass(frozen=True, slots=True)
class Span:
    """Two ends in time, each a property, a moment, or None, which is open."""

    start: Property | Moment | None
    end: Property | Moment | None


@dataclass(frozen=True, slots=True)
class Temporal:
    """How two times are related: `t_before` and the like. `Property("datetime")` is the interval of the item."""

    operator: str
    left: Span
    right: Span


@dataclass(frozen=True, slots=True)
class Not:
    """True where the argument is false, and unknown where it is unknown."""

    argument: Expression


@dataclass(frozen=True, slots=True)
class Junction:
    """`and` or `or` of any number of expressions."""

    operator: str
    arguments: tuple[Expression, ...]


Expression: TypeAlias = bool | Comparison | In | Like | IsNull | Spatial | Temporal | Not | Junction
"""What is true, false or unknown of an item."""


def all_of(*expressions: Expression | None) -> Expression | None:
    """All of those that are not None, or None."""
    given = tuple(expression for expression in expressions if expression is not None)
    if not given:
        return None
    return given[0] if len(given) == 1 else Junction("and", given)
