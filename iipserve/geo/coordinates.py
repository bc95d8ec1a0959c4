"""Where the pixels of a map are in an image: exact at some places, interpolated between them.

A map is cut into blocks. In each, the exact coordinates of 9 x 9 places (Chebyshev points, edges included) make a
polynomial, which is compared with exact coordinates elsewhere. Where it differs by more than a small part of a pixel, the
block is quartered; the smallest blocks, as at poles and seams, are computed pixel by pixel. Blocks begin at the map's
first pixel, so that maps whose sides are multiples of a block give the same as a larger map of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from iipserve.geo import crs
from iipserve.geo.georeference import ControlPoints, Georeference
from iipserve.geo.grid import Affine, GridRef
from iipserve.geo.mapping import Pair, to_ground, to_pixels
from iipserve.geometry import Region, Size, common_region
from iipserve.leader import hand_over
from iipserve.lru import LRU

Coordinates: TypeAlias = NDArray[np.float64]

BLOCK = 256
"""Sides of the blocks, in pixels of the map."""
EXACT = 32
"""Sides of the blocks that are computed pixel by pixel if they are not smooth."""
NODES = 9
"""Exact coordinates along each side of a block."""
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
ROWS_AT_ONCE = 64
"""Rows of a matrix product; OpenBLAS computes larger ones with threads, whose start takes longer than all of it."""


class Smooth(NamedTuple):
    """Coordinates of a block, by their values at nodes."""

    region: Region
    """In pixels of the map."""
    columns: Coordinates
    """At the nodes, shape (nodes down, nodes across)."""
    rows: Coordinates

    def values(self) -> Pair:
        """Columns and rows at the centers of all pixels."""
        width, height = self.region.width, self.region.height
        return _interpolated(self.columns, width, height), _interpolated(self.rows, width, height)

    def cut(self, area: Region) -> Exact | None:
        """The coordinates of all pixels of the block that are in an area of the map; None if none is."""
        part = common_region(self.region, area)
        if part is None:
            return None
        columns, rows = _slices(part, self.region)
        down, across = _weights(self.region.height)[rows], _weights(self.region.width)[columns].T
        return Exact(part, _product(down @ self.columns, across), _product(down @ self.rows, across))

    def mapped(self, x: float, shift_x: float, y: float, shift_y: float) -> Smooth:
        """With columns multiplied by `x` and shifted, and rows likewise."""
        return Smooth(self.region, self.columns * x + shift_x, self.rows * y + shift_y)


class Exact(NamedTuple):
    """Coordinates of a block, pixel by pixel; those that are not finite have no place in the image."""

    region: Region
    """In pixels of the map."""
    columns: Coordinates
    """Shape (height, width)."""
    rows: Coordinates

    def values(self) -> Pair:
        """Columns and rows at the centers of all pixels."""
        return self.columns, self.rows

    def cut(self, area: Region) -> Exact | None:
        """The coordinates of all pixels of the block that are in an area of the map; None if none is."""
        part = common_region(self.region, area)
        if part is None:
            return None
        across, down = _slices(part, self.region)
        return Exact(part, self.columns[down, across], self.rows[down, across])

    def mapped(self, x: float, shift_x: float, y: float, shift_y: float) -> Exact:
        """With columns multiplied by `x` and shifted, and rows likewise."""
        return Exact(self.region, self.columns * x + shift_x, self.rows * y + shift_y)


Block: TypeAlias = Smooth | Exact

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
        known = tuple(block for region in _squares(target.size) for block in division.blocks(region))
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
    transform = None if source.crs == target.crs else _remembering(source.crs, target)
    turn = crs.turn(source.crs)
    middle = None if turn_of(source) is not None else _middle(source)

    def locate(columns: Coordinates, rows: Coordinates) -> Pair:
        xs, ys = target.affine.apply(columns, rows) if transform is None else transform(columns, rows)
        if turn is not None and (transform is not None or middle is not None):
            xs = _unwrapped(xs, turn, middle)
        return to_pixels(source.mapping, xs, ys)

    return locate


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
        self._locate = locator(source, target)
        knots = len(source.mapping.points) if isinstance(source.mapping, ControlPoints) else 0
        self._left = MAX_EXACT // (1 + knots // KNOTS)
        """Pixels that may still be computed one by one."""

    def blocks(self, region: Region) -> Iterator[Block]:
        """The blocks of a region: itself if its coordinates are smooth."""
        if region.width <= NODES and region.height <= NODES:
            yield self._exact(region)
            return
        down, across = _nodes(region.height, NODES), _nodes(region.width, NODES)
        block = Smooth(region, *_located(region, across, down, self._locate))
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
        return Exact(region, *_located(region, _centers(region.width), _centers(region.height), self._locate))

    def _is_nowhere(self, block: Smooth) -> bool:
        """Whether no part of a block has a place, as far as samples tell."""
        region = block.region
        if (np.isfinite(block.columns) & np.isfinite(block.rows)).any():
            return False
        across, down = _nodes(region.width, 2 * NODES), _nodes(region.height, 2 * NODES)
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


def _is_accurate(block: Smooth, locate: Locator) -> bool:
    """Whether interpolated coordinates differ nowhere by more than the tolerance from exact ones, as far as samples tell."""
    region = block.region
    if not (np.isfinite(block.columns).all() and np.isfinite(block.rows).all()):
        return False
    across, down = _checks(region.width), _checks(region.height)
    exact = _located(region, across, down, locate)
    step = max(float(np.ptp(block.columns)) / region.width, float(np.ptp(block.rows)) / region.height, 1.0)
    left, right = _weights_of_checks(region.height), _weights_of_checks(region.width).T
    for nodes, values in zip((block.columns, block.rows), exact, strict=True):
        if not np.abs(left @ nodes @ right - values).max() <= TOLERANCE * step:
            return False
    return True


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


# -- interpolation ---------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def _nodes(length: int, count: int) -> Coordinates:
    """Chebyshev points of the second kind from the center of the first pixel to that of the last (edges included)."""
    points: Coordinates = 0.5 - 0.5 * np.cos(np.arange(count) * math.pi / (count - 1))
    return 0.5 + points * (length - 1)


def _centers(length: int) -> Coordinates:
    """Of pixels."""
    return np.arange(length, dtype=np.float64) + 0.5


@lru_cache(maxsize=64)
def _checks(length: int) -> Coordinates:
    """Places midway between nodes, every other."""
    nodes = _nodes(length, NODES)
    midway: Coordinates = (nodes[1:] + nodes[:-1]) / 2
    return midway[::2]


@lru_cache(maxsize=64)
def _weights(length: int) -> Coordinates:
    """Weights of the nodes at the centers of all pixels, shape (length, nodes)."""
    return _barycentric(_centers(length), _nodes(length, NODES))


@lru_cache(maxsize=64)
def _weights_of_checks(length: int) -> Coordinates:
    return _barycentric(_checks(length), _nodes(length, NODES))


def _barycentric(places: Coordinates, nodes: Coordinates) -> Coordinates:
    """Weights of the polynomial through nodes (Berrut and Trefethen 2004, 4.2 and 5.4), shape (places, nodes)."""
    if nodes[0] == nodes[-1]:
        return np.eye(1, len(nodes)).repeat(len(places), axis=0)
    signs = np.where(np.arange(len(nodes)) % 2, -1.0, 1.0)
    signs[[0, -1]] /= 2
    differences = places[:, None] - nodes
    at_node = np.abs(differences) < 1e-9
    terms = signs / np.where(at_node, 1.0, differences)
    weights = terms / terms.sum(axis=1, keepdims=True)
    return np.where(at_node.any(axis=1, keepdims=True), at_node.astype(np.float64), weights)


def _interpolated(nodes: Coordinates, width: int, height: int) -> Coordinates:
    """The polynomial through nodes at the centers of all pixels of a block."""
    return _product(_weights(height) @ nodes, _weights(width).T)


def _product(left: Coordinates, right: Coordinates) -> Coordinates:
    """The product of two matrices, some rows at a time."""
    result = np.empty((left.shape[0], right.shape[1]))
    for top in range(0, len(left), ROWS_AT_ONCE):
        np.matmul(left[top : top + ROWS_AT_ONCE], right, out=result[top : top + ROWS_AT_ONCE])
    return result


def _slices(part: Region, whole: Region) -> tuple[slice, slice]:
    """Columns and rows of a part, counted from the first ones of a whole."""
    x, y = part.x - whole.x, part.y - whole.y
    return slice(x, x + part.width), slice(y, y + part.height)
