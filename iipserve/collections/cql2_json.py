"""CQL2's JSON form as `expressions`, with the types of everything compared checked.

Source: OGC 21-065r2, annex on the JSON schema of CQL2. Its published schema lets more through than has a meaning.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias, TypeGuard

from iipserve.collections import geometries
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
from iipserve.collections.queryables import type_of
from iipserve.collections.sorting import plain_name
from iipserve.collections.times import parse_date, parse_instant, shown
from iipserve.collections.values import Interval
from iipserve.errors import InvalidRequest

MAX_DEPTH = 40
MAX_NODES = 2_000
MAX_NAME_LENGTH = 200
MAX_GEOMETRIES = 10
MAX_COMPARED = 300
"""Values of `in` that are neither all texts nor all numbers."""
MAX_PATTERN_LENGTH = 256
MAX_WILDCARDS = 8
"""Each could be tried at every character."""

COMPARISONS: Final = ("=", "<>", "<", ">", "<=", ">=")
ARITHMETIC: Final = ("+", "-", "*", "/", "%", "^", "div")
FOLDING: Final = ("casei", "accenti")
SPATIAL: Final = {
    "s_intersects": "s_intersects",
    "s_disjoint": "s_disjoint",
    "s_equals": "s_equals",
    "s_touches": "s_touches",
    "s_crosses": "s_crosses",
    "s_overlaps": "s_overlaps",
    "s_within": "s_contains",
    "s_contains": "s_within",
}
"""Operators, and the same with exchanged arguments."""
TEMPORAL: Final = (
    "t_after", "t_before", "t_contains", "t_disjoint", "t_during", "t_equals", "t_finishedby", "t_finishes",
    "t_intersects", "t_meets", "t_metby", "t_overlappedby", "t_overlaps", "t_startedby", "t_starts",
)  # fmt: skip

Arguments: TypeAlias = Sequence[Any]


def read(value: object) -> Expression:
    """Read a filter.

    Raises:
        InvalidRequest: it is not CQL2, is too large, has what this server does not offer, or compares a number with a text
            or the like.
    """
    return _Reader().expression(value, 0)


def read_all(values: Iterable[object]) -> list[Expression]:
    """Read filters that are parts of one, whose size is that of all together. Raises `InvalidRequest`, as `read`."""
    reader = _Reader()
    return [reader.expression(value, 0) for value in values]


class _Reader:
    """Reads one filter, and counts what it has read."""

    def __init__(self) -> None:
        self._nodes = 0
        self._geometries = 0

    def _count(self, depth: int) -> None:
        self._nodes += 1
        if depth > MAX_DEPTH or self._nodes > MAX_NODES:
            raise InvalidRequest(
                f"the filter has more than {MAX_NODES} parts, or {MAX_DEPTH} within each other"
            )

    def _operation(self, value: object) -> tuple[str, Arguments] | None:
        if not isinstance(value, Mapping) or "op" not in value:
            return None
        operator, arguments = value["op"], value.get("args")
        if not isinstance(operator, str) or not _is_list(arguments):
            raise InvalidRequest("an operation of a filter is an object with op, a text, and args, a list")
        return operator.lower(), arguments

    # -- true or false

    def expression(self, value: object, depth: int) -> Expression:
        self._count(depth)
        if isinstance(value, bool):
            return value
        operation = self._operation(value)
        if operation is None:
            return self._boolean_property(value)
        operator, arguments = operation
        for operators, method in _EXPRESSIONS:
            if operator in operators:
                return method(self, operator, arguments, depth + 1)
        raise InvalidRequest(f"{shown(operator)} is not an operator of filters that this server offers")

    def _boolean_property(self, value: object) -> Expression:
        name = _property(value)
        if name is None:
            raise InvalidRequest("a filter is a comparison, or several with and, or, not")
        return self._comparison("=", [{"property": name}, True], 0)

    def _junction(self, operator: str, arguments: Arguments, depth: int) -> Expression:
        if not arguments:
            raise InvalidRequest(f"{operator} takes at least one argument")
        return Junction(operator, tuple(self.expression(argument, depth) for argument in arguments))

    def _not(self, operator: str, arguments: Arguments, depth: int) -> Expression:
        _check_count(operator, arguments, 1)
        return Not(self.expression(arguments[0], depth))

    def _comparison(self, operator: str, arguments: Arguments, depth: int) -> Expression:
        operator = "<>" if operator == "!=" else operator
        _check_count(operator, arguments, 2)
        left, right = (self.scalar(argument, depth) for argument in arguments)
        return self._compared(operator, left, right)

    def _compared(self, operator: str, left: Scalar, right: Scalar) -> Expression:
        type, (left, right) = _agreed(left, right)
        if operator not in ("=", "<>") and type is DataType.BOOLEAN:
            raise InvalidRequest(f"true and false cannot be compared by {operator}")
        return Comparison(operator, left, right, type)

    def _between(self, operator: str, arguments: Arguments, depth: int) -> Expression:
        if len(arguments) == 2 and _is_list(arguments[1]):
            arguments = [arguments[0], *arguments[1]]
        _check_count(operator, arguments, 3)
        value, low, high = (self.scalar(argument, depth) for argument in arguments)
        return Junction("and", (self._compared(">=", value, low), self._compared("<=", value, high)))

    def _in(self, operator: str, arguments: Arguments, depth: int) -> Expression:
        _check_count(operator, arguments, 2)
        if not _is_list(arguments[1]):
            raise InvalidRequest("in takes a list")
        value = self.scalar(arguments[0], depth)
        options = [self.scalar(option, depth) for option in arguments[1]]
        equal = tuple(self._compared("=", value, option) for option in options)
        for kind, type in ((str, DataType.TEXT), (float, DataType.NUMBER)):
            if (
                options
                and all(isinstance(option, kind) for option in options)
                and _type(value) in (type, None)
            ):
                return In(value, tuple(options), type)  # type: ignore[arg-type]
        if len(equal) > MAX_COMPARED:
            raise InvalidRequest(f"in has {len(equal)} values; of these, {MAX_COMPARED} are compared")
        return Junction("or", equal or (False,))

    def _like(self, operator: str, arguments: Arguments, depth: int) -> Expression:
        _check_count(operator, arguments, 2)
        value, pattern = (self.scalar(argument, depth) for argument in arguments)
        _agreed(value, "")
        text = pattern
        while isinstance(text, Folded):
            text = text.argument
        if not isinstance(text, str):
            raise InvalidRequest("like takes a pattern, a text")
        if len(text) > MAX_PATTERN_LENGTH or text.count("%") > MAX_WILDCARDS:
            raise InvalidRequest(
                f"a pattern has at most {MAX_PATTERN_LENGTH} characters and {MAX_WILDCARDS} times %"
            )
        return Like(value, pattern)

    def _is_null(self, operator: str, arguments: Arguments, depth: int) -> Expression:
        _check_count("isNull", arguments, 1)
        value = self.scalar(arguments[0], depth)
        if not isinstance(value, Property):
            raise InvalidRequest("isNull takes a property")
        return IsNull(value)

    def _spatial(self, operator: str, arguments: Arguments, depth: int) -> Expression:
        _check_count(operator, arguments, 2)
        self._geometries += 1
        if self._geometries > MAX_GEOMETRIES:
            raise InvalidRequest(f"the filter has more than {MAX_GEOMETRIES} geometries")
        names = [_property(argument) for argument in arguments]
        if names.count(None) != 1:
            raise InvalidRequest(f"{operator} takes the property geometry, and a geometry")
        literal = names.index(None)
        name = names[1 - literal]
        if type_of(str(name)) is not DataType.GEOMETRY:
            raise InvalidRequest(f"{shown(str(name))} is not a geometry; items have geometry")
        return Spatial(SPATIAL[operator] if literal == 0 else operator, _geometry(arguments[literal]))

    def _temporal(self, operator: str, arguments: Arguments, depth: int) -> Expression:
        _check_count(operator, arguments, 2)
        left, right = (self._span(argument, depth) for argument in arguments)
        return Temporal(operator, left, right)

    def _span(self, value: object, depth: int) -> Span:
        self._count(depth)
        if isinstance(value, Mapping) and "interval" in value:
            ends = value["interval"]
            if not _is_list(ends) or len(ends) != 2:
                raise InvalidRequest("an interval has two ends")
            return _ordered(Span(*(None if end == ".." else self._end(end) for end in ends)))
        end = self._end(value)
        return Span(end, end)

    def _end(self, value: object) -> Property | Moment:
        self._count(0)
        end = _as_moment(self.scalar(value, 0))
        if isinstance(end, Moment) or (isinstance(end, Property) and type_of(end.name) is DataType.INSTANT):
            return end
        raise InvalidRequest(
            "a time is a property such as datetime, a timestamp, a date, or an interval of these"
        )

    # -- values

    def scalar(self, value: object, depth: int) -> Scalar:
        """A property, a literal, or a function of these."""
        self._count(depth)
        if isinstance(value, bool):
            return value
        if isinstance(value, str):
            return _text(value)
        if isinstance(value, int | float):
            return _number(value)
        name = _property(value)
        if name is not None:
            return Property(name)
        operation = self._operation(value)
        if operation is not None:
            return self._function(*operation, depth + 1)
        return _moment(value)

    def _function(self, operator: str, arguments: Arguments, depth: int) -> Scalar:
        if operator in FOLDING:
            _check_count(operator, arguments, 1)
            argument = self.scalar(arguments[0], depth)
            _agreed(argument, "")
            return Folded(operator, argument)
        if operator in ARITHMETIC:
            _check_count(operator, arguments, 2)
            left, right = (self.scalar(argument, depth) for argument in arguments)
            for side in (left, right):
                _agreed(side, 0.0)
            return Arithmetic(operator, left, right)
        raise InvalidRequest(f"{shown(operator)} is not a function of filters that this server offers")


_Method: TypeAlias = Callable[[_Reader, str, Arguments, int], Expression]
_EXPRESSIONS: Final[tuple[tuple[Sequence[str] | Mapping[str, str], _Method], ...]] = (
    (("and", "or"), _Reader._junction),
    (("not",), _Reader._not),
    ((*COMPARISONS, "!="), _Reader._comparison),
    (("between",), _Reader._between),
    (("in",), _Reader._in),
    (("like",), _Reader._like),
    (("isnull",), _Reader._is_null),
    (SPATIAL, _Reader._spatial),
    (TEMPORAL, _Reader._temporal),
)


def _is_list(value: object) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _check_count(operator: str, arguments: Arguments, count: int) -> None:
    if len(arguments) != count:
        raise InvalidRequest(f"{operator} has {len(arguments)} arguments; it takes {count}")


def _property(value: object) -> str | None:
    """The name of a property, None for anything else."""
    if not isinstance(value, Mapping) or "property" not in value:
        return None
    name = value["property"]
    if (
        not isinstance(name, str)
        or not 0 < len(name) <= MAX_NAME_LENGTH
        or '"' in name
        or not name.isprintable()
    ):
        raise InvalidRequest(
            f"the name of a property is a text of up to {MAX_NAME_LENGTH} characters without quotes"
        )
    return plain_name(name)


def _text(value: str) -> str:
    if "\0" in value or (
        not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value)
    ):
        raise InvalidRequest("a text of a filter has a character that no text has")
    return value


def _number(value: float) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise InvalidRequest("a number of a filter is not finite")
    return number


def _moment(value: object) -> Moment:
    """A timestamp or a date."""
    if isinstance(value, Mapping):
        for name, parse in (("timestamp", _instant), ("date", parse_date)):
            if isinstance(value.get(name), str):
                return Moment(parse(value[name]))
    raise InvalidRequest(
        "a value of a filter is a property, a text, a number, true, false, a timestamp or a date"
    )


def _instant(text: str) -> Interval:
    instant = parse_instant(text)
    return Interval(instant, instant)


def _geometry(value: object) -> str:
    if isinstance(value, Mapping) and "bbox" in value:
        if not _is_list(value["bbox"]):
            raise InvalidRequest("bbox is a list of numbers")
        return geometries.box_geometry(value["bbox"])
    return geometries.read_geometry(value)


def _type(value: Scalar) -> DataType | None:
    match value:
        case bool():
            return DataType.BOOLEAN
        case str() | Folded():
            return DataType.TEXT
        case float() | Arithmetic():
            return DataType.NUMBER
        case Moment():
            return DataType.INSTANT
        case Property(name):
            return type_of(name)


def _agreed(left: Scalar, right: Scalar) -> tuple[DataType | None, tuple[Scalar, Scalar]]:
    """The type of both, and both as of that type: a text that is compared with a time is one."""
    types = _type(left), _type(right)
    if DataType.INSTANT in types and DataType.TEXT in types:
        left, right = _as_moment(left), _as_moment(right)
        types = _type(left), _type(right)
    if DataType.GEOMETRY in types:
        raise InvalidRequest("a geometry is compared by functions such as s_intersects")
    known = [type for type in types if type is not None]
    if len(set(known)) > 1:
        raise InvalidRequest(
            f"a {known[0].value} cannot be compared with a {known[1].value}{_names(left, right)}"
        )
    return (known[0] if known else None), (left, right)


def _names(*values: Scalar) -> str:
    names = [shown(value.name) for value in values if isinstance(value, Property)]
    return f": {' and '.join(names)}" if names else ""


def _as_moment(value: Scalar) -> Scalar:
    if not isinstance(value, str):
        return value
    return Moment(_instant(value)) if "T" in value.upper() else Moment(parse_date(value))


def _ordered(span: Span) -> Span:
    start, end = span.start, span.end
    if isinstance(start, Moment) and isinstance(end, Moment) and _later(start, end):
        raise InvalidRequest("an interval of the filter ends before it starts")
    return span


def _later(first: Moment, second: Moment) -> bool:
    a, b = first.interval.start, second.interval.end
    return a is not None and b is not None and a > b
