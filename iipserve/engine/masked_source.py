"""Sources with the mask of another file, as GDAL writes it next to an image (`scene.tif.msk`): it becomes opacity."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from iipserve.geometry import Region, Size, TileGrid
from iipserve.image import ImageInfo, LevelStorage
from iipserve.processing import Pixels
from iipserve.processing.layout import chosen_bands
from iipserve.sources import Bands, Source
from iipserve.sources.tiles import join_tiles


class MaskedSource(Source):
    """A source with one more band: opacity, which is full where the first band of the mask is not 0, and none elsewhere."""

    def __init__(self, source: Source, mask: Source) -> None:
        """Take an image without opacity, and a mask of the same size.

        A level is masked by the level of the mask that has its size, else by the smallest larger one.
        """
        self._source = source
        self._mask = mask
        info = source.info
        self._opaque = _opaque(info)
        ranges = (*info.band_ranges, (0.0, self._opaque)) if info.band_ranges else ()
        self.info = replace(
            info,
            bands=info.bands + 1,
            has_alpha=True,
            alpha_declared=True,
            band_ranges=ranges,
            stored=info.samples,
        )
        self.holds_descriptor = source.holds_descriptor
        self.memory = source.memory
        self.keeps_decoded = source.keeps_decoded
        self.reads_regions = source.reads_regions
        self.reads_parts = source.reads_parts

    def read_tile(self, level: int, column: int, row: int, quality_layers: int = 0) -> Pixels:
        """As `Source.read_tile`."""
        pixels = self._source.read_tile(level, column, row, quality_layers)
        return self._masked(pixels, level, self._tile(level, column, row))

    def read_part(self, level: int, column: int, row: int, part: Region, quality_layers: int = 0) -> Pixels:
        """As `Source.read_part`."""
        return self._masked(self._source.read_part(level, column, row, part, quality_layers), level, part)

    def read_region(self, level: int, region: Region, size: Size) -> Pixels:
        """As `Source.read_region`."""
        return self._masked(self._source.read_region(level, region, size), level, region)

    def read_stored(self, region: Region, bands: Bands) -> Pixels:
        """As `Source.read_stored`, without the mask."""
        source = self._source
        if source.info.stored is not None:
            return source.read_stored(region, bands)
        if source.reads_regions:
            return chosen_bands(source.read_region(0, region, region.size), bands)
        return chosen_bands(join_tiles(source.info, 0, region, source.read_tile), bands)

    def storage(self, level: int) -> LevelStorage:
        """As `Source.storage`, of the image without its mask."""
        return self._source.storage(level)

    def stored_tile(self, level: int, column: int, row: int, format: str, *, profile: bool) -> bytes | None:
        """As `Source.stored_tile`; None where the mask hides a pixel."""
        tile = self._tile(level, column, row)
        shown = self._shown(level, tile, tile.size)
        return self._source.stored_tile(level, column, row, format, profile=profile) if shown.all() else None

    def decoded_pixels(self, level: int, region: Region) -> int:
        """As `Source.decoded_pixels`, with those of the mask."""
        of_mask, across, down = self._places(level, region, region.size)
        return self._source.decoded_pixels(level, region) + self._mask.decoded_pixels(
            of_mask, _around(across, down)
        )

    def decoding_memory(self, level: int, region: Region) -> int:
        """As `Source.decoding_memory`, with that of the mask."""
        of_mask, across, down = self._places(level, region, region.size)
        return self._source.decoding_memory(level, region) + self._mask.decoding_memory(
            of_mask, _around(across, down)
        )

    def _tile(self, level: int, column: int, row: int) -> Region:
        geometry = self.info.levels[level]
        tile = TileGrid(geometry.size, geometry.tile).region(column, row)
        # what does not exist is reported by the source
        return tile or Region(0, 0, 1, 1)

    def _masked(self, pixels: Pixels, level: int, region: Region) -> Pixels:
        height, width, bands = pixels.shape
        result: Pixels = np.empty((height, width, bands + 1), pixels.dtype)
        result[..., :bands] = pixels
        result[..., bands] = np.where(self._shown(level, region, Size(width, height)), self._opaque, 0)
        return result

    def _shown(self, level: int, region: Region, size: Size) -> NDArray[np.bool_]:
        """Which pixels of a region of a level, scaled, the mask shows; of `size`."""
        of_mask, across, down = self._places(level, region, size)
        around = _around(across, down)
        if self._mask.reads_regions:
            pixels = self._mask.read_region(of_mask, around, around.size)
        else:
            pixels = join_tiles(self._mask.info, of_mask, around, self._mask.read_tile)
        chosen = pixels[..., 0][np.ix_(down - around.y, across - around.x)]
        shown: NDArray[np.bool_] = np.not_equal(chosen, 0)
        return shown

    def _places(
        self, level: int, region: Region, size: Size
    ) -> tuple[int, NDArray[np.int64], NDArray[np.int64]]:
        """The level of the mask, and its columns and rows at the centers of the pixels of a region, scaled to `size`."""
        own, levels = self.info.levels[level].size, self._mask.info.levels
        index = max(index for index, each in enumerate(levels) if own.fits_in(each.size))
        width, height = levels[index].size
        across = _centers(region.x, region.width, size.width, width / own.width)
        down = _centers(region.y, region.height, size.height, height / own.height)
        return index, across.clip(0, width - 1), down.clip(0, height - 1)


def _centers(start: int, length: int, count: int, scale: float) -> NDArray[np.int64]:
    """Indices of the pixels of a mask at the centers of `count` parts of a span of a level, `scale` times as large."""
    centers = start + (np.arange(count) + 0.5) * (length / count)
    return np.floor(centers * scale).astype(np.int64)


def _around(across: NDArray[np.int64], down: NDArray[np.int64]) -> Region:
    """The region of ascending columns and rows."""
    x, y = int(across[0]), int(down[0])
    return Region(x, y, int(across[-1]) - x + 1, int(down[-1]) - y + 1)


def _opaque(info: ImageInfo) -> float:
    """The sample of full opacity, as that of a mask in the file is."""
    kind = np.dtype(info.dtype)
    if kind.kind == "f":
        return 1.0
    return float(np.iinfo(info.dtype).max if kind.kind == "i" else max(255, (1 << info.bits) - 1))
