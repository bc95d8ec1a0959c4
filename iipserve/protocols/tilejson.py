"""TileJSON 3.0.0: what viewers of the web need to know of tiles on the grid of WebMercatorQuad."""

from __future__ import annotations

from typing import Any

from iipserve import __version__
from iipserve.geo.layer import LayerEntry
from iipserve.geo.matrixset import LinkedSet
from iipserve.protocols.map_tiles import lon_lat

TILEJSON_SET = "WebMercatorQuad"
"""Identifier of the one set that TileJSON can describe."""


def tilejson_document(entry: LayerEntry, linked: LinkedSet, template: str) -> dict[str, Any]:
    """TileJSON 3.0.0 of a set on the grid of WebMercatorQuad.

    Args:
        entry: the layer.
        linked: WebMercatorQuad.
        template: address of tiles with `{z}`, `{x}`, `{y}`.
    """
    layer = entry.layer
    found: dict[str, Any] = {"tilejson": "3.0.0", "name": layer.displayed_title}
    if layer.abstract:
        found["description"] = layer.abstract
    found |= {
        "version": f"{__version__}",
        "scheme": "xyz",
        "tiles": [template],
        "minzoom": 0,
        "maxzoom": len(linked.limits) - 1,
    }
    bounds = lon_lat(entry)
    if bounds is not None:
        if bounds.max_x < bounds.min_x:  # viewers expect west before east
            bounds = bounds._replace(min_x=-180.0, max_x=180.0)
        found["bounds"] = list(bounds)
        middle = (bounds.min_x + bounds.max_x) / 2, (bounds.min_y + bounds.max_y) / 2
        found["center"] = [*middle, _overview_zoom(linked)]
    return found


def _overview_zoom(linked: LinkedSet) -> int:
    """The finest zoom at which the layer is not larger than a small window: 2 x 2 tiles."""
    return max(
        zoom
        for zoom, limits in enumerate(linked.limits)
        if zoom == 0 or max(limits.max_column - limits.min_column, limits.max_row - limits.min_row) < 2
    )
