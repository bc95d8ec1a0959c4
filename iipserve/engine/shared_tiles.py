"""Decoded tiles that several maps need: those next to each other read the same tiles of an image in part."""

from __future__ import annotations

from iipserve.cache import MemoryCache
from iipserve.engine.decoding import TileKey
from iipserve.engine.single_flight import SingleFlight
from iipserve.geometry import Region
from iipserve.lru import LRU
from iipserve.plan import ImageRef
from iipserve.processing import Pixels
from iipserve.sources import Source, cut
from iipserve.sources.tiles import PartReader, TileReader

MAX_ASKED = 8192
"""Tiles of which it is remembered that a map needed them."""


class SharedTiles:
    """Keeps tiles that a second map asks for. Safe for many threads.

    For the first map only the part that it needs is decoded, as far as the format lets decoders stop early: tiles that no
    other map needs take neither memory nor time.
    """

    def __init__(self, cache: MemoryCache) -> None:
        """Keep tiles in `cache`."""
        self._cache = cache
        self._asked: LRU[TileKey, bool] = LRU(MAX_ASKED)
        self._decodings: SingleFlight[TileKey, Pixels] = SingleFlight()

    def keeps(self, source: Source) -> bool:
        """Whether tiles of a source are kept here: not those that are kept for all requests, or are not decoded by tiles."""
        return self._cache.capacity > 0 and not (source.keeps_decoded or source.reads_regions)

    def clear(self) -> None:
        """Keep no tile."""
        self._cache.clear()

    def reader(self, source: Source, image: ImageRef) -> TileReader:
        """A reader of the tiles of a source."""

        def read(level: int, column: int, row: int) -> Pixels:
            kept = self._kept(source, (image, level, column, row))
            return source.read_tile(level, column, row, image.quality_layers) if kept is None else kept

        return read

    def part_reader(self, source: Source, image: ImageRef) -> PartReader:
        """A reader of parts of the tiles of a source."""

        def read(level: int, column: int, row: int, part: Region) -> Pixels:
            kept = self._kept(source, (image, level, column, row))
            if kept is None:
                return source.read_part(level, column, row, part, image.quality_layers)
            return cut(kept, source.info.levels[level].tile, part)

        return read

    def _kept(self, source: Source, key: TileKey) -> Pixels | None:
        """A tile that another map has asked for before; None if none has."""
        kept: Pixels | None = self._cache.get(key)
        if kept is not None:
            return kept
        if self._asked.get(key):
            return self._decodings.do(key, lambda: self._decoded(source, key))
        self._asked.set(key, True)
        return None

    def _decoded(self, source: Source, key: TileKey) -> Pixels:
        image, level, column, row = key
        pixels = source.read_tile(level, column, row, image.quality_layers)
        self._cache.set(key, pixels, pixels.nbytes)
        return pixels
