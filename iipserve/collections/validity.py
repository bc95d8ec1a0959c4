"""Whether a store can hold what it is given: checked before any statement, the same for every database."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from iipserve.collections.geometries import read_geometry
from iipserve.collections.rows import plain, to_json
from iipserve.collections.values import ORDERS, RULES, Collection, Item
from iipserve.errors import InvalidRequest
from iipserve.geo.grid import Bounds

MAX_NAME = 1024
"""Characters of an identifier."""
MAX_JSON = 1 << 20
"""Characters of a JSON value."""
MAX_FOOTPRINT_CROSSINGS = 500
"""Of the lines of a footprint, which many searches compare."""
MAX_INTEGER = (1 << 63) - 1
EARLIEST, LATEST = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)


def check_collection(collection: Collection) -> None:
    """See that a collection can be stored. Raises `InvalidRequest`."""
    _check(collection, _collection_faults(collection))


def check_item(item: Item) -> None:
    """See that an item can be stored. Raises `InvalidRequest`."""
    _check(item, _item_faults(item))
    if item.geometry is not None:
        read_geometry(item.geometry, MAX_FOOTPRINT_CROSSINGS)


def check_name(name: str, kind: str) -> None:
    """See that a name can be one of a collection or an item. Raises `InvalidRequest`."""
    for fault in _name_faults(name, kind):
        raise InvalidRequest(fault)


def is_possible_id(id: str) -> bool:
    """Whether a database can be asked for it; none of the others is that of an item."""
    return "\0" not in id and len(id) <= MAX_NAME and not any("\ud800" <= each <= "\udfff" for each in id)


def _check(value: Collection | Item, faults: Iterator[str]) -> None:
    for fault in faults:
        raise InvalidRequest(fault)
    for each in fields(value):
        for fault in _value_faults(each.name, getattr(value, each.name)):
            raise InvalidRequest(fault)


def _collection_faults(collection: Collection) -> Iterator[str]:
    yield from _name_faults(collection.name, "collection")
    if collection.rule not in RULES:
        yield f"the rule {collection.rule!r} is not one of {', '.join(RULES)}"
    if collection.order not in ORDERS:
        yield f"the order {collection.order!r} is not one of {', '.join(ORDERS)}"


def _name_faults(name: str, kind: str) -> Iterator[str]:
    if not name or name in (".", "..") or len(name) > MAX_NAME:
        yield f"the id of a {kind} has 1 to {MAX_NAME} characters and is neither . nor .."
    if "/" in name:
        yield f"the id of a {kind} contains no slash, which {name!r} does"
    if any(ord(character) < 32 or ord(character) == 127 for character in name):
        yield f"the id of a {kind} contains no control characters, which {name!r} does"


def _item_faults(item: Item) -> Iterator[str]:
    yield from _name_faults(item.id, "item")
    yield from _bounds_faults(item)
    if (item.start is None) != (item.end is None):
        yield "an item has both start_datetime and end_datetime, or neither"
    elif item.start and item.end and item.start > item.end:
        yield "start_datetime is later than end_datetime"


def _bounds_faults(item: Item) -> Iterator[str]:
    if len(item.bounds) > 2:
        yield "an item has one box, or two if it crosses 180 degrees"
    elif len(item.bounds) == 2 and not (item.bounds[0].max_x == 180 and item.bounds[1].min_x == -180):
        yield "of the two boxes of an item, the first ends at 180 degrees and the second begins at -180"
    if bool(item.bounds) != (item.geometry is not None):
        yield "an item has a geometry and a box, or neither"
    if not all(_is_place(box) for box in item.bounds):
        yield "the box of an item is in degrees, west before east within 180, south before north within 90"


def _is_place(box: Bounds) -> bool:
    return -180 <= box.min_x <= box.max_x <= 180 and -90 <= box.min_y <= box.max_y <= 90


def _value_faults(name: str, value: Any) -> Iterator[str]:
    """Of the value of a field: texts without the character 0, finite numbers, times in UTC, JSON that can be written."""
    if isinstance(value, datetime):
        if value.utcoffset() is None or not EARLIEST <= value <= LATEST:
            yield f"{name} is a time with a time zone, of the years 1 to 9999"
    elif isinstance(value, int):
        if abs(value) > MAX_INTEGER:
            yield f"{name} is too large"
    elif isinstance(value, float):
        if not (math.isfinite(value) or name == "nodata"):
            yield f"{name} is not a finite number"
    elif name not in ("bounds", "summary", "created", "updated") and value is not None:
        yield from _json_faults(name, value)


def _json_faults(name: str, value: Any) -> Iterator[str]:
    try:
        text = to_json(plain(value))
        text.encode()
    except (ValueError, TypeError, RecursionError):
        yield f"{name} has a number or a text that JSON cannot have, or is nested too deeply"
        return
    if "\\u0000" in text.replace("\\\\", ""):
        yield f"{name} contains the character 0"
    if len(text) > MAX_JSON:
        yield f"{name} is longer than {MAX_JSON} characters"
