"""Pixels between pixels: what a map shows at places of an image.

Places are given in pixel coordinates of a window of display pixels, of corners: the first pixel covers 0 to 1. They are
rounded to 1/256 of a pixel wherever pixels are weighted, and nearest pixels are found with a small bias, so that the same
place gives the same color whatever window and map it is part of: neighboring tiles join. Colors are weighted by opacity,
the last of 2 or 4 bands, which is resampled by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from itertools import product
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from iipserve.plan import Resampling
from iipserve.processing import Pixels
from iipserve.processing.layout import as_units, has_alpha

Coordinates: TypeAlias = NDArray[np.float64]
Indices: TypeAlias = NDArray[np.int32]
Reach: TypeAlias = tuple[float, float]
"""Half the width and height of a pixel of the map, in pixels of the image."""

BIAS = 1e-6
"""Pixels by which places are shifted to the right and down: one on the edge of two pixels is of the second, whatever
coordinates were rounded to."""
PARTS = 256
"""Places within a pixel that are distinguished."""
ROWS_AT_ONCE = 64
"""Rows of a map whose intermediate sums fit the processor's cache."""
OPAQUE = 255
"""Full opacity of 8 bits."""
MAX_SAMPLES = 4
"""Across and down a pixel of the map, of which the most frequent is shown."""

Resampler: TypeAlias = Callable[[Pixels, Coordinates, Coordinates, Reach], Pixels]
"""(window, columns, rows, reach) -> pixels of the shape of the coordinates, which are all inside of the window."""


def margin(resampling: Resampling, reach: Reach) -> tuple[int, int]:
    """Pixels on each side of a place that its color depends on, across and down."""
    if resampling in (Resampling.AVERAGE, Resampling.MODE):
        return int(reach[0]) + 2, int(reach[1]) + 2
    pixels = {Resampling.NEAREST: 1, Resampling.BILINEAR: 2, Resampling.CUBIC: 3}[resampling]
    return pixels, pixels


def nearest(window: Pixels, columns: Coordinates, rows: Coordinates, reach: Reach) -> Pixels:
    """The pixel that contains the place."""
    return _taken(as_units(window), _floor(columns + BIAS), _floor(rows + BIAS), window.dtype)


def _floor(places: Coordinates) -> Indices:
    """Rounded down; none is below 0."""
    return places.astype(np.int32)


def _taken(units: NDArray[Any], columns: Indices, rows: Indices, dtype: np.dtype[Any]) -> Pixels:
    """Whole pixels by their columns and rows."""
    rows *= units.shape[1]
    rows += columns
    taken = units.reshape(-1).take(rows)
    return taken.view(dtype).reshape(*rows.shape, -1)


# -- weighted by distance --------------------------------------------------------------------------


