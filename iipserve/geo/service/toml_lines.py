"""In which lines of a TOML file its tables and keys are: `tomllib` does not tell."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeAlias

TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"""|\'\'\'.*?\'\'\'|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|#[^\n]*|\n|[^"\'#\n]+|["\']',
    re.DOTALL,
)
"""Strings, comments, ends of lines, and what is between them."""
SEPARATORS = re.compile(r"[,=\n\[\]{}]")
MAX_PARTS = 16
"""Of a dotted key: the time that `tomllib` takes grows with the square of their number."""

Path: TypeAlias = tuple[str | int, ...]
"""Keys from the outermost table to a value, and indexes of arrays of tables: `("layer", 0, "title")`."""


class Statement(NamedTuple):
    """A table header, or a key with its value."""

    line: int
    """The first, from 1."""
    text: str
    """Up to the equals sign."""


def longest_key(text: str) -> int:
    """How many parts the longest dotted key of a text has, at most."""
    longest = dots = 0
    for match in TOKEN.finditer(text):
        token = match[0]
        if token[0] in "\"'#":
            continue
        pieces = SEPARATORS.split(token)
        for index, piece in enumerate(pieces):
            dots = piece.count(".") + (dots if index == 0 else 0)
            longest = max(longest, dots)
    return longest + 1


def lines(text: str) -> dict[Path, int]:
    """The line of each table and key of a valid file; keys of inline tables are not listed."""
    found: dict[Path, int] = {}
    arrays: Counter[tuple[str, ...]] = Counter()
    table: Path = ()
    for line, statement in _statements(text):
        names = _names(statement)
        if statement.startswith("[["):
            arrays[names] += 1
        if statement.startswith("["):
            table = _indexed(names, arrays)
            found.setdefault(table, line)
        else:
            found.setdefault((*table, *names), line)
    return found


def _statements(text: str) -> Iterator[Statement]:
    line, depth, start, parts, has_value = 1, 0, 1, list[str](), False
    for match in TOKEN.finditer(text):
        token = match[0]
        if token == "\n" and depth == 0:
            if "".join(parts).strip():
                yield Statement(start, "".join(parts).strip())
            start, parts, has_value = line + 1, [], False
        elif token[0] not in "\"'#\n":
            key, equals, _ = token.partition("=")
            if not has_value:
                parts.append(key)
            has_value = has_value or bool(equals)
            depth += token.count("[") + token.count("{") - token.count("]") - token.count("}")
        elif token[0] in "\"'" and not has_value:
            parts.append(token)
        line += token.count("\n")
    if "".join(parts).strip():
        yield Statement(start, "".join(parts).strip())


def _names(statement: str) -> tuple[str, ...]:
    """The parts of the key in a header, or before an equals sign."""
    try:
        value: Any = tomllib.loads(statement if statement.startswith("[") else f"{statement} = 0")
    except tomllib.TOMLDecodeError:
        return (statement,)
    names = []
    while value:
        value = value[0] if isinstance(value, list) else value
        if not isinstance(value, dict) or not value:
            break
        ((name, value),) = value.items()
        names.append(name)
    return tuple(names)


def _indexed(names: tuple[str, ...], arrays: Counter[tuple[str, ...]]) -> Path:
    """The path of a table, with the indexes of the arrays of tables that it is in."""
    path: list[str | int] = []
    for count, name in enumerate(names, 1):
        path.append(name)
        if names[:count] in arrays:
            path.append(arrays[names[:count]] - 1)
    return tuple(path)
