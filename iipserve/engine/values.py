"""Windows of samples as files have them, with which of them are valid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from iipserve.engine.admission import AdmissionControl
from iipserve.engine.decoding import TileDecoder
from iipserve.engine.level_reader import LevelReader
from iipserve.engine.library import Library
from iipserve.geometry import Region, Size, ceil_div
from iipserve.image import ImageInfo
from iipserve.plan import ValuePlan, Window, WindowRef
from iipserve.processing import Pixels
from iipserve.processing.layout import first_bands
from iipserve.processing.missing import Mask, missing_pixels, representable
from iipserve.processing.sample_format import stored_scale
from iipserve.sources import Source
from iipserve.sources.tiles import PartReader, join_tiles

PART_PIXELS = 1_000_000
"""Pixels that are read at once of a source that has no tiles."""

Indices: TypeAlias = NDArray[np.intp]


class WindowReader:
    """Reads the windows of plans. Safe for many threads."""

    def __init__(self, library: Library, admission: AdmissionControl, decoder: TileDecoder) -> None:
        """Share the renderer's admission control and decoder."""
        self._library = library
        self._admission = admission
        self._decoder = decoder

    def windows(self, plan: ValuePlan) -> list[Window]:
        """The samples of each window.

        Raises:
            ImageChanged: a file has been replaced since the plan was made.
            TooLarge, Overloaded: see `AdmissionControl`.
            DecodeError: a file is damaged in a window.
        """
        return [self._window(ref) for ref in plan.windows]

    def _window(self, ref: WindowRef) -> Window:
        source, region = self._library.source(ref.image), ref.region
        columns = region.x + _sampled(region.width, ref.size.width)
        rows = region.y + _sampled(region.height, ref.size.height)
        read = LevelReader(source, ref.level, self._decoder.reader(source, ref.image))
        read_part = self._decoder.part_reader(source, ref.image)
        samples = np.empty((len(rows), len(columns), source.info.bands), source.info.dtype)
        unmasked: Mask = np.ones(samples.shape[:2], np.bool_)
        stored = _stored(samples, source.info, ref.level)
        held = min(region.area, max(PART_PIXELS, read.geometry.tile.area))
        with self._admission.admit(read.cost(region, ref.size, held)):
            for part in _parts(source, ref.level, region):
                down, across = _within(rows, part.y, part.bottom), _within(columns, part.x, part.right)
                if down.start < down.stop and across.start < across.stop:
                    chosen = np.ix_(rows[down] - part.y, columns[across] - part.x)
                    samples[down, across] = _read(read, part, read_part)[chosen]
                    if stored is not None:
                        stored[down, across] = source.read_stored(part, _colors(source.info))[chosen]
                    if (mask := _mask(source, ref.level, part)) is not None:
                        unmasked[down, across] = mask[chosen]
        window = _checked(samples, unmasked, source.info, ref.nodata)
        return window if stored is None else Window(stored, window.valid)


def _stored(samples: Pixels, info: ImageInfo, level: int) -> Pixels | None:
    """Room for samples of the full size in the type of the file, where they are decoded to another: integers and floats of
    64 bits are rounded then. None where they are not, and for colors of palettes."""
    kind = info.samples.dtype
    if level or info.stored is None or kind == info.dtype or len(_colors(info)) != info.color_bands:
        return None
    return np.empty((*samples.shape[:2], info.color_bands), kind)


def _colors(info: ImageInfo) -> tuple[int, ...]:
    """Bands as the file has them, without opacity."""
    opacity = info.samples.opacity if info.has_alpha else None
    return tuple(band for band in range(info.samples.bands) if band != opacity)


def _sampled(length: int, count: int) -> Indices:
    """Indices of the pixels, of `length`, at the centers of `count` equal parts."""
    parts = np.arange(count, dtype=np.int64)
    return ((2 * parts + 1) * length // (2 * count)).astype(np.intp)


def _within(indices: Indices, start: int, stop: int) -> slice:
    """The ascending indices from `start` up to `stop`."""
    first, last = np.searchsorted(indices, (start, stop))
    return slice(int(first), int(last))


def _parts(source: Source, level: int, region: Region) -> Iterator[Region]:
    """The region in parts of one tile each, or of some rows where a source has no tiles."""
    geometry = source.info.levels[level]
    tile = geometry.tile
    if source.reads_regions:
        tile = Size(geometry.size.width, max(1, PART_PIXELS // region.width))
    rows = range(region.y // tile.height, ceil_div(region.bottom, tile.height))
    columns = range(region.x // tile.width, ceil_div(region.right, tile.width))
    for row, column in product(rows, columns):
        left, top = max(region.x, column * tile.width), max(region.y, row * tile.height)
        right = min(region.right, (column + 1) * tile.width)
        bottom = min(region.bottom, (row + 1) * tile.height)
        yield Region(left, top, right - left, bottom - top)


def _read(read: LevelReader, part: Region, read_part: PartReader | None) -> Pixels:
    if read.source.reads_regions:
        return read.source.read_region(read.level, part, part.size)
    return join_tiles(read.source.info, read.level, part, read.read_tile, read_part)


def _mask(source: Source, level: int, part: Region) -> Mask | None:
    """The mask of a part of one tile; None where the file has none."""
    tile = source.info.levels[level].tile
    column, row = part.x // tile.width, part.y // tile.height
    mask = None if source.reads_regions else source.read_mask(level, column, row)
    if mask is None:
        return None
    x, y = part.x - column * tile.width, part.y - row * tile.height
    return mask[y : y + part.height, x : x + part.width]


def _checked(samples: Pixels, unmasked: Mask, info: ImageInfo, nodata: tuple[float, ...] | None) -> Window:
    """The samples without opacity, and which of them are valid.

    Args:
        samples: as the source reads them.
        unmasked: which ones the masks of the file show.
        info: of their image.
        nodata: replaces the image's, if it is not None.
    """
    scale = stored_scale(info)
    stored = samples if scale == 1 else _multiplied(samples, scale)
    missing = missing_pixels(samples, info)
    if nodata is not None:
        missing = missing_pixels(stored, replace(info, nodata=representable(nodata, info)))
    valid = unmasked if missing is None else unmasked & ~missing
    if info.has_alpha:
        valid = valid & np.not_equal(samples[..., -1], 0)
    return Window(first_bands(stored, info.color_bands), valid)


def _multiplied(samples: NDArray[Any], factor: float) -> Pixels:
    """Integers multiplied by a factor, and rounded."""
    multiplied: Pixels = np.rint(samples * factor).astype(samples.dtype)
    return multiplied
