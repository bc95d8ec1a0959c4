"""All items of a search as one sequence, which is read from the store while it is sent: memory does not grow with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain

from iipserve.collections.store import Store
from iipserve.collections.values import Item, ItemSearch
from iipserve.protocols.stac import geoparquet
from iipserve.protocols.stac.item_exchange import line_of, to_stac
from iipserve.protocols.stac.queries import Search
from iipserve.protocols.stac.site import GEOJSON_SEQUENCE, PARQUET

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


def exported(items: Iterable[Item], media_type: str, *, whole: bool) -> Iterator[bytes]:
    """The items as a file, in chunks.

    Args:
        items: of a search.
        media_type: one of `site.EXPORTS`.
        whole: with what is known of files that cannot be fetched.

    Raises:
        NotInstalled: GeoParquet needs a package that is not.
    """
    if media_type == PARQUET:
        geoparquet.require()
        return geoparquet.parquet(to_stac(item, whole=whole) for item in items)
    return _sequence(items, media_type, whole=whole)


def _sequence(items: Iterable[Item], media_type: str, *, whole: bool) -> Iterator[bytes]:
    """The items as texts of a sequence."""
    begin = BEGIN if media_type == GEOJSON_SEQUENCE else b""
    lines: list[bytes] = []
    for item in items:
        lines += (begin, line_of(item, whole=whole))
        if len(lines) >= 2 * CHUNK:
            yield b"".join(lines)
            lines = []
    yield b"".join(lines)
