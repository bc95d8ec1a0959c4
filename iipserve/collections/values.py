"""Collections of images and what a store knows of each image: frozen values, without SQL or any protocol."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from iipserve.geo.grid import Affine, Bounds

Json: TypeAlias = Mapping[str, Any]
"""A JSON object: texts, finite numbers, true, false, null, lists and objects."""

WORLD_WEST, WORLD_EAST = -180.0, 180.0

RULES = ("first", "mean", "min", "max")
"""How pixels of several images become one: `Collection.rule`."""
ORDERS = ("newest", "finest", "number", "center")
"""Which image is uppermost: `Collection.order`. `number` is the order in which images were added, the last uppermost."""

OK = "ok"
"""Status of an item whose file was as the item says when it was read last."""
MISSING = "missing"
"""Status of an item whose file is not there."""
BROKEN = "broken: "
"""Status of an item whose file cannot be read begins with it; the reason follows."""


class Interval(NamedTuple):
    """From an instant to another one, both included. Instants have a time zone; None is open."""

    start: dt.datetime | None
    end: dt.datetime | None


class TimePolicy(NamedTuple):
    """Which images a map of a time shows, if none is of exactly that time."""

    match: str = "exact"
    """`exact`, `nearest`, or `before`: the last one that is not later."""
    tolerance: float | None = None
    """Seconds between the time asked for and that of the nearest image, at most; None: any."""
    default: str = "all"
    """Of requests without a time: `all`, `newest`, or an instant or interval of RFC 3339."""


DEFAULT_TIMES = TimePolicy()


@dataclass(frozen=True, slots=True)
class Summary:
    """What follows from the items of a collection; the store keeps it."""

    count: int = 0
    bytes: int = 0
    """Of all files."""
    bounds: tuple[Bounds, ...] = ()
    """In degrees (CRS84): one box, two if it crosses 180 degrees as those of items do, none if no item has a place."""
    interval: Interval | None = None
    """Of all items with a time."""
    gsd_min: float | None = None
    """Finest pixel size in metres."""
    gsd_max: float | None = None
    """Coarsest pixel size in metres."""
    crs: tuple[str, ...] = ()
    """Reference systems of the items, as `Item.crs` has them, the most frequent first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """A collection of images that is managed, searched and shown as one: a mosaic dataset."""

    name: str
    """Its identifier, unique in the store."""
    title: str = ""
    """Empty: the name."""
    description: str = ""
    keywords: tuple[str, ...] = ()
    license: str = ""
    """An SPDX identifier, `other`, or empty where nothing is known."""
    style: Json = field(default_factory=dict)
    """How it is displayed: the keys of a style of the service file."""
    rule: str = "first"
    """One of `RULES`."""
    order: str = "newest"
    """One of `ORDERS`."""
    times: TimePolicy = DEFAULT_TIMES
    members: Json = field(default_factory=dict)
    """Further members of the STAC collection, as a client gave them: `providers`, `links`, `summaries` ..."""
    version: int = 0
    """Grows by at least one with every change of the collection or of its items; never the same again after a deletion."""
    created: dt.datetime | None = None
    """Set by the store, as is `updated`."""
    updated: dt.datetime | None = None
    summary: Summary = Summary()
    """Set by the store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One image of a collection. Sizes are in pixels, places in degrees (CRS84: longitude before latitude)."""

    collection: str
    id: str
    """Unique in its collection; the name of the file unless stated. Any characters but `/`."""
    sequence: int = 0
    """Number of the item in the store, growing in the order of adding; 0 until the store sets it."""
    href: str
    """Identifier of the image below FILESYSTEM_PREFIX, or below a named root; empty for an item without a file."""
    size: int = 0
    """Length of the file in bytes."""
    mtime_ns: int = 0
    """Time of the file's last modification, in nanoseconds since 1970."""
    checksum: str = ""
    """A multihash in hexadecimal digits (STAC file extension); empty where it has not been computed."""
    driver: str = ""
    """Name of the source format."""
    width: int = 0
    height: int = 0
    bands: tuple[Json, ...] = ()
    """One object of STAC 1.1 `bands` for each band, opacity left out."""
    dtype: str = ""
    """Of samples, by its numpy name."""
    nodata: float | None = None
    """Sample that stands for no data; may be NaN."""
    crs: str = ""
    """Key of the coordinate reference system (`geo.crs`); empty for a plain picture."""
    transform: Affine | None = None
    """From pixels of the full size to `crs`; None where it is not affine."""
    geometry: Json | None = None
    """Footprint of the valid pixels, GeoJSON split at 180 degrees; None for a plain picture."""
    bounds: tuple[Bounds, ...] = ()
    """Of `geometry`: one box; two if it crosses 180 degrees, the first one ending at 180, the second beginning at -180, both
    with the same latitudes; none for a plain picture."""
    gsd_min: float | None = None
    """Pixel size of the finest level, in metres."""
    gsd_max: float | None = None
    """Pixel size of the coarsest level, in metres."""
    visible_min: float = 0.0
    """Pixel sizes of maps, in metres, from which and up to which it is shown."""
    visible_max: float | None = None
    """None: however large pixels of the map are."""
    datetime: dt.datetime | None = None
    """In UTC, as are `start` and `end`."""
    start: dt.datetime | None = None
    """With `end`: the period it was taken in. Both or neither are given."""
    end: dt.datetime | None = None
    properties: Json = field(default_factory=dict)
    """Further properties of the STAC item: all but those that follow from other fields."""
    members: Json = field(default_factory=dict)
    """Further members of the STAC item, as a client gave them: `assets`, `links`, `stac_extensions` ..."""
    status: str = OK
    """`OK`, `MISSING`, or `BROKEN` and why."""
    revision: int = 0
    """Version of the collection when the item was last changed: its entity tag. Set by the store."""
    created: dt.datetime | None = None
    """When it was added. Set by the store, as is `updated`."""
    updated: dt.datetime | None = None

    @property
    def is_ok(self) -> bool:
        """Its file can be shown, as far as is known."""
        return self.status == OK

    @property
    def bbox(self) -> Bounds | None:
        """Its box by the rule of GeoJSON (RFC 7946, section 5.2): west is greater than east if it crosses 180 degrees."""
        return enclosing_box(self.bounds)

    @property
    def earliest(self) -> dt.datetime | None:
        """From when on it was taken: its start, or its time."""
        return self.start or self.datetime

    @property
    def latest(self) -> dt.datetime | None:
        """Until when it was taken: its end, or its time."""
        return self.end or self.datetime


