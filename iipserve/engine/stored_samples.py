"""Samples of the full size of an image as its file has them, before anything is converted."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from iipserve.engine.decoding import TileDecoder
from iipserve.geometry import Region, Size, TileGrid
from iipserve.plan import ImageRef
from iipserve.processing.layout import chosen_bands
from iipserve.processing.missing import Mask
from iipserve.sources import Bands, Source, cut
from iipserve.sources.tiles import join_parts, join_tiles

KEPT_BYTES = 48 << 20
"""Of decoded units that are kept while windows of one image are read: neighbors share some."""
MIN_SIDE = 64
"""Pixels of the sides of a unit, if the image is as large: of smaller tiles several are read at once."""


class StoredReader:
    """Reads samples of some bands of one image for one request."""

    def __init__(self, source: Source, image: ImageRef, bands: Bands, decoder: TileDecoder) -> None:
        """Read bands, each of which is named once, from `source`."""
        self.bands = bands
        self.info = source.info
        self.samples = source.info.samples
        self.unit = _unit(self.samples.tile)
        """What is decoded at once, at least, by `window`."""
        self._source = source
        self._read_tile = decoder.reader(source, image)
        self._read_part = decoder.part_reader(source, image)
        self._kept: OrderedDict[tuple[int, int], NDArray[Any]] = OrderedDict()
        self._held = 0

    @property
    def is_expensive(self) -> bool:
        """The source takes long to decode pixels."""
        return self._source.keeps_decoded or (self.info.stored is None and self._source.reads_regions)

    @property
    def decoding_memory(self) -> int:
        """As `Source.decoding_memory`; 0 where the samples are read as stored, which decodes single units."""
        if self.info.stored is not None:
            return 0
        return self._source.decoding_memory(0, Region.of_size(self.info.size))

    @property
    def pixel_bytes(self) -> int:
        """Bytes of the samples of one pixel."""
        return len(self.bands) * np.dtype(self.samples.dtype).itemsize

    def read(self, region: Region) -> NDArray[Any]:
        """The samples of a region inside the image, shape (height, width, bands).

        Raises:
            DecodeError: the file is damaged there.
        """
        if self.info.stored is not None:
            return self._source.read_stored(region, self.bands)
        return chosen_bands(self._decoded(region), self.bands)

    def window(self, region: Region) -> NDArray[Any]:
        """As `read`, of one of several windows that overlap, or share tiles."""
        grid = TileGrid(self.info.size, self.unit)
        dtype = np.dtype(self.samples.dtype)
        return join_parts(grid, region, len(self.bands), dtype, self._part)

    def shown(self, region: Region) -> Mask | None:
        """Which pixels of a region are not hidden by opacity, or by a mask in the file; None if there is neither."""
        if not self.info.has_alpha:
            return None
        opacity = self.samples.opacity
        if opacity is not None and self.info.stored is not None:
            return np.not_equal(self._source.read_stored(region, (opacity,))[..., 0], 0)
        return np.not_equal(self._decoded(region)[..., -1], 0)

    def _decoded(self, region: Region) -> NDArray[Any]:
        """The samples as they are decoded for pictures."""
        if self._source.reads_regions:
            return self._source.read_region(0, region, region.size)
        return join_tiles(self.info, 0, region, self._read_tile, self._read_part)

    def _part(self, column: int, row: int, part: Region) -> NDArray[Any]:
        kept = self._kept.get((column, row))
        if kept is None:
            region = TileGrid(self.info.size, self.unit).region(column, row)
            assert region is not None, "the part is inside of the image"
            kept = self._kept[column, row] = self.read(region)
            self._held += kept.nbytes
            while self._held > KEPT_BYTES and len(self._kept) > 1:
                self._held -= self._kept.popitem(last=False)[1].nbytes
        self._kept.move_to_end((column, row))
        return cut(kept, self.unit, part)


def _unit(tile: Size) -> Size:
    """Some tiles, whose sides are not short."""
    return Size(tile.width * max(1, MIN_SIDE // tile.width), tile.height * max(1, MIN_SIDE // tile.height))
