"""What people have said of items otherwise than their files do: it stays when a file is read again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from iipserve.collections.values import Item, Json

EDITED = "iipserve:edited"
"""Property that lists what clients have said: `DATETIME`, `GEOMETRY`, names of `FILE_PROPERTIES`."""
DATETIME, GEOMETRY = "datetime", "geometry"
FILE_PROPERTIES = ("eo:cloud_cover", "platform")
"""Properties that files may state, and clients too."""
ORIGIN = "iipserve:datetime_from"
"""Property that says where the time of an item is from."""
CLIENT, GIVEN = "client", "given"
"""Values of it: a client has said so; it was stated for all images that were added."""
STATED = (GIVEN, "pattern", "field")
"""Values of it where whoever adds images says what their time is, or where to find it."""


def edited_of(item: Item) -> frozenset[str]:
    """What clients have said of an item."""
    stated = item.properties.get(EDITED)
    return (
        frozenset(each for each in stated if isinstance(each, str))
        if isinstance(stated, list)
        else frozenset()
    )


def marked(item: Item, base: Item, edited: Iterable[str] = (), unsaid: Iterable[str] = ()) -> Item:
    """An item that a client describes, with the property that lists what of it stays.

    Args:
        item: as the client describes it.
        base: as its file does, or as it was before.
        edited: what clients have said of it before.
        unsaid: what this one says nothing of: it is that of the file when that is read again.
    """
    found = set(edited)
    if _times(item) != _times(base):
        found.add(DATETIME)
    if item.geometry != base.geometry:
        found.add(GEOMETRY)
    found |= {name for name in FILE_PROPERTIES if item.properties.get(name) != base.properties.get(name)}
    found -= set(unsaid)
    origin = base.properties.get(ORIGIN)
    if DATETIME in found:
        origin = CLIENT
    elif origin == CLIENT:
        origin = None
    own = {EDITED: sorted(found) if found else None, ORIGIN: origin}
    properties = {**item.properties, **own}
    return replace(
        item,
        properties={
            name: value for name, value in properties.items() if name not in own or value is not None
        },
    )


def with_edits(item: Item, before: Item | None) -> Item:
    """An item whose file was read again, with what people have said of it; of its footprint, while the file states the place that it did.

    Args:
        item: as its file describes it.
        before: as it was; None: it is new.
    """
    if before is None:
        return item
    edited, properties = edited_of(before), {**before.properties, **item.properties}
    if GEOMETRY in edited and item.crs and _place(item) != _place(before):
        edited -= {GEOMETRY}
        if edited:
            properties[EDITED] = sorted(edited)
        else:
            del properties[EDITED]
    for name in edited.intersection(FILE_PROPERTIES):
        _take(properties, before.properties, name)
    given = before.properties.get(ORIGIN) == GIVEN and item.properties.get(ORIGIN) not in STATED
    if DATETIME in edited or given:
        _take(properties, before.properties, ORIGIN)
        item = replace(item, datetime=before.datetime, start=before.start, end=before.end)
    if GEOMETRY in edited:
        item = replace(item, geometry=before.geometry, bounds=before.bounds)
    bands = item.bands
    if len(bands) == len(before.bands):
        bands = tuple({**old, **new} for old, new in zip(before.bands, bands, strict=True))
    return replace(item, properties=properties, members=before.members, bands=bands)


def _place(item: Item) -> tuple[object, ...]:
    """Where the file says that its image is; it is a plain picture without a coordinate reference system."""
    return item.crs, item.transform, item.width, item.height


def _times(item: Item) -> tuple[object, ...]:
    return item.datetime, item.start, item.end


def _take(properties: dict[str, Any], others: Json, name: str) -> None:
    """Give a property the value that it has in others; none where it has none."""
    properties.pop(name, None)
    if name in others:
        properties[name] = others[name]
