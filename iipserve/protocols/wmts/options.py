"""What the service file says of WMTS."""

from __future__ import annotations

from iipserve.formats import Formats
from iipserve.geo.layer import ServiceMetadata

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


def china_scale(metadata: ServiceMetadata) -> str:
    """By which pixels the scale denominators of the sets for China are computed: `ogc` (0.28 mm) or `dpi96`."""
    return str(metadata.options.get("wmts.china_scale", "ogc"))


def china_keys(metadata: ServiceMetadata) -> frozenset[str]:
    """The access keys of which requests need one, as `tk`; empty if none is needed."""
    return frozenset(metadata.options.get("wmts.china_keys", ()))
