"""Maps of collections: which images a map needs, and its plan."""

from __future__ import annotations

from typing import NamedTuple

from iipserve.geo import crs
from iipserve.geo.extents import transform_bounds
from iipserve.geo.grid import Bounds, GridRef
from iipserve.geo.image_index import ImageIndex, IndexedImage
from iipserve.geo.layer import LayerEntry
from iipserve.plan import MosaicRule, RenderPlan
from iipserve.protocols import Images, Server
from iipserve.protocols.map_layers import ShownLayer
from iipserve.protocols.map_layers import plan_layer as plan_shown
from iipserve.protocols.maps import MapView
from iipserve.protocols.mosaics import MAX_MOSAIC_IMAGES, open_members

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
    return plan_shown(shown_layer(view, entry, images, server), server)


def shown_layer(
    view: MapView, entry: LayerEntry, images: Images, server: Server, opacity: float = 1.0
) -> ShownLayer:
    """A layer of a map, with the images of a collection that the map needs.

    Args:
        view: the map.
        entry: the layer as it is shown.
        images: those of the request, which looks the images of a collection up.
        server: settings and formats.
        opacity: of the layer.

    Raises:
        StoreUnavailable: the store of collections does not answer.
    """
    index = view.layer.index
    if index is None:
        return ShownLayer(view, entry.info, entry.geo, opacity)
    wanted = images_of(index, view.target, MAX_MOSAIC_IMAGES)
    members = open_members(wanted.images, server, images, is_cut=wanted.is_cut)
    return ShownLayer(view, entry.info, entry.geo, opacity, members.present, MosaicRule(index.rule))


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
