"""Reads the samples of coverages, in strips of rows from top to bottom."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from iipserve.engine.admission import Cost
from iipserve.engine.coverage_places import BIAS, Coordinates, Places, around
from iipserve.engine.coverage_resampling import RESAMPLERS, Valid, margin
from iipserve.engine.decoding import TileDecoder
from iipserve.engine.stored_samples import KEPT_BYTES, StoredReader
from iipserve.geo.coordinates import BLOCK
from iipserve.geometry import Region, Size, ceil_div
from iipserve.plan import CoverageDescription, CoveragePlan, Crop, Resampling
from iipserve.processing.layout import chosen_bands
from iipserve.processing.missing import Mask, missing_samples
from iipserve.sources import Source

STRIP_BYTES = 4 << 20
"""Of the samples of a strip, about, if the tiles of the file are not higher."""
MAX_STRIP_BYTES = 20 << 20
"""Of a strip. A row of tiles that has more is read in parts, and its tiles are decoded for each of them."""
WINDOW_BYTES = 16 << 20
"""Of a window of samples that is resampled at once, if it is not that of one sample of the coverage."""
FLOAT_BYTES = 8
"""Of a sample while it is weighed."""
WINDOW_COPIES = 4
"""Windows that are held at once, at most: as read, as floats, and two of sums."""

Check: TypeAlias = Callable[[], None]
"""Raises an error if reading takes too long."""


class Rows(Protocol):
    """Rows of samples from top to bottom."""

    def take(self, count: int) -> NDArray[Any]:
        """The next rows, shape (count, width, bands), to be written into."""


def missing_everywhere(samples: NDArray[Any], description: CoverageDescription) -> Mask:
    """Which pixels of shape (height, width) have no data: all bands are missing, or opacity is 0."""
    if description.opacity is not None:
        return np.equal(samples[..., description.opacity], 0)
    missing = np.ones(samples.shape[:2], np.bool_)
    for index, band in enumerate(description.bands):
        if band.nodata is None and samples.dtype.kind != "f":
            return np.zeros(samples.shape[:2], np.bool_)
        missing &= missing_samples(samples[..., index], band.nodata)
    return missing


def empty_rows(rows: int, plan: CoveragePlan, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Rows of a result without data, shape (rows, width, bands): samples of missing data, or 0."""
    result = np.zeros((rows, plan.size.width, len(plan.bands)), dtype)
    for index, band in enumerate(plan.description.bands):
        if band.nodata is not None:
            result[..., index] = band.nodata
    return result


class CoverageReader(ABC):
    """Reads the samples of one plan; used once, by one thread."""

    def __init__(self, plan: CoveragePlan, samples: StoredReader) -> None:
        self._plan = plan
        self._samples = samples
        self._dtype = np.dtype(samples.samples.dtype)
        self._below: Rows | None = None

    def put_over(self, below: Rows) -> None:
        """Have the samples of another image wherever this one has none: its rows are taken from now on."""
        self._below = below

    @abstractmethod
    def cost(self) -> Cost:
        """The cost of `strips`, of which a format holds one at a time."""

    @abstractmethod
    def strips(self, check: Check) -> Iterator[NDArray[Any]]:
        """The samples, in arrays of shape (rows, width, bands) from top to bottom, each made on demand.

        Args:
            check: called now and then.

        Raises:
            DecodeError: the image is damaged there.
        """

    @property
    def _pixel_bytes(self) -> int:
        """Of the result."""
        return len(self._plan.bands) * self._dtype.itemsize

    def _empty(self, rows: int) -> NDArray[Any]:
        """A strip outside of the image: that of the image below; missing data, or 0."""
        return empty_rows(rows, self._plan, self._dtype) if self._below is None else self._below.take(rows)

    def _chosen(self, samples: NDArray[Any]) -> NDArray[Any]:
        """The bands of the result, of those that are read."""
        return chosen_bands(samples, [self._samples.bands.index(band) for band in self._plan.bands])

    def _set(self, result: NDArray[Any], values: NDArray[Any], inside: Mask | None = None) -> None:
        """Put samples into a part of the result, but missing ones over those of another image.

        Args:
            result: shape (height, width, bands).
            values: of the same shape.
            inside: shape (height, width): which of them there are; None: all.
        """
        if self._below is not None:
            there = ~missing_everywhere(values, self._plan.description)
            inside = there if inside is None else inside & there
        if inside is None:
            result[...] = values
        else:
            result[inside] = values[inside]

    def _cost(self, read: int, decoded: int, memory: int) -> Cost:
        info, size = self._samples.info, self._plan.size
        expensive, decoding = self._samples.is_expensive, self._samples.decoding_memory
        memory += decoding
        return Cost(
            info.identifier, size, read, decoded, expensive, size.area, self._pixel_bytes, memory, decoding
        )


