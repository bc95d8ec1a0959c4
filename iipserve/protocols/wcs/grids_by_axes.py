"""The grid of a result of WCS 2.0: from intervals of axes, scaling and output system (rules of `grids`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from iipserve.geo import crs
from iipserve.geo.crs import IMAGE, NoTransformation, quoted
from iipserve.geo.grid import Bounds, GridRef
from iipserve.geo.ows.exceptions import INVALID_VALUE, NO_CODE
from iipserve.geometry import Size, round_half_up
from iipserve.protocols.coverage_grids import (
    MAX_SIDE,
    Span,
    count_of,
    edge_span,
    in_system,
    index_span,
    pixel_bounds,
    scaled,
    steps,
    window,
)
from iipserve.protocols.map_values import finite
from iipserve.protocols.wcs.axes import Axis, axis_of
from iipserve.protocols.wcs.exceptions import (
    INVALID_AXIS,
    INVALID_SUBSETTING,
    NO_OUTPUT_CRS,
    NO_SUBSETTING_CRS,
    SCALE_AXIS_UNDEFINED,
    fault,
)
from iipserve.protocols.wcs.query import AxesDomain, AxisScale, ScaleKind, Subset

OPEN = ("", "*")
"""Bounds that are left open."""


class Interval(NamedTuple):
    """An interval of an axis of space; its ends are equal for a point."""

    low: float | None
    """None: open."""
    high: float | None
    text: str
    """As the client wrote it."""


def axes_grid(native: GridRef, domain: AxesDomain) -> GridRef:
    """The grid of the result.

    Args:
        native: the grid of the coverage.
        domain: what is asked for; intervals of time are passed over.

    Raises:
        OwsError: InvalidAxisLabel, InvalidSubsetting, ScaleAxisUndefined, SubsettingCrs-NotSupported,
            OutputCrs-NotSupported; NoApplicableCode where the result is larger than `MAX_SIDE`.
    """
    intervals = intervals_of(domain.subsets)
    key = domain.subsetting_crs.key if domain.subsetting_crs else native.crs
    output = domain.output_crs.key if domain.output_crs else native.crs if key == IMAGE else key
    if output == IMAGE:
        output = native.crs
    if key in (IMAGE, native.crs):
        part = _part(native, intervals, by_index=IMAGE in (key, native.crs))
        shown = part if output == native.crs else _covering(part, output)
    else:
        part, shown = _in_other_system(native, intervals, key, output)
    return scaled(shown, scaled_size(part, domain.scales))


def intervals_of(subsets: Sequence[Subset]) -> dict[Axis, Interval]:
    """The intervals of axes of space.

    Raises:
        OwsError: InvalidAxisLabel: an axis is unknown or occurs twice; InvalidSubsetting: a bound is no number, or the
            interval ends before it starts.
    """
    found: dict[Axis, Interval] = {}
    seen: set[Axis] = set()
    for subset in subsets:
        axis = axis_of(subset.axis)
        if axis is None:
            raise fault(
                INVALID_AXIS, f"there is no axis {quoted(subset.axis)}; x, y and time are", subset.axis
            )
        if axis in seen:
            raise fault(
                INVALID_AXIS, f"axis {quoted(subset.axis)} is subset twice; it can be once", subset.axis
            )
        seen.add(axis)
        if axis is not Axis.TIME:
            found[axis] = _interval(subset)
    return found


def _interval(subset: Subset) -> Interval:
    low = _bound(subset.low, subset)
    high = low if subset.is_slice else _bound(subset.high, subset)
    if subset.is_slice and low is None:
        raise fault(INVALID_SUBSETTING, f"{quoted(subset.text)} has no point", subset.text)
    if low is not None and high is not None and low > high:
        raise fault(
            INVALID_SUBSETTING,
            f"{quoted(subset.text)} ends before it starts; write it as axis(low,high)",
            subset.text,
        )
    return Interval(low, high, subset.text)


def _bound(text: str, subset: Subset) -> float | None:
    if text.strip() in OPEN:
        return None
    value = finite(text)
    if value is None:
        raise fault(
            INVALID_SUBSETTING, f"{quoted(text)} of {quoted(subset.text)} is no finite number", subset.text
        )
    return value


def _outside(interval: Interval | None, where: str) -> Exception:
    text = interval.text if interval else ""
    return fault(INVALID_SUBSETTING, f"{quoted(text)} is outside of the coverage, which is {where}", text)


# -- in the system of the coverage, or in pixels -----------------------------------------------------


def _part(native: GridRef, intervals: Mapping[Axis, Interval], *, by_index: bool) -> GridRef:
    """The window of the native grid."""
    x, y = intervals.get(Axis.X), intervals.get(Axis.Y)
    if by_index:
        return window(native, _indices(x, native.size.width), _indices(y, native.size.height))
    if x is None and y is None:
        return native
    own = native.bounds
    box = Bounds(_low(x, own.min_x), _low(y, own.min_y), _high(x, own.max_x), _high(y, own.max_y))
    columns, rows = _spans(native, box)
    if columns is None and x is not None:
        # around the globe, whole turns do not matter
        turn = crs.turn(native.crs) or 0.0
        shifted = (
            _spans(
                native, box._replace(min_x=_low(x, own.min_x - by) + by, max_x=_high(x, own.max_x - by) + by)
            )
            for by in (turn, -turn)
        )
        columns, rows = next((each for each in shifted if each[0]), (None, rows))
    # columns run along x, unless the grid is turned
    if columns is None:
        raise _outside(x or y, f"x {own.min_x!r} to {own.max_x!r}")
    if rows is None:
        raise _outside(y or x, f"y {own.min_y!r} to {own.max_y!r}")
    return window(native, columns, rows)


def _indices(interval: Interval | None, count: int) -> Span:
    if interval is None:
        return Span(0, count)
    span = index_span(_low(interval, 0.0), _high(interval, count - 1.0), count)
    if span is None:
        raise _outside(interval, f"pixels 0 to {count - 1}")
    return span


def _low(interval: Interval | None, default: float) -> float:
    return default if interval is None or interval.low is None else interval.low


def _high(interval: Interval | None, default: float) -> float:
    return default if interval is None or interval.high is None else interval.high


def _spans(native: GridRef, box: Bounds) -> tuple[Span | None, Span | None]:
    """Columns and rows of a box; None where it is outside."""
    inside = pixel_bounds(native, box)
    if inside is None:
        return None, None
    return (
        edge_span(inside.min_x, inside.max_x, native.size.width),
        edge_span(inside.min_y, inside.max_y, native.size.height),
    )


# -- in other systems ------------------------------------------------------------------------------


def _covering(part: GridRef, output: str) -> GridRef:
    """The grid of as many pixels that covers a part of the coverage in another system."""
    bounds = _transformed(part.crs, output, part.bounds, NO_OUTPUT_CRS)
    if bounds is None or not (bounds.width > 0 and bounds.height > 0):
        raise fault(NO_OUTPUT_CRS, f"the coverage has no place in {quoted(output)}", output)
    return GridRef.of_bounds(output, bounds, part.size)


def _in_other_system(
    native: GridRef, intervals: Mapping[Axis, Interval], key: str, output: str
) -> tuple[GridRef, GridRef]:
    """The box of intervals in another system, and that in the system of the result."""
    cover = _transformed(native.crs, key, native.bounds, NO_SUBSETTING_CRS)
    if cover is None:
        raise fault(NO_SUBSETTING_CRS, f"the coverage has no place in {quoted(key)}", key)
    x, y = intervals.get(Axis.X), intervals.get(Axis.Y)
    min_x, max_x = _clipped(x, cover.min_x, cover.max_x, native.size.width, crs.turn(key))
    min_y, max_y = _clipped(y, cover.min_y, cover.max_y, native.size.height, None)
    box = Bounds(min_x, min_y, max_x, max_y)
    inside = _transformed(key, native.crs, box, NO_SUBSETTING_CRS)
    columns, rows = _spans(native, inside) if inside else (None, None)
    pixels = pixel_bounds(native, inside) if inside else None
    if columns is None or rows is None or pixels is None:
        raise _outside(x or y, "elsewhere")
    part = GridRef.of_bounds(key, box, _count(pixels, native.size))
    if output == native.crs:
        return part, window(native, columns, rows)
    return part, part if output == key else _covering(part, output)


def _count(pixels: Bounds, whole: Size) -> Size:
    """How many pixels of the native grid a box has, rounded, at least 1."""
    width = min(pixels.max_x, whole.width) - max(pixels.min_x, 0.0)
    height = min(pixels.max_y, whole.height) - max(pixels.min_y, 0.0)
    return Size(max(1, round_half_up(width)), max(1, round_half_up(height)))


def _clipped(
    interval: Interval | None, start: float, stop: float, count: int, turn: float | None
) -> tuple[float, float]:
    """An interval inside the coverage; a point becomes an interval of the width of a pixel."""
    if interval is None:
        return start, stop
    step = (stop - start) / count
    for shift in (0.0, turn, -turn) if turn else (0.0,):
        low, high = _low(interval, start - shift) + shift, _high(interval, stop - shift) + shift
        if high - low < step * 1e-9:
            low, high = low - step / 2, high + step / 2
        if low < stop and high > start:
            return max(low, start), min(high, stop)
    raise _outside(interval, f"from {start!r} to {stop!r}")


def _transformed(source: str, target: str, bounds: Bounds, code: str) -> Bounds | None:
    try:
        return in_system(source, target, bounds)
    except NoTransformation as error:
        raise fault(code, str(error), target if code == NO_OUTPUT_CRS else source) from error


# -- scaling ---------------------------------------------------------------------------------------


def scaled_size(grid: GridRef, scales: Sequence[AxisScale]) -> Size:
    """The number of pixels that a grid has after scaling.

    Raises:
        OwsError: ScaleAxisUndefined; InvalidParameterValue: an axis is scaled twice; NoApplicableCode: too many.
    """
    sides = {Axis.X: grid.size.width, Axis.Y: grid.size.height}
    lengths = {axis: sides[axis] * step for axis, step in zip((Axis.X, Axis.Y), steps(grid), strict=True)}
    done: set[Axis] = set()
    for scale in scales:
        axes = (Axis.X, Axis.Y) if not scale.axis else (_scaled_axis(scale.axis),)
        if done.intersection(axes):
            raise fault(
                INVALID_VALUE,
                f"axis {quoted(scale.axis or 'x')} is scaled twice; it can be once",
                scale.kind.value,
            )
        done.update(axes)
        for axis in axes:
            sides[axis] = _side(scale, sides[axis], lengths[axis])
    return Size(sides[Axis.X], sides[Axis.Y])


def _scaled_axis(text: str) -> Axis:
    axis = axis_of(text)
    if axis is None or axis is Axis.TIME:
        raise fault(SCALE_AXIS_UNDEFINED, f"there is no axis {quoted(text)} to scale; x and y are", text)
    return axis


def _side(scale: AxisScale, count: int, length: float) -> int:
    if scale.kind is ScaleKind.RESOLUTION:
        side = count_of(length, scale.value)
    else:
        exact = count * scale.value if scale.kind is ScaleKind.FACTOR else scale.value
        side = max(1, round_half_up(exact)) if exact < MAX_SIDE else None
    if side is None:
        raise fault(
            NO_CODE, f"{scale.kind.value} {scale.value!r} makes more than {MAX_SIDE} pixels of an axis"
        )
    return side
