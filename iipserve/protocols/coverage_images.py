"""Coverages of several images: those of a tile index whose footprints and times match are put over each other."""

from __future__ import annotations

import math
from dataclasses import replace

from iipserve.errors import TooLarge, UnsupportedImage
from iipserve.geo.extents import transform_bounds
from iipserve.geo.grid import Affine, Bounds, GridRef
from iipserve.geo.image_index import IndexedImage
from iipserve.geo.layer import Layer, LayerEntry
from iipserve.geometry import Region, Size
from iipserve.image import ImageName
from iipserve.plan import CoveragePlan, Crop
from iipserve.protocols import Images, Server, collection_coverages
from iipserve.protocols.coverage_options import item, split
from iipserve.protocols.coverage_times import agrees
from iipserve.protocols.coverages import CoverageView, plan_coverage
from iipserve.protocols.map_tiles import image_entry

MAX_IMAGES = 1000
"""Images that are opened for a request."""
EPS = 1e-6
"""Part of a pixel by which footprints may be off its edges."""


def times_of(layer: Layer) -> tuple[str, ...]:
    """The times of a coverage: those that the service file lists, else those of its images."""
    if layer.index is not None:
        return collection_coverages.times_of(layer.index)
    stated = split(item(layer, "timeposition"))
    key = item(layer, "timeitem")
    if stated or not key:
        return stated
    return tuple(sorted({time for image in layer.images if (time := image.attribute(key))}))


def images_at(layer: Layer, times: tuple[str, ...], box: Bounds | None = None) -> tuple[IndexedImage, ...]:
    """The images of a layer at any of the times that a request states, or of all times without any.

    The last one is the uppermost.

    Args:
        layer: of one image or several.
        times: as the request states them.
        box: that they have to touch; None: any.
    """
    key = item(layer, "timeitem")
    inside = (image for image in layer.images if box is None or _touches(image.bounds, box))
    if not times or not key:
        return tuple(inside)
    return tuple(image for image in inside if any(agrees(image.attribute(key), text) for text in times))


def image_names(layer: Layer, times: tuple[str, ...], box: Bounds | None = None) -> tuple[ImageName, ...]:
    """The images that a request needs, each once, that of the layer first; none of a collection, which planning finds.

    Args:
        layer: of one image or several.
        times: that the request states.
        box: of which the request is a part, in the system of the layer; None where that is not known.

    Raises:
        TooLarge: more than are opened for one request.
    """
    if layer.index is not None:
        return ()
    names = tuple(dict.fromkeys((layer.name, *(image.name for image in images_at(layer, times, box)))))
    if len(names) > MAX_IMAGES:
        raise TooLarge(
            f"the coverage has {len(names)} images for this request; {MAX_IMAGES} are read for one, so ask for a part or for one time"
        )
    return names


def whole_grid(layer: Layer, own: GridRef) -> GridRef:
    """The grid of a layer of several images, of which `own` is that of one: its pixels, over all footprints or the extent."""
    box = layer.extent or _around(layer)
    affine = own.affine
    left, right = ((x - affine.c) / affine.a for x in (box.min_x, box.max_x))
    top, bottom = ((y - affine.f) / affine.e for y in (box.max_y, box.min_y))
    column, row = math.floor(left + EPS), math.floor(top + EPS)
    size = Size(max(1, math.ceil(right - EPS) - column), max(1, math.ceil(bottom - EPS) - row))
    return GridRef(own.crs, Affine(*affine.shifted(column, row)), size)


def _around(layer: Layer) -> Bounds:
    west, south, east, north = zip(*(image.bounds for image in layer.images), strict=True)
    return Bounds(min(west), min(south), max(east), max(north))


def plan_images(
    view: CoverageView, entry: LayerEntry, times: tuple[str, ...], images: Images, server: Server
) -> CoveragePlan:
    """The plan for samples of all images of a layer that match: those of later rows of the index over those of earlier.

    Where no image has data, samples are those of missing data, or 0.

    Args:
        view: the coverage.
        entry: the layer with its first image.
        times: that the request states.
        images: those of `image_names`.
        server: settings.

    Raises:
        NoTransformation: as `plan_coverage`.
        UnsupportedImage: an image has other bands, or another type of samples, than the first.
    """
    layer = view.layer
    base = plan_coverage(view, entry.info, entry.geo, server)
    if layer.index is not None:
        found = collection_coverages.collection_plans(view, entry, times, images, server)
        if found:
            return collection_coverages.merged(base, found)
        return _without_images(*_first_plan(view, images, server))
    if not layer.images:
        return base
    wanted = transform_bounds(view.target.crs, entry.geo.georeference.crs, view.target.bounds)
    plans = []
    for image in images_at(layer, times, wanted):
        if image.name not in images:  # which was outside of the box of the request
            continue
        shown = image_entry(layer, images[image.name], server)
        kind, expected = (each.info.samples for each in (shown, entry))
        if (kind.dtype, kind.bands) != (expected.dtype, expected.bands):
            raise UnsupportedImage(
                f"an image of the layer has {kind.bands} bands of {kind.dtype}, where {expected.bands} of {expected.dtype} are"
            )
        plans.append(plan_coverage(view, shown.info, shown.geo, server))
    if not plans:
        return _without_images(base, entry)
    views = tuple(plan.view for plan in plans)
    return replace(base, view=views[-1], under=views[:-1], resampling=plans[-1].resampling)


def _first_plan(view: CoverageView, images: Images, server: Server) -> tuple[CoveragePlan, LayerEntry]:
    """The plan of the first image of a collection, of which nothing is shown."""
    first = image_entry(view.layer, images[view.layer.name], server)
    return plan_coverage(view, first.info, first.geo, server), first


def _without_images(plan: CoveragePlan, entry: LayerEntry) -> CoveragePlan:
    """The plan of a part outside of an image."""
    (image,), size = plan.view.images, plan.size
    region = Region(entry.info.size.width, entry.info.size.height, size.width, size.height)
    return replace(plan, view=Crop(image, 0, region, size))


def _touches(one: Bounds, other: Bounds) -> bool:
    across = other.max_x < other.min_x or (one.min_x <= other.max_x and other.min_x <= one.max_x)
    return across and one.min_y <= other.max_y and other.min_y <= one.max_y
