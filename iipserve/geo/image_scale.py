"""How many pixels of an image a pixel of a map has: which level is read, and whether pixels are averaged."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from iipserve.geo import crs
from iipserve.geo.georeference import Georeference
from iipserve.geo.grid import GridRef
from iipserve.geo.mapping import to_ground

Coordinates: TypeAlias = NDArray[np.float64]

SAMPLES = 7
"""Places across and down an image at which its scale is measured."""
UNIFORM = 1.5
"""Ratio of the largest to the smallest area of a pixel, up to which an image has one scale."""
SCALE_CELL = 1024
"""Pixels of a map, counted from x and y 0, in which one scale holds: the same for tiles of all sizes inside."""


MAX_SCALES = 4096
"""Scales of images on maps of one resolution that are remembered."""


class Scales(NamedTuple):
    """How an image is scaled at places spread evenly over it."""

    xs: Coordinates
    """Of the places in the coordinate reference system of maps."""
    ys: Coordinates
    rates: Coordinates
    """Columns and rows per unit of x and y: shape (places, 2, 2), `[:, 0, 1]` columns per unit of y."""
    is_uniform: bool
    """The middle place is enough."""


@lru_cache(maxsize=1024)
def _scales(source: Georeference, key: str) -> Scales | None:
    """The scale of an image in a system; None if no part of it has a place there."""
    size = source.size
    parts = (np.arange(SAMPLES) + 0.5) / SAMPLES
    columns, rows = (each.ravel() for each in np.meshgrid(parts * size.width, parts * size.height))
    across, down = max(1.0, size.width / 256), max(1.0, size.height / 256)
    xs, ys = to_ground(
        source.mapping,
        np.concatenate([columns, columns + across, columns]),
        np.concatenate([rows, rows, rows + down]),
    )
    if source.crs != key:
        xs, ys = crs.transformer(source.crs, key)(xs, ys)
    xs, ys = xs.reshape(3, -1), ys.reshape(3, -1)
    with np.errstate(all="ignore"):
        steps = np.array(
            [
                [(xs[1] - xs[0]) / across, (xs[2] - xs[0]) / down],
                [(ys[1] - ys[0]) / across, (ys[2] - ys[0]) / down],
            ]
        ).transpose(2, 0, 1)  # x and y per column and row
        areas = np.abs(np.linalg.det(np.where(np.isfinite(steps), steps, 0.0)))
        usable = np.isfinite(steps).all(axis=(1, 2)) & (areas > 0)
    if not usable.any():
        return None
    steps, areas, xs, ys = steps[usable], areas[usable], xs[0, usable], ys[0, usable]
    usual = np.argsort(areas)[len(areas) // 2]
    order = np.r_[usual, np.delete(np.arange(len(areas)), usual)]
    is_uniform = bool(areas.max() <= UNIFORM * areas.min())
    return Scales(xs[order], ys[order], np.linalg.inv(steps[order]), is_uniform)


def scale_of(source: Georeference, target: GridRef) -> tuple[float, float] | None:
    """Columns and rows of an image's full size per pixel of a map; None if the image has no place in its system, or the
    map is none.

    Images of much the same scale everywhere have one scale on all maps of one resolution. Of others, as of the whole
    globe, it is that of the place of the image which is nearest to the middle of a large square that contains the
    map, so that neighboring tiles and tiles of other sizes have the same.
    """
    scales = _scales(source, target.crs)
    affine = target.affine
    if scales is None or not all(map(math.isfinite, affine)):
        return None
    place = 0 if scales.is_uniform else _nearest_place(scales, target)
    return _scale_at(source, target.crs, place, affine.a, affine.b, affine.d, affine.e)


@lru_cache(maxsize=MAX_SCALES)
def _scale_at(
    source: Georeference, key: str, place: int, a: float, b: float, d: float, e: float
) -> tuple[float, float] | None:
    """As `scale_of`, at one of the places of `_scales`: the same for all maps of one resolution.

    Args:
        source: of the image.
        key: of the system of maps.
        place: index of the place.
        a: x per column of the map, as of `Affine`.
        b: x per row.
        d: y per column.
        e: y per row.
    """
    scales = _scales(source, key)
    if scales is None:
        return None
    with np.errstate(all="ignore"):
        rates = scales.rates[place] @ np.array([[a, b], [d, e]])
    across, down = (math.hypot(*rate) for rate in rates.tolist())
    return (across, down) if 0 < across < math.inf and 0 < down < math.inf else None


def _nearest_place(scales: Scales, target: GridRef) -> int:
    """The place of an image that is nearest to the middle of the cell of a map's middle."""
    affine, size = target.affine, target.size
    with np.errstate(all="ignore"):
        middle = np.array(affine.apply(size.width / 2, size.height / 2))
        cell = SCALE_CELL * np.hypot([affine.a, affine.b], [affine.d, affine.e])
        x, y = (np.floor(middle / cell) + 0.5) * cell
        distances = (scales.xs - x) ** 2 + (scales.ys - y) ** 2
    return int(np.argmin(np.where(np.isnan(distances), np.inf, distances)))
