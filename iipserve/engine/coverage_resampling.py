"""Samples between samples: what a coverage has at places of an image, of any type and any number of bands.

Places are in pixel coordinates of a window of samples, of corners: the first pixel covers 0 to 1. Only valid samples weigh
in, each band by itself. A result is missing where those weigh less than `LEAST_WEIGHT`: it then is the sample of the pixel
that contains the place, which is missing as well. Means of integers are rounded to nearest, halves up; they are computed in
floats of 64 bits, which hold integers of up to 53 bits exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from iipserve.engine.resampling import sample_offsets
from iipserve.plan import Resampling

Coordinates: TypeAlias = NDArray[np.float64]
Values: TypeAlias = NDArray[Any]
"""Shape (height, width, bands)."""
Valid: TypeAlias = NDArray[np.bool_]
"""Of the shape of `Values`."""
Reach: TypeAlias = tuple[float, float]
"""Half the width and height of a sample of the coverage, in pixels of the image."""

HALF = 0.5 + 1e-6
"""Added to means of integers that are rounded down: the same mean is rounded the same way, whatever window it is of."""
LEAST_WEIGHT = 0.5 / 255
"""Of valid samples, of a total of 1: maps of 8 bits are clear below it."""
MAX_STEP = 64
"""Rows that are added one by one."""

Resampler: TypeAlias = Callable[[Values, Valid | None, Coordinates, Coordinates, Reach], Values]
"""(window, which samples are valid, columns, rows, reach) -> samples of the shape of the coordinates, with bands. All places
are inside of the window."""


def margin(resampling: Resampling, reach: Reach) -> tuple[int, int]:
    """Pixels on each side of a place that its sample depends on, across and down."""
    if resampling in (Resampling.AVERAGE, Resampling.MODE):
        return int(reach[0]) + 2, int(reach[1]) + 2
    pixels = {Resampling.NEAREST: 0, Resampling.BILINEAR: 1, Resampling.CUBIC: 2}[resampling]
    return pixels, pixels


def nearest(
    window: Values, valid: Valid | None, columns: Coordinates, rows: Coordinates, reach: Reach
) -> Values:
    """The sample of the pixel that contains the place."""
    height, width, bands = window.shape
    across = np.clip(columns.astype(np.int64), 0, width - 1)
    down = np.clip(rows.astype(np.int64), 0, height - 1)
    return window.reshape(-1, bands).take(down * width + across, axis=0)


# -- weighted by distance --------------------------------------------------------------------------


def _bilinear_weights(part: Coordinates) -> list[Coordinates]:
    return [1 - part, part]


def _cubic_weights(part: Coordinates) -> list[Coordinates]:
    """Of cubic convolution with a = -1/2 (Keys 1981), as GDAL has it."""
    far, near = [part + 1, 2 - part], [part, 1 - part]
    outer = [((-0.5 * d + 2.5) * d - 4) * d + 2 for d in far]
    inner = [(1.5 * d - 2.5) * d * d + 1 for d in near]
    return [outer[0], inner[0], inner[1], outer[1]]


def bilinear(
    window: Values, valid: Valid | None, columns: Coordinates, rows: Coordinates, reach: Reach
) -> Values:
    """The means of the four nearest samples, weighted by distance."""
    return _interpolated(window, valid, columns, rows, _bilinear_weights, 0)


def cubic(
    window: Values, valid: Valid | None, columns: Coordinates, rows: Coordinates, reach: Reach
) -> Values:
    """Cubic convolution of the 16 nearest samples."""
    return _interpolated(window, valid, columns, rows, _cubic_weights, 1)


def _interpolated(
    window: Values,
    valid: Valid | None,
    columns: Coordinates,
    rows: Coordinates,
    weights: Callable[[Coordinates], list[Coordinates]],
    before: int,
) -> Values:
    """Weighted sums; samples at the edges of the window are repeated beyond them.

    Args:
        window: of samples.
        valid: which of them are; None for all.
        columns: of the places.
        rows: of the places.
        weights: of the samples around a place, by its distance from the center before it.
        before: samples that precede the one whose center is left of or above the place.
    """
    height, width, bands = window.shape
    x, y = np.floor(columns - 0.5), np.floor(rows - 0.5)
    across, down = weights(columns - 0.5 - x), weights(rows - 0.5 - y)
    lefts, tops = x.astype(np.int64) - before, y.astype(np.int64) - before
    total = np.zeros((*columns.shape, bands))
    weight = np.zeros((*columns.shape, bands)) if valid is not None else None
    values = _weighable(window, valid).reshape(-1, bands)
    present = None if valid is None else valid.reshape(-1, bands)
    for j, vertical in enumerate(down):
        row = np.clip(tops + j, 0, height - 1) * width
        for i, horizontal in enumerate(across):
            index = row + np.clip(lefts + i, 0, width - 1)
            factor = (vertical * horizontal)[..., np.newaxis]
            total += values.take(index, axis=0) * factor
            if weight is not None and present is not None:
                weight += present.take(index, axis=0) * factor
    return _finished(total, weight, window, columns, rows)


def _weighable(window: Values, valid: Valid | None) -> NDArray[np.float64]:
    """The samples as floats, 0 where they are missing."""
    values = window.astype(np.float64)
    if valid is not None:
        values[~valid] = 0
    return values


def _finished(
    total: NDArray[np.float64],
    weight: NDArray[np.float64] | None,
    window: Values,
    columns: Coordinates,
    rows: Coordinates,
) -> Values:
    """Samples of the window's type: means, and what is nearest where they are missing."""
    if weight is None:
        return _of_type(total, window.dtype)
    missing = weight < LEAST_WEIGHT
    with np.errstate(divide="ignore", invalid="ignore"):
        means = total / weight
    means[missing] = 0
    result = _of_type(means, window.dtype)
    if missing.any():
        result[missing] = nearest(window, None, columns, rows, (0, 0))[missing]
    return result


