"""The images of a collection at a place, as maps show them there."""

from __future__ import annotations

from typing import NamedTuple

from iipserve.geo import crs
from iipserve.geo.extents import transform_bounds
from iipserve.geo.grid import GridRef
from iipserve.geo.image_index import ImageIndex, IndexedImage
from iipserve.geo.layer import LayerEntry
from iipserve.geo.pixel_size import grid_pixel_size, height
from iipserve.plan import MosaicRule
from iipserve.protocols import Images, Server
from iipserve.protocols.collection_coverages import rule_of
from iipserve.protocols.collection_maps import images_of
from iipserve.protocols.feature_info.places import REACH, Place
from iipserve.protocols.mosaics import MAX_MOSAIC_IMAGES, open_members

MAX_QUERIED = 16
"""Images at one place that are read where the uppermost counts; else as many as maps show."""
CENTER = "center"
"""The order that depends on the map."""


class QueriedImage(NamedTuple):
    """An image of a collection."""

    identifier: str
    """Of the item."""
    entry: LayerEntry
    """The layer with this image."""


class QueriedCollection(NamedTuple):
    """A layer of a collection, and its images at a place."""

    entry: LayerEntry
    """With what stands for the mosaic."""
    images: tuple[QueriedImage, ...]
    """The first is the uppermost."""
    rule: MosaicRule = MosaicRule.FIRST
    """How their values become one."""


def queried(
    entry: LayerEntry, place: Place, grid: GridRef | None, images: Images, server: Server
) -> LayerEntry | QueriedCollection:
    """A layer as it is asked about: with the images at the place, if it is of a collection.

    Args:
        entry: the layer.
        place: in any system.
        grid: of the map, whose order of images counts; None where there is no map.
        images: those of the request.
        server: locates images.

    Raises:
        StoreUnavailable: the store does not answer.
    """
    index = entry.layer.index
    if index is None:
        return entry
    members = open_members(_at(index, place, grid), server, images).present
    rule = rule_of(entry.layer, [each.geo for each in members])
    limit = MAX_QUERIED if rule is MosaicRule.FIRST else MAX_MOSAIC_IMAGES
    found = (
        QueriedImage(each.identifier, LayerEntry(entry.layer, each.info, each.geo))
        for each in members[:limit]
    )
    return QueriedCollection(entry, tuple(found), rule)


def _at(index: ImageIndex, place: Place, grid: GridRef | None) -> tuple[IndexedImage, ...]:
    if grid is not None and index.order == CENTER:
        return images_of(index, grid, MAX_MOSAIC_IMAGES).images
    box = transform_bounds(place.crs, crs.WGS84, place.area)
    if box is None:
        return ()
    size = height(box) / (2 * REACH + 1) if grid is None else grid_pixel_size(grid, box)
    return index.matching(box, size, MAX_MOSAIC_IMAGES)
