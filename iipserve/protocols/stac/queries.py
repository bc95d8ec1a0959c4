"""Requests of the STAC API as values."""

from __future__ import annotations

import enum
from typing import NamedTuple
from urllib.parse import quote

from iipserve.collections.sorting import Fields
from iipserve.collections.values import ItemSearch
from iipserve.image import ImageName
from iipserve.protocols.resource_links import Json, link
from iipserve.protocols.stac.site import GEOJSON, Site

TITLES = {"next": "Next page", "prev": "Previous page"}
"""Of links to other pages."""


class Resource(enum.Enum):
    """What a path names."""

    LANDING = "landing page"
    CONFORMANCE = "conformance classes"
    API = "definition of the API"
    QUERYABLES = "queryables"
    COLLECTIONS = "collections"
    COLLECTION = "collection"
    ITEMS = "items"
    ITEM = "item"
    SEARCH = "search"
    JOBS = "jobs"
    JOB = "job"


class Further(NamedTuple):
    """How a client asks for another page of a search."""

    href: str
    """Without the token."""
    body: Json | None = None
    """Of a POST; None for GET."""

    def link(self, rel: str, token: str) -> Json:
        """The link to the next or the previous page (STAC API 1.0.0, item-search, paging)."""
        title = TITLES[rel]
        if self.body is None:
            joint = "&" if "?" in self.href else "?"
            href = f"{self.href}{joint}token={quote(token, safe='')}"
            return {**link(href, rel, GEOJSON, title), "method": "GET"}
        whole = {**self.body, "token": token}
        return {
            **link(self.href, rel, GEOJSON, title),
            "method": "POST",
            "body": whole,
            "merge": False,
        }


class Search(NamedTuple):
    """A search for items, and how its answer is written."""

    items: ItemSearch
    fields: Fields | None
    """None: all."""
    further: Further


class ResourceQuery(NamedTuple):
    """A resource that is read."""

    resource: Resource
    site: Site
    collection: str = ""
    item: str = ""
    """Id of an item, or of a job."""
    search: Search | None = None
    names: tuple[ImageName, ...] = ()
    exports_whole: bool = False
    """Files of items have what is known of files that clients may not fetch."""
