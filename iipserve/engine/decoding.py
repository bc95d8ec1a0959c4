"""Caches decoded tiles that are expensive to decode or needed by neighboring tiles."""

from __future__ import annotations

from typing import Protocol, TypeAlias

from iipserve.engine.single_flight import SingleFlight
from iipserve.plan import ImageRef
from iipserve.processing import Pixels
from iipserve.sources import Source
from iipserve.sources.tiles import TileReader

TileKey: TypeAlias = tuple[ImageRef, int, int, int]
"""Image, level, column, row."""


class TileCache(Protocol):
    """The memory cache, as far as it holds decoded tiles."""

    def get(self, key: TileKey) -> Pixels | None:
        """The tile, or None."""

    def set(self, key: TileKey, value: Pixels, size: int) -> None:
        """Remember a tile of `size` bytes."""


class TileDecoder:
    """Reads tiles of sources. Safe for many threads; concurrent requests for one tile decode it once."""

    def __init__(self, cache: TileCache) -> None:
        """Keep tiles in `cache`."""
        self._cache = cache
        self._decodings: SingleFlight[TileKey, Pixels] = SingleFlight()

    def reader(self, source: Source, image: ImageRef, *, keep: bool = False) -> TileReader:
        """A reader of one source's tiles.

        Args:
            source: decodes the tiles.
            image: of the source.
            keep: cache the tiles even if decoding is cheap, because neighbors need them too.
        """
        if keep or source.keeps_decoded:
            return lambda level, column, row: self._kept(source, (image, level, column, row))
        return lambda level, column, row: source.read_tile(level, column, row, image.quality_layers)

    def _kept(self, source: Source, key: TileKey) -> Pixels:
        kept = self._cache.get(key)
        return kept if kept is not None else self._decodings.do(key, lambda: self._decode(source, key))

    def _decode(self, source: Source, key: TileKey) -> Pixels:
        image, level, column, row = key
        pixels = source.read_tile(level, column, row, image.quality_layers)
        self._cache.set(key, pixels, pixels.nbytes)
        return pixels