def _bilinear_weights(parts: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([1 - parts, parts])


def _cubic_weights(parts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of cubic convolution with a = -1/2 (Keys 1981), as GDAL has it."""
    distances = np.abs(parts - np.arange(-1, 3)[:, None])
    near = (1.5 * distances - 2.5) * distances**2 + 1
    far = ((-0.5 * distances + 2.5) * distances - 4) * distances + 2
    return np.where(distances <= 1, near, far)


@lru_cache(maxsize=2)
def _table(weights: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> NDArray[np.float32]:
    """The weights of all places within a pixel, shape (taps, PARTS)."""
    return weights(np.arange(PARTS) / PARTS).astype(np.float32)


LANES: Mapping[int, Any] = {1: np.uint16, 2: np.uint32, 3: np.uint64, 4: np.uint64}
"""Elements with 16 bits for each band, by number of bands: sums of all bands of a pixel are made at once."""


def bilinear(window: Pixels, columns: Coordinates, rows: Coordinates, reach: Reach) -> Pixels:
    """The means of the four nearest pixels, weighted by distance."""
    if window.dtype != np.uint8:
        return _interpolated(window, columns, rows, _table(_bilinear_weights), 0)
    result = _quickly_interpolated(window, columns, rows)
    if has_alpha(window.shape[2]):
        mixed = result[..., -1] != OPAQUE
        if mixed.any():
            places = columns[mixed][None], rows[mixed][None]
            result[mixed] = _interpolated(window, *places, _table(_bilinear_weights), 0)[0]
    return result


def _quickly_interpolated(window: Pixels, columns: Coordinates, rows: Coordinates) -> Pixels:
    """Bilinear means of pixels of 8 bits, first across and then down, each rounded to nearest; opacity is a band."""
    height, width, bands = window.shape
    unit = np.dtype(LANES[bands])
    lanes = np.zeros((height + 2, width + 2, unit.itemsize // 2), np.uint16)
    for band in range(bands):
        lanes[1:-1, 1:-1, band] = window[..., band]
    lanes[0], lanes[-1], lanes[:, 0], lanes[:, -1] = lanes[1], lanes[-2], lanes[:, 1], lanes[:, -2]
    units = lanes.view(unit).reshape(-1)
    result = np.empty((*columns.shape, bands), np.uint8)
    for top in range(0, len(columns), ROWS_AT_ONCE):
        some = slice(top, top + ROWS_AT_ONCE)
        mean = _between_four(units, width + 2, columns[some], rows[some])
        for band in range(bands):
            np.copyto(result[some, :, band], mean[..., band], casting="unsafe")
    return result


def _between_four(units: NDArray[Any], width: int, columns: Coordinates, rows: Coordinates) -> NDArray[Any]:
    """Bilinear means of lanes, of an array whose rows are `width` long and begin a pixel before the window's."""
    x, across = _split(columns, 1)
    y, down = _split(rows, 1)
    x += y * np.int32(width)
    weight = across.astype(units.dtype)
    upper = _between(units.take(x), units.take(x + 1), weight)
    x += width
    lower = _between(units.take(x), units.take(x + 1), weight)
    mean = _between(upper, lower, down.astype(units.dtype))
    return mean.view(np.uint16).reshape(*x.shape, -1)


def _between(first: NDArray[Any], second: NDArray[Any], weight: NDArray[Any]) -> NDArray[Any]:
    """Means of lanes, rounded; `weight` is that of the second, in parts of a pixel. Overwrites its first two arguments."""
    unit = first.dtype.type
    every = sum(1 << shift for shift in range(0, 8 * first.itemsize, 16))
    second *= weight
    first *= unit(PARTS) - weight
    first += second
    first += unit(PARTS // 2 * every)
    first >>= unit(8)
    first &= unit(OPAQUE * every)
    return first


def cubic(window: Pixels, columns: Coordinates, rows: Coordinates, reach: Reach) -> Pixels:
    """Cubic convolution of the 16 nearest pixels."""
    return _interpolated(window, columns, rows, _table(_cubic_weights), 1)


def _interpolated(
    window: Pixels, columns: Coordinates, rows: Coordinates, table: NDArray[np.float32], before: int
) -> Pixels:
    """Sums of pixels weighted by a table.

    Args:
        window: repeated at its edges as far as taps are beyond them.
        columns: of the places.
        rows: of the places.
        table: of weights.
        before: taps that precede the pixel whose center is left of or above the place.
    """
    taps = len(table)
    padding = (before + 1, taps - before)
    padded = np.pad(window, (padding, padding, (0, 0)), mode="edge")
    planes, width = _weighted_planes(padded), padded.shape[1]
    sums = np.zeros((len(planes), *columns.shape), np.float32)
    for top in range(0, len(columns), ROWS_AT_ONCE):
        some = slice(top, top + ROWS_AT_ONCE)
        x, across = _split(columns[some], before + 1)
        y, down = _split(rows[some], before + 1)
        first = (y - before) * np.int32(width) + (x - before)
        across_weights, down_weights = table[:, across], table[:, down]
        for j, i in product(range(taps), repeat=2):
            weight, index = down_weights[j] * across_weights[i], first + np.int32(j * width + i)
            for plane, total in zip(planes, sums[:, some], strict=True):
                tap = plane.take(index)
                tap *= weight
                total += tap
    return _colors(sums, window)


def _split(places: Coordinates, shift: int) -> tuple[Indices, Indices]:
    """The pixel whose center is next to the left of or above a place, and the distance from there, in parts of a pixel."""
    parts = np.floor(places * PARTS + (0.5 + (shift - 0.5) * PARTS)).astype(np.int32)
    return parts >> 8, parts & (PARTS - 1)


def _weighted_planes(pixels: Pixels) -> list[NDArray[np.float32]]:
    """The bands, each contiguous and flat; colors multiplied by opacity, from 0 to 1, if there is some that is not full."""
    values = [np.ascontiguousarray(pixels[..., band], np.float32).ravel() for band in range(pixels.shape[2])]
    if has_alpha(pixels.shape[2]):
        opacity = values[-1] * np.float32(1 / np.iinfo(pixels.dtype.name).max)
        values = [plane * opacity for plane in values[:-1]] + [opacity]
    return values


def _colors(sums: NDArray[np.float32], window: Pixels) -> Pixels:
    """Pixels of the window's kind, of sums of `_weighted_planes`."""
    maximum, bands = np.iinfo(window.dtype.name).max, window.shape[2]
    result = np.empty((*sums.shape[1:], bands), window.dtype)
    if has_alpha(bands):
        opacity = sums[-1]
        with np.errstate(divide="ignore", invalid="ignore"):
            sums[:-1] /= opacity
        sums[:-1, opacity <= 0.5 / maximum] = 0
        opacity *= maximum
    np.rint(sums, out=sums)
    np.clip(sums, 0, maximum, out=sums)
    for band in range(bands):
        np.copyto(result[..., band], sums[band], casting="unsafe")
    return result


# -- of many pixels --------------------------------------------------------------------------------


def average(window: Pixels, columns: Coordinates, rows: Coordinates, reach: Reach) -> Pixels:
    """The means of the pixels that a pixel of the map covers, weighted by the covered part of each.

    They come from sums over all pixels to the left and above (Crow 1984), in integers, of which only differences matter.
    """
    height, width, bands = window.shape
    left, right = _span(columns, reach[0], width)
    top, bottom = _span(rows, reach[1], height)
    area = (right - left) * (bottom - top)
    values = window.astype(np.int64)
    if has_alpha(bands):
        values[..., :-1] *= values[..., -1:]
    sums = [_box_sum(_summed(values[..., band]), left, right, top, bottom) for band in range(bands)]
    result = np.zeros((*columns.shape, bands), window.dtype)
    if has_alpha(bands):
        total = np.maximum(sums[-1], 1)
        areas = [total] * (bands - 1) + [area]
    else:
        areas = [area] * bands
    for band in range(bands):
        mean = (2 * sums[band] + areas[band]) // (2 * areas[band])
        np.copyto(result[..., band], mean, casting="unsafe")
    return result


def _span(places: Coordinates, reach: float, length: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Both ends of what a pixel of the map covers, in parts of a pixel, inside of the window."""
    middle = np.floor(places * PARTS + 0.5).astype(np.int64)
    half = max(1, round(reach * PARTS))
    return np.clip(middle - half, 0, length * PARTS - 1), np.clip(middle + half, 1, length * PARTS)


def _summed(plane: NDArray[np.int64]) -> NDArray[np.int64]:
    """The sums over all pixels to the left and above of each corner."""
    sums = np.zeros((plane.shape[0] + 1, plane.shape[1] + 1), np.int64)
    np.cumsum(plane, axis=0, out=sums[1:, 1:])
    np.cumsum(sums[1:, 1:], axis=1, out=sums[1:, 1:])
    return sums


def _box_sum(
    sums: NDArray[np.int64],
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    top: NDArray[np.int64],
    bottom: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Sums over boxes whose edges are in parts of a pixel, multiplied by the parts of a pixel."""
    return (
        _corner_sum(sums, right, bottom)
        - _corner_sum(sums, left, bottom)
        - _corner_sum(sums, right, top)
        + _corner_sum(sums, left, top)
    )


def _corner_sum(sums: NDArray[np.int64], x: NDArray[np.int64], y: NDArray[np.int64]) -> NDArray[np.int64]:
    """The sum to the left and above of places between corners: linear in both directions, as pixels are even."""
    column, row = np.minimum(x >> 8, sums.shape[1] - 2), np.minimum(y >> 8, sums.shape[0] - 2)
    across, down = x - column * PARTS, y - row * PARTS
    width, flat = sums.shape[1], sums.ravel()
    index = row * width + column
    upper = flat.take(index) * (PARTS - across) + flat.take(index + 1) * across
    lower = flat.take(index + width) * (PARTS - across) + flat.take(index + width + 1) * across
    return upper * (PARTS - down) + lower * down


def mode(window: Pixels, columns: Coordinates, rows: Coordinates, reach: Reach) -> Pixels:
    """The most frequent of some pixels, spread evenly, that a pixel of the map covers; of several the first."""
    height, width = window.shape[:2]
    units = as_units(window)
    numbered, codes = np.unique(units, return_inverse=True)
    codes = codes.reshape(units.shape).astype(np.int32)
    samples = []
    for y in sample_offsets(reach[1]):
        for x in sample_offsets(reach[0]):
            across = np.clip(columns + (x + BIAS), 0, width - 1).astype(np.int32)
            down = np.clip(rows + (y + BIAS), 0, height - 1).astype(np.int32)
            down *= width
            down += across
            samples.append(codes.ravel().take(down))
    stack = np.stack(samples)
    counts = np.stack([(stack == one).sum(axis=0) for one in stack])
    chosen = np.take_along_axis(stack, counts.argmax(axis=0)[None], axis=0)[0]
    return numbered.take(chosen).view(window.dtype).reshape(*columns.shape, -1)


def sample_offsets(reach: float) -> NDArray[np.float64]:
    """Of samples from a place, centered."""
    count = min(MAX_SAMPLES, max(1, round(2 * reach)))
    return (np.arange(count, dtype=np.float64) + 0.5) * (2 * reach / count) - reach


RESAMPLERS: Mapping[Resampling, Resampler] = {
    Resampling.NEAREST: nearest,
    Resampling.BILINEAR: bilinear,
    Resampling.CUBIC: cubic,
    Resampling.AVERAGE: average,
    Resampling.MODE: mode,
}
