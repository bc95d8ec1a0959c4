"""Where the samples of a coverage are in an image: in blocks, from top to bottom."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import groupby
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from iipserve.errors import TooLarge
from iipserve.geo.blocks import Block
from iipserve.geo.coordinates import BLOCK, is_complete, source_blocks, turn_of
from iipserve.geo.grid import Affine
from iipserve.geo.image_scale import scale_of
from iipserve.geometry import Region, Size
from iipserve.plan import Crop, Resampling, Warp
from iipserve.processing.missing import Mask

Coordinates: TypeAlias = NDArray[np.float64]
Pair: TypeAlias = tuple[Coordinates, Coordinates]

BIAS = 1e-6
"""Pixels by which places are shifted to the right and down where the pixel that contains them is searched: one on the edge
of two is of the second, whatever coordinates were rounded to."""
SLACK = 1.0
"""Pixels added to where a block is, as far as it is estimated."""


class Span(NamedTuple):
    """Where the places of a block are, at most, in pixels of the image."""

    left: float
    top: float
    right: float
    bottom: float


class PlacedBlock(NamedTuple):
    """A block of a coverage."""

    region: Region
    """In pixels of the coverage."""
    span: Span | None
    """None where no place is known to be in the image."""
    locate: Callable[[], Pair]
    """Columns and rows of the image at the centers of all samples, shape (height, width); those that are not finite have
    no place."""


class Places:
    """The places of one coverage."""

    def __init__(self, view: Crop | Warp, resampling: Resampling, image: Size) -> None:
        """Find the places of all blocks.

        Args:
            view: of the full size.
            resampling: of its samples.
            image: the full size.

        Raises:
            NoTransformation: there is none to the image's system.
            TooLarge: finding the places of so many samples takes too long.
        """
        self.size = view.size
        self.shown = Region.of_size(image)
        """Outside of it there are no samples."""
        self.reach = 0.5, 0.5
        """Half the width and height of a sample of the coverage, in pixels of the image."""
        self._turn: float | None = None
        self._shift = 0.0, 0.0
        if isinstance(view, Crop):
            region, size = view.region, view.size
            self.reach = region.width / size.width / 2, region.height / size.height / 2
            self._blocks = _scaled(view, is_nearest=resampling is Resampling.NEAREST)
        else:
            steps = scale_of(view.source, view.target) or (1.0, 1.0)
            self.reach = min(steps[0] / 2, image.width), min(steps[1] / 2, image.height)
            self.shown = view.shown or self.shown
            self._turn = turn_of(view.source)
            self._shift = _against_bias(view)
            blocks = source_blocks(view.source, view.target)
            if not is_complete(blocks):
                raise TooLarge(
                    "too many samples are near the edge of what the coordinate reference systems can tell: ask for a part "
                    "of the coverage, or for fewer samples"
                )
            self._blocks = [_warped(block) for block in blocks]

    def __iter__(self) -> Iterator[PlacedBlock]:
        return iter(self._blocks)

    def strips(self) -> Iterator[tuple[Region, list[PlacedBlock]]]:
        """Rows of blocks, from top to bottom, each of the full width of the coverage."""
        for number, blocks in groupby(self._blocks, key=lambda block: block.region.y // BLOCK):
            top = number * BLOCK
            yield Region(0, top, self.size.width, min(BLOCK, self.size.height - top)), list(blocks)

    def located(self, block: PlacedBlock) -> tuple[Coordinates, Coordinates, Mask]:
        """Columns and rows of a block, on the image's own turn around the globe; and which of them it shows."""
        columns, rows = block.locate()
        if any(self._shift):
            columns, rows = columns - self._shift[0], rows - self._shift[1]
        if self._turn is not None:
            with np.errstate(invalid="ignore"):
                columns = columns - self._turn * np.floor((columns + BIAS) / self._turn)
        shown = self.shown
        with np.errstate(invalid="ignore"):
            inside: Mask = (columns >= shown.x - BIAS) & (columns < shown.right - BIAS)
            inside &= (rows >= shown.y - BIAS) & (rows < shown.bottom - BIAS)
        return columns, rows, inside

    def window(self, span: Span | None, margin: tuple[int, int]) -> Region | None:
        """The pixels around places, with a margin; None if none is shown."""
        if span is None:
            return None
        left, top, right, bottom = span
        if self._turn is not None and (left < 0 or right > self._turn):
            left, right = 0.0, self._turn
        x, y = int(max(left, -(2.0**31))) - margin[0] - 1, int(max(top, -(2.0**31))) - margin[1] - 1
        right, bottom = min(right, 2.0**31), min(bottom, 2.0**31)
        return _clipped(x, y, int(right) + margin[0] + 2, int(bottom) + margin[1] + 2, self.shown)


