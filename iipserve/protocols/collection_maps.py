"""Maps of collections: which images a map needs, and its plan."""

from __future__ import annotations

from typing import NamedTuple

from iipserve.geo import crs
from iipserve.geo.extents import transform_bounds
from iipserve.geo.grid import Bounds, GridRef
from iipserve.geo.image_index import ImageIndex, IndexedImage
from iipserve.geo.layer import LayerEntry
from iipserve.plan import RenderPlan
from iipserve.protocols import Images, Server
from iipserve.protocols.maps import MapView, plan_blank, plan_map

METRES_PER_DEGREE = 111_195.0
"""Of latitude, on a sphere with the mean radius of the Earth."""


class Wanted(NamedTuple):
    """The images of a map."""

    images: tuple[IndexedImage, ...]
    """The first is the uppermost."""
    is_cut: bool
    """There are more."""


def plan_layer(view: MapView, entry: LayerEntry, images: Images, server: Server) -> RenderPlan:
    """The plan of a map of one layer, of one image or of a collection.

    Args:
        view: the map.
        entry: the layer as it is shown.
        images: those of the request.
        server: settings and formats.

    Raises:
        NoTransformation: as of `plan_map`.
        StoreUnavailable: the store of collections does not answer.
    """
    index = view.layer.index
    if index is None:
        return plan_map(view, entry.info, entry.geo, server)
    found = images_of(index, view.target, 1).images
    if not found:
        return plan_blank(
            view.target.size, view.format, server, transparent=view.transparent, background=view.background
        )
    info = images[found[0].name]
    return plan_map(view, info, server.geo_image(info) or entry.geo, server)


def images_of(index: ImageIndex, target: GridRef, limit: int) -> Wanted:
    """The images of a collection that a map shows.

    Args:
        index: of the collection.
        target: the grid of the map.
        limit: of images.

    Raises:
        StoreUnavailable: the store does not answer.
    """
    box = transform_bounds(target.crs, crs.WGS84, target.bounds)
    if box is None:
        return Wanted((), False)
    found = index.matching(box, pixel_size(box, target), limit + 1)
    return Wanted(found[:limit], len(found) > limit)


def pixel_size(box: Bounds, target: GridRef) -> float:
    """The height of a pixel of a map on the ground, in metres.

    Args:
        box: of the map, in degrees.
        target: its grid.
    """
    return box.height * METRES_PER_DEGREE / target.size.height