# -- at the full size ------------------------------------------------------------------------------


class WindowReader(CoverageReader):
    """A window of the image, whose samples are not resampled; rows of tiles are read one after the other."""

    def __init__(self, plan: CoveragePlan, samples: StoredReader, region: Region) -> None:
        """The region may extend past the edges of the image."""
        super().__init__(plan, samples)
        self._region = region
        self._rows = _rows_at_once(samples, region)

    def cost(self) -> Cost:
        """As `CoverageReader.cost`."""
        inside = self._region.clipped(self._samples.info.size)
        read = inside.area if inside else 0
        tile, pixel = self._samples.samples.tile, self._samples.pixel_bytes
        strip = min(self._rows, self._region.height) * self._region.width * pixel
        # of parts, one is written while the next is made
        part = min(2 * STRIP_BYTES, strip) * max(1, ceil_div(self._pixel_bytes, pixel))
        return self._cost(read, _decoded(inside, tile), strip + 2 * part + 2 * tile.area * pixel)

    def strips(self, check: Check) -> Iterator[NDArray[Any]]:
        """As `CoverageReader.strips`."""
        region, top = self._region, self._region.y
        while top < region.bottom:
            check()
            bottom = min((top // self._rows + 1) * self._rows, region.bottom)
            yield from self._parts(Region(region.x, top, region.width, bottom - top))
            top = bottom

    def _parts(self, strip: Region) -> Iterator[NDArray[Any]]:
        """What is read at once, in parts that do not hold all of it while the next is read."""
        inside = strip.clipped(self._samples.info.size)
        samples = None if inside is None else self._samples.read(inside)
        row_bytes = strip.width * self._pixel_bytes
        rows = max(1, STRIP_BYTES // row_bytes)
        if strip.height <= 2 * rows:
            yield self._part(strip, inside, samples)
            return
        for top in range(strip.y, strip.bottom, rows):
            part = self._part(strip._replace(y=top, height=min(rows, strip.bottom - top)), inside, samples)
            yield part if part.base is None else part.copy()

    def _part(self, part: Region, inside: Region | None, samples: NDArray[Any] | None) -> NDArray[Any]:
        """The result in some rows, of samples that were read of a region."""
        if samples is None or inside is None:
            return self._empty(part.height)
        first, last = max(part.y, inside.y), min(part.bottom, inside.bottom)
        chosen = self._chosen(samples[max(0, first - inside.y) : max(0, last - inside.y)])
        if chosen.shape[:2] == (part.height, part.width) and self._below is None:
            return chosen
        result = self._empty(part.height)
        if first < last:
            x = inside.x - part.x
            self._set(result[first - part.y : last - part.y, x : x + inside.width], chosen)
        return result


def _rows_at_once(samples: StoredReader, region: Region) -> int:
    """Rows between the ends of strips, counted from the first of the image: of whole tiles, or an even part of one."""
    row_bytes, height = region.width * samples.pixel_bytes, samples.samples.tile.height
    if height * row_bytes > MAX_STRIP_BYTES:
        return max(1, height // ceil_div(height * row_bytes, MAX_STRIP_BYTES))
    return height * max(1, STRIP_BYTES // (height * row_bytes))


def _decoded(region: Region | None, tile: Size) -> int:
    """Pixels of the tiles that a region touches."""
    if region is None:
        return 0
    columns = ceil_div(region.right, tile.width) - region.x // tile.width
    rows = ceil_div(region.bottom, tile.height) - region.y // tile.height
    return columns * rows * tile.area


# -- resampled -------------------------------------------------------------------------------------


class ResampledReader(CoverageReader):
    """Places in the image, in blocks; the windows around these are read, large ones in parts."""

    def __init__(self, plan: CoveragePlan, samples: StoredReader) -> None:
        super().__init__(plan, samples)
        self._places = Places(plan.view, plan.resampling, samples.info.size)
        self._margin = margin(plan.resampling, self._places.reach)
        self._is_nearest = plan.resampling is Resampling.NEAREST
        self._window_bytes = samples.pixel_bytes + (
            0 if self._is_nearest else FLOAT_BYTES * len(samples.bands)
        )
        """Of a pixel of a window, which has each band once."""
        self._own_nodata = [plan.description.bands[plan.bands.index(band)].nodata for band in samples.bands]
        """Of each band of a window."""

    def cost(self) -> Cost:
        """As `CoverageReader.cost`."""
        unit, read = self._samples.unit.area, 0
        for block in self._places:
            window = self._places.window(block.span, self._margin)
            if window is not None:
                most = block.region.area * unit if self._is_nearest else window.area
                read += min(window.area, most)
        sides = (2 * side + 1 for side in self._margin)
        least = min(math.prod(sides), self._samples.info.size.area) * self._window_bytes
        strip = self._plan.size.width * min(BLOCK, self._plan.size.height) * self._pixel_bytes
        kept = max(KEPT_BYTES, unit * self._samples.pixel_bytes)
        return self._cost(read, read, 2 * strip + kept + WINDOW_COPIES * max(WINDOW_BYTES, least))

    def strips(self, check: Check) -> Iterator[NDArray[Any]]:
        """As `CoverageReader.strips`."""
        for strip, blocks in self._places.strips():
            result = self._empty(strip.height)
            for block in blocks:
                check()
                x, y, width, height = block.region
                part = result[y - strip.y : y - strip.y + height, x : x + width]
                self._fill(part, *self._places.located(block), check)
            yield result

    def _fill(
        self, result: NDArray[Any], columns: Coordinates, rows: Coordinates, inside: Mask, check: Check
    ) -> None:
        """Set the samples of a block whose places are shown."""
        if not inside.any():
            return
        window = around(columns[inside], rows[inside], self._margin, self._places.shown)
        if max(window.area, inside.size) * self._window_bytes > WINDOW_BYTES and inside.size > 1:
            check()
            for part in _quarters(*inside.shape):
                self._fill(result[part], columns[part], rows[part], inside[part], check)
            return
        everywhere = bool(inside.all())
        if not everywhere:
            columns, rows = np.where(inside, columns, window.x), np.where(inside, rows, window.y)
        bias = BIAS if self._is_nearest else 0.0
        samples = self._samples.window(window)
        values = RESAMPLERS[self._plan.resampling](
            samples,
            None if self._is_nearest else self._valid(samples, window),
            columns - (window.x - bias),
            rows - (window.y - bias),
            self._places.reach,
        )
        self._set(result, self._chosen(values), None if everywhere else inside)

    def _valid(self, samples: NDArray[Any], window: Region) -> Valid | None:
        """Which samples of a window are; None if all are."""
        valid = np.ones(samples.shape, np.bool_)
        for index, nodata in enumerate(self._own_nodata):
            if nodata is not None or samples.dtype.kind == "f":
                valid[..., index] = ~missing_samples(samples[..., index], nodata)
        shown, opacity = self._samples.shown(window), self._plan.description.opacity
        if shown is not None:
            for index, band in enumerate(self._samples.bands):
                if opacity is None or band != self._plan.bands[opacity]:
                    valid[..., index] &= shown
        return None if valid.all() else valid


def _quarters(height: int, width: int) -> Iterator[tuple[slice, slice]]:
    for rows in _halves(height):
        for columns in _halves(width):
            yield rows, columns


def _halves(length: int) -> list[slice]:
    half = (length + 1) // 2
    return [slice(0, half), slice(half, length)] if length > 1 else [slice(0, length)]


def coverage_reader(
    plan: CoveragePlan, source: Source, decoder: TileDecoder, stored: type[StoredReader] = StoredReader
) -> CoverageReader:
    """What reads the samples of a plan from its image.

    Args:
        plan: of this image alone.
        source: of the image.
        decoder: of tiles.
        stored: reads the samples of the file.

    Raises:
        NoTransformation: coordinates cannot be transformed to the image's system.
    """
    view = plan.view
    samples = stored(source, view.image, tuple(sorted(set(plan.bands))), decoder)
    if isinstance(view, Crop) and view.region.size == view.size:
        return WindowReader(plan, samples, view.region)
    return ResampledReader(plan, samples)
