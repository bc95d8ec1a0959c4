"""A level as maps read it: which windows of it a map needs, and their pixels.

A level may be reduced as it is read, by whole factors, so that its pixels are not much smaller than those of the map. The
reduced pixels are counted from the level's first one, whatever window is read.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from iipserve.engine import assembly
from iipserve.engine.admission import Cost
from iipserve.engine.level_reader import LevelReader
from iipserve.engine.resampling import BIAS, Coordinates
from iipserve.geo.blocks import Block, Smooth
from iipserve.geo.coordinates import turn_of
from iipserve.geo.image_scale import scale_of
from iipserve.geometry import Region, Size, ceil_div
from iipserve.plan import Resampling, Warp
from iipserve.processing import Pixels
from iipserve.processing.layout import with_equal_bands
from iipserve.pyramid import level_scale

SLACK = 0.02
"""Pixels added to what is computed of a window."""
WHOLE = 1e-6
"""Part of a turn around the globe by which a level may be wider or narrower, to count as all of it."""
MAX_TURNS = 8
"""Around the globe, in either direction, beyond which there are no places: each takes a window of its own."""
SAMPLED = 4
"""Samples of a pixel of the map, across and down, among which the most frequent is searched."""


class Span(NamedTuple):
    """Where the pixels of a block are, at most, in pixels of the level; empty if there is no place."""

    left: float
    right: float
    top: float
    bottom: float


class Window(NamedTuple):
    """What is read of a level for a part of a map."""

    turns: int
    """Around the globe, by which columns of the map are further than the level's."""
    columns: tuple[float, float]
    """From where to where places are on this turn, in pixels of the reduced level."""
    region: Region
    """In pixels of the reduced level; begins before its first column, or ends after its last, if the level goes around
    the globe and the window crosses its ends."""
    is_covered: bool
    """All places of the part are inside of the level."""


