"""The grid of a result of WCS 1.1: from a box of sample centers, an origin and offsets (rules of `grids`)."""

from __future__ import annotations

import math
from typing import NamedTuple

from iipserve.geo import crs
from iipserve.geo.crs import IMAGE, AxisRule, CrsName, NoTransformation
from iipserve.geo.grid import Affine, Bounds, GridRef
from iipserve.geo.ows.exceptions import INVALID_VALUE, NO_CODE, OwsError
from iipserve.geometry import Size
from iipserve.protocols.coverage_grids import (
    EPS,
    FAR,
    MAX_SIDE,
    in_system,
    index_span,
    pixel_bounds,
    snapped,
    touches,
    window,
)
from iipserve.protocols.coverage_grids import (
    steps as steps_of,
)
from iipserve.protocols.wcs.query import SampleDomain

BOX, OFFSETS, BASE_CRS = "BoundingBox", "GridOffsets", "GridBaseCRS"
"""Locators."""


class _Samples(NamedTuple):
    """Samples along an axis."""

    first: float
    """Center of the first one."""
    length: int


def samples_grid(native: GridRef, domain: SampleDomain) -> GridRef:
    """The grid of the result.

    Args:
        native: the grid of the coverage.
        domain: what is asked for.

    Raises:
        OwsError: InvalidParameterValue: the box is none, is outside of the coverage or has no sample, or the offsets are
            of no upright grid; NoApplicableCode where the result is larger than `MAX_SIDE`.
        NoTransformation: a system has nothing to do with that of the coverage.
    """
    base, box_crs = _systems(native, domain)
    if domain.box is None and not domain.offsets and base.key == native.crs:
        return native
    is_indexed = IMAGE in (box_crs.key, native.crs)
    if is_indexed and domain.box is not None and not domain.offsets and base.key == native.crs:
        return _indexed(native, domain.box)
    box = _centers(native) if domain.box is None else _box(native, domain.box, box_crs, is_indexed=is_indexed)
    key = native.crs if is_indexed or domain.box is None else box_crs.key
    centers = in_system(key, base.key, box)
    if centers is None or not touches(native, key, box):
        raise OwsError(INVALID_VALUE, "the box is outside of the coverage", BOX)
    steps = _offsets(domain, base) if domain.offsets else _native_steps(native, base.key, key, box, centers)
    return snapped(native, _grid(base, centers, domain.origin, *steps))


def _systems(native: GridRef, domain: SampleDomain) -> tuple[CrsName, CrsName]:
    """The system of the result, where `image` stands for that of the coverage, and that of the box."""
    own = CrsName(native.crs, crs.Form.URN)
    base = domain.base_crs or domain.crs or own
    if IMAGE in (base.key, native.crs):
        base = CrsName(native.crs, base.form)
    return base, domain.crs or domain.base_crs or own


def _grid(
    base: CrsName, box: Bounds, origin: tuple[float, float] | None, step_x: float, step_y: float
) -> GridRef:
    at_x, at_y = _ordered(origin, base) if origin else (box.min_x, box.max_y)
    columns = _samples(box.min_x, box.max_x, at_x, step_x)
    # from the top down
    rows = _samples(-box.max_y, -box.min_y, -at_y, step_y)
    left, top = columns.first - step_x / 2, -rows.first + step_y / 2
    return GridRef(base.key, Affine(step_x, 0.0, left, 0.0, -step_y, top), Size(columns.length, rows.length))


def _samples(low: float, high: float, origin: float, step: float) -> _Samples:
    """All samples at whole steps from the origin that are in an interval."""
    first, last = (low - origin) / step - EPS, (high - origin) / step + EPS
    if not (abs(first) < FAR and abs(last) < FAR and last - first < MAX_SIDE):
        raise OwsError(NO_CODE, f"the result has more than {MAX_SIDE} samples along an axis", OFFSETS)
    start, stop = math.ceil(first), math.floor(last)
    if stop < start:
        raise OwsError(
            INVALID_VALUE, "no sample of the grid is in the box; make it larger than an offset", BOX
        )
    return _Samples(origin + start * step, stop - start + 1)


# -- boxes -----------------------------------------------------------------------------------------


