"""Functions of heights: slope, aspect and hillshade, which are displayed in place of the samples of an image.

The slope of a surface is found from the eight pixels around each one, as B. K. P. Horn does (Hill shading and the reflectance
map, Proceedings of the IEEE 69 (1), 1981, pages 14 to 47); `gdaldem` does the same.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from iipserve.geometry import Region, Size
from iipserve.image import ColorSpace, ImageInfo
from iipserve.processing import Operation, Pixels, Stage

Field: TypeAlias = NDArray[np.float64]
"""A number for each pixel, shape (height, width)."""

FLAT = -1.0
"""Aspect of a pixel that no side of is higher than another, as SuperMap has it."""
WHITE = 255.0
"""Hillshade of a pixel that faces the light."""


class TerrainFunction(enum.Enum):
    """What is made of heights."""

    SLOPE = "slope"
    """Degrees from the horizontal, 0 to 90."""
    ASPECT = "aspect"
    """Degrees clockwise from north, 0 to 360, of the direction of the steepest descent; `FLAT` without one."""
    HILLSHADE = "hillshade"
    """The cosine of the angle between the surface's normal vector and the light, 0 to 1, times 255."""

    def __repr__(self) -> str:
        return self.value

    @property
    def range(self) -> tuple[float, float]:
        """What is displayed as black and white."""
        return 0.0, {"slope": 90.0, "aspect": 360.0}.get(self.value, WHITE)

    @property
    def unit(self) -> str:
        """Of its values; empty without one."""
        return "" if self is TerrainFunction.HILLSHADE else "°"


class Steps(NamedTuple):
    """How far the next pixel is on the ground, in metres, for each pixel of a region."""

    east_by_column: Field
    east_by_row: Field
    north_by_column: Field
    north_by_row: Field


class Ground(Protocol):
    """Where the pixels of an image are on the ground. A frozen value: part of plans."""

    def steps(self, level: Size, region: Region) -> Steps:
        """How far pixels are from each other: the same for a pixel whatever region it is in.

        Args:
            level: size of the level that is read, in pixels.
            region: of the level.
        """


@dataclass(frozen=True, slots=True)
class Terrain(Operation):
    """Replace samples, which are heights, by a function of them. It comes before all others, which get one band of its values."""

    stage: ClassVar[Stage] = Stage.SAMPLES
    keeps_profile: ClassVar[bool] = False

    function: TerrainFunction
    band: int = 0
    """Of the heights, from 0."""
    factor: float = 1.0
    """Metres in a unit of the heights."""
    azimuth: float = 315.0
    """Of the light of a hillshade: degrees clockwise from north."""
    altitude: float = 45.0
    """Of the light of a hillshade: degrees above the horizon."""
    ground: Ground | None = None
    """Of the image that is shown; None until an image is planned."""

    def __call__(self, pixels: Pixels) -> Pixels:
        return pixels

    def described(self, info: ImageInfo) -> ImageInfo:
        """What is known of the function of an image: one band of floats, with the range that is displayed."""
        return replace(
            info,
            bands=1,
            dtype="float32",
            bits=32,
            color_space=ColorSpace.GRAY,
            has_alpha=False,
            band_ranges=(self.function.range,),
            nodata=(),
            icc=None,
            stored=None,
        )

    def values(self, heights: Field, steps: Steps) -> NDArray[np.float32]:
        """The function, of shape (height, width); NaN where a height is missing, or the ground has no extent.

        Args:
            heights: with one more pixel on each side than the result; NaN where they are missing.
            steps: of the pixels of the result.
        """
        with np.errstate(all="ignore"):
            east, north = gradient(heights * self.factor, steps)
            found = self._function(east, north)
        found[~np.isfinite(found)] = np.nan
        return found.astype(np.float32)

    def _function(self, east: Field, north: Field) -> Field:
        """Of the rise to the east and to the north, in metres per metre."""
        if self.function is TerrainFunction.SLOPE:
            return np.degrees(np.arctan(np.hypot(east, north)))
        if self.function is TerrainFunction.ASPECT:
            degrees = np.degrees(np.arctan2(-east, -north)) % 360
            is_flat = (east == 0) & (north == 0)
            return np.where(is_flat, FLAT, degrees + (east + north) * 0)
        x, y, z = self._light()
        shade = (z - x * east - y * north) / np.sqrt(1 + east**2 + north**2)
        return np.maximum(shade, 0) * WHITE

    def _light(self) -> tuple[float, float, float]:
        """The unit vector to the light: east, north, up."""
        around, up = math.radians(self.azimuth), math.radians(self.altitude)
        return math.sin(around) * math.cos(up), math.cos(around) * math.cos(up), math.sin(up)


def gradient(heights: Field, steps: Steps) -> tuple[Field, Field]:
    """The rise to the east and to the north, in units of the heights per metre, by Horn's weights 1, 2, 1.

    A missing height next to a pixel counts as that of the pixel, as `gdaldem -compute_edges` does.

    Args:
        heights: with one more pixel on each side than the result; NaN where they are missing.
        steps: of the pixels of the result.
    """
    rows, columns = (side - 2 for side in heights.shape)
    middle = heights[1:-1, 1:-1]

    def neighbor(down: int, across: int) -> Field:
        found = heights[1 + down : 1 + down + rows, 1 + across : 1 + across + columns]
        return np.where(np.isnan(found), middle, found)

    def side(places: Iterable[tuple[int, int]]) -> Field:
        first, second, third = (neighbor(*place) for place in places)
        return first + 2 * second + third

    by_column = (side((k, 1) for k in (-1, 0, 1)) - side((k, -1) for k in (-1, 0, 1))) / 8
    by_row = (side((1, k) for k in (-1, 0, 1)) - side((-1, k) for k in (-1, 0, 1))) / 8
    by_column += middle * 0  # missing where the pixel itself is
    turned = steps.east_by_column * steps.north_by_row - steps.north_by_column * steps.east_by_row
    east = (by_column * steps.north_by_row - by_row * steps.north_by_column) / turned
    north = (by_row * steps.east_by_column - by_column * steps.east_by_row) / turned
    return east, north


def extended(heights: Field, left: bool, top: bool, right: bool, bottom: bool) -> Field:
    """Heights with one more pixel on some sides, on a straight line through the last two, as `gdaldem -compute_edges` has it."""
    if top or bottom:
        heights = np.concatenate(_with_ends(heights, top, bottom), axis=0)
    if left or right:
        heights = np.concatenate(_with_ends(heights.T, left, right), axis=0).T
    return heights


def _with_ends(rows: Field, first: bool, last: bool) -> list[Field]:
    parts = [rows]
    inner = 1 if len(rows) > 1 else 0
    if first:
        parts.insert(0, (2 * rows[0] - rows[inner])[np.newaxis])
    if last:
        parts.append((2 * rows[-1] - rows[-1 - inner])[np.newaxis])
    return parts