class SortKey(NamedTuple):
    """One key of an order of items."""

    name: str
    """A queryable, as filters name it: `id`, `datetime`, `gsd`, `eo:cloud_cover` ..."""
    descending: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemSearch:
    """What is searched for: items that meet all of it."""

    collections: tuple[str, ...] = ()
    """None: all of the store."""
    ids: tuple[str, ...] = ()
    """None: any."""
    boxes: tuple[Bounds, ...] = ()
    """Items whose footprint meets one of them, in degrees; two stand for a box over 180 degrees. None: anywhere."""
    intersects: Json | None = None
    """GeoJSON geometry that the footprint meets."""
    interval: Interval | None = None
    """Items some of whose time is in it; those without a time are not."""
    filter: Any = None
    """Expression of `collections.filters`; None: no condition."""
    sort: tuple[SortKey, ...] = ()
    """None: the newest first. The store adds what makes the order total."""
    limit: int = 10
    """Items of one page."""
    token: str = ""
    """Of `Page.next_token`, where the page begins; empty: the first page."""
    count: bool = False
    """Count all items that match."""


class Page(NamedTuple):
    """Some of the items that a search finds, in its order."""

    items: tuple[Item, ...]
    next_token: str | None
    """Of the next page; None: this is the last one."""
    matched: int | None = None
    """How many items match on all pages; None: not counted."""
    previous_token: str | None = None
    """Of the page before; None: this is the first one."""


class ItemResult(NamedTuple):
    """What became of one item of several that were added at once."""

    id: str
    status: str
    """`CREATED`, `REPLACED` or `REFUSED`."""
    error: str = ""
    """Why it was refused: a message for clients."""
    conflicts: bool = False
    """It was refused because the collection has an item of that id."""
    is_outdated: bool = False
    """It was refused because that item is not as it was expected to be."""


CREATED, REPLACED, REFUSED = "created", "replaced", "refused"


def enclosing_box(bounds: tuple[Bounds, ...]) -> Bounds | None:
    """One box for one or two, whose west is greater than its east if there are two; None for none."""
    if len(bounds) < 2:
        return bounds[0] if bounds else None
    west, east = bounds
    return Bounds(west.min_x, min(west.min_y, east.min_y), east.max_x, max(west.max_y, east.max_y))


def split_box(box: Bounds | None) -> tuple[Bounds, ...]:
    """The boxes of `Item.bounds` for one whose west may be greater than its east; none for None."""
    if box is None:
        return ()
    if box.min_x <= box.max_x:
        return (box,)
    return box._replace(max_x=WORLD_EAST), box._replace(min_x=WORLD_WEST)
