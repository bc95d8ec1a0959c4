"""Which images made a tile, as JSON: those that its picture is made of, the uppermost first."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from iipserve.geo import crs
from iipserve.geo.georeference import Georeference
from iipserve.geo.grid import GridRef
from iipserve.geo.mapping import to_ground, to_pixels
from iipserve.plan import Blank, Composite, Crop, Document, Legend, Mosaic, RenderPlan, Warp
from iipserve.protocols import Images, Server
from iipserve.protocols.collection_maps import shown_layer
from iipserve.protocols.map_layers import ShownLayer, plan_layer
from iipserve.protocols.map_tiles import TileName, tile_view

EXTENSION = "json"
"""In place of that of a picture."""
MEDIA_TYPE = "application/json"
PLACES = 32
"""Across and down a tile, where it is found whether an image is there."""


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
        "images": list(_images(plan, shown, view.target)),
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


def _images(plan: RenderPlan, shown: ShownLayer, tile: GridRef) -> Iterator[dict[str, Any]]:
    """The images of a plan of one layer."""
    members = {member.info.identifier: member for member in shown.members or ()}
    for view in _views(plan):
        name = view.image.identifier
        member = members.get(name)
        found: dict[str, Any] = {"id": member.identifier} if member else {}
        found |= {"image": name, "level": view.level}
        # whole pixels of a level are shown as they are
        found["resampling"] = view.resampling.value if isinstance(view, Warp) else "none"
        found["share"] = share_inside((member or shown).geo.georeference, tile)
        yield found


def share_inside(georeference: Georeference, tile: GridRef) -> float:
    """The part of a tile that is inside an image, by some places of the tile spread evenly; what data is there does not count."""
    steps = (np.arange(PLACES) + 0.5) / PLACES
    columns, rows = (each.ravel() for each in np.meshgrid(steps * tile.size.width, steps * tile.size.height))
    xs, ys = crs.transformer(tile.crs, georeference.crs)(*to_ground(tile.affine, columns, rows))
    turn = crs.turn(georeference.crs)
    width, height = georeference.size
    inside = np.zeros(len(xs), np.bool_)
    with np.errstate(invalid="ignore"):
        for turns in (0, 1, -1) if turn else (0,):
            across, down = to_pixels(georeference.mapping, xs + turns * (turn or 0.0), ys)
            inside |= (across >= 0) & (across < width) & (down >= 0) & (down < height)
    return round(float(inside.mean()), 3)


def _views(plan: RenderPlan) -> Iterator[Crop | Warp]:
    view = plan.view
    if isinstance(view, Mosaic):
        yield from (part.view for part in view.parts)
    elif isinstance(view, (Crop, Warp)):
        yield view
    else:
        assert isinstance(view, (Blank, Composite, Legend))  # of one layer: nothing is shown
