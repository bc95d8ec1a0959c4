"""Links from a collection to the services that show it as one layer (web map links extension)."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from iipserve.collections.values import Collection
from iipserve.geo.collection_settings import REST, WMS, WMTS
from iipserve.protocols.resource_links import JSON, Json, link
from iipserve.protocols.stac.site import Site

WEB_MAP_LINKS = "https://stac-extensions.github.io/web-map-links/v1.2.0/schema.json"
PREVIEW_WIDTH = 512
"""Pixels of the picture of a collection."""


def map_links(collection: Collection, site: Site) -> Iterator[Json]:
    """The links; none of a collection that no map shows, as none of its images has a place."""
    if not collection.summary.bounds:
        return
    root, name = site.server_root, quote(collection.name, safe="")
    if REST in site.services:
        preview = f"{root}ogc/collections/{name}/map?width={PREVIEW_WIDTH}&f=png"
        yield link(preview, "preview", "image/png", "A map of all images")
        yield link(f"{root}xyz/{name}/tiles.json", "tilejson", JSON, "Tiles by zoom, as TileJSON")
        yield link(
            f"{root}xyz/{name}/{{z}}/{{x}}/{{y}}.png", "xyz", "image/png", "Tiles by zoom", templated=True
        )
    if WMTS in site.services:
        found = link(f"{root}wmts", "wmts", "image/png", "WMTS")
        yield {**found, "wmts:layer": [collection.name]}
    if WMS in site.services:
        found = link(f"{root}wms", "wms", "image/png", "WMS")
        yield {**found, "wms:layers": [collection.name]}
