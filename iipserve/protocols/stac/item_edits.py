"""What clients say of items: objects of STAC, references to files, and changes of what is there."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from iipserve.collections.access import Access
from iipserve.collections.edits import DATETIME, EDITED, GEOMETRY, ORIGIN, edited_of, marked
from iipserve.collections.edits import FILE_PROPERTIES as STATED_BY_FILES
from iipserve.collections.footprints import Footprint, stated_footprint
from iipserve.collections.identifiers import checked
from iipserve.collections.times import parse_instant
from iipserve.collections.values import Item
from iipserve.errors import InvalidRequest
from iipserve.protocols.stac.bodies import Json
from iipserve.protocols.stac.references import (
    LocalFile,
    foreign_assets,
    foreign_links,
    kept_members,
    local_file,
)

DERIVED_MEMBERS = frozenset((
    "type", "stac_version", "id", "collection", "geometry", "bbox", "properties", "assets", "links",
))  # fmt: skip
"""Members of STAC items that are fields of `Item`, or follow from them."""
TIMES = ("datetime", "start_datetime", "end_datetime")
STORED_PROPERTIES = frozenset((*TIMES, "created", "updated", "iipserve:status", EDITED, ORIGIN))
"""Properties that the store or the file gives; what clients say of them is not kept."""
FILE_PROPERTIES = frozenset(("gsd", "bands", "raster:bands", "eo:bands"))
"""Properties that follow from the file of an item that has one, as do those of `PLACE`."""
PLACE = "proj:"
"""Begins the names of properties of the projection extension."""


@dataclass(frozen=True, slots=True)
class ItemEdit:
    """What is said of an item; the rest is what its file says."""

    id: str
    """Empty: the name of the file."""
    file: LocalFile | None = None
    """The file; None: the one that the item has, or none."""
    footprint: Footprint | None = None
    """None: that of the file."""
    times: tuple[datetime | None, datetime | None, datetime | None] | None = None
    """Time, start and end; None: not stated."""
    properties: Json = field(default_factory=dict)
    members: Json = field(default_factory=dict)

    def item(self, collection: str, access: Access, current: Item | None = None) -> Item:
        """The item as it is to be stored.

        Args:
            collection: its name.
            access: reads files.
            current: the item that is replaced.

        Raises:
            InvalidRequest: it has no time.
            ImageNotFound, UnsupportedImage, DecodeError, ImageUnavailable, Forbidden: its file cannot be read, or may not.
        """
        item = base = self._base(collection, access, current)
        has_file = bool(item.href)
        item = replace(
            item,
            id=self.id or item.id,
            properties=self._properties(item, current, has_file=has_file),
            members=self.members,
        )
        if self.footprint is not None and not _is_same(self.footprint, base):
            item = replace(item, geometry=self.footprint.geometry, bounds=self.footprint.bounds)
        elif self.footprint is None and not has_file:
            item = replace(item, geometry=None, bounds=())
        if self.times is not None:
            time, start, end = self.times
            item = replace(item, datetime=time, start=start, end=end)
        if not has_file and item.earliest is None:
            raise InvalidRequest(
                "the item has no properties.datetime, and no start_datetime and end_datetime"
            )
        return marked(item, base, edited_of(base), self._unsaid()) if has_file else item

    def _unsaid(self) -> set[str]:
        """What is not stated, or is null, of what files say too."""
        found = {name for name in STATED_BY_FILES if self.properties.get(name) is None}
        found |= {DATETIME} if self.times is None else set()
        return found | ({GEOMETRY} if self.footprint is None else set())

    def _base(self, collection: str, access: Access, current: Item | None) -> Item:
        """What its file says."""
        if self.file is not None and not (current and self.file.names(current)):
            return access.read_item(collection, self.file.href)
        if current is not None:
            return current
        return Item(collection=collection, id=self.id, href="")

    def _properties(self, item: Item, current: Item | None, *, has_file: bool) -> Json:
        kept = {
            name: value
            for name, value in self.properties.items()
            if not (has_file and (name in FILE_PROPERTIES or name.startswith(PLACE)))
        }
        # a new item has what its file says of itself, unless the client says something else
        return kept if current is not None else {**item.properties, **kept}


def _is_same(footprint: Footprint, item: Item) -> bool:
    """Whether a footprint is that of an item, as clients get it and send it back."""
    if item.geometry is None or item.bbox is None:
        return False
    return stated_footprint(item.geometry, list(item.bbox)).geometry == footprint.geometry


def item_edit(value: Any, *, collection: str, id: str = "", root: str = "") -> ItemEdit:
    """What an object says of an item.

    Args:
        value: an item of STAC, an object with `href`, or a text that is one.
        collection: for which it is.
        id: that it must have, of the address; empty: it states one.
        root: address of this server, below which nothing is foreign.

    Raises:
        InvalidRequest: it is none, or contradicts the address.
    """
    if isinstance(value, str):
        return ItemEdit(id, LocalFile(value))
    if not isinstance(value, dict):
        raise InvalidRequest("an item is an object of STAC, or has the href of an image")
    if value.get("type") is None and "href" in value:
        return _of_reference(value)
    if value.get("type") != "Feature":
        raise InvalidRequest(f"the type of an item is {value.get('type')!r:.80}; 'Feature' is needed")
    stated = value.get("id") if value.get("id") is not None or not id else id
    if id and stated != id:
        raise InvalidRequest(f"the item has the id {stated!r:.300}; it is {id!r} by its address")
    if (named := value.get("collection")) is not None and named != collection:
        raise InvalidRequest(
            f"the item has the collection {named!r:.300}; it is {collection!r} by its address"
        )
    return _of_feature(value, checked(stated), root)


def _of_reference(value: Json) -> ItemEdit:
    href, id = value["href"], value.get("id")
    if not isinstance(href, str):
        raise InvalidRequest("href is no text; a reference to the file of an image is needed")
    if unknown := value.keys() - {"href", "id", "properties"}:
        raise InvalidRequest(f"{min(unknown)!r:.80} is not known next to href; id and properties are")
    properties = _object(value, "properties")
    return ItemEdit(
        "" if id is None else checked(id),
        LocalFile(href),
        times=_times(properties),
        properties=_own(properties),
    )


def _of_feature(value: Json, id: str, root: str) -> ItemEdit:
    properties, assets = _object(value, "properties"), _object(value, "assets")
    geometry = value.get("geometry")
    footprint = None if geometry is None else stated_footprint(geometry, value.get("bbox"))
    members = kept_members(value, DERIVED_MEMBERS)
    if foreign := foreign_assets(assets, root):
        members["assets"] = foreign
    if links := foreign_links(value.get("links", []), root):
        members["links"] = links
    return ItemEdit(
        id,
        local_file(assets, root),
        footprint,
        _times(properties),
        _own(properties),
        members,
    )


def _object(value: Json, name: str) -> Json:
    found = value.get(name)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise InvalidRequest(f"{name} of an item is no object")
    return found


def _own(properties: Json) -> Json:
    return {name: value for name, value in properties.items() if name not in STORED_PROPERTIES}


def _times(properties: Json) -> tuple[datetime | None, datetime | None, datetime | None] | None:
    """Time, start and end; None where none is stated. Raises `InvalidRequest`."""
    if not any(properties.get(name) is not None for name in TIMES):
        return None
    time, start, end = (_time(properties.get(name), name) for name in TIMES)
    if (start is None) != (end is None):
        raise InvalidRequest("properties has one of start_datetime and end_datetime; both or none are needed")
    if start is not None and end is not None and end < start:
        raise InvalidRequest("end_datetime is before start_datetime")
    return time, start, end


def _time(value: Any, name: str) -> datetime | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidRequest(f"{name} is no text; a time of RFC 3339 is needed")
    return parse_instant(value)
