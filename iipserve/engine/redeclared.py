"""Sources whose missing data is declared by the layer that shows them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from iipserve.geometry import Region, Size
from iipserve.processing import Pixels
from iipserve.sources import Bands, Source


class RedeclaredSource(Source):
    """A source with another `ImageInfo.nodata`; all else is that of the other."""

    def __init__(self, source: Source, nodata: tuple[float, ...]) -> None:
        """Replace what the file declares, by a sample of each color band, or nothing."""
        self._source = source
        self.info = replace(source.info, nodata=nodata)
        self.holds_descriptor = source.holds_descriptor
        self.memory = source.memory
        self.keeps_decoded = source.keeps_decoded
        self.reads_regions = source.reads_regions
        self.reads_parts = source.reads_parts

    def read_tile(self, level: int, column: int, row: int, quality_layers: int = 0) -> Pixels:
        """As `Source.read_tile`."""
        return self._source.read_tile(level, column, row, quality_layers)

    def read_part(self, level: int, column: int, row: int, part: Region, quality_layers: int = 0) -> Pixels:
        """As `Source.read_part`."""
        return self._source.read_part(level, column, row, part, quality_layers)

    def read_mask(self, level: int, column: int, row: int) -> NDArray[np.bool_] | None:
        """As `Source.read_mask`."""
        return self._source.read_mask(level, column, row)

    def read_region(self, level: int, region: Region, size: Size) -> Pixels:
        """As `Source.read_region`."""
        return self._source.read_region(level, region, size)

    def read_stored(self, region: Region, bands: Bands) -> Pixels:
        """As `Source.read_stored`."""
        return self._source.read_stored(region, bands)

    def decoded_pixels(self, level: int, region: Region) -> int:
        """As `Source.decoded_pixels`."""
        return self._source.decoded_pixels(level, region)

    def decoding_memory(self, level: int, region: Region) -> int:
        """As `Source.decoding_memory`."""
        return self._source.decoding_memory(level, region)
