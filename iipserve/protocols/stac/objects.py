"""Objects of STAC 1.1.0: collections and items as JSON."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from typing import Any

from iipserve.collections.values import Collection, Item, Summary, enclosing_box
from iipserve.protocols.resource_links import JSON, Json, link
from iipserve.protocols.stac.item_assets import FILE, assets, item_assets
from iipserve.protocols.stac.map_links import WEB_MAP_LINKS, map_links
from iipserve.protocols.stac.site import GEOJSON, SCHEMA, Site

VERSION = "1.1.0"
"""Of STAC, whose objects these are."""
PROJECTION = "https://stac-extensions.github.io/projection/v1.2.0/schema.json"
"""The one version that knows `proj:code`, and `proj:epsg` for clients that read only that."""
RASTER = "https://stac-extensions.github.io/raster/v2.0.0/schema.json"
WORLD = (-180.0, -90.0, 180.0, 90.0)
"""The extent of a collection without items, which STAC requires."""
USUAL_LICENSE = "other"
QUERYABLES_REL = "http://www.opengis.net/def/rel/ogc/1.0/queryables"
STATUS = "iipserve:status"
"""Property of items whose file is missing or broken."""
STYLE, RULE, ORDER, TIMES = "iipserve:style", "iipserve:rule", "iipserve:order", "iipserve:times"
"""Members of collections: how they are displayed."""
COUNT = "iipserve:count"
"""Member of collections: how many items they have."""


def instant(time: datetime.datetime | None) -> str | None:
    """A time as RFC 3339 writes it in UTC."""
    if time is None:
        return None
    # fractions have all their digits, so that clients find the text that they sent
    return time.astimezone(datetime.UTC).replace(tzinfo=None).isoformat() + "Z"


# -- items -----------------------------------------------------------------------------------------


def item_document(item: Item, site: Site, *, downloadable: bool) -> Json:
    """An item (STAC 1.1.0, item-spec).

    Args:
        item: the item.
        site: addresses.
        downloadable: its file may be fetched.
    """
    found: Json = {
        **item.members,
        "type": "Feature",
        "stac_version": VERSION,
        "stac_extensions": [],
        "id": item.id,
        "collection": item.collection,
        "geometry": None if item.geometry is None else dict(item.geometry),
        "properties": properties(item),
        "assets": {**item.members.get("assets", {}), **assets(item, site, downloadable=downloadable)},
        "links": [*_item_links(item, site), *item.members.get("links", ())],
    }
    if item.geometry is not None and item.bbox is not None:
        found["bbox"] = list(item.bbox)
    stated = item.members.get("stac_extensions") or ()
    found["stac_extensions"] = list(dict.fromkeys((*stated, *_extensions(found))))
    return found


def properties(item: Item) -> Json:
    """The properties of an item: those of its file, its own, and its times."""
    found: Json = {}
    if item.gsd_min is not None:
        found["gsd"] = item.gsd_min
    found |= _projection(item)
    if not item.is_ok:
        found[STATUS] = item.status
    return {"datetime": None, **found, **item.properties, **_times(item), **_dates(item)}


def _times(item: Item) -> Json:
    """When it was taken; of an item that does not say, when its file was written."""
    if item.datetime is None and item.start is None:
        written = datetime.datetime.fromtimestamp(item.mtime_ns / 1e9, datetime.UTC)
        return {"datetime": instant(written)}
    found: Json = {"datetime": instant(item.datetime)}
    if item.start is not None and item.end is not None:
        found |= {"start_datetime": instant(item.start), "end_datetime": instant(item.end)}
    return found


def _dates(value: Item | Collection) -> Json:
    """When it was added and changed."""
    times = {"created": instant(value.created), "updated": instant(value.updated)}
    return {name: time for name, time in times.items() if time}


def _projection(item: Item) -> Json:
    """Where the pixels are (projection extension)."""
    found: Json = {"proj:shape": [item.height, item.width]} if item.width else {}
    authority, _, code = item.crs.partition(":")
    if authority == "EPSG" and code.isdecimal():
        found |= {"proj:code": item.crs, "proj:epsg": int(code)}
    elif item.crs:
        found |= {"proj:code": None, "proj:epsg": None, "proj:wkt2": item.crs}
    if item.transform is not None:
        found["proj:transform"] = list(item.transform)
    return found


def _item_links(item: Item, site: Site) -> list[Json]:
    collection = site.collection(item.collection)
    return [
        *site.own_links("collections", item.collection, "items", item.id, media_type=GEOJSON),
        link(collection, "parent", JSON, "The collection"),
        link(collection, "collection", JSON, "The collection"),
    ]


def _extensions(value: Mapping[str, Any]) -> Iterator[str]:
    """The extensions whose fields an item has."""
    parts = list(value["assets"].values())
    if any(name.startswith("proj:") for name in value["properties"]):
        yield PROJECTION
    if any(name.startswith("file:") for part in parts for name in part):
        yield FILE
    bands = [band for part in parts for band in part.get("bands", ())]
    if any(name.startswith("raster:") for band in bands for name in band):
        yield RASTER


# -- collections -----------------------------------------------------------------------------------


def collection_document(collection: Collection, site: Site, *, downloadable: bool) -> Json:
    """A collection (STAC 1.1.0, collection-spec).

    Args:
        collection: the collection.
        site: addresses.
        downloadable: the files of its images may be fetched.
    """
    name, members = collection.name, collection.members
    shown = list(map_links(collection, site))
    extensions = [*(members.get("stac_extensions") or ()), *([WEB_MAP_LINKS] if shown else ())]
    found: Json = {
        **members,
        "type": "Collection",
        "stac_version": VERSION,
        "stac_extensions": list(dict.fromkeys(extensions)),
        "id": name,
        "title": collection.title or name,
        "description": collection.description or collection.title or name,
        "license": collection.license or USUAL_LICENSE,
        "extent": extent(collection.summary),
        "summaries": {**(members.get("summaries") or {}), **summaries(collection.summary)},
        "item_assets": {**members.get("item_assets", {}), **item_assets(downloadable=downloadable)},
        COUNT: collection.summary.count,
        STYLE: dict(collection.style),
        RULE: collection.rule,
        ORDER: collection.order,
        TIMES: collection.times._asdict(),
        "links": [*_collection_links(name, site), *shown, *members.get("links", ())],
        **_dates(collection),
    }
    if collection.keywords:
        found["keywords"] = list(collection.keywords)
    return found


def _collection_links(name: str, site: Site) -> list[Json]:
    return [
        *site.own_links("collections", name),
        link(site.addresses.root, "parent", JSON, "The landing page"),
        link(site.collection(name, "items"), "items", GEOJSON, "The items"),
        link(site.collection(name, "queryables"), QUERYABLES_REL, SCHEMA, "What items can be filtered by"),
    ]


def extent(summary: Summary) -> Json:
    """Where and when the items of a collection are; of none, the whole world at any time."""
    times = summary.interval or (None, None)
    return {
        "spatial": {"bbox": [list(enclosing_box(summary.bounds) or WORLD)]},
        "temporal": {"interval": [[instant(time) for time in times]]},
    }


def summaries(summary: Summary) -> Json:
    """What the items of a collection have in common."""
    found: Json = {}
    if summary.gsd_min is not None:
        found["gsd"] = {"minimum": summary.gsd_min, "maximum": summary.gsd_max}
    if codes := [key for key in summary.crs if key.startswith("EPSG:")]:
        found["proj:code"] = codes
    return found
