"""Where the pixels of a map are in an image: exact at some places, interpolated between them.

A map is cut into blocks. In each, the exact coordinates of 9 x 9 places (Chebyshev points, edges included) make a
polynomial, which is compared with exact coordinates elsewhere. Where it differs by more than a small part of a pixel, the
block is quartered; the smallest blocks, as at poles and seams, are computed pixel by pixel. Blocks begin at the map's
first pixel, so that maps whose sides are multiples of a block give the same as a larger map of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property, lru_cache
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from iipserve.geo import crs
from iipserve.geo.blocks import Block, Exact, Smooth
from iipserve.geo.georeference import ControlPoints, Georeference
from iipserve.geo.grid import Affine, GridRef
from iipserve.geo.interpolation import (
    NODES,
    centers,
    checks,
    nodes_of,
    weights_of_checks,
)
from iipserve.geo.mapping import Pair, to_ground, to_pixels
from iipserve.geometry import Region, Size
from iipserve.leader import hand_over
from iipserve.lru import LRU

Coordinates: TypeAlias = NDArray[np.float64]

BLOCK = 256
"""Sides of the blocks, in pixels of the map."""
EXACT = 32
"""Sides of the blocks that are computed pixel by pixel if they are not smooth."""
TOLERANCE = 2.5e-4
"""Largest error of interpolated coordinates, in pixels of the map or of the full size, whichever are larger."""
KEPT = 128
"""Maps whose coordinates are kept: the same square is asked of many layers, and in many formats."""
MAX_KEPT_BYTES = 256 << 10
"""Of the coordinates of the largest map that is kept."""
QUICK_PIXELS = 1 << 20
"""Pixels of a map whose coordinates are found in some milliseconds."""
MAX_EXACT = 1 << 19
"""Pixels of one map that are computed one by one; what else is not smooth then has no place (`is_complete`). No map of a
part of the Earth has as many."""
MAX_FEW = 2 * NODES
"""Columns and rows of places that are remembered after their transformation."""
NOWHERE, NOT_COMPUTED = math.inf, math.nan
"""Coordinates of pixels without a place, and of those for which none was computed."""
KNOTS = 16
"""Knots of a spline that make a coordinate take twice as long."""


_kept: LRU[tuple[Georeference, GridRef], tuple[Block, ...]] = LRU(KEPT)


def source_blocks(source: Georeference, target: GridRef) -> tuple[Block, ...]:
    """The coordinates of all pixels of a map, in pixels of an image's full size, in blocks from the top.

    Columns of images in degrees, or in another system whose x returns around the globe, may be off by whole turns
    (`turn_of`).

    Raises:
        NoTransformation: there is none between the two systems.
    """
    known = _kept.get((source, target))
    if known is None:
        if target.size.area > QUICK_PIXELS:
            hand_over()
        division = _Division(source, target)
        known = tuple(block for region in _squares(target.size) for block in division.square(region))
        if sum(map(_held, known)) <= MAX_KEPT_BYTES:
            _kept.set((source, target), known)
    return known


def is_complete(blocks: Iterable[Block]) -> bool:
    """Whether all pixels have places that have one: there were not more than `MAX_EXACT` to compute one by one."""
    return not any(not any(block.columns.strides) and np.isnan(block.columns.flat[0]) for block in blocks)


def _squares(size: Size) -> Iterator[Region]:
    for y in range(0, size.height, BLOCK):
        for x in range(0, size.width, BLOCK):
            yield Region(x, y, min(BLOCK, size.width - x), min(BLOCK, size.height - y))


def _held(block: Block) -> int:
    """Bytes of a block."""
    return sum(values.nbytes if any(values.strides) else 0 for values in (block.columns, block.rows))


def turn_of(source: Georeference) -> float | None:
    """How many columns of the full size go around the globe; None where columns do not return to their places."""
    turn = crs.turn(source.crs)
    mapping = source.mapping
    if turn is None or not isinstance(mapping, Affine) or not mapping.is_rectilinear:
        return None
    return turn / abs(mapping.a)


Locator: TypeAlias = Callable[[Coordinates, Coordinates], Pair]
"""(columns, rows of a map) -> (columns, rows of the image's full size), exact; arrays of one shape, that of both broadcast."""


def locator(source: Georeference, target: GridRef) -> Locator:
    """The exact coordinates, in pixels of an image's full size, of places in pixels of a map.

    Of images whose columns return around the globe, those of one call go on beyond their edges rather than to return.
    """
    middle = None if turn_of(source) is not None else _middle(source)
    ground = _ground_of(source.crs, target, middle)

    def locate(columns: Coordinates, rows: Coordinates) -> Pair:
        return to_pixels(source.mapping, *ground(columns, rows))

    return locate


def _ground_of(key: str, target: GridRef, middle: float | None) -> Locator:
    """From columns and rows of a map to x and y in a system, those of one call within a turn around the globe.

    Args:
        key: of the system.
        target: the grid of the map.
        middle: x around which they are; None: around that of the middle place, if they have been transformed.
    """
    transform = None if key == target.crs else _remembering(key, target)
    turn = crs.turn(key)

    def ground(columns: Coordinates, rows: Coordinates) -> Pair:
        xs, ys = target.affine.apply(columns, rows) if transform is None else transform(columns, rows)
        if turn is not None and (transform is not None or middle is not None):
            xs = _unwrapped(xs, turn, middle)
        return xs, ys

    return ground


_few: LRU[tuple[str, str, Affine, bytes, bytes], Pair] = LRU(KEPT)
"""A few places of maps in other systems: images of one system and collection are asked for the same."""


def _remembering(key: str, target: GridRef) -> Locator:
    """From columns and rows of a map to x and y in another system, which are not to be changed."""
    transform = crs.transformer(target.crs, key)

    def locate(columns: Coordinates, rows: Coordinates) -> Pair:
        if columns.size + rows.size > MAX_FEW:
            return transform(*target.affine.apply(columns, rows))
        place = (key, target.crs, target.affine, columns.tobytes(), rows.tobytes())
        known = _few.get(place)
        if known is None:
            known = transform(*target.affine.apply(columns, rows))
            _few.set(place, known)
        return known

    return locate


def _unwrapped(xs: Coordinates, turn: float, middle: float | None) -> Coordinates:
    """The coordinates within half a turn of `middle`, or of that in the middle of the array."""
    reference = float(xs.flat[xs.size // 2]) if middle is None else middle
    if not math.isfinite(reference):
        return xs
    with np.errstate(invalid="ignore"):
        return xs - turn * np.rint((xs - reference) / turn)


def _middle(source: Georeference) -> float:
    """x of the middle of an image."""
    xs, _ = to_ground(source.mapping, np.array([source.size.width / 2]), np.array([source.size.height / 2]))
    return float(xs[0])


# -- blocks ----------------------------------------------------------------------------------------


class _Division:
    """Cuts a map into blocks."""

    def __init__(self, source: Georeference, target: GridRef) -> None:
        self._source, self._target = source, target
        knots = len(source.mapping.points) if isinstance(source.mapping, ControlPoints) else 0
        self._left = MAX_EXACT // (1 + knots // KNOTS)
        """Pixels that may still be computed one by one."""

    @cached_property
    def _locate(self) -> Locator:
        return locator(self._source, self._target)

    def square(self, region: Region) -> Iterable[Block]:
        """The blocks of one of the squares into which maps are cut."""
        mapping = self._source.mapping
        if isinstance(mapping, Affine) and mapping.is_rectilinear:
            ground = _smooth_ground(self._source.crs, self._target, region)
            if ground is not None and ground.is_accurate_in(mapping):
                return (Smooth(region, *to_pixels(mapping, ground.xs, ground.ys)),)
        return self.blocks(region)

    def blocks(self, region: Region) -> Iterator[Block]:
        """The blocks of a region: itself if its coordinates are smooth."""
        if _is_small(region):
            yield self._exact(region)
            return
        block = Smooth(region, *_at_nodes(region, self._locate))
        if _is_accurate(block, self._locate):
            yield block
        elif self._is_nowhere(block):
            yield _constant(region, NOWHERE)
        elif self._left < min(region.area, EXACT * EXACT):
            yield _constant(region, NOT_COMPUTED)
        elif region.width <= EXACT and region.height <= EXACT:
            yield self._exact(region)
        else:
            for part in _quarters(region):
                yield from self.blocks(part)

    def _exact(self, region: Region) -> Exact:
        self._left -= region.width * region.height
        return Exact(region, *_located(region, centers(region.width), centers(region.height), self._locate))

    def _is_nowhere(self, block: Smooth) -> bool:
        """Whether no part of a block has a place, as far as samples tell."""
        region = block.region
        if (np.isfinite(block.columns) & np.isfinite(block.rows)).any():
            return False
        across, down = nodes_of(region.width, 2 * NODES), nodes_of(region.height, 2 * NODES)
        columns, rows = _located(region, across, down, self._locate)
        return not (np.isfinite(columns) & np.isfinite(rows)).any()


def _constant(region: Region, value: float) -> Exact:
    """A block of one value everywhere, which takes no memory."""
    everywhere = np.broadcast_to(np.array(value), (region.height, region.width))
    return Exact(region, everywhere, everywhere)


def _located(region: Region, across: Coordinates, down: Coordinates, locate: Locator) -> Pair:
    """The exact coordinates of places in a region, shape (down, across)."""
    # which the locator spreads over all places: numpy's meshgrid takes as long as the rest
    return locate((across + region.x)[None, :], (down + region.y)[:, None])


def _at_nodes(region: Region, locate: Locator) -> Pair:
    return _located(region, nodes_of(region.width, NODES), nodes_of(region.height, NODES), locate)


def _is_small(region: Region) -> bool:
    """Whether a region has no more pixels than nodes."""
    return region.width <= NODES and region.height <= NODES


def _is_accurate(block: Smooth, locate: Locator) -> bool:
    """Whether interpolated coordinates differ nowhere by more than the tolerance from exact ones, as far as samples tell."""
    region = block.region
    if not (np.isfinite(block.columns).all() and np.isfinite(block.rows).all()):
        return False
    step = max(float(np.ptp(block.columns)) / region.width, float(np.ptp(block.rows)) / region.height, 1.0)
    return max(_errors(region, block.columns, block.rows, locate)) <= TOLERANCE * step


def _errors(region: Region, first: Coordinates, second: Coordinates, locate: Locator) -> tuple[float, float]:
    """Largest differences of interpolated coordinates from exact ones, as far as samples tell."""
    exact = _located(region, checks(region.width), checks(region.height), locate)
    left, right = weights_of_checks(region.height), weights_of_checks(region.width).T
    differences = (
        np.abs(left @ nodes @ right - values) for nodes, values in zip((first, second), exact, strict=True)
    )
    x, y = (float(each.max()) if np.isfinite(each).all() else math.inf for each in differences)
    return x, y


class _SmoothGround(NamedTuple):
    """A part of a map in another system: the same for all images there."""

    xs: Coordinates
    """At the nodes."""
    ys: Coordinates
    errors: tuple[float, float]
    """Of x and y that are interpolated."""
    steps: tuple[float, float]
    """x per column and y per row of the map, on average."""

    def is_accurate_in(self, mapping: Affine) -> bool:
        """As `_is_accurate`, in pixels of a rectilinear image."""
        across, down = abs(mapping.a), abs(mapping.e)
        step = max(self.steps[0] / across, self.steps[1] / down, 1.0)
        return max(self.errors[0] / across, self.errors[1] / down) <= TOLERANCE * step < math.inf


@lru_cache(maxsize=KEPT)
def _smooth_ground(key: str, target: GridRef, region: Region) -> _SmoothGround | None:
    """A part of a map in another system; None where x and y are not finite, or each pixel is computed by itself."""
    if _is_small(region):
        return None
    ground = _ground_of(key, target, None)
    xs, ys = _at_nodes(region, ground)
    if not (np.isfinite(xs).all() and np.isfinite(ys).all()):
        return None
    steps = float(np.ptp(xs)) / region.width, float(np.ptp(ys)) / region.height
    return _SmoothGround(xs, ys, _errors(region, xs, ys, ground), steps)


def _quarters(region: Region) -> Iterator[Region]:
    for y, height in _halves(region.y, region.height):
        for x, width in _halves(region.x, region.width):
            yield Region(x, y, width, height)


def _halves(start: int, length: int) -> list[tuple[int, int]]:
    """Start and length of both halves, of which the first is a power of two long; of one if it is short."""
    if length <= EXACT:
        return [(start, length)]
    half = 1 << ((length - 1).bit_length() - 1)
    return [(start, half), (start + half, length - half)]
