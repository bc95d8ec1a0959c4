"""The grid of a result of WCS 1.0.0: from a box of outer edges and a number of pixels (rules of `grids`)."""

from __future__ import annotations

from iipserve.geo.crs import IMAGE
from iipserve.geo.grid import Bounds, GridRef
from iipserve.geo.ows.exceptions import INVALID_VALUE, MISSING_VALUE, NO_CODE, OwsError
from iipserve.geometry import Size
from iipserve.protocols.coverage_grids import MAX_SIDE, count_of, in_system, snapped, touches
from iipserve.protocols.wcs.query import BoxDomain

BOX, SIZE = "bbox", "width/height/resx/resy"
"""Locators."""


def box_grid(native: GridRef, domain: BoxDomain) -> GridRef:
    """The grid of the result.

    Args:
        native: the grid of the coverage.
        domain: what is asked for.

    Raises:
        OwsError: InvalidParameterValue: the box is outside of the coverage, or width and height do not agree with the
            resolution; NoApplicableCode where the result is larger than `MAX_SIDE`.
        NoTransformation: a system has nothing to do with that of the coverage.
    """
    if IMAGE in (domain.crs.key, native.crs):
        shown = _in_pixels(native, domain)
    else:
        bounds = domain.bounds or in_system(native.crs, domain.crs.key, native.bounds)
        if bounds is None or not touches(native, domain.crs.key, bounds):
            raise _outside()
        shown = GridRef.of_bounds(domain.crs.key, bounds, _size(domain, bounds))
    response = domain.response_crs.key if domain.response_crs else shown.crs
    if response in (shown.crs, IMAGE):
        return snapped(native, shown)
    covered = in_system(shown.crs, response, shown.bounds)
    if covered is None or not (covered.width > 0 and covered.height > 0):
        raise OwsError(INVALID_VALUE, "the box has no place in the system of the result", "response_crs")
    return snapped(native, GridRef.of_bounds(response, covered, shown.size))


def _in_pixels(native: GridRef, domain: BoxDomain) -> GridRef:
    """A box of pixel edges: rows down from 0, or up from minus the height, as maps of plain pictures have them."""
    width, height = native.size
    bounds = domain.bounds or Bounds(0.0, 0.0, width, height)
    left, top, right, bottom = bounds
    if top < 0 and bottom <= 0:
        top, bottom = -bottom, -top
    if left >= width or right <= 0 or top >= height or bottom <= 0:
        raise _outside()
    size = _size(domain, bounds)
    affine = native.affine.shifted(left, top).scaled(
        (right - left) / size.width, (bottom - top) / size.height
    )
    return GridRef(native.crs, affine, size)


def _outside() -> OwsError:
    return OwsError(INVALID_VALUE, "the box is outside of the coverage", BOX)


def _size(domain: BoxDomain, bounds: Bounds) -> Size:
    by_steps = None
    if domain.resolution is not None:
        width, height = map(count_of, (bounds.width, bounds.height), domain.resolution)
        if width is None or height is None:
            raise OwsError(NO_CODE, f"the resolution makes more than {MAX_SIDE} pixels across or down", SIZE)
        by_steps = Size(width, height)
    if domain.size and by_steps and domain.size != by_steps:
        raise OwsError(
            INVALID_VALUE,
            f"WIDTH and HEIGHT are {domain.size.width} and {domain.size.height}, but RESX and RESY make "
            f"{by_steps.width} and {by_steps.height}; state one of the two",
            SIZE,
        )
    size = domain.size or by_steps
    if size is None:
        raise OwsError(MISSING_VALUE, "WIDTH and HEIGHT, or RESX and RESY, are missing", SIZE)
    return size
