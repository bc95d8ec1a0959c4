"""Checks what a service file says against the table of keys."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from iipserve.geo.service.keys import LAYER, SECTIONS, Key, Section
from iipserve.geo.service.toml_lines import Path

MAX_SHOWN = 80
"""Characters of a value in a message."""
MAX_REPORTED = 100
"""Mistakes that have a line of their own."""
MAX_TABLES = 100_000
"""Layers or styles."""


class Table(NamedTuple):
    """A checked table."""

    path: Path
    values: Mapping[str, Any]
    """As readers give them; keys that are not set are missing."""


class Mistakes:
    """Collects what is wrong with a file, in plain words with line numbers."""

    def __init__(self, name: str, line_of: Callable[[Path], int | None]) -> None:
        """No mistakes yet.

        Args:
            name: of the file.
            line_of: the line of a table or key.
        """
        self._name = name
        self._line_of = line_of
        self._found: list[tuple[int, str]] = []

    def add(self, path: Path, message: str) -> None:
        """Note a mistake in the table or key at a path."""
        line = next(filter(None, (self._line_of(path[:end]) for end in range(len(path), 0, -1))), 0)
        self._found.append((line, message))

    @property
    def lines(self) -> list[str]:
        """One for each mistake, in the order of the file."""
        shown = [
            f"{self._name}, line {line}: {message}" if line else f"{self._name}: {message}"
            for line, message in sorted(self._found, key=lambda item: item[0])[:MAX_REPORTED]
        ]
        more = len(self._found) - len(shown)
        return [*shown, f"{self._name}: {more} more mistakes"] if more else shown


def checked(data: Mapping[str, Any], mistakes: Mistakes) -> dict[str, list[Table]]:
    """The tables of each section of `SECTIONS`; of those that are not repeated at most one."""
    tables: dict[str, list[Table]] = {name: [] for name in SECTIONS}
    for name in data:
        if name not in SECTIONS:
            mistakes.add((name,), f"[{name}] is not known; {_suggestion(name, _outer_names())}")
    for name, section in SECTIONS.items():
        path = tuple(name.split("."))
        value: Any = data
        for part in path:
            value = value.get(part) if isinstance(value, Mapping) else None
        if value is not None:
            tables[name] = _tables(name, path, section, value, mistakes)
    return tables


def _outer_names() -> list[str]:
    return [name for name in SECTIONS if "." not in name]


def _tables(name: str, path: Path, section: Section, value: Any, mistakes: Mistakes) -> list[Table]:
    if not section.repeated:
        if not isinstance(value, Mapping):
            mistakes.add(path, f"{name} is {shown(value)}; a table [{name}] is needed")
            return []
        return [Table(path, _values(name, path, section.keys, value, mistakes))]
    if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
        mistakes.add(path, f"{name} is {shown(value)}; tables are needed, each under [[{name}]]")
        return []
    if len(value) > MAX_TABLES:
        mistakes.add(path, f"there are {len(value)} tables [[{name}]]; at most {MAX_TABLES} are read")
        return []
    return [
        Table((*path, index), _values(name, (*path, index), section.keys, item, mistakes))
        for index, item in enumerate(value)
    ]


def _values(
    name: str, path: Path, keys: Mapping[str, Key], table: Mapping[str, Any], mistakes: Mistakes
) -> dict[str, Any]:
    values = {}
    for key, value in table.items():
        if f"{name}.{key}" in SECTIONS:
            continue
        if key not in keys:
            mistakes.add((*path, key), f"{key} is not a key of [{name}]; {_suggestion(key, keys)}")
        elif key == "metadata":
            values[key] = _metadata(name, (*path, key), value, mistakes)
        else:
            try:
                values[key] = keys[key].reader.read(value)
            except (ValueError, OverflowError) as error:
                needed = str(error) or f"it must be {keys[key].reader.accepts}"
                mistakes.add((*path, key), f"{name}.{key} is {shown(value)}; {needed}")
    for key, known in keys.items():
        if known.required and key not in table:
            mistakes.add(path, f"[[{name}]] has no {key}; it must be {known.reader.accepts}")
    return values


def _metadata(name: str, path: Path, value: Any, mistakes: Mistakes) -> dict[str, str]:
    reader = LAYER["metadata"].reader
    if not isinstance(value, Mapping):
        mistakes.add(path, f"{name}.metadata is {shown(value)}; a table of texts is needed")
        return {}
    items = {}
    for key, text in value.items():
        try:
            items[reader.read(key).lower()] = reader.read(text)
        except ValueError:
            mistakes.add((*path, key), f"{name}.metadata.{key} is {shown(text)}; it must be {reader.accepts}")
    return items


def shown(value: Any) -> str:
    """A value in a message."""
    text = repr(value) if not isinstance(value, int) or abs(value) < 10**30 else "a huge number"
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."


def _suggestion(name: str, known: Iterable[str]) -> str:
    """What may be meant, else everything that there is."""
    names = list(known)
    close = difflib.get_close_matches(name.lower()[:MAX_SHOWN], names, 1)
    return f"{close[0]} is" if close else f"known are {', '.join(names)}"
