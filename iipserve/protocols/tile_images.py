"""Which images made a tile, as JSON: those that its picture is made of, the uppermost first."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from iipserve.plan import Blank, Composite, Crop, Document, Legend, Mosaic, RenderPlan, Warp
from iipserve.protocols import Images, Server
from iipserve.protocols.collection_maps import shown_layer
from iipserve.protocols.map_layers import ShownLayer, plan_layer
from iipserve.protocols.map_tiles import TileName, tile_view

EXTENSION = "json"
"""In place of that of a picture."""
MEDIA_TYPE = "application/json"


def plan_tile_images(tile: TileName, images: Images, server: Server) -> Document:
    """The document about a tile.

    Args:
        tile: in any format, which does not matter.
        images: those of the request.
        server: its layers.

    Raises:
        NotThere, TileNotFound, Forbidden, StoreUnavailable: as `map_tiles.plan_tile`.
    """
    view, entry = tile_view(tile, images, server)
    shown = shown_layer(view, entry, images, server)
    plan = plan_layer(shown, server)
    bounds, index = view.target.bounds, view.layer.index
    found: dict[str, Any] = {
        "layer": tile.layer.identifier,
        "style": view.style.name,
        "tileMatrixSet": tile.matrix_set,
        "tileMatrix": tile.matrix,
        "tileRow": tile.row,
        "tileCol": tile.column,
        "crs": view.target.crs,
        "bounds": list(bounds),
        "images": list(_images(plan, shown)),
        "etag": plan.digest,
    }
    if index is not None:
        selection = index.selection
        found["collection"] = {"id": index.name, "version": index.version}
        found |= {"rule": index.rule, "order": index.order}
        found |= {"datetime": selection.effective} if selection.effective else {}
        found |= {"filter": selection.filter} if selection.filter else {}
    if notes := [value for name, value in images.headers if name == "Warning"]:
        found["warnings"] = notes
    return Document(json.dumps(found, ensure_ascii=False).encode(), MEDIA_TYPE)


def _images(plan: RenderPlan, shown: ShownLayer) -> Iterator[dict[str, Any]]:
    """The images of a plan of one layer."""
    items = {member.info.identifier: member.identifier for member in shown.members or ()}
    for view in _views(plan):
        name = view.image.identifier
        found: dict[str, Any] = {"id": items[name]} if name in items else {}
        found |= {"image": name, "level": view.level}
        # whole pixels of a level are shown as they are
        found["resampling"] = view.resampling.value if isinstance(view, Warp) else "none"
        yield found


def _views(plan: RenderPlan) -> Iterator[Crop | Warp]:
    view = plan.view
    if isinstance(view, Mosaic):
        yield from (part.view for part in view.parts)
    elif isinstance(view, (Crop, Warp)):
        yield view
    else:
        assert isinstance(view, (Blank, Composite, Legend))  # of one layer: nothing is shown