def around(columns: Coordinates, rows: Coordinates, margin: tuple[int, int], shown: Region) -> Region:
    """The pixels that contain places that are shown, with a margin around them."""
    x, y = int(columns.min() + BIAS) - margin[0], int(rows.min() + BIAS) - margin[1]
    right, bottom = int(columns.max() + BIAS) + 1 + margin[0], int(rows.max() + BIAS) + 1 + margin[1]
    region = _clipped(x, y, right, bottom, shown)
    assert region is not None, "the places are shown"
    return region


def _clipped(x: int, y: int, right: int, bottom: int, shown: Region) -> Region | None:
    """The part of a box that is shown."""
    x, y = max(x, shown.x), max(y, shown.y)
    right, bottom = min(right, shown.right), min(bottom, shown.bottom)
    return Region(x, y, right - x, bottom - y) if x < right and y < bottom else None


def _against_bias(warp: Warp) -> tuple[float, float]:
    """What turns `BIAS` round where the image's columns or rows run against those of the coverage.

    So a place on the edge of two pixels is of the one to the right and below in the coverage, however the file is stored.
    """
    mapping = warp.source.mapping
    if not isinstance(mapping, Affine) or warp.source.crs != warp.target.crs:
        return 0.0, 0.0
    inside = mapping.inverse().after(warp.target.affine)
    return 2 * BIAS * (inside.a + inside.b < 0), 2 * BIAS * (inside.d + inside.e < 0)


# -- blocks ----------------------------------------------------------------------------------------


def _scaled(crop: Crop, *, is_nearest: bool) -> list[PlacedBlock]:
    """The blocks of a window that is scaled."""
    region, size = crop.region, crop.size
    columns = region.x + _centers(region.width, size.width, is_nearest=is_nearest)
    rows = region.y + _centers(region.height, size.height, is_nearest=is_nearest)
    return [
        _separable(columns[x : x + BLOCK], rows[y : y + BLOCK], x, y)
        for y in range(0, size.height, BLOCK)
        for x in range(0, size.width, BLOCK)
    ]


def _centers(length: int, count: int, *, is_nearest: bool) -> Coordinates:
    """The centers of `count` equal parts of a length; nearest: of the pixels that contain them, found in integers."""
    doubled = (2 * np.arange(count, dtype=np.int64) + 1) * length
    if is_nearest:
        return (doubled // (2 * count)).astype(np.float64) + 0.5
    return doubled.astype(np.float64) / (2 * count)


def _separable(columns: Coordinates, rows: Coordinates, x: int, y: int) -> PlacedBlock:
    shape = len(rows), len(columns)

    def locate() -> Pair:
        return np.broadcast_to(columns, shape), np.broadcast_to(rows[:, np.newaxis], shape)

    span = Span(float(columns[0]), float(rows[0]), float(columns[-1]), float(rows[-1]))
    return PlacedBlock(Region(x, y, shape[1], shape[0]), span, locate)


def _warped(block: Block) -> PlacedBlock:
    columns, rows = block.columns, block.rows
    there = np.isfinite(columns) & np.isfinite(rows)
    span = None
    if there.any():
        low, high = (columns[there].min(), rows[there].min()), (columns[there].max(), rows[there].max())
        span = Span(*(float(one) - SLACK for one in low), *(float(one) + SLACK for one in high))
    return PlacedBlock(block.region, span, partial(_values, block))


def _values(block: Block) -> Pair:
    return block.values()
