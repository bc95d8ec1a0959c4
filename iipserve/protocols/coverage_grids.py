"""Which pixels a request of WCS is answered with: arithmetic on grids, without any image.

All functions take the native grid of a coverage, in either direction of its axes and rotated too, and give the grid of
the result. Three kinds of requests say which pixels they mean:

* 2.0 (`axes_grid`): intervals of axes, by outer edges. In the system of the coverage an interval is a window of whole
  pixels of the native grid: from `floor((low - x0) / dx + EPS)` up to `ceil((high - x0) / dx - EPS)`, at least one pixel,
  clipped to the coverage. An interval that has no pixel of the coverage is a fault. Of a rotated grid it is the smallest
  window around the box of the intervals. In `imageCRS` bounds are indices of pixels, inclusive, rows counting down:
  `x(100,199)` is 100 columns. In another system the result is the box itself in that system, clipped to the box of the
  coverage there, with as many pixels as the box has of the native grid, rounded; with OUTPUTCRS of the coverage, the window
  around it. Scaling changes the number of pixels: a factor gives `round(n * f)`, at least 1; a size is as stated; an extent
  `lo:hi` is `hi - lo + 1` pixels; a resolution gives `round(length / r)`, at least 1, in the system of the intervals.
  OUTPUTCRS keeps the number of pixels and covers the box in that system. Scaled and reprojected results have the outer
  edges of what they are made from.
* 1.1 (`samples_grid`): a box of the centers of the outermost samples, and offsets between samples. Samples are at
  `origin + k * offset`: all that are in the box, which are `floor((max - min) / offset + EPS) + 1` along an axis if the
  origin is a corner of the box. Without an origin it is the upper left corner of the box, without offsets they are those
  of the native grid. The outer edges are half an offset outside of the outermost samples. What is outside of the coverage
  is filled.
* 1.0.0 (`box_grid`): a box of outer edges with the number of pixels, or their size: `round(length / resolution)`, at
  least 1. RESPONSE_CRS keeps the number of pixels and covers the box in that system. What is outside is filled.

Results in the native system whose pixels are those of the native grid within `EPS` have exactly its coordinates.

Sources: OGC 09-110r4, 12-039, 11-053r1, 07-067r5 (10.3), 03-065r6 (9.2), and what MapServer answers.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from iipserve.geo import crs, extents
from iipserve.geo.grid import Bounds, GridRef
from iipserve.geometry import Size, round_half_up

EPS = 1e-3
"""Part of a pixel by which coordinates may be off, as clients round them."""
SAME_STEP = 1e-6
"""Part of a pixel by which steps may differ over all pixels of a result, to count as equal."""
MAX_SIDE = 1 << 31
"""Pixels across or down that a result may have; it is refused before it is planned."""
FAR = 1e15
"""Pixels. Places that are farther away are outside of any coverage."""


class Span(NamedTuple):
    """A range of pixels along an axis of the native grid."""

    start: int
    stop: int
    """Above `start`."""

    @property
    def length(self) -> int:
        """Number of pixels."""
        return self.stop - self.start


# -- spans -----------------------------------------------------------------------------------------


def edge_span(low: float, high: float, count: int) -> Span | None:
    """The whole pixels of an interval of outer edges.

    Args:
        low: in pixels from the first edge; not above `high`.
        high: likewise; equal to `low` for a point.
        count: of pixels that there are.

    Returns:
        At least one pixel, inside the coverage; None where the interval is outside of it.
    """
    if low > high or high < -EPS or low > count + EPS:
        return None
    is_point = high - low <= EPS
    if not is_point and (high <= EPS or low >= count - EPS):
        return None
    start = min(max(math.floor(_near(low) + EPS), 0), count - 1)
    stop = min(max(math.ceil(_near(high) - EPS), start + 1), count)
    return Span(start, stop)


def index_span(low: float, high: float, count: int) -> Span | None:
    """The pixels of an interval of indices, inclusive; None where there is none."""
    if low > high:
        return None
    start, stop = math.floor(_near(low) + EPS), math.floor(_near(high) + EPS) + 1
    start, stop = max(start, 0), min(stop, count)
    return Span(start, stop) if stop > start else None


def _near(place: float) -> float:
    """A place that is not so far away that integers of it make no sense."""
    return max(-FAR, min(FAR, place))


# -- grids -----------------------------------------------------------------------------------------


def window(native: GridRef, columns: Span, rows: Span) -> GridRef:
    """A part of the native grid."""
    return GridRef(
        native.crs, native.affine.shifted(columns.start, rows.start), Size(columns.length, rows.length)
    )


def scaled(grid: GridRef, size: Size) -> GridRef:
    """The same area in another number of pixels."""
    if size == grid.size:
        return grid
    return GridRef(
        grid.crs, grid.affine.scaled(grid.size.width / size.width, grid.size.height / size.height), size
    )


def pixel_bounds(native: GridRef, bounds: Bounds) -> Bounds | None:
    """A box of the native system in pixels of the native grid, rows down: around it, where the grid is rotated.

    None where it is too far away for numbers.
    """
    inverse = native.affine.inverse()
    corners = [
        inverse.apply(x, y) for x in (bounds.min_x, bounds.max_x) for y in (bounds.min_y, bounds.max_y)
    ]
    columns, rows = zip(*corners, strict=True)
    found = Bounds(min(columns), min(rows), max(columns), max(rows))
    return found if all(abs(value) < FAR for value in found) else None


def snapped(native: GridRef, target: GridRef) -> GridRef:
    """The grid with exactly the coordinates of the native one, where it is a window of it within `EPS`, scaled or not."""
    if native.crs != target.crs:
        return target
    inside = native.affine.inverse().after(target.affine)
    width, height = target.size
    if abs(inside.b) * height > EPS or abs(inside.d) * width > EPS:
        return target
    edges = inside.c, inside.f, inside.c + inside.a * width, inside.f + inside.e * height
    if not all(abs(edge) < FAR and abs(edge - round(edge)) <= EPS for edge in edges):
        return target
    left, top, right, bottom = map(round, edges)
    if right <= left or bottom <= top:
        return target
    return scaled(window(native, Span(left, right), Span(top, bottom)), target.size)


def steps(native: GridRef) -> tuple[float, float]:
    """Width and height of a pixel, along rows and columns of the grid."""
    a, b, _, d, e, _ = native.affine
    return math.hypot(a, d), math.hypot(b, e)


def touches(native: GridRef, key: str, bounds: Bounds) -> bool:
    """Whether a box in any system has a place in the coverage; around the globe, whole turns do not matter.

    Raises:
        NoTransformation: there is none between the two systems.
    """
    inside = in_system(key, native.crs, bounds) if all(abs(value) < FAR for value in bounds) else None
    if inside is None:
        return False
    own, turn = native.bounds, crs.turn(native.crs)
    return (
        own.min_y <= inside.max_y
        and inside.min_y <= own.max_y
        and any(
            own.min_x <= inside.max_x + shift and inside.min_x + shift <= own.max_x
            for shift in ((-turn, 0.0, turn) if turn else (0.0,))
        )
    )


def in_system(source: str, target: str, bounds: Bounds) -> Bounds | None:
    """The box around a box in another system, `max_x` above `min_x` also across the antimeridian; None where it has none.

    Raises:
        NoTransformation: there is none between the two systems.
    """
    if source == target:
        return bounds
    found = extents.transform_bounds(source, target, bounds)
    if found is not None and found.max_x < found.min_x:
        return found._replace(max_x=found.max_x + (crs.turn(target) or 0.0))
    return found


def count_of(length: float, step: float) -> int | None:
    """Pixels of a size in a length: rounded, at least 1; None if there are more than `MAX_SIDE`."""
    count = length / step if step else math.inf
    return max(1, round_half_up(count)) if count < MAX_SIDE else None
