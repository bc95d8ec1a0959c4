"""Which samples a request of OGC API - Coverages is answered with: arithmetic on grids.

All samples whose area a subset or a box touches (19-087, 8.1), as in WCS 2.0: `coverage_grids`. The result has the grid of
the coverage, unless `crs` states another system: then it has as many samples, and covers the box, or the samples, there.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from iipserve.errors import InvalidRequest
from iipserve.geo import crs
from iipserve.geo.grid import Bounds, GridRef
from iipserve.geometry import Size
from iipserve.protocols.coverage_grids import (
    EPS,
    Span,
    count_of,
    edge_span,
    in_system,
    pixel_bounds,
    scaled,
    snapped,
    steps,
    window,
)
from iipserve.protocols.map_tiles import NotThere
from iipserve.protocols.ogcapi.coverage_queries import CoverageQuery, Length, Measure, lengths_by_axis
from iipserve.protocols.ogcapi.subset import Axis, Interval, Subset

WHOLE = 1e-9
"""Part of a turn around the globe that a coverage may lack and still be all of it."""


def target_of(query: CoverageQuery, native: GridRef) -> GridRef:
    """The grid of the result.

    Args:
        query: the request.
        native: the grid of the coverage.

    Raises:
        NotThere: the subset is outside of the coverage.
        InvalidRequest: the result has too many samples, or an axis is not one of its system.
        NoTransformation: coordinates cannot be transformed between the systems of the request and of the coverage.
    """
    output = query.crs or crs.CrsName(native.crs)
    lengths = lengths_by_axis(query, output)
    shown = _shown(query.subset, native, output.key)
    found = scaled(shown, _size(shown, lengths))
    exact = [axis for axis, length in lengths.items() if length.measure is Measure.COUNT]
    return _as_stated(found, exact, query.subset, native)


def _shown(subset: Subset, native: GridRef, output: str) -> GridRef:
    """The samples of the coverage that are asked for, in the system of the result."""
    if not subset.is_spatial:
        return native if output == native.crs else _covering(native, output)
    key = subset.crs.key
    box = _boxes(subset, native, key).inside
    inside = _points(in_system(key, native.crs, box), subset)
    columns, rows = _spans(inside, native, goes_round=_goes_round(native, key))
    if columns is None or rows is None:
        raise _outside(subset)
    part = window(native, columns, rows)
    if output == native.crs:
        return part
    is_box = box.width > 0 and box.height > 0
    return GridRef.of_bounds(output, box, part.size) if output == key and is_box else _covering(part, output)


def _as_stated(found: GridRef, axes: list[Axis], subset: Subset, native: GridRef) -> GridRef:
    """The grid with the ends that a subset states of some axes, whether samples end there or not.

    A stated number of samples is of the whole interval, even if that is partially outside of the coverage (19-087,
    /req/scaling-spatial/width-and-height, D).
    """
    stated = {Axis.X: subset.x, Axis.Y: subset.y}
    axes = [axis for axis in axes if _has_ends(stated[axis])]
    if not axes or found.crs not in (native.crs, subset.crs.key):
        return found
    box = in_system(subset.crs.key, found.crs, _boxes(subset, native, subset.crs.key).stated)
    if box is None:
        return found
    bounds = found.bounds
    if Axis.X in axes:
        bounds = bounds._replace(min_x=box.min_x, max_x=box.max_x)
    if Axis.Y in axes:
        bounds = bounds._replace(min_y=box.min_y, max_y=box.max_y)
    if not (bounds.width > 0 and bounds.height > 0):
        return found
    return snapped(native, GridRef.of_bounds(found.crs, bounds, found.size))


def _has_ends(interval: Interval | None) -> bool:
    return interval is not None and interval.low is not None and interval.high is not None


class _Boxes(NamedTuple):
    """A subset as a box in its system."""

    stated: Bounds
    """After as many turns around the globe as lead to the coverage."""
    inside: Bounds
    """What of it is in the coverage."""


def _boxes(subset: Subset, native: GridRef, key: str) -> _Boxes:
    """The box of a subset, and what of it is in the coverage; around the globe, whole turns do not matter."""
    cover = in_system(native.crs, key, native.bounds)
    if cover is None:
        raise crs.NoTransformation(
            f"the layer has no place in {crs.label(key)}; state another system of the subset"
        )
    box, turn = subset.bounds(cover), crs.turn(key)
    if turn and box.max_x < box.min_x:
        box = box._replace(max_x=box.max_x + turn)
    for shift in (0.0, turn, -turn) if turn else (0.0,):
        moved = box._replace(min_x=box.min_x + shift, max_x=box.max_x + shift)
        found = Bounds(
            max(moved.min_x, cover.min_x),
            max(moved.min_y, cover.min_y),
            min(moved.max_x, cover.max_x),
            min(moved.max_y, cover.max_y),
        )
        if _has_part(found.width, moved.width) and _has_part(found.height, moved.height):
            if turn and moved.width <= turn and _goes_round(native, key):
                found = found._replace(min_x=moved.min_x, max_x=moved.max_x)
            return _Boxes(moved, found)
    raise _outside(subset)


def _goes_round(native: GridRef, key: str) -> bool:
    """Whether the coverage goes around the globe, so that a subset in its system may cross its left and right edges."""
    turn = crs.turn(native.crs)
    return turn is not None and key == native.crs and native.bounds.width >= turn * (1 - WHOLE)


def _has_part(length: float, of: float) -> bool:
    """Whether a part of an interval is one: longer than nothing, or all of a single place."""
    return length > 0 or length == of == 0


def _points(inside: Bounds | None, subset: Subset) -> Bounds:
    """The box in the system of the coverage, with a single place where the subset has one."""
    if inside is None:
        raise _outside(subset)
    middle_x, middle_y = (inside.min_x + inside.max_x) / 2, (inside.min_y + inside.max_y) / 2
    if _is_point(subset.x):
        inside = inside._replace(min_x=middle_x, max_x=middle_x)
    if _is_point(subset.y):
        inside = inside._replace(min_y=middle_y, max_y=middle_y)
    return inside


def _is_point(interval: Interval | None) -> bool:
    return interval is not None and interval.low is not None and interval.low == interval.high


def _spans(inside: Bounds, native: GridRef, *, goes_round: bool) -> tuple[Span | None, Span | None]:
    """Columns and rows of a box, which go on beyond the last column of a coverage that goes around the globe."""
    pixels = pixel_bounds(native, inside)
    if pixels is None:
        return None, None
    start = math.floor(pixels.min_x + EPS)
    return (
        Span(start, max(math.ceil(pixels.max_x - EPS), start + 1))
        if goes_round
        else edge_span(pixels.min_x, pixels.max_x, native.size.width),
        edge_span(pixels.min_y, pixels.max_y, native.size.height),
    )


def _outside(subset: Subset) -> NotThere:
    return NotThere(
        f"{crs.quoted(subset.text)} is outside of the coverage; its extent is in the document of the layer"
    )


def _covering(part: GridRef, output: str) -> GridRef:
    """As many samples, which cover a part of the coverage in another system."""
    bounds = in_system(part.crs, output, part.bounds)
    if bounds is None or not (bounds.width > 0 and bounds.height > 0):
        raise crs.NoTransformation(
            f"the layer has no place in {crs.label(output)}; state another system as crs"
        )
    return GridRef.of_bounds(output, bounds, part.size)


# -- sizes -----------------------------------------------------------------------------------------


def _size(grid: GridRef, lengths: dict[Axis, Length]) -> Size:
    sides = []
    for axis, count, step in zip((Axis.X, Axis.Y), grid.size, steps(grid), strict=True):
        length = lengths.get(axis)
        sides.append(_side(length, count, step) if length else count)
    return Size(*sides)


def _side(length: Length, count: int, step: float) -> int:
    if length.measure is Measure.COUNT:
        return int(length.value)
    found = (
        count_of(count * step, length.value)
        if length.measure is Measure.RESOLUTION
        else count_of(count, length.value)
    )
    if found is None:
        raise InvalidRequest(
            f"{length.text} makes more samples than any file can hold; state a larger number"
        )
    return found
