"""The mappings between pixels of an image and its coordinate reference system, in both directions.

An affine mapping is inverted exactly. Ground control points are fitted in each direction separately, as GDAL does, so
that the two agree at the points only as far as the fit does. Rational polynomials lead from the ground to pixels; the
other direction is found by iteration.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from iipserve.geo.georeference import ControlPoints, Mapping, RationalPolynomials
from iipserve.geo.grid import Affine

Coordinates: TypeAlias = NDArray[np.float64]
Pair: TypeAlias = tuple[Coordinates, Coordinates]
Function: TypeAlias = Callable[[Coordinates, Coordinates], Pair]

MAX_FITS = 64
"""Fits of ground control points that are kept."""
PIXEL_CENTER = 0.5
"""Rational polynomials count pixels from the center of the first (STDI-0002, RPC00B)."""
MAX_STEPS = 20
"""Of the iteration from pixels to the ground."""
CLOSE = 1e-9
"""Change of normalized longitude and latitude below which the iteration ends."""


def to_pixels(mapping: Mapping, xs: Coordinates, ys: Coordinates) -> Pair:
    """Columns and rows, of the full size, of places on the ground: arrays of any one shape.

    Places that are not finite, or that no pixel shows, give coordinates that are not finite or outside of the image.
    """
    with np.errstate(all="ignore"):
        if isinstance(mapping, Affine):
            return mapping.inverse().apply(xs, ys)
        if isinstance(mapping, ControlPoints):
            return _fitted(mapping, inverse=True)(xs, ys)
        return _rational(mapping, xs, ys)


def to_ground(mapping: Mapping, columns: Coordinates, rows: Coordinates) -> Pair:
    """x and y, in the image's coordinate reference system, of places in pixels of the full size; any one shape."""
    with np.errstate(all="ignore"):
        if isinstance(mapping, Affine):
            return mapping.apply(columns, rows)
        if isinstance(mapping, ControlPoints):
            return _fitted(mapping, inverse=False)(columns, rows)
        return _solved(mapping, columns, rows)


# -- ground control points -------------------------------------------------------------------------


@lru_cache(maxsize=MAX_FITS)
def _fitted(mapping: ControlPoints, *, inverse: bool) -> Function:
    """The function fitted to control points: from pixels to the ground, or the inverse."""
    points = np.array(mapping.points, np.float64)
    known, wanted = (points[:, 2:], points[:, :2]) if inverse else (points[:, :2], points[:, 2:])
    center, spread = known.mean(axis=0), max(float(np.ptp(known, axis=0).max()), 1e-300)
    knots = (known - center) / spread  # by one factor: a spline depends on the shape of its knots
    terms = _power_terms(mapping.order) if mapping.order else _spline_terms(knots)
    system = terms(*knots.T)
    if not mapping.order:
        system = np.concatenate([system, np.pad(system[:, -3:].T, ((0, 0), (0, 3)))])
        wanted = np.concatenate([wanted, np.zeros((3, 2))])
    coefficients = np.linalg.lstsq(system, wanted, rcond=None)[0]

    def function(xs: Coordinates, ys: Coordinates) -> Pair:
        found = terms((xs - center[0]) / spread, (ys - center[1]) / spread) @ coefficients
        return found[..., 0], found[..., 1]

    return function


Terms: TypeAlias = Callable[[Coordinates, Coordinates], Coordinates]
"""(xs, ys) -> the terms of a polynomial or spline in a further axis."""


def _power_terms(order: int) -> Terms:
    powers = [(total - power, power) for total in range(order + 1) for power in range(total + 1)]
    return lambda xs, ys: np.stack([xs**i * ys**j for i, j in powers], axis=-1)


def _spline_terms(knots: Coordinates) -> Terms:
    """The terms of a thin plate spline (Bookstein 1989): `r^2 log r^2` of the distance to each knot, and a plane."""

    def terms(xs: Coordinates, ys: Coordinates) -> Coordinates:
        distances = (xs[..., None] - knots[:, 0]) ** 2 + (ys[..., None] - knots[:, 1]) ** 2
        bends = distances * np.log(np.maximum(distances, 1e-300))
        return np.concatenate([bends, np.stack([np.ones_like(xs), xs, ys], axis=-1)], axis=-1)

    return terms


# -- rational polynomials --------------------------------------------------------------------------


def _rational(mapping: RationalPolynomials, longitudes: Coordinates, latitudes: Coordinates) -> Pair:
    _, _, latitude, longitude, _ = mapping.offsets
    _, _, latitude_scale, longitude_scale, _ = mapping.scales
    return _pixels(
        mapping, (longitudes - longitude) / longitude_scale, (latitudes - latitude) / latitude_scale
    )


def _pixels(mapping: RationalPolynomials, lengths: Coordinates, widths: Coordinates) -> Pair:
    """Columns and rows of normalized longitudes and latitudes."""
    height = (mapping.height - mapping.offsets[4]) / mapping.scales[4]
    terms = _cubic_terms(lengths, widths, np.full_like(lengths, height))
    line = (terms @ np.array(mapping.line_numerator)) / (terms @ np.array(mapping.line_denominator))
    sample = (terms @ np.array(mapping.sample_numerator)) / (terms @ np.array(mapping.sample_denominator))
    columns = sample * mapping.scales[1] + mapping.offsets[1] + PIXEL_CENTER
    return columns, line * mapping.scales[0] + mapping.offsets[0] + PIXEL_CENTER


def _cubic_terms(x: Coordinates, y: Coordinates, z: Coordinates) -> Coordinates:
    """The 20 terms of longitude, latitude and height, in the order of RPC00B (STDI-0002)."""
    return np.stack(
        [
            np.ones_like(x), x, y, z, x * y, x * z, y * z, x * x, y * y, z * z,
            x * y * z, x**3, x * y * y, x * z * z, x * x * y, y**3, y * z * z, x * x * z, y * y * z, z**3,
        ],
        axis=-1,
    )  # fmt: skip


def _solved(mapping: RationalPolynomials, columns: Coordinates, rows: Coordinates) -> Pair:
    """Longitudes and latitudes whose pixels these are, by Newton's method; not finite where it does not end."""
    x, y = np.zeros_like(columns, np.float64), np.zeros_like(rows, np.float64)
    step = 1e-4
    for _ in range(MAX_STEPS):
        column, row = _pixels(mapping, x, y)
        right, down = _pixels(mapping, x + step, y), _pixels(mapping, x, y + step)
        a, b = (right[0] - column) / step, (down[0] - column) / step
        c, d = (right[1] - row) / step, (down[1] - row) / step
        determinant = a * d - b * c
        off_column, off_row = columns - column, rows - row
        dx = (d * off_column - b * off_row) / determinant
        dy = (a * off_row - c * off_column) / determinant
        x, y = x + dx, y + dy
        if np.nanmax(np.hypot(dx, dy), initial=0.0) < CLOSE:
            break
    return x * mapping.scales[3] + mapping.offsets[3], y * mapping.scales[2] + mapping.offsets[2]
