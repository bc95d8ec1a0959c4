"""Coverages of collections: the images that a request needs, over each other or merged, by the order and rule of the collection."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from iipserve.errors import InvalidRequest, TooLarge
from iipserve.geo import crs
from iipserve.geo.extents import transform_bounds
from iipserve.geo.georeference import GeoImage
from iipserve.geo.image_index import ImageIndex, Span
from iipserve.geo.layer import Layer, LayerEntry
from iipserve.geo.pixel_size import pixel_size
from iipserve.geo.time_extents import span_text
from iipserve.http.warnings import listed, warning
from iipserve.image import ImageInfo
from iipserve.plan import CoveragePlan, MosaicRule, image_ref
from iipserve.protocols import Images, Server
from iipserve.protocols.collection_times import parsed
from iipserve.protocols.coverages import CoverageView, plan_coverage
from iipserve.protocols.mosaic_operations import rule_for
from iipserve.protocols.mosaics import open_members

MAX_IMAGES = 1000
"""Images that are opened for a request."""
MAX_TIMES = 1000
"""Times that documents list one by one; of more, the first and the last."""


def times_of(index: ImageIndex) -> tuple[str, ...]:
    """The times of a collection, as documents list them. Raises `StoreUnavailable`."""
    known = index.times()
    if len(known) <= MAX_TIMES:
        return tuple(map(span_text, known))
    return (span_text(Span(known[0].start, max(span.end for span in known if span.end))),)


def collection_plans(
    view: CoverageView, entry: LayerEntry, times: Sequence[str], images: Images, server: Server
) -> list[CoveragePlan]:
    """A plan for each image that a coverage needs, the uppermost first. Images of other samples than the first are left out,
    and named in a header.

    Args:
        view: the coverage, of a layer of a collection.
        entry: the layer.
        times: as the request states them; none: all.
        images: those of the request, which looks the images of the collection up.
        server: settings.

    Raises:
        NoTransformation: as `plan_coverage`.
        TooLarge: there are more images than are opened for one request.
        StoreUnavailable: the store does not answer.
    """
    index = view.layer.index
    assert index is not None
    if times:
        index = index.selected(index.selection._replace(spans=tuple(map(_span, times))))
    box = transform_bounds(view.target.crs, crs.WGS84, view.target.bounds)
    if box is None:
        return []
    # samples come from the full size, however large pixels of the result are
    found = index.matching(box, pixel_size(entry.geo.georeference) or 0.0, MAX_IMAGES + 1)
    if len(found) > MAX_IMAGES:
        raise TooLarge(
            f"the coverage has more than {MAX_IMAGES} images for this request; ask for a part or for one time"
        )
    members = open_members(found, server, images).present
    others = [each.identifier for each in members if not same_samples(each.info, entry.info)]
    if others:
        images.add_headers(warning(f"{len(others)} images of other samples are left out: {listed(others)}"))
    chosen = [each for each in members if same_samples(each.info, entry.info)]
    plans = [plan_coverage(view, each.info, each.geo, server) for each in chosen]
    rule = rule_of(view.layer, [each.geo for each in chosen])
    if rule is MosaicRule.FIRST:
        return plans
    # masks next to files hide samples, as on maps
    masked = [image_ref(each.info, mask=each.geo.mask) for each in chosen]
    return [
        replace(plan, view=plan.view.of_image(image), rule=rule)
        for plan, image in zip(plans, masked, strict=True)
    ]


def rule_of(layer: Layer, images: Iterable[GeoImage]) -> MosaicRule:
    """How one sample is made of those of several images of a collection: as on maps in the usual style.

    Args:
        layer: of the collection.
        images: where they are located.
    """
    assert layer.index is not None
    operations = layer.styles[0].operations if layer.styles else ()
    return rule_for(MosaicRule(layer.index.rule), operations, images)


def same_samples(one: ImageInfo, other: ImageInfo) -> bool:
    """Whether the files of two images have as many bands of the same type."""
    return (one.samples.dtype, one.samples.bands) == (other.samples.dtype, other.samples.bands)


def _span(text: str) -> Span:
    low, _, high = text.partition("/")
    span = parsed(f"{low or '..'}/{high or '..'}" if "/" in text else text)
    if span is None:
        raise InvalidRequest(f"time {text[:60]!r} is no time and no period")
    return span


def merged(base: CoveragePlan, plans: Sequence[CoveragePlan]) -> CoveragePlan:
    """The plan of the images over each other or merged, the first uppermost: at least one."""
    *lower, upper = reversed(plans)
    missing = tuple(map(_missing, (*lower, upper)))
    return replace(
        base,
        view=upper.view,
        under=tuple(plan.view for plan in lower),
        missing=() if set(missing) == {_missing(base)} else missing,
        resampling=upper.resampling,
        rule=upper.rule,
    )


def _missing(plan: CoveragePlan) -> tuple[float | int | None, ...]:
    """The sample of each band that stands for missing data."""
    return tuple(band.nodata for band in plan.description.bands)
