"""A picture whose colors tell where each point belongs, and finding it again in a viewer's window."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pyvips
from numpy.typing import NDArray

from tests.images import Picture, halved

DARKEST, RANGE = 110, 140
"""Of red, from the left edge to the right one, and of green, from the top to the bottom."""
FULL_SIZE, SMALLER = 70, 10
"""Blue of the full size, and that of the smaller levels."""
TILE = 256
SAMPLES = 20_000
"""Points of the window that are compared, at least, where there are as many."""


def levels(size: tuple[int, int]) -> list[Picture]:
    """The picture and its halves, until one fits in a tile."""
    width, height = size
    picture = np.full((height, width, 3), FULL_SIZE, np.uint8)
    for band, side in enumerate((np.arange(width), np.arange(height)[:, np.newaxis])):
        picture[..., band] = np.rint(DARKEST + RANGE * (side + 0.5) / size[band])
    made = [picture]
    while max(made[-1].shape[:2]) > TILE:
        smaller = np.array(halved(made[-1]))
        smaller[..., 2] = SMALLER
        made.append(smaller)
    return made


class Axis(NamedTuple):
    """What is seen of the picture from left to right, or from top to bottom."""

    first: int
    """Pixel of the window."""
    last: int
    """Pixel of the window."""
    start: float
    """Where the part begins, as a fraction of the picture."""
    end: float
    """Where the part ends, as a fraction of the picture."""

    @property
    def length(self) -> int:
        """Pixels of the window."""
        return self.last - self.first + 1

    @property
    def precision(self) -> float:
        """How well `start` and `end` are known: 2 % or two pixels."""
        return max(0.02, 2 * (self.end - self.start) / self.length)

    @property
    def begins(self) -> bool:
        """The picture's first edge is seen."""
        return abs(self.start) <= self.precision

    @property
    def ends(self) -> bool:
        """The picture's last edge is seen."""
        return abs(self.end - 1) <= self.precision


class Seen(NamedTuple):
    """The picture as it stands in a window."""

    across: Axis
    down: Axis
    misplaced: float
    """Distance of colors from those of their places: the 98th percentile."""
    full_size: float
    """Share of what comes from the picture's full size."""

    @property
    def whole(self) -> bool:
        """All four edges are seen."""
        return all(axis.begins and axis.ends for axis in (self.across, self.down))

    def is_undistorted(self, size: tuple[int, int]) -> bool:
        """The whole picture has its proportions, to two pixels of the window and 1 % that something may cover."""
        across, down = (axis.length / side for axis, side in zip((self.across, self.down), size, strict=True))
        return abs(across / down - 1) <= 0.01 + 2 / self.across.length + 2 / self.down.length


def find(window: NDArray[np.uint8]) -> Seen | None:
    """The largest area of the window that has the picture's colors."""
    red, green, blue = (window[..., band].astype(np.int16) for band in range(3))
    bright = np.minimum(red, green)
    area = _largest((bright > DARKEST - 12) & (blue < np.minimum(bright - 22, FULL_SIZE + 20)))
    if area is None:
        return None
    row, column = np.nonzero(area)
    step = max(1, len(row) // SAMPLES)
    sample = row[::step], column[::step]
    across, away_across = _axis(column, sample[1], red[sample])
    down, away_down = _axis(row, sample[0], green[sample])
    away = float(np.percentile(np.hypot(away_across, away_down), 98))
    return Seen(across, down, away, float((blue[sample] > (FULL_SIZE + SMALLER) / 2).mean()))


def _axis(
    area: NDArray[np.int64], position: NDArray[np.int64], color: NDArray[np.int16]
) -> tuple[Axis, NDArray[np.float64]]:
    """The axis by the straight line through some colors of the area, and the distances of these from it."""
    first, last = int(area.min()), int(area.max())
    if first == last:
        return Axis(first, last, 0, 1), color - color.mean()
    slope, base = np.polyfit(position, color, 1)
    start, end = ((slope * edge + base - DARKEST) / RANGE for edge in (first - 0.5, last + 0.5))
    return Axis(first, last, float(start), float(end)), color - (slope * position + base)


def _largest(mask: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """The largest connected area of a mask."""
    if not mask.any():
        return None
    labels: NDArray[Any] = pyvips.Image.new_from_array(mask.astype(np.uint8) * 255).labelregions().numpy()
    area: NDArray[np.bool_] = labels == np.bincount(labels[mask]).argmax()
    return area