def _of_type(values: NDArray[np.float64], dtype: np.dtype[Any]) -> Values:
    """Floats as samples of a type: integers are rounded, and limited to its range."""
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            return values.astype(dtype)
    limits = np.iinfo(dtype)
    rounded = np.floor(values + HALF)
    result = np.clip(rounded, limits.min, limits.max).astype(dtype)
    if dtype.itemsize == 8:
        # the largest integers of 64 bits are rounded up to what their type cannot hold
        result[rounded >= float(limits.max)] = limits.max
    return result


# -- of many samples -------------------------------------------------------------------------------


def average(
    window: Values, valid: Valid | None, columns: Coordinates, rows: Coordinates, reach: Reach
) -> Values:
    """The means of the samples that one of the coverage covers, weighted by the covered part of each.

    They come from sums over all samples to the left and above (Crow 1984), of differences from the mean of the window, so
    that large sums lose little.
    """
    height, width, bands = window.shape
    box = _span(columns, reach[0], width), _span(rows, reach[1], height)
    area = (box[0][1] - box[0][0]) * (box[1][1] - box[1][0])
    values = _weighable(window, valid)
    total, weight = np.empty((*columns.shape, bands)), np.empty((*columns.shape, bands))
    for band in range(bands):
        plane = values[..., band]
        present = None if valid is None else valid[..., band]
        count = plane.size if present is None else max(1, int(np.count_nonzero(present)))
        middle = float(np.rint(plane.sum() / count))
        if not np.isfinite(middle):
            middle = 0.0
        plane = plane - middle if present is None else np.where(present, plane - middle, 0.0)
        share = area if present is None else _box_sum(present, box)
        weight[..., band] = share / area
        with np.errstate(divide="ignore", invalid="ignore"):
            total[..., band] = (_box_sum(plane, box) / share + middle) * (share / area)
    return _finished(np.where(weight > 0, total, 0.0), weight, window, columns, rows)


Box: TypeAlias = tuple[tuple[Coordinates, Coordinates], tuple[Coordinates, Coordinates]]
"""Left and right, top and bottom."""


def _span(places: Coordinates, reach: float, length: int) -> tuple[Coordinates, Coordinates]:
    """Both ends of what a sample of the coverage covers, inside of the window."""
    half = max(reach, 1e-6)
    low = np.clip(places - half, 0, length - 1e-6)
    return low, np.clip(places + half, low + 1e-6, length)