class WarpedLevel:
    """The level of one map."""

    def __init__(self, view: Warp, read: LevelReader) -> None:
        info = read.source.info
        level, full = info.levels[view.level].size, view.source.size
        scale = level_scale(info, view.level)
        steps = scale_of(view.source, view.target) or (1.0, 1.0)
        steps = steps[0] * scale[0], steps[1] * scale[1]
        across, down = (
            min(_reduction(step, view.resampling), side) for step, side in zip(steps, level, strict=True)
        )
        self.read = read
        self.reduction = across, down
        self.scale = scale[0] / across, scale[1] / down
        """Pixels per pixel of the full size."""
        self.size = Size(ceil_div(level.width, across), ceil_div(level.height, down))
        part = view.shown or Region.of_size(full)
        self.start = part.x * self.scale[0], part.y * self.scale[1]
        """Where what is shown of it begins."""
        self.extent = (
            _end(part.right, full.width, self.scale[0], level.width / across),
            _end(part.bottom, full.height, self.scale[1], level.height / down),
        )
        """Where that ends: a pixel that is cut off or incomplete counts as a whole one, or as part of the last."""
        self.reach = min(steps[0] / across / 2, self.size.width), min(steps[1] / down / 2, self.size.height)
        """Half the sides of a pixel of the map: no more than those of the level, which limits windows around places."""
        turn = turn_of(view.source)
        self.turn = None if turn is None else turn * self.scale[0]
        """Columns around the globe, or None."""
        self.goes_around = (
            self.turn is not None
            and view.shown is None
            and level.width % across == 0
            and (abs(self.turn - self.size.width) <= WHOLE * self.turn)
        )

    # -- windows -----------------------------------------------------------------------------------

    def windows(self, blocks: Iterable[Block], margin: tuple[int, int]) -> list[Window]:
        """What is read for some blocks of a map.

        Args:
            blocks: of a part of a map.
            margin: pixels on each side of a place that its color depends on.
        """
        placed = [(block, _span(block.mapped(self.scale[0], 0.0, self.scale[1], 0.0))) for block in blocks]
        spans = [span for _, span in placed if span is not None]
        is_covered = all(self._covers(block, span) for block, span in placed)
        if self.goes_around and spans and (joined := self._joined(spans, margin, is_covered)):
            return [joined]
        turns = sorted({turn for span in spans for turn in self._turns(span)})
        windows = [self._window(turn, spans, margin, is_covered) for turn in turns]
        present = [window for window in windows if window is not None]
        return present if len(present) <= 1 else [window._replace(is_covered=False) for window in present]

    def _joined(self, spans: list[Span], margin: tuple[int, int], is_covered: bool) -> Window | None:
        """The window around all spans, which may cross the ends of a level that goes around the globe; None if it is
        wider than the level."""
        left, right = min(span.left for span in spans), max(span.right for span in spans)
        if self.turn is None or right - left >= self.turn:
            return None
        if not _is_near(left, right, self.turn):
            return None
        turns = math.floor(left / self.turn)
        shift = turns * self.turn
        span = Span(left - shift, right - shift, *_rows(spans))
        return self._around(turns, (-math.inf, math.inf), span, margin, is_covered)

    def _turns(self, span: Span) -> range:
        """By how many turns around the globe some columns are further than the level's."""
        if self.turn is None:
            return range(1)
        first, last = span.left / self.turn, span.right / self.turn
        if first > MAX_TURNS or last < -MAX_TURNS:
            return range(0)
        return range(math.floor(max(first, -MAX_TURNS)), math.floor(min(last, MAX_TURNS)) + 1)

    def _covers(self, block: Block, span: Span | None) -> bool:
        if span is None or not (isinstance(block, Smooth) or _is_finite(block)):
            return False
        (left, top), (width, height) = self.start, self.size
        if span.top < top or span.bottom >= min(height, self.extent[1]):
            return False
        if self.turn is not None and not _is_near(span.left, span.right, self.turn):
            return False
        shift = 0.0 if self.turn is None else math.floor(span.left / self.turn) * self.turn
        return self.goes_around or (
            span.left - shift >= left and span.right - shift < min(width, self.extent[0])
        )

    def _window(
        self, turns: int, spans: list[Span], margin: tuple[int, int], is_covered: bool
    ) -> Window | None:
        shift = turns * self.turn if self.turn is not None else 0.0
        start, end = self.start[0], min(self.extent[0], self.turn or math.inf)
        there = [span for span in spans if span.right - shift >= start and span.left - shift <= end]
        if not there:
            return None
        left = max(min(span.left for span in there) - shift, start)
        right = min(max(span.right for span in there) - shift, end)
        return self._around(turns, (start, end), Span(left, right, *_rows(there)), margin, is_covered)

    def _around(
        self, turns: int, columns: tuple[float, float], span: Span, margin: tuple[int, int], is_covered: bool
    ) -> Window | None:
        """The window around a span of one turn; None if no row of it is shown."""
        (width, height), top, rows_end = self.size, self.start[1], self.extent[1]
        if span.bottom < top or span.top > rows_end:
            return None
        x, right = math.floor(span.left) - margin[0], math.ceil(span.right) + margin[0]
        if not self.goes_around:
            x, right = min(max(x, 0), width - 1), min(right, width)
        y = min(max(math.floor(max(span.top, top)) - margin[1], 0), height - 1)
        bottom = min(math.ceil(min(span.bottom, rows_end)) + margin[1], height)
        region = Region(x, y, max(1, right - x), max(1, bottom - y))
        return Window(turns, columns, region, is_covered)

    # -- pixels ------------------------------------------------------------------------------------

    def pixels(self, region: Region) -> Pixels:
        """The display pixels of a window."""
        return _joined([[self._part(part) for part in row] for row in self._parts(region)])

    def nearest(self, region: Region, columns: Coordinates, rows: Coordinates) -> Pixels:
        """The display pixels that contain places of a window, of a level that is not reduced and `reads_places`; shape
        (1, places, bands)."""
        x = (columns + BIAS).astype(np.intp) + region.x
        return self.read.at(x % self.size.width, (rows + BIAS).astype(np.intp) + region.y)

    def costs(self, region: Region) -> Iterator[Cost]:
        """Of each part of a window that is read by itself."""
        for row in self._parts(region):
            for part in row:
                stored, size = self._stored(part)
                yield assembly.region_cost(self.read, stored, size)

    def _part(self, part: Region) -> Pixels:
        return assembly.read_region(self.read, *self._stored(part))

    def _stored(self, part: Region) -> tuple[Region, Size]:
        """A part in pixels of the stored level, and its reduced size."""
        across, down = self.reduction
        level = self.read.geometry.size
        x, y = part.x * across, part.y * down
        right, bottom = min(part.right * across, level.width), min(part.bottom * down, level.height)
        return Region(x, y, right - x, bottom - y), part.size

    def _parts(self, region: Region) -> list[list[Region]]:
        """Rows of the parts of a window that are read one by one: apart where the level ends, as its last column and row
        may be of less than whole factors."""
        columns = [
            span
            for start, stop in self._inside(region.x, region.right)
            for span in _split(start, stop, self.read.geometry.size.width, self.reduction[0])
        ]
        rows = _split(region.y, region.bottom, self.read.geometry.size.height, self.reduction[1])
        return [
            [Region(left, top, right - left, bottom - top) for left, right in columns] for top, bottom in rows
        ]

    def _inside(self, start: int, stop: int) -> list[tuple[int, int]]:
        """The spans of columns of the level that a span is, which may begin before the first and end after the last."""
        width, spans = self.size.width, []
        while start < stop:
            first = start % width
            length = min(stop - start, width - first)
            spans.append((first, first + length))
            start += length
        return spans


