"""`sortby` and `fields` of STAC API, in both of their spellings.

Sources: STAC API extensions Sort 1.1.0 (`sortby=-properties.datetime,+id`, and objects with `field` and `direction`) and
Fields 1.0.0 (`fields=id,-geometry`, and an object of `include` and `exclude`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from iipserve.collections.times import shown
from iipserve.collections.values import SortKey
from iipserve.errors import InvalidRequest

MAX_SORT_KEYS = 8
MAX_FIELDS = 200
IDENTITY = ("type", "stac_version", "id", "collection")
"""What every item says, also if these are not asked for."""
DEFAULT_FIELDS = (
    "type", "stac_version", "stac_extensions", "id", "collection", "geometry", "bbox", "links", "assets",
    "properties.datetime", "properties.start_datetime", "properties.end_datetime",
)  # fmt: skip
"""What an item needs to be one (Fields, "Include/Exclude Semantics")."""


def parse_sort(text: str) -> tuple[SortKey, ...]:
    """Read the parameter `sortby`. A plus sign may have come as the space that it means in a query.

    Raises:
        InvalidRequest: a name is empty or appears twice, or there are too many.
    """
    parts = [part.strip() for part in text.split(",")]
    return _checked([SortKey(plain_name(part.lstrip("+-").strip()), part.startswith("-")) for part in parts])


def sort_of(objects: object) -> tuple[SortKey, ...]:
    """The keys of a body's `sortby`: objects with `field`, and `direction` ("asc" or "desc").

    Raises:
        InvalidRequest: it is not a list of such objects, or a name is empty or appears twice.
    """
    if not isinstance(objects, Sequence) or isinstance(objects, str):
        raise InvalidRequest("sortby is a list of objects with field and direction")
    return _checked([_key_of(one) for one in objects])


def _key_of(one: object) -> SortKey:
    if not isinstance(one, Mapping) or not isinstance(one.get("field"), str):
        raise InvalidRequest("sortby is a list of objects with field and direction")
    direction = one.get("direction", "asc")
    if direction not in ("asc", "desc"):
        raise InvalidRequest(f"direction={shown(str(direction))} of sortby is neither asc nor desc")
    return SortKey(plain_name(one["field"]), direction == "desc")


def _checked(keys: list[SortKey]) -> tuple[SortKey, ...]:
    if len(keys) > MAX_SORT_KEYS:
        raise InvalidRequest(f"sortby has {len(keys)} keys; at most {MAX_SORT_KEYS} are sorted by")
    names = [key.name for key in keys]
    if not all(names):
        raise InvalidRequest("sortby has a key without a name")
    if len(set(names)) < len(names):
        raise InvalidRequest("sortby names a property twice")
    return tuple(keys)


def plain_name(name: str) -> str:
    """The name of a property without the `properties.` that STAC allows in front of it."""
    return name.removeprefix("properties.")


@dataclass(frozen=True, slots=True)
class Fields:
    """Which members of items an answer has (Fields 1.0.0, "Include/Exclude Semantics")."""

    include: tuple[str, ...] | None = None
    """With `IDENTITY`; those of `DEFAULT_FIELDS` if it is empty. None: all."""
    exclude: tuple[str, ...] = ()
    """Left out, unless they, or members of them, are included."""

    def select(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """The document of an item, shortened; members that an item does not have make no difference."""
        included = [_path(item, name) for name in self.include or ()]
        excluded = [_path(item, name) for name in self.exclude]
        selected: dict[str, Any] = {}
        for name in self._base(item):
            _copy(item, selected, _path(item, name))
        for path in excluded:
            _remove(selected, path)
        for path in included:
            _copy(item, selected, path)
        for path in excluded:
            if any(len(path) > len(other) and path[: len(other)] == other for other in included):
                _remove(selected, path)
        # in the order of the whole document
        return {name: selected[name] for name in item if name in selected}

    def _base(self, item: Mapping[str, Any]) -> Iterable[str]:
        if self.include:
            return IDENTITY
        return item if self.include is None else DEFAULT_FIELDS


def parse_fields(text: str) -> Fields:
    """Read the parameter `fields`; empty, it asks for the least.

    Raises:
        InvalidRequest: there are too many names.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    include = [name.removeprefix("+").strip() for name in names if not name.startswith("-")]
    exclude = [name[1:].strip() for name in names if name.startswith("-")]
    return _fields(include or None, exclude)


def fields_of(value: object) -> Fields:
    """The fields of a body's `fields`: an object of the lists `include` and `exclude`, each of which may be missing.

    Raises:
        InvalidRequest: it is not such an object.
    """
    if not isinstance(value, Mapping):
        raise InvalidRequest("fields is an object of the lists include and exclude")
    include = _names(value["include"]) if "include" in value else None
    return _fields(include, _names(value.get("exclude")))


def _names(value: object) -> list[str]:
    if value is None:
        return []
    if (
        not isinstance(value, Sequence)
        or isinstance(value, str)
        or not all(isinstance(name, str) for name in value)
    ):
        raise InvalidRequest("include and exclude of fields are lists of names")
    return list(value)


def _fields(include: list[str] | None, exclude: list[str]) -> Fields:
    if len(include or ()) + len(exclude) > MAX_FIELDS:
        raise InvalidRequest(f"fields has more than {MAX_FIELDS} names")
    is_whole = include is None and exclude
    return Fields(None if is_whole else tuple(filter(None, include or ())), tuple(filter(None, exclude)))


def _path(item: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Where a member is: in the item, in an object of it, or in its properties where nothing else has the name."""
    if name in item:
        return (name,)
    first, dot, rest = name.partition(".")
    if dot and isinstance(item.get(first), Mapping):
        return (first, *_path(item[first], rest))
    properties = item.get("properties")
    return ("properties", name) if isinstance(properties, Mapping) and name in properties else (name,)


def _copy(source: Mapping[str, Any], target: dict[str, Any], path: tuple[str, ...]) -> None:
    name, *rest = path
    if name not in source:
        return
    if not rest:
        target[name] = source[name]
        return
    if target.get(name) is source[name]:
        return
    inner = target.setdefault(name, {})
    _copy(source[name], inner, tuple(rest))


def _remove(target: dict[str, Any], path: tuple[str, ...]) -> None:
    name, *rest = path
    if name not in target:
        return
    if not rest:
        del target[name]
        return
    if isinstance(target[name], Mapping):
        target[name] = dict(target[name])
        _remove(target[name], tuple(rest))
