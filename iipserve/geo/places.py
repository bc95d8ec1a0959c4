"""Where images are in other coordinate reference systems: computed once, and passed on with the image."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

import numpy as np

from iipserve.geo import crs
from iipserve.geo.extents import bounds_in, geographic_bounds
from iipserve.geo.georeference import Georeference
from iipserve.geo.grid import Affine, Bounds
from iipserve.geo.mapping import to_ground

PROBES = np.array([[[x] * 3, [1, 3, 5]] for x in (1, 3, 5)]).transpose(1, 0, 2).reshape(2, 1, 9) / 6
"""x and y of nine places of an image, in parts of its sides."""
NEIGHBORS = np.array([[0, 1, 0], [0, 0, 1]]).reshape(2, 3, 1)
"""Columns and rows from a place to itself and to the next pixels across and down."""
MAX_PLACES = 16384
"""Images and systems whose places are remembered, half a kilobyte each: documents list all layers."""


class Place(NamedTuple):
    """An image in another coordinate reference system."""

    bounds: Bounds
    resolution: float
    """Side of a pixel, in units of the system."""


class PlaceIn(NamedTuple):
    """Where an image is in one system."""

    crs: str
    """Key of the system."""
    place: Place | None
    """None where it has no place there."""


class Places(NamedTuple):
    """Where a whole image is, as far as documents say it."""

    degrees: Bounds | None
    """`extents.geographic_bounds`."""
    systems: tuple[PlaceIn, ...]

    def of(self, key: str) -> PlaceIn | None:
        """The place in a system; None where it has not been computed."""
        return next((each for each in self.systems if each.crs == key), None)

    @property
    def is_finite(self) -> bool:
        """Whether all numbers are."""
        places = [(*each.place.bounds, each.place.resolution) for each in self.systems if each.place]
        return all(map(math.isfinite, chain(self.degrees or (), *places)))

    def covers(self, keys: Iterable[str]) -> bool:
        """Whether the places in all these systems have been computed."""
        return {each.crs for each in self.systems}.issuperset(keys)


def places_of(georeference: Georeference, keys: Iterable[str]) -> Places:
    """Where a whole image is in systems, 1 ms for two of them. Raises as `place_in`."""
    places = tuple(PlaceIn(key, place_in(georeference, None, key)) for key in keys)
    return Places(geographic_bounds(georeference), places)


@lru_cache(maxsize=MAX_PLACES)
def place_in(georeference: Georeference, extent: Bounds | None, key: str) -> Place | None:
    """Where an image, or the part of it inside `extent`, is in another system; None where it has no place.

    Raises:
        UnknownCrs: of a key that is none.
        NotInstalled: the extra `geo` is not.
    """
    try:
        bounds = bounds_in(georeference, key, extent)
        resolution = resolution_in(georeference, key) if bounds else None
    except crs.NoTransformation:
        return None
    return Place(bounds, resolution) if bounds and resolution else None


def resolution_in(georeference: Georeference, key: str) -> float | None:
    """The side of a pixel of the image in another system, in its units; None where that is not known.

    The shorter side; in another system than the image's, the median of nine places of it.
    """
    mapping = georeference.mapping
    if georeference.crs == key and isinstance(mapping, Affine) and mapping.is_rectilinear:
        return min(abs(mapping.a), abs(mapping.e))
    width, height = georeference.size
    columns, rows = PROBES[0] * width + NEIGHBORS[0], PROBES[1] * height + NEIGHBORS[1]
    xs, ys = to_ground(mapping, columns, rows)
    xs, ys = crs.transformer(georeference.crs, key)(xs, ys)
    with np.errstate(invalid="ignore"):
        sides = np.hypot(xs[1:] - xs[0], ys[1:] - ys[0]).min(axis=0)
    sides = sides[np.isfinite(sides) & (sides > 0)]
    return float(np.median(sides)) if len(sides) else None
