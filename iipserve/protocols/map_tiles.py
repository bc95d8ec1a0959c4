"""Tiles of maps: in which sets and formats layers are offered, whatever service is asked."""

from __future__ import annotations

from dataclasses import replace

from iipserve.formats import Formats
from iipserve.geo.georeference import PIXEL_SPACE, in_pixel_space
from iipserve.geo.layer import Layer, LayerEntry, ServiceMetadata
from iipserve.geo.linked_sets import find_set, sets_of
from iipserve.geo.matrixset import LinkedSet
from iipserve.image import ImageInfo
from iipserve.protocols import Server

USUAL_FORMATS = ("png", "jpeg", "webp", "tiff")
"""Names of the formats of tiles that are offered unless the service file says which."""


def public_address(metadata: ServiceMetadata) -> str:
    """The address of the server that its documents state; empty for that of the request."""
    return str(metadata.options.get("service.public_address", ""))


def formats(metadata: ServiceMetadata, known: Formats) -> dict[str, str]:
    """The formats of tiles: name by media type, in the order of documents."""
    names = metadata.options.get("wmts.formats", USUAL_FORMATS)
    offered = {}
    for name in names:
        format = known.by_name.get(name) or known.by_extension.get(name)
        if format is not None and format.extension:
            offered[format.media_type] = format.name
    return offered


def answers_empty_tiles(metadata: ServiceMetadata) -> bool:
    """Whether a tile outside the limits of its layer is an empty picture, and not an error."""
    return bool(metadata.options.get("wmts.tile_outside", "error") == "empty")


def entry_of(layer: Layer, info: ImageInfo, server: Server) -> LayerEntry:
    """The layer with what is known of its image."""
    return LayerEntry(layer, info, server.geo_image(info) or in_pixel_space(info))


def offered_sets(entry: LayerEntry, metadata: ServiceMetadata) -> tuple[LayerEntry, tuple[LinkedSet, ...]]:
    """A layer and its sets, in the order of documents.

    An image that has a place in none of them, because it is of another body or its coordinate reference system has no
    code, is offered as a plain picture: by its pixels.
    """
    linked = sets_of(entry, metadata)
    if linked or entry.geo.georeference.crs == PIXEL_SPACE:
        return entry, linked
    plain = replace(entry, geo=replace(entry.geo, georeference=in_pixel_space(entry.info).georeference))
    return plain, sets_of(plain, metadata)


def offered_set(
    entry: LayerEntry, metadata: ServiceMetadata, identifier: str
) -> tuple[LayerEntry, LinkedSet | None]:
    """The layer, as `offered_sets` gives it, and its set of that identifier or alias; None where it has none."""
    if found := find_set(entry, metadata, identifier):
        return entry, found
    plain, linked = offered_sets(entry, metadata)
    return plain, find_set(plain, metadata, identifier) if linked and plain is not entry else None