def _box_sum(plane: NDArray[Any], box: Box) -> NDArray[np.float64]:
    """Sums over boxes, in which each pixel counts by the part that is covered."""
    (left, right), (top, bottom) = box
    if _is_separable(box):
        down = _between(plane, top[:, 0], bottom[:, 0])
        return _between(down.T, left[0], right[0]).T
    sums = np.zeros((plane.shape[0] + 1, plane.shape[1] + 1))
    np.cumsum(plane, axis=0, out=sums[1:, 1:])
    np.cumsum(sums[1:, 1:], axis=1, out=sums[1:, 1:])
    upper = _corner_sum(sums, right, top) - _corner_sum(sums, left, top)
    return _corner_sum(sums, right, bottom) - _corner_sum(sums, left, bottom) - upper


def _is_separable(box: Box) -> bool:
    """Whether boxes of one column have the same sides, and boxes of one row have the same upper and lower ends."""
    (left, right), (top, bottom) = box
    across = (left == left[:1]).all() and (right == right[:1]).all()
    return bool(across and (top == top[:, :1]).all() and (bottom == bottom[:, :1]).all())


def _between(plane: NDArray[Any], first: Coordinates, last: Coordinates) -> NDArray[np.float64]:
    """Sums over rows from one place to another, of which the first and the last row count in part."""
    step = _whole_step(first, last)
    if step:
        rows = plane[int(first[0]) : int(last[-1])]
        total = rows[::step].astype(np.float64)
        for offset in range(1, step):
            total += rows[offset::step]
        return total
    sums = np.zeros((plane.shape[0] + 1, plane.shape[1]))
    np.cumsum(plane, axis=0, out=sums[1:])

    def above(places: Coordinates) -> NDArray[np.float64]:
        row = np.minimum(places.astype(np.int64), plane.shape[0] - 1)
        part = (places - row)[:, np.newaxis]
        return sums[row] * (1 - part) + sums[row + 1] * part

    return above(last) - above(first)


def _whole_step(first: Coordinates, last: Coordinates) -> int:
    """How many whole rows each span has, if they all have as many and follow each other; 0 otherwise, and of many."""
    step = int(last[0] - first[0])
    starts = first[0] + step * np.arange(len(first))
    is_whole = first[0] % 1 == 0 and np.array_equal(first, starts) and np.array_equal(last, starts + step)
    return step if is_whole and step <= MAX_STEP else 0


def _corner_sum(sums: NDArray[np.float64], x: Coordinates, y: Coordinates) -> NDArray[np.float64]:
    """The sum to the left and above of places between corners: linear in both directions, as pixels are even."""
    column = np.minimum(x.astype(np.int64), sums.shape[1] - 2)
    row = np.minimum(y.astype(np.int64), sums.shape[0] - 2)
    across, down = x - column, y - row
    width, flat = sums.shape[1], sums.ravel()
    index = row * width + column
    upper = flat.take(index) * (1 - across) + flat.take(index + 1) * across
    lower = flat.take(index + width) * (1 - across) + flat.take(index + width + 1) * across
    return upper * (1 - down) + lower * down


def mode(
    window: Values, valid: Valid | None, columns: Coordinates, rows: Coordinates, reach: Reach
) -> Values:
    """Of each band the most frequent of some valid samples, spread evenly, that one of the coverage covers; of several
    the first."""
    height, width, bands = window.shape
    flat, present = window.reshape(-1, bands), None if valid is None else valid.reshape(-1, bands)
    chosen, known = [], []
    for y in sample_offsets(reach[1]):
        down = np.clip(rows + y, 0, height - 1).astype(np.int64) * width
        for x in sample_offsets(reach[0]):
            index = down + np.clip(columns + x, 0, width - 1).astype(np.int64)
            chosen.append(flat.take(index, axis=0))
            known.append(np.True_ if present is None else present.take(index, axis=0))
    counts = np.stack(
        [
            sum(((one == other) & is_known).astype(np.int16) for other in chosen)
            for one, is_known in zip(chosen, known, strict=True)
        ]
    )
    best = counts.argmax(axis=0)
    result = np.take_along_axis(np.stack(chosen), best[np.newaxis], axis=0)[0]
    missing = counts.max(axis=0) == 0
    if missing.any():
        result[missing] = nearest(window, None, columns, rows, reach)[missing]
    return result


RESAMPLERS: Mapping[Resampling, Resampler] = {
    Resampling.NEAREST: nearest,
    Resampling.BILINEAR: bilinear,
    Resampling.CUBIC: cubic,
    Resampling.AVERAGE: average,
    Resampling.MODE: mode,
}
