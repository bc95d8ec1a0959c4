"""What the service file says of WMTS alone."""

from __future__ import annotations

from iipserve.geo.layer import ServiceMetadata
from iipserve.protocols.feature_info.formats import EXTENSIONS

OPERATIONS = ("GetCapabilities", "GetTile", "GetFeatureInfo")


def operations(metadata: ServiceMetadata) -> tuple[str, ...]:
    """The operations that are answered, in the order of documents; none where the service is switched off."""
    if not metadata.options.get("wmts.enabled", True):
        return ()
    chosen = metadata.options.get("wmts.operations", OPERATIONS)
    return tuple(name for name in OPERATIONS if name == "GetCapabilities" or name in chosen)


def info_formats(metadata: ServiceMetadata) -> dict[str, str]:
    """The formats of feature info: extension in paths by media type, in the order of documents."""
    if "GetFeatureInfo" not in operations(metadata):
        return {}
    chosen = metadata.options.get("wmts.info_formats", tuple(EXTENSIONS.values()))
    return {media: extension for extension, media in EXTENSIONS.items() if media in chosen}


def china_scale(metadata: ServiceMetadata) -> str:
    """By which pixels the scale denominators of the sets for China are computed: `ogc` (0.28 mm) or `dpi96`."""
    return str(metadata.options.get("wmts.china_scale", "ogc"))


def china_keys(metadata: ServiceMetadata) -> frozenset[str]:
    """The access keys of which requests need one, as `tk`; empty if none is needed."""
    return frozenset(metadata.options.get("wmts.china_keys", ()))
