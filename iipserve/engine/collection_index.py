"""One version of a collection as the index of a layer: implements `geo.image_index.ImageIndex`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from iipserve.collections.store import Store
from iipserve.collections.values import Collection, Interval, Item, ItemSearch, SortKey
from iipserve.engine.mosaic_headers import Header
from iipserve.errors import StoreUnavailable
from iipserve.geo.georeference import GeoImage
from iipserve.geo.grid import Bounds
from iipserve.geo.image_index import ALL, COARSEST, IndexedImage, Selection, Span, TimeRule
from iipserve.geo.time_extents import span_text
from iipserve.image import ImageInfo, ImageName
from iipserve.leader import hand_over

MAX_ORDERED = 1000
"""Images among which those that are nearest to the center of a map are found."""
NEWEST, FINEST, NUMBER, CENTER = "newest", "finest", "number", "center"


class KnownTimes:
    """The times of a version of a collection, read once."""

    def __init__(self, known: tuple[Span, ...] | None = None) -> None:
        self.known = known


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionIndex:
    """See `geo.image_index.ImageIndex`. Compared by name, version and selection."""

    name: str
    version: int
    selection: Selection = ALL
    only: str = ""
    """The one item that is meant at all; empty: any."""
    collection: Collection = field(repr=False, compare=False)
    header: Header = field(repr=False, compare=False)
    store: Callable[[], Store | None] = field(repr=False, compare=False)
    overview: ImageName | None = field(default=None, repr=False, compare=False)
    expression: Any = field(default=None, repr=False, compare=False)
    """Of `collections.filters`: the filter of the selection."""
    known_times: KnownTimes = field(default_factory=KnownTimes, repr=False, compare=False)

    @property
    def info(self) -> ImageInfo:
        """See `ImageIndex`."""
        return self.header.info

    @property
    def geo(self) -> GeoImage:
        """See `ImageIndex`."""
        return self.header.geo

    @property
    def order(self) -> str:
        """See `ImageIndex`."""
        return self.selection.order or self.collection.order

    @property
    def rule(self) -> str:
        """See `ImageIndex`."""
        return self.collection.rule

    @property
    def time_rule(self) -> TimeRule:
        """See `ImageIndex`."""
        return TimeRule(*self.collection.times)

    def selected(self, selection: Selection) -> CollectionIndex:
        """See `ImageIndex`."""
        return replace(self, selection=selection, expression=_expression(selection, self.only))

    def times(self) -> tuple[Span, ...]:
        """See `ImageIndex`."""
        known = self.known_times.known
        if known is None:
            hand_over()
            known = self.known_times.known = tuple(Span(*each) for each in self._opened().times(self.name))
        return known

    def changed(self) -> datetime | None:
        """See `ImageIndex`."""
        hand_over()
        search = ItemSearch(collections=(self.name,), sort=(SortKey("updated", descending=True),), limit=1)
        return next((item.updated for item in self._opened().search(search).items), None)

    def matching(self, box: Bounds, pixel_size: float, limit: int) -> tuple[IndexedImage, ...]:
        """See `ImageIndex`."""
        hand_over()
        order = self.order
        is_by_center = order == CENTER
        found: dict[str, Item] = {}
        for span in self.selection.spans or (None,):
            items = self._opened().matching(
                self.name,
                box,
                pixel_size,
                None if span is None else Interval(*span),
                self.expression,
                NEWEST if is_by_center else order,
                MAX_ORDERED if is_by_center else limit,
            )
            found |= {item.id: item for item in items}
        chosen = list(found.values())
        if is_by_center or len(self.selection.spans) > 1:
            chosen = sorted(chosen, key=_key_of(order, box))
        return tuple(_indexed(item) for item in chosen[:limit])

    def _opened(self) -> Store:
        store = self.store()
        if store is None:
            raise StoreUnavailable("collections are not available at present")
        return store


def _expression(selection: Selection, only: str) -> Any:
    """What `collections.filters` makes of a filter and of ids; None without both. Raises `InvalidRequest`."""
    if not (selection.filter or selection.ids or only):
        return None
    from iipserve.collections.expressions import all_of
    from iipserve.collections.filters import JSON, parse_filter

    ids = {"op": "in", "args": [{"property": "id"}, list(selection.ids)]}
    return all_of(
        parse_filter(ids, JSON) if selection.ids else None,
        parse_filter({"op": "=", "args": [{"property": "id"}, only]}, JSON) if only else None,
        parse_filter(selection.filter, selection.filter_lang) if selection.filter else None,
    )


def _indexed(item: Item) -> IndexedImage:
    times = Span(item.earliest, item.latest)
    bounds = item.bbox or Bounds(-180.0, -90.0, 180.0, 90.0)
    return IndexedImage(
        ImageName(item.href), bounds, (), item.id, "" if times == Span(None, None) else span_text(times)
    )


def _key_of(order: str, box: Bounds) -> Callable[[Item], Any]:
    """The key by which items are sorted, the uppermost first."""
    if order == NEWEST:
        return lambda item: (-(item.latest.timestamp() if item.latest else -math.inf), -item.sequence)
    if order == COARSEST:
        return lambda item: (-(item.gsd_max or 0.0), -item.sequence)
    if order == FINEST:
        return lambda item: (item.gsd_min or math.inf, -item.sequence)
    if order == NUMBER:
        return lambda item: -item.sequence
    x, y = _center(box)
    across = max(0.01, math.cos(math.radians(max(-90.0, min(90.0, y)))))

    def distance(item: Item) -> tuple[float, int]:
        bounds = item.bbox
        if bounds is None:
            return math.inf, -item.sequence
        other_x, other_y = _center(bounds)
        east = (other_x - x + 180.0) % 360.0 - 180.0
        return math.hypot(east * across, other_y - y), -item.sequence

    return distance


def _center(box: Bounds) -> tuple[float, float]:
    east = box.max_x + 360.0 if box.max_x < box.min_x else box.max_x
    return (box.min_x + east) / 2, (box.min_y + box.max_y) / 2
