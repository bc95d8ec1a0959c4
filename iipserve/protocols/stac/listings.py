"""Lists of resources: the items that a search finds, and the collections."""

from __future__ import annotations

from collections.abc import Iterable

from iipserve.collections.values import Collection, Page
from iipserve.protocols.resource_links import JSON, Json, link
from iipserve.protocols.stac.objects import collection_document, item_document
from iipserve.protocols.stac.queries import Search
from iipserve.protocols.stac.site import GEOJSON, Site


def features_document(
    page: Page, search: Search, site: Site, collection: str = "", *, downloadable: bool
) -> Json:
    """The items of a page (STAC API 1.0.0, item-search; OGC API Features, 17-069r4, section 7.15).

    Args:
        page: of items.
        search: that found them.
        site: addresses.
        collection: whose items these are; empty for those of all.
        downloadable: files of images may be fetched.
    """
    links = [
        link(search.further.href, "self", GEOJSON, "This document"),
        *site.root_links,
    ]
    if collection:
        links.append(link(site.collection(collection), "collection", JSON, "The collection"))
        links.append(link(site.collection(collection), "parent", JSON, "The collection"))
    tokens = {"prev": page.previous_token, "next": page.next_token}
    links += [search.further.link(rel, token) for rel, token in tokens.items() if token is not None]
    features = (item_document(item, site, downloadable=downloadable) for item in page.items)
    fields = search.fields
    found: Json = {
        "type": "FeatureCollection",
        "features": [fields.select(each) for each in features] if fields else list(features),
        "links": links,
        "numberReturned": len(page.items),
    }
    if page.matched is not None:
        found["numberMatched"] = page.matched
    return found


def collections_document(collections: Iterable[Collection], site: Site, *, downloadable: bool) -> Json:
    """All collections (STAC API 1.0.0, collections)."""
    found = [collection_document(each, site, downloadable=downloadable) for each in collections]
    return {
        "collections": found,
        "links": site.own_links("collections"),
        "numberReturned": len(found),
        "numberMatched": len(found),
    }
