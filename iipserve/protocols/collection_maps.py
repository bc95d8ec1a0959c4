"""Maps of collections: which images a map needs, and its plan."""

from __future__ import annotations

from typing import NamedTuple

from iipserve.errors import IMAGE_FAULTS
from iipserve.geo import crs
from iipserve.geo.extents import transform_bounds
from iipserve.geo.grid import GridRef
from iipserve.geo.image_index import COARSEST, ImageIndex, IndexedImage
from iipserve.geo.image_scale import scale_of
from iipserve.geo.layer import LayerEntry
from iipserve.geo.pixel_size import grid_pixel_size
from iipserve.http.warnings import warning
from iipserve.image import ImageInfo
from iipserve.plan import MosaicRule, RenderPlan
from iipserve.processing.statistics import known_ranges
from iipserve.protocols import Images, Server
from iipserve.protocols.map_layers import ShownLayer
from iipserve.protocols.map_layers import plan_layer as plan_shown
from iipserve.protocols.maps import MapView
from iipserve.protocols.mosaics import MAX_MOSAIC_IMAGES, Member, open_members

COARSE = 0.5
"""Pixels of an overview per pixel of a map, at least."""


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
    overview = overview_for(index, view.target, images, server) if wanted.is_cut else None
    if overview is not None:
        if _is_older(overview, index):
            images.add_headers(warning("the overview of the collection is older than some of its images"))
        reference = reference_of(view, images)
        return ShownLayer(view, entry.info, entry.geo, opacity, (overview,), reference=reference)
    if wanted.is_cut:
        coarse = index.selected(index.selection._replace(order=COARSEST))
        wanted = images_of(coarse, view.target, MAX_MOSAIC_IMAGES)
    members = open_members(wanted.images, server, images, is_cut=wanted.is_cut)
    rule, reference = MosaicRule(index.rule), reference_of(view, images)
    return ShownLayer(view, entry.info, entry.geo, opacity, members.present, rule, reference)


def reference_of(view: MapView, images: Images) -> ImageInfo | None:
    """The image whose range of samples all maps of a collection display, if its images declare none or the style measures one:
    that of the layer.

    None where that is not needed, or the image has a fault.
    """
    index = view.layer.index
    if index is None or (known_ranges(index.info) and not view.style.is_measured):
        return None
    try:
        return images[view.layer.name]
    except IMAGE_FAULTS:
        return None


def _is_older(overview: Member, index: ImageIndex) -> bool:
    """Whether images have been added or changed since an overview was built, as far as its time tells."""
    written, changed = overview.info.version.mtime_ns, index.changed()
    return bool(written) and changed is not None and written / 1e9 < changed.timestamp()


def overview_for(index: ImageIndex, target: GridRef, images: Images, server: Server) -> Member | None:
    """The overview of a collection, for a map of more images than are opened; None if it does not show the same.

    That is so if only some images are meant, the overview is missing or damaged, or its pixels are larger than two of the map.

    Args:
        index: of the collection.
        target: the grid of the map.
        images: those of the request, which looks the overview up.
        server: says where it is located.
    """
    selection, name = index.selection, index.overview
    if name is None or selection.spans or selection.filter or selection.ids:
        return None
    try:
        info = images[name]
        geo = server.geo_image(info)
    except IMAGE_FAULTS:
        return None
    steps = None if geo is None else scale_of(geo.georeference, target)
    if geo is None or steps is None or min(steps) < COARSE:
        return None
    return Member(name.identifier, info, geo)


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
    found = index.matching(box, grid_pixel_size(target, box), limit + 1)
    return Wanted(found[:limit], len(found) > limit)
