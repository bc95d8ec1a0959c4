"""What the service file says of WMTS alone."""

from __future__ import annotations

from iipserve.geo.layer import ServiceMetadata


def china_scale(metadata: ServiceMetadata) -> str:
    """By which pixels the scale denominators of the sets for China are computed: `ogc` (0.28 mm) or `dpi96`."""
    return str(metadata.options.get("wmts.china_scale", "ogc"))


def china_keys(metadata: ServiceMetadata) -> frozenset[str]:
    """The access keys of which requests need one, as `tk`; empty if none is needed."""
    return frozenset(metadata.options.get("wmts.china_keys", ()))
