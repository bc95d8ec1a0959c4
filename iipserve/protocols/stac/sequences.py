"""All items of a search as one sequence, which is read from the store while it is sent: memory does not grow with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain

from iipserve.collections.store import Store
from iipserve.collections.values import Item, ItemSearch
from iipserve.protocols.stac.item_exchange import line_of
from iipserve.protocols.stac.queries import Search
from iipserve.protocols.stac.site import GEOJSON_SEQUENCE

PART = 500
"""Items that are read at once."""
CHUNK = 50
"""Items that are sent at once."""
BEGIN = b"\x1e"
"""Begins each text of a sequence (RFC 7464, section 2.2)."""


def all_items(store: Store, search: Search) -> Iterator[Item]:
    """Items of a collection in the order in which they were added, or those that a search finds, in its order.

    The first ones are read at once, so that what is wrong is known before the answer begins.

    Raises:
        NotFound, InvalidRequest, StoreUnavailable: as `Store.search`.
    """
    asked = search.items
    (collection,) = asked.collections
    if asked == ItemSearch(collections=asked.collections, limit=asked.limit, count=asked.count):
        items = store.items(collection)
    else:
        items = _pages(store, replace(asked, limit=PART, count=False))
    first = next(items, None)
    return iter(()) if first is None else chain((first,), items)


def _pages(store: Store, search: ItemSearch) -> Iterator[Item]:
    while True:
        page = store.search(search)
        yield from page.items
        if page.next_token is None:
            return
        search = replace(search, token=page.next_token)


def sequence(items: Iterable[Item], media_type: str) -> Iterator[bytes]:
    """The items as texts of a sequence, in chunks."""
    begin = BEGIN if media_type == GEOJSON_SEQUENCE else b""
    lines: list[bytes] = []
    for item in items:
        lines += (begin, line_of(item))
        if len(lines) >= 2 * CHUNK:
            yield b"".join(lines)
            lines = []
    yield b"".join(lines)
