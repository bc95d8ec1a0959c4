"""Mappings that files give: which of them lead anywhere, and what ground control points amount to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from iipserve.geo.georeference import ControlPoint, ControlPoints, Mapping, RationalPolynomials
from iipserve.geo.grid import Affine
from iipserve.geo.mapping import Coordinates, to_pixels

MAX_POINTS = 2000
"""Ground control points of an image; those of more are not used."""
LINE = 1e-6
"""Part of an image's size by which points must differ from a line."""
EXACT = 1e-3
"""Pixels by which an affine mapping may miss ground control points and still stand for them."""


def is_usable(mapping: Mapping) -> bool:
    """Whether a mapping leads anywhere: all its numbers are finite, and not all pixels are on one line."""
    if isinstance(mapping, ControlPoints):
        return bool(np.isfinite(mapping.points).all())
    if isinstance(mapping, RationalPolynomials):
        numbers = [number for field in mapping[:-1] for number in field] + [mapping.height]
        return bool(np.isfinite(numbers).all()) and 0.0 not in mapping.scales
    try:
        return bool(np.isfinite([*mapping, *mapping.inverse()]).all())
    except (ZeroDivisionError, OverflowError):
        return False


def of_control_points(points: Sequence[ControlPoint]) -> Affine | ControlPoints | None:
    """The mapping of ground control points, in the order of the polynomial that GDAL fits to so many.

    An affine mapping that leads to all of them is returned instead; None where they are too few, or on one line.
    """
    if not 3 <= len(points) <= MAX_POINTS or not np.isfinite(points).all():
        return None
    known = np.array(points, np.float64)
    center, spread = known.mean(axis=0), np.ptp(known, axis=0)
    if not (spread > 0).all():
        return None
    normal = (known - center) / spread
    terms = np.column_stack([normal[:, :2], np.ones(len(points))])
    if np.linalg.matrix_rank(terms, tol=LINE) < 3 or np.linalg.matrix_rank(normal[:, 2:], tol=LINE) < 2:
        return None
    fit = np.linalg.lstsq(terms, normal[:, 2:], rcond=None)[0]
    (a, d), (b, e), (c, f) = fit.tolist()
    affine = _denormalized(Affine(a, b, c, d, e, f), center, spread)
    if is_usable(affine):
        columns, rows = to_pixels(affine, known[:, 2], known[:, 3])
        if np.hypot(columns - known[:, 0], rows - known[:, 1]).max() < EXACT:
            return affine
    return ControlPoints(tuple(points), 2 if len(points) >= 6 else 1)


def _denormalized(affine: Affine, center: Coordinates, spread: Coordinates) -> Affine:
    """The mapping of pixels to x and y, of one between their distances from `center` in units of `spread`."""
    column, row, x, y = center.tolist()
    width, height, across, up = spread.tolist()
    a, b, d, e = (
        affine.a * across / width,
        affine.b * across / height,
        affine.d * up / width,
        affine.e * up / height,
    )
    return Affine(
        a, b, affine.c * across + x - a * column - b * row, d, e, affine.f * up + y - d * column - e * row
    )
