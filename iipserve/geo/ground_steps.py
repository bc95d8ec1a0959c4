"""How far the pixels of an image are from each other on the ground, in every direction, whatever the coordinate reference system."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from iipserve.errors import InvalidRequest
from iipserve.geo import crs
from iipserve.geo.georeference import PIXEL_SPACE, Georeference
from iipserve.geo.mapping import to_ground
from iipserve.geo.pixel_size import degree_lengths
from iipserve.geometry import Region, Size
from iipserve.processing.terrain import Steps

Coordinates: TypeAlias = NDArray[np.float64]

MAX_SPACING = 64
"""Pixels of a level between the places at which steps are computed; in between they are interpolated."""
MIN_CELLS = 32
"""Such places along the shorter side of a level, if it has so many pixels: of a map of the world, they are 6 degrees apart
or less, between which the length of a degree differs from its interpolation by less than 0.15 %."""


@dataclass(frozen=True, slots=True)
class GroundSteps:
    """The steps of the pixels of an image: a `processing.terrain.Ground`."""

    georeference: Georeference

    def steps(self, level: Size, region: Region) -> Steps:
        """As `Ground.steps`. Degrees are as long as they are at the place's latitude on WGS 84, and metres of projections that
        enlarge as long as they are on the ground. Not finite where a pixel has no place."""
        spacing = _spacing(level)
        (first_column, across), (first_row, down) = (
            _cells(region.x, region.width, spacing),
            _cells(region.y, region.height, spacing),
        )
        columns, rows = first_column + np.arange(across.cells + 1), first_row + np.arange(down.cells + 1)
        grid = np.meshgrid(
            np.minimum(columns * spacing, level.width), np.minimum(rows * spacing, level.height)
        )
        with np.errstate(all="ignore"):
            return Steps(*(_between(each, across, down) for each in self._at(level, *grid)))

    def _at(self, level: Size, columns: Coordinates, rows: Coordinates) -> list[Coordinates]:
        """The steps at some places, in pixels of a level."""
        size, source = self.georeference.size, self.georeference
        across, down = size.width / level.width, size.height / level.height
        half = (0.5, -0.5, 0.0, 0.0), (0.0, 0.0, 0.5, -0.5)
        places = (
            (np.stack([columns + shift for shift in half[0]])) * across,
            (np.stack([rows + shift for shift in half[1]])) * down,
        )
        xs, ys = crs.transformer(source.crs, crs.WGS84)(*to_ground(source.mapping, *places))
        east, north = degree_lengths(ys.mean(axis=0))
        found = []
        for first, second in ((0, 1), (2, 3)):
            turned = xs[first] - xs[second]
            found.append(((turned - 360 * np.rint(turned / 360)) * east, (ys[first] - ys[second]) * north))
        (east_by_column, north_by_column), (east_by_row, north_by_row) = found
        return [east_by_column, east_by_row, north_by_column, north_by_row]


def ground_steps(georeference: Georeference) -> GroundSteps:
    """The steps of the pixels of an image.

    Raises:
        InvalidRequest: it is not on the Earth.
    """
    try:
        if georeference.crs == PIXEL_SPACE:
            raise crs.NoTransformation
        crs.transformer(georeference.crs, crs.WGS84)
    except crs.NoTransformation:
        raise InvalidRequest(
            "slope, aspect and hillshade need the size of pixels on the ground, which is not known of this image"
        ) from None
    return GroundSteps(georeference)


@dataclass(frozen=True, slots=True)
class _Cells:
    """Where pixels are between places a constant distance apart."""

    cells: int
    index: NDArray[np.intp]
    """For each pixel, the cell that its center is in."""
    part: Coordinates
    """How far through it."""


def _spacing(level: Size) -> int:
    """A power of two, so that the place of a pixel in a cell is exact, and the same in each region."""
    spacing = MAX_SPACING
    while spacing > 1 and spacing * MIN_CELLS > min(level):
        spacing //= 2
    return spacing


def _cells(start: int, count: int, spacing: int) -> tuple[int, _Cells]:
    """The number of the first cell, and the cells of a span of pixels."""
    places = (start + np.arange(count) + 0.5) / spacing
    index = np.floor(places).astype(np.intp)
    first = int(index[0])
    return first, _Cells(int(index[-1]) - first + 1, index - first, places - index)


def _between(nodes: Coordinates, across: _Cells, down: _Cells) -> Coordinates:
    """Bilinear interpolation."""
    rows = nodes[down.index] * (1 - down.part)[:, None] + nodes[down.index + 1] * down.part[:, None]
    return rows[:, across.index] * (1 - across.part) + rows[:, across.index + 1] * across.part
