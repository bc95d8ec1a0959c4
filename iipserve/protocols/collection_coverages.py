"""Coverages of collections: the images that a request needs over each other, by the order of the collection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from iipserve.errors import InvalidRequest, TooLarge
from iipserve.geo import crs
from iipserve.geo.extents import transform_bounds
from iipserve.geo.image_index import ImageIndex, Span
from iipserve.geo.layer import LayerEntry
from iipserve.geo.pixel_size import pixel_size
from iipserve.geo.time_extents import span_text
from iipserve.http.warnings import listed, warning
from iipserve.plan import CoveragePlan
from iipserve.protocols import Images, Server
from iipserve.protocols.collection_times import parsed
from iipserve.protocols.coverages import CoverageView, plan_coverage
from iipserve.protocols.mosaics import Member, open_members

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
    others = [each.identifier for each in members if not _fits(each, entry)]
    if others:
        images.add_headers(warning(f"{len(others)} images of other samples are left out: {listed(others)}"))
    return [plan_coverage(view, each.info, each.geo, server) for each in members if _fits(each, entry)]


def _fits(member: Member, entry: LayerEntry) -> bool:
    own, expected = member.info.samples, entry.info.samples
    return (own.dtype, own.bands) == (expected.dtype, expected.bands)


def _span(text: str) -> Span:
    low, _, high = text.partition("/")
    span = parsed(f"{low or '..'}/{high or '..'}" if "/" in text else text)
    if span is None:
        raise InvalidRequest(f"time {text[:60]!r} is no time and no period")
    return span


def merged(base: CoveragePlan, plans: Sequence[CoveragePlan]) -> CoveragePlan:
    """The plan of the images over each other, the first uppermost: at least one."""
    *lower, upper = reversed(plans)
    missing = tuple(map(_missing, (*lower, upper)))
    return replace(
        base,
        view=upper.view,
        under=tuple(plan.view for plan in lower),
        missing=() if set(missing) == {_missing(base)} else missing,
        resampling=upper.resampling,
    )


def _missing(plan: CoveragePlan) -> tuple[float | int | None, ...]:
    """The sample of each band that stands for missing data."""
    return tuple(band.nodata for band in plan.description.bands)
