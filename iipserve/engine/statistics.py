"""Statistics of images, measured once per version of a file."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import product
from typing import TypeAlias

import numpy as np

from iipserve.config import Config
from iipserve.engine import assembly
from iipserve.engine.admission import AdmissionControl
from iipserve.engine.decoding import TileDecoder
from iipserve.engine.files import ImageChanged
from iipserve.engine.level_reader import LevelReader
from iipserve.engine.single_flight import SingleFlight
from iipserve.errors import DecodeError, IIPServeError
from iipserve.geometry import Region, Size, TileGrid
from iipserve.image import ImageInfo
from iipserve.lru import LRU
from iipserve.plan import ImageRef
from iipserve.processing import Pixels
from iipserve.processing.display import display_transform
from iipserve.processing.layout import has_alpha
from iipserve.processing.sample_format import Range, sample_format
from iipserve.processing.statistics import (
    Statistics,
    brightness,
    extremes,
    known_ranges,
    measure,
    measured_ranges,
    otsu,
    wider,
)
from iipserve.processing.tone import Contrast
from iipserve.pyramid import place_tile
from iipserve.sources import Source

log = logging.getLogger(__name__)

MAX_PIXELS = 4_000_000
"""The largest level of at most this many pixels is measured; if all are larger, tiles spread evenly over the smallest."""
MAX_AT_ONCE = 1 << 25
"""Pixels of the largest image whose extremes are measured at full size by the request that needs them; those of larger
images are measured in the background."""
EXTREMES_ROWS = 256
"""Rows read at once for them where a source has no tiles."""
MAX_STATISTICS = 1000
"""Statistics kept, unless MAX_METADATA_CACHE_SIZE says otherwise."""
Key: TypeAlias = tuple[ImageRef, tuple[float, ...]]
"""An image and its samples for missing data, which count in no statistics: a layer may have its own."""
NORMALIZED = (Contrast(1.0),)
"""Samples of more than 8 bits are normalized for the histogram, not shifted (as in iipsrv)."""


class StatisticsCache:
    """Measures images and keeps their statistics.

    Safe for many threads. A request that has been admitted already must not measure: it would wait for itself.
    """

    def __init__(self, config: Config, admission: AdmissionControl, decoder: TileDecoder) -> None:
        """Share the renderer's admission control and decoder."""
        self._admission = admission
        self._decoder = decoder
        count = config.max_metadata_cache_size
        self._known: LRU[Key, Statistics] = LRU(None if count < 0 else count or MAX_STATISTICS)
        self._computations: SingleFlight[Key, Statistics] = SingleFlight()

    def get(self, source: Source, image: ImageRef) -> Statistics:
        """The statistics of an image, measured on the first call.

        Raises:
            DecodeError: a measured region is damaged.
            TooLarge, Overloaded: see `AdmissionControl`.
        """
        key = image, source.info.nodata
        found = self._known.get(key)
        return found or self._computations.do(key, lambda: self._measure(source, image))

    def ranges(self, source: Source, image: ImageRef) -> tuple[Range, ...]:
        """The samples shown as black and white, for each color band: declared, else measured."""
        info = source.info
        return known_ranges(info) or measured_ranges(self.get(source, image).bands, info)

    def is_provisional(self, source: Source, image: ImageRef) -> bool:
        """Whether the ranges of an image are still being measured at full size: what they show is not to be kept."""
        return not known_ranges(source.info) and self.get(source, image).is_provisional

    def _measure(self, source: Source, image: ImageRef) -> Statistics:
        """Measure the largest level with a few million pixels, and extremes at full size if ranges depend on them."""
        info = source.info
        if known_ranges(info) or info.size.area <= MAX_PIXELS:
            return self._measured(source, image)
        if info.size.area <= MAX_AT_ONCE:
            return self._measured(source, image, self._extremes(source, image))
        statistics = replace(self._measured(source, image), is_provisional=True)
        self._known.set((image, info.nodata), statistics)

        def complete() -> None:
            try:
                self._measured(source, image, self._extremes(source, image))
            except ImageChanged:
                pass  # the new version is measured for itself
            except (IIPServeError, OSError, MemoryError) as error:
                log.warning("%r is not measured at full size: %s", image.identifier, error)
                self._known.set((image, info.nodata), replace(statistics, is_provisional=False))

        threading.Thread(target=complete, name="extremes", daemon=True).start()
        return statistics

    def _extremes(self, source: Source, image: ImageRef) -> list[Range | None]:
        """Lowest and highest sample of each band at full size; damaged tiles are left out."""
        info = source.info
        read = LevelReader(source, 0, self._decoder.reader(source, image))
        found: list[Range | None] = [None] * info.bands
        tile = Size(info.size.width, EXTREMES_ROWS) if source.reads_regions else info.levels[0].tile
        grid = TileGrid(info.size, tile)
        for row, column in product(range(grid.rows), range(grid.columns)):
            region = grid.region(column, row)
            assert region is not None, "it is inside the grid"
            with suppress(DecodeError), self._admission.admit(read.cost(region, region.size)):
                found = [
                    wider(*pair)
                    for pair in zip(found, extremes(read(region, region.size), info), strict=True)
                ]
        return found

    def _measured(
        self, source: Source, image: ImageRef, limits: Sequence[Range | None] | None = None
    ) -> Statistics:
        """Statistics, remembered; `limits` are the extremes of each band, if they are known from elsewhere."""
        info = source.info
        level, regions = _measured_regions(info)
        read = LevelReader(source, level, self._decoder.reader(source, image))
        arrays = [self._read(read, region) for region in regions]
        bands = measure(arrays, info, limits)
        ranges = known_ranges(info) or measured_ranges(bands, info)
        overview = self._overview(source, image, ranges)
        marked = not info.has_alpha and has_alpha(overview.shape[2])
        histogram = brightness(overview, np.not_equal(overview[..., -1], 0) if marked else None)
        samples = sum(pixels.shape[0] * pixels.shape[1] for pixels in arrays)
        statistics = Statistics(bands, samples, histogram, otsu(histogram))
        self._known.set((image, info.nodata), statistics)
        return statistics

    def _read(self, read: LevelReader, region: Region) -> Pixels:
        size = _reduced(region.size) if read.source.reads_regions else region.size
        with self._admission.admit(assembly.region_cost(read, region, size)):
            return read(region, size)

    def _overview(self, source: Source, image: ImageRef, ranges: tuple[Range, ...]) -> Pixels:
        """The first tile of the smallest resolution that IIP shows, without operations (as in iipsrv)."""
        info = source.info
        size = info.resolution_sizes[-1]
        region = TileGrid(size, info.tile).region(0, 0)
        assert region is not None, "every image has a first tile"
        level, region, size = place_tile(info, size, region)
        to_display = display_transform(sample_format(info, ranges), () if info.bits <= 8 else NORMALIZED)
        read = LevelReader(
            source, level, self._decoder.reader(source, image), to_display, marks_missing=not info.has_alpha
        )
        with self._admission.admit(assembly.region_cost(read, region, size)):
            return assembly.read_region(read, region, size)


def _measured_regions(info: ImageInfo) -> tuple[int, list[Region]]:
    """Index of the level to measure, and its regions."""
    for index, level in enumerate(info.levels):
        if level.size.area <= MAX_PIXELS:
            return index, [Region.of_size(level.size)]
    smallest = len(info.levels) - 1
    return smallest, list(_spread_tiles(TileGrid(info.levels[-1].size, info.levels[-1].tile)))


def _spread_tiles(grid: TileGrid) -> Iterator[Region]:
    """Evenly spread tiles of a level, `MAX_PIXELS` in all at most."""
    count = max(1, min(grid.tile_count, MAX_PIXELS // grid.tile.area))
    for index in range(count):
        row, column = divmod(index * grid.tile_count // count, grid.columns)
        region = grid.region(column, row)
        if region is not None:
            yield region


def _reduced(size: Size) -> Size:
    """The size divided by the smallest power of two that leaves at most `MAX_PIXELS`."""
    shrink = 1
    while size.ceil_scaled(shrink).area > MAX_PIXELS:
        shrink *= 2
    return size.ceil_scaled(shrink)