def _is_near(left: float, right: float, turn: float) -> bool:
    """Whether columns are not so far away that they count as nowhere."""
    return -MAX_TURNS * turn <= left and right <= MAX_TURNS * turn


def _end(edge: int, full: int, scale: float, level: float) -> float:
    """Where what is shown ends in a level, whose own end may be another than that of the full size, scaled."""
    return max(level, full * scale) if edge >= full else edge * scale


def _reduction(step: float, resampling: Resampling) -> int:
    """By which factor a level is reduced as it is read, if a pixel of the map is `step` of its pixels wide."""
    if resampling is Resampling.AVERAGE:
        return max(1, math.floor(step + SLACK))
    return max(1, math.floor(step / SAMPLED)) if resampling is Resampling.MODE else 1


def _split(start: int, stop: int, length: int, factor: int) -> list[tuple[int, int]]:
    """A span of reduced pixels, in two if the last one is of less than `factor` pixels of a level of `length`."""
    whole = length // factor
    if start < whole < stop:
        return [(start, whole), (whole, stop)]
    return [(start, stop)]


def _span(block: Block) -> Span | None:
    """Where the pixels of a block are; None if none has a place.

    A polynomial is nowhere further than its nodes by more than it bends between them.
    """
    columns, rows = block.columns, block.rows
    if isinstance(block, Smooth):
        return Span(*_bounds(columns), *_bounds(rows))
    there = np.isfinite(columns) & np.isfinite(rows)
    if not there.any():
        return None
    columns, rows = columns[there], rows[there]
    return Span(float(columns.min()), float(columns.max()), float(rows.min()), float(rows.max()))


def _rows(spans: list[Span]) -> tuple[float, float]:
    return min(span.top for span in spans), max(span.bottom for span in spans)


def _bounds(nodes: np.ndarray) -> tuple[float, float]:
    low, high = float(nodes.min()), float(nodes.max())
    corners = (float(nodes[0, 0]), float(nodes[0, -1]), float(nodes[-1, 0]), float(nodes[-1, -1]))
    middle = float(nodes[nodes.shape[0] // 2, nodes.shape[1] // 2])
    bend = max(min(corners) - low, high - max(corners), abs(middle - sum(corners) / 4))
    return low - bend - SLACK, high + bend + SLACK


def _is_finite(block: Block) -> bool:
    return bool(np.isfinite(block.columns).all() and np.isfinite(block.rows).all())


def _joined(rows: list[list[Pixels]]) -> Pixels:
    if len(rows) == len(rows[0]) == 1:
        return rows[0][0]
    flat = iter(with_equal_bands([part for row in rows for part in row]))
    return np.concatenate([np.concatenate([next(flat) for _ in row], axis=1) for row in rows], axis=0)
