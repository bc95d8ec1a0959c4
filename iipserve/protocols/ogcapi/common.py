"""OGC API - Common: landing page and conformance (19-072), collections (20-024)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

from iipserve.geo.collection_settings import REST
from iipserve.geo.crs import CRS84_URI
from iipserve.geo.layer import Catalog, LayerEntry, ServiceMetadata
from iipserve.protocols.map_tiles import lon_lat
from iipserve.protocols.ogcapi import coverage_documents, maps, tiles
from iipserve.protocols.ogcapi.addresses import REL, own_links
from iipserve.protocols.ogcapi.requests import OPENAPI, CollectionsQuery
from iipserve.protocols.ogcapi.times import time_interval
from iipserve.protocols.resource_links import HTML, Addresses, Json, link

COMMON = "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/"
COLLECTIONS = "http://www.opengis.net/spec/ogcapi-common-2/1.0/conf/"
CONFORMANCE = (
    *(COMMON + name for name in ("core", "landing-page", "oas30", "html", "json")),
    *(COLLECTIONS + name for name in ("collections", "html", "json")),
)


def landing_document(metadata: ServiceMetadata, addresses: Addresses, *, is_html: bool) -> Json:
    """The landing page (19-072, section 7.2)."""
    return {
        "title": metadata.title,
        "description": metadata.abstract or "Maps, tiles and samples of georeferenced images",
        "links": [
            *own_links(addresses, is_html=is_html),
            link(addresses.of("api"), "service-desc", OPENAPI, "The definition of this API"),
            link(addresses.of("api", query="f=html"), "service-doc", HTML, "The documentation of this API"),
            link(addresses.of("conformance"), "conformance", title="Conformance classes"),
            link(addresses.of("conformance"), f"{REL}conformance", title="Conformance classes"),
            link(addresses.of("collections"), "data", title="Layers"),
            link(addresses.of("collections"), f"{REL}data", title="Layers"),
            link(addresses.of("tileMatrixSets"), f"{REL}tiling-schemes", title="Tile matrix sets"),
        ],
    }


def conformance_document(formats: dict[str, str], *, has_maps: bool, coverages: Sequence[str]) -> Json:
    """The conformance classes (19-072, section 7.4).

    Args:
        formats: of tiles and maps, names by media type.
        has_maps: maps are answered.
        coverages: names of the formats of coverages; none where these are not answered.
    """
    of_formats = (
        tiles.TILES + tiles.FORMAT_CLASSES[name] for name in formats.values() if name in tiles.FORMAT_CLASSES
    )
    of_maps = (
        maps.MAPS + maps.FORMAT_CLASSES[name] for name in formats.values() if name in maps.FORMAT_CLASSES
    )
    about_maps = [*maps.CONFORMANCE, *of_maps] if has_maps else []
    about_coverages = coverage_documents.conformance(coverages)
    return {"conformsTo": [*CONFORMANCE, *tiles.CONFORMANCE, *of_formats, *about_maps, *about_coverages]}


def collections_document(query: CollectionsQuery, catalog: Catalog, *, is_html: bool) -> Json:
    """The layers (20-024, section 8.2)."""
    addresses, limit, offset = query.addresses, query.limit, query.offset
    found = list(
        islice((each for each in catalog.entries() if each.layer.is_in(REST)), offset, offset + limit + 1)
    )
    links = own_links(addresses, "collections", is_html=is_html, query=f"limit={limit}&offset={offset}")
    if len(found) > limit:
        href = addresses.of("collections", query=f"limit={limit}&offset={offset + limit}")
        links.append(link(href, "next", title="Further layers"))
    if offset:
        href = addresses.of("collections", query=f"limit={limit}&offset={max(0, offset - limit)}")
        links.append(link(href, "prev", title="Previous layers"))
    return {
        "links": links,
        "numberReturned": min(len(found), limit),
        "collections": [collection(entry, addresses) for entry in found[:limit]],
    }


def collection(entry: LayerEntry, addresses: Addresses) -> Json:
    """A layer in the list of layers."""
    layer = entry.layer
    found: dict[str, Any] = {"id": layer.identifier, "title": layer.displayed_title}
    if layer.abstract:
        found["description"] = layer.abstract
    if layer.keywords:
        found["keywords"] = list(layer.keywords)
    if extent := _extent(entry):
        found["extent"] = extent
    href = addresses.of("collections", layer.identifier)
    tilesets = addresses.of(*tiles.tileset_segments(layer.identifier, None))
    found["links"] = [
        link(href, "self", title="This layer"),
        link(tilesets, f"{REL}tilesets-map", title="Tile sets of this layer"),
    ]
    return found


def _extent(entry: LayerEntry) -> Json:
    """Where a layer is on the Earth, and in time (20-024, section 8.2.2)."""
    found: Json = {}
    if bounds := lon_lat(entry):
        found["spatial"] = {"bbox": [list(bounds)], "crs": CRS84_URI}
    if interval := time_interval(entry.layer):
        found["temporal"] = {"interval": [list(interval)]}
    return found


def collection_document(
    entry: LayerEntry, addresses: Addresses, map_types: dict[str, str], *, is_html: bool
) -> Json:
    """A layer (20-024, section 8.3), with the maps and tile sets of all its styles.

    Args:
        entry: the layer.
        addresses: of resources.
        map_types: extension of each format of maps by media type; none if maps are not answered.
        is_html: the document is sent as HTML.
    """
    found = collection(entry, addresses)
    layer = entry.layer
    found["links"] = (
        own_links(addresses, "collections", layer.identifier, is_html=is_html)
        + found["links"][1:]
        + maps.map_links(maps.map_segments(layer.identifier), addresses, map_types)
    )
    if len(layer.styles) > 1:
        found["styles"] = [
            {
                "id": style.name,
                "title": style.title or style.name,
                "links": [
                    link(
                        addresses.of(*tiles.tileset_segments(layer.identifier, style.name)),
                        f"{REL}tilesets-map",
                        title="Tile sets of this style",
                    ),
                    *maps.map_links(maps.map_segments(layer.identifier, style.name), addresses, map_types),
                ],
            }
            for style in layer.styles
        ]
    return found
