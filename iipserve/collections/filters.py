"""CQL2 filters, and the `query` of STAC API, as `expressions`.

CQL2's text is parsed by PyPI cql2; what its JSON form says is read by `cql2_json`, from either form. Whatever a filter
says, the answer is an expression or `InvalidRequest`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from iipserve.collections import cql2_json
from iipserve.collections.expressions import DataType, Expression, all_of
from iipserve.collections.queryables import type_of
from iipserve.collections.sorting import plain_name
from iipserve.collections.times import shown
from iipserve.errors import InvalidRequest

TEXT, JSON = "cql2-text", "cql2-json"
LANGUAGES = (TEXT, JSON)
"""Values of `filter-lang`."""
MAX_TEXT_LENGTH = 10_000
MAX_NESTING = 12
"""Brackets in brackets of a text: the parser tries each in several ways."""
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_POSITION = re.compile(r"--> (\d+):(\d+)")
NUMBER = re.compile(r"[+-]?[0-9]{1,40}(?:\.[0-9]{1,40})?", re.ASCII)
_QUERY_OPERATORS: Final = {"eq": "=", "neq": "<>", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
_QUERY_PATTERNS: Final = {"startsWith": "{}%", "endsWith": "%{}", "contains": "%{}%"}


def parse_filter(value: object, language: str | None = None) -> Expression:
    """Read a filter of a request.

    Args:
        value: text, or a JSON object.
        language: one of `LANGUAGES`; None: by what `value` is.

    Raises:
        InvalidRequest: the language is unknown, the filter is not of it, or it compares what cannot be compared.
    """
    if language is None:
        language = JSON if isinstance(value, Mapping) else TEXT
    if language not in LANGUAGES:
        raise InvalidRequest(f"filter-lang={shown(language)} is neither {TEXT} nor {JSON}")
    if language == TEXT:
        return parse_text(value) if isinstance(value, str) else _no_text()
    return cql2_json.read(_loaded(value) if isinstance(value, str) else value)


def _no_text() -> Expression:
    raise InvalidRequest(f"a filter in {TEXT} is a text")


def _loaded(text: str) -> object:
    if len(text) > 10 * MAX_TEXT_LENGTH:
        raise InvalidRequest(f"the filter is longer than {10 * MAX_TEXT_LENGTH} characters")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        place = f" at {error.pos}" if isinstance(error, json.JSONDecodeError) else ""
        raise InvalidRequest(f"the filter is not JSON{place}") from None


def parse_text(text: str) -> Expression:
    """Read CQL2's text.

    Raises:
        InvalidRequest: it is not CQL2, with the position where it ends to be; or it compares what cannot be compared.
    """
    _check_text(text)
    return cql2_json.read(_tree(text))


def _check_text(text: str) -> None:
    """Keep away from the parser what would take it long."""
    if len(text) > MAX_TEXT_LENGTH:
        raise InvalidRequest(f"the filter is longer than {MAX_TEXT_LENGTH} characters")
    depth = 0
    for character in _QUOTED.sub("", text):
        depth += (character == "(") - (character == ")")
        if depth > MAX_NESTING:
            raise InvalidRequest(f"the filter has more than {MAX_NESTING} brackets within each other")


def _tree(text: str) -> object:
    import cql2

    try:
        return cql2.parse_text(text).to_json()
    except Exception as error:
        raise InvalidRequest(f"the filter is not CQL2{_where(str(error))}") from None
    except BaseException as error:
        # a fault of the parser, which is written in Rust
        if type(error).__name__ == "PanicException":
            raise InvalidRequest("the filter is not CQL2") from None
        raise


def _where(message: str) -> str:
    position = _POSITION.search(message)
    if position is None:
        return ""
    line, column = position.groups()
    return f" at character {column}" if line == "1" else f" at character {column} of line {line}"


def parse_query(value: object) -> Expression | None:
    """Read the member `query`: for each property an object of operators and what they compare with.

    Source: STAC API extension Query. None: it asks for nothing.

    Raises:
        InvalidRequest: it is not such an object, or compares what cannot be compared.
    """
    if not isinstance(value, Mapping):
        raise InvalidRequest("query is an object of properties, each with an object of operators")
    conditions = (one for name, operators in value.items() for one in _conditions(str(name), operators))
    return all_of(*cql2_json.read_all(conditions))


def _conditions(name: str, operators: object) -> Iterator[dict[str, Any]]:
    """Of one property, in CQL2's JSON."""
    if not isinstance(operators, Mapping):
        raise InvalidRequest(f"query has no object of operators for {shown(name)}")
    return (_condition(name, str(key), operand) for key, operand in operators.items())


def _operand(name: str, operand: Any) -> Any:
    """What a property is compared with. Clients write numbers as texts too, as pystac-client does with `gsd=20`."""
    if (
        isinstance(operand, str)
        and type_of(plain_name(name)) is DataType.NUMBER
        and NUMBER.fullmatch(operand)
    ):
        return float(operand)
    return operand


def _condition(name: str, operator: str, operand: Any) -> dict[str, Any]:
    """The same in CQL2's JSON."""
    left = {"property": plain_name(name)}
    if operator in _QUERY_OPERATORS:
        return {"op": _QUERY_OPERATORS[operator], "args": [left, _operand(name, operand)]}
    if operator in _QUERY_PATTERNS and isinstance(operand, str):
        escaped = re.sub(r"([\\%_])", r"\\\1", operand)
        return {"op": "like", "args": [left, _QUERY_PATTERNS[operator].format(escaped)]}
    if operator == "in" and isinstance(operand, Sequence) and not isinstance(operand, str):
        return {"op": "in", "args": [left, list(operand)]}
    if operator in (*_QUERY_PATTERNS, "in"):
        raise InvalidRequest(f"{operator} of query takes {'a list' if operator == 'in' else 'a text'}")
    known = ", ".join((*_QUERY_OPERATORS, *_QUERY_PATTERNS, "in"))
    raise InvalidRequest(f"{shown(operator)} of query is not one of {known}")