def _indexed(native: GridRef, box: tuple[float, float, float, float]) -> GridRef:
    """The window of a box of indices of samples, inclusive, rows down."""
    left, top, right, bottom = box
    columns = index_span(left, right, native.size.width)
    rows = index_span(top, bottom, native.size.height)
    if columns is None or rows is None:
        last = f"{native.size.width - 1},{native.size.height - 1}"
        raise OwsError(INVALID_VALUE, f"the box is not in that of the coverage, 0,0,{last}", BOX)
    return window(native, columns, rows)


def _centers(native: GridRef) -> Bounds:
    """The box of the centers of the outermost samples."""
    step_x, step_y = steps_of(native)
    own = native.bounds
    return Bounds(
        own.min_x + step_x / 2, own.min_y + step_y / 2, own.max_x - step_x / 2, own.max_y - step_y / 2
    )


def _box(
    native: GridRef, numbers: tuple[float, float, float, float], name: CrsName, *, is_indexed: bool
) -> Bounds:
    """The box, x before y; of indices in the system of the coverage."""
    if is_indexed:
        corners = [
            native.affine.apply(column + 0.5, row + 0.5) for column in numbers[::2] for row in numbers[1::2]
        ]
        xs, ys = zip(*corners, strict=True)
        return Bounds(min(xs), min(ys), max(xs), max(ys))
    low, high = _ordered(numbers[:2], name), _ordered(numbers[2:], name)
    high = _not_below(low[0], high[0]), _not_below(low[1], high[1])
    bounds = Bounds(*low, *high)
    if bounds.max_x < bounds.min_x and crs.turn(name.key):
        bounds = bounds._replace(max_x=bounds.max_x + (crs.turn(name.key) or 0.0))
    if bounds.max_x < bounds.min_x or bounds.max_y < bounds.min_y:
        raise OwsError(
            INVALID_VALUE,
            "the upper corner of the box is below its lower one; write the minimum of both axes first",
            BOX,
        )
    return bounds


def _not_below(low: float, high: float) -> float:
    """The upper end of an interval; the lower one where it is below that by rounding only, as that of one sample may be."""
    return low if high < low and math.isclose(low, high, rel_tol=1e-12) else high


def _ordered(pair: tuple[float, ...], name: CrsName) -> tuple[float, float]:
    """Coordinates in the order of a request, x before y."""
    first, second = pair
    return (second, first) if crs.axis_order(name, AxisRule.WCS_1_1) else (first, second)


# -- offsets ---------------------------------------------------------------------------------------


def _offsets(domain: SampleDomain, base: CrsName) -> tuple[float, float]:
    """Steps along x and y: two numbers, or two vectors of a grid that is not turned."""
    numbers = [abs(number) for number in domain.offsets]
    if len(numbers) == 4:
        along, across = numbers[:2], numbers[2:]
        if any(first and second for first, second in zip(along, across, strict=True)):
            raise OwsError(
                INVALID_VALUE, "turned grids are not made; write GridOffsets of an upright one", OFFSETS
            )
        numbers = [first or second for first, second in zip(along, across, strict=True)]
    if len(numbers) != 2 or not all(numbers):
        raise OwsError(
            INVALID_VALUE, "GridOffsets are two or four numbers, of which none is 0 along both axes", OFFSETS
        )
    return _ordered(tuple(numbers), base)


def _native_steps(native: GridRef, base: str, key: str, box: Bounds, centers: Bounds) -> tuple[float, float]:
    """Steps of the coverage; in another system those that keep the number of samples."""
    if base == native.crs:
        return steps_of(native)
    try:
        inside = in_system(key, native.crs, box)
    except NoTransformation:
        inside = None
    pixels = pixel_bounds(native, inside) if inside else None
    if pixels is None:
        raise OwsError(INVALID_VALUE, "the box is outside of the coverage", BOX)
    across, down = math.floor(pixels.width + EPS), math.floor(pixels.height + EPS)
    if not (across and down and centers.width and centers.height):
        raise OwsError(INVALID_VALUE, "a box of one sample in another system needs GridOffsets", OFFSETS)
    return centers.width / across, centers.height / down
