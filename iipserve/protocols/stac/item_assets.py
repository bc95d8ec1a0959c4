"""Assets of items: the file itself where it may be fetched, and its pictures by IIIF."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from iipserve.collections.values import Item
from iipserve.protocols.resource_links import Json
from iipserve.protocols.stac.site import Site

FILE = "https://stac-extensions.github.io/file/v2.1.0/schema.json"
GEOTIFF = "image/tiff; application=geotiff"
MEDIA_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "tif": "image/tiff", "tiff": "image/tiff", "jp2": "image/jp2", "j2k": "image/jp2", "jpg": "image/jpeg",
        "jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp", "gif": "image/gif", "jxl": "image/jxl",
        "avif": "image/avif",
    }
)  # fmt: skip
"""Of files, by the extensions of their names."""
UNKNOWN_TYPE = "application/octet-stream"
IMAGE, THUMBNAIL, IIIF = "image", "thumbnail", "iiif"
"""Keys of assets."""
THUMBNAIL_SIDE = 256
"""Most pixels of a side of a thumbnail."""
DESCRIBED: Mapping[str, Json] = MappingProxyType(
    {
        IMAGE: {"title": "The image as stored", "roles": ["data"]},
        THUMBNAIL: {"type": "image/jpeg", "title": "Thumbnail", "roles": ["thumbnail"]},
        IIIF: {"type": "application/ld+json", "title": "Description by IIIF", "roles": ["metadata"]},
    }
)
"""What is the same of the assets of all items, by key."""


def assets(item: Item, site: Site, *, downloadable: bool) -> Json:
    """The assets of an item; none of one without a file."""
    if not item.href:
        return {}
    found: Json = {IMAGE: _image(item, site)} if downloadable else {}
    size = f"!{THUMBNAIL_SIDE},{THUMBNAIL_SIDE}"
    thumbnail = site.iiif(item.href, "full", size, "0", "default.jpg")
    found[THUMBNAIL] = {"href": thumbnail, **DESCRIBED[THUMBNAIL]}
    found[IIIF] = {"href": site.iiif(item.href, "info.json"), **DESCRIBED[IIIF]}
    if item.bands:
        found[IMAGE if downloadable else IIIF]["bands"] = [dict(band) for band in item.bands]
    return found


def item_assets(*, downloadable: bool) -> Json:
    """What is the same of the assets of all items of a collection."""
    return {key: described for key, described in DESCRIBED.items() if downloadable or key != IMAGE}


def _image(item: Item, site: Site) -> Json:
    """The file, with its length and checksum (file extension)."""
    found: Json = {
        "href": site.collection(item.collection, "items", item.id, "assets", IMAGE),
        "type": media_type(item),
        **DESCRIBED[IMAGE],
    }
    if item.size:
        found["file:size"] = item.size
    if item.checksum:
        found["file:checksum"] = item.checksum
    return found


def media_type(item: Item) -> str:
    """The media type of the file of an item."""
    if item.driver == "tiff":
        return GEOTIFF if item.crs else MEDIA_TYPES["tif"]
    return MEDIA_TYPES.get(item.href.rpartition(".")[2].lower(), UNKNOWN_TYPE)
