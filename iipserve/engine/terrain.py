"""Images of heights whose samples are replaced by a function of them, as they are read."""

from __future__ import annotations

import numpy as np

from iipserve.engine.redeclared import RedeclaredSource
from iipserve.geometry import Region
from iipserve.processing import Pixels
from iipserve.processing.missing import missing_samples
from iipserve.processing.terrain import Field, Terrain, extended
from iipserve.sources import Source
from iipserve.sources.tiles import PartReader, TileReader, join_tiles

APRON = 1
"""Pixels around a region on whose heights it depends."""
PART_PIXELS = 1 << 17
"""Whose function is computed at once."""
PART_BYTES = 32 * 8
"""Held for each of these: heights, their sums, steps on the ground."""


class TerrainSource(RedeclaredSource):
    """What a reader of a level needs to know of the function of an image. Its samples are read by `TerrainReader`."""

    def __init__(self, source: Source, terrain: Terrain) -> None:
        """Take an image of heights."""
        super().__init__(source, ())
        self._heights = source.info
        self.info = terrain.described(source.info)
        self.reads_regions = False

    def decoding_memory(self, level: int, region: Region) -> int:
        """As `Source.decoding_memory`, with what is held while the function is computed."""
        heights = region.area * self._heights.bands * np.dtype(self._heights.dtype).itemsize
        return super().decoding_memory(level, region) + heights + min(region.area, PART_PIXELS) * PART_BYTES


class TerrainReader:
    """Reads regions of one level as a function of the heights there. A pixel is the same whatever region it is read with."""

    def __init__(
        self,
        source: Source,
        level: int,
        terrain: Terrain,
        read_tile: TileReader,
        read_part: PartReader | None,
    ) -> None:
        """Take an image of heights, and what reads its tiles."""
        self._source = source
        self._level = level
        self._terrain = terrain
        self._read = read_tile, read_part

    def __call__(self, region: Region) -> Pixels:
        """Values of the function, float32, shape (height, width, 1)."""
        result = np.empty((region.height, region.width, 1), np.float32)
        rows = max(1, PART_PIXELS // region.width)
        for top in range(0, region.height, rows):
            height = min(rows, region.height - top)
            part = Region(region.x, region.y + top, region.width, height)
            result[top : top + height, :, 0] = self._values(part)
        return result

    def _values(self, region: Region) -> Pixels:
        size = self._source.info.levels[self._level].size
        assert self._terrain.ground is not None, "set when an image is planned"
        ends = (
            region.x == 0,
            region.y == 0,
            region.right == size.width,
            region.bottom == size.height,
        )
        left, top, right, bottom = (0 if is_end else APRON for is_end in ends)
        around = Region(
            region.x - left, region.y - top, left + region.width + right, top + region.height + bottom
        )
        heights = extended(self._heights(around), *ends)
        return self._terrain.values(heights, self._terrain.ground.steps(size, region))

    def _heights(self, region: Region) -> Field:
        """Heights of a region of the level; NaN where they are missing, or hidden by opacity."""
        info, source = self._source.info, self._source
        if source.reads_regions:
            samples = source.read_region(self._level, region, region.size)
        else:
            samples = join_tiles(info, self._level, region, *self._read)
        band = self._terrain.band
        missing = missing_samples(samples[..., band], info.nodata[band] if info.nodata else None)
        if info.has_alpha:
            missing |= np.equal(samples[..., -1], 0)
        heights: Field = samples[..., band].astype(np.float64)
        heights[missing | ~np.isfinite(heights)] = np.nan
        return heights
