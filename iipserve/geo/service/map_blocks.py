"""Blocks of a map file as mappyfile gives them: dictionaries with the positions of their keywords."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

HIDDEN = ("__type__", "__position__")
"""Keys that mappyfile adds."""
PREFIXES = ("wmts", "ows", "wms", "wcs", "mapml")
"""Of keywords in METADATA, the most important first: what is said for one service counts for all."""


class Notes:
    """Collects what a map file says that means nothing to this server."""

    def __init__(self) -> None:
        self._found: list[tuple[int, str]] = []

    def add(self, line: int, message: str) -> None:
        """Note something; line 0 if it is not known."""
        self._found.append((line, message))

    def lines(self, name: str) -> list[str]:
        """A line for each, in the order of the file `name`."""
        found = sorted(self._found, key=lambda note: note[0])
        return [
            f"{name}, line {line}: {message}" if line else f"{name}: {message}" for line, message in found
        ]


def line(block: Mapping[str, Any], key: str = "") -> int:
    """The line of a keyword, or of the block; 0 if it is not known."""
    position = block.get("__position__", {})
    found = lines(block, key) if key else [position.get("line", 0)]
    return found[0] if found else line(block)


def lines(block: Mapping[str, Any], key: str) -> list[int]:
    """The lines of a keyword that may be repeated, or of the blocks of a kind."""
    if (inner := blocks(block, key)) and "__position__" in inner[0]:
        return [line(one) for one in inner]
    found = block.get("__position__", {}).get(key, [])
    if isinstance(found, Mapping) and "line" not in found:
        found = list(found.values())  # CONFIG
    return [place["line"] for place in (found if isinstance(found, list) else [found])]


def blocks(block: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """The blocks of a kind inside another one: `layers`."""
    found = block.get(key, [])
    return [item for item in (found if isinstance(found, list) else [found]) if isinstance(item, Mapping)]


def texts(block: Mapping[str, Any], key: str) -> list[str]:
    """The values of a keyword that may be repeated, as texts."""
    found = block.get(key, [])
    return [str(item) for item in (found if isinstance(found, list) else [found])]


def keywords(block: Mapping[str, Any]) -> Iterator[str]:
    """The keywords of a block, and the names of the blocks in it."""
    return (key for key in block if key not in HIDDEN)


class Item(NamedTuple):
    """An item of METADATA."""

    prefix: str
    """`wms`; empty without a known one."""
    keyword: str
    """In lower case, without the prefix."""
    text: str
    line: int

    @property
    def name(self) -> str:
        """As written, in lower case."""
        return f"{self.prefix}_{self.keyword}" if self.prefix else self.keyword


def metadata(block: Mapping[str, Any], notes: Notes) -> list[Item]:
    """The items of the METADATA of a block; one that is written twice counts as it is written last."""
    found = block.get("metadata", {})
    if not isinstance(found, Mapping):
        return []
    names = list(keywords(found))
    places = _places(found)
    if len(places) != 2 * len(names):
        notes.add(line(found), "METADATA has a keyword more than once; the last one counts")
        places = []
    items = []
    for index, name in enumerate(names):
        prefix, _, rest = name.lower().partition("_")
        known = prefix in PREFIXES and rest
        place = places[2 * index] if places else line(found)
        items.append(
            Item(prefix if known else "", rest if known else name.lower(), str(found[name]).strip(), place)
        )
    return items


def _places(found: Mapping[str, Any]) -> list[int]:
    """The lines of all texts of METADATA."""
    position = found.get("__position__", {})
    values = position.get("values", []) if isinstance(position, Mapping) else []
    return [value[0] for value in values]


def by_keyword(
    items: list[Item], notes: Notes, *, apart: Callable[[Item], bool] = lambda _: False
) -> dict[str, Item]:
    """The items with a prefix, by keyword; of several, that of the most important service.

    Args:
        items: of METADATA.
        notes: get those that differ from others.
        apart: whether an item has an effect of its own next to others.
    """
    chosen: dict[str, Item] = {}
    for item in sorted((item for item in items if item.prefix), key=lambda item: PREFIXES.index(item.prefix)):
        other = chosen.setdefault(item.keyword, item)
        if other.text != item.text and not apart(item) and not apart(other):
            notes.add(
                item.line,
                f"{item.name} differs from {other.name}, which counts",
            )
    return chosen
