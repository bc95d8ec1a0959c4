"""Decoded tiles: those that were dear, or that neighbors need too, are kept and shared."""

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
    """Where decoded tiles are kept: the memory cache."""

    def get(self, key: TileKey) -> Pixels | None:
        """The tile, or None."""

    def set(self, key: TileKey, value: Pixels, size: int) -> None:
        """Remember a tile of `size` bytes."""


class TileDecoder:
    """Reads tiles of sources. Safe for many threads; what several want at once is decoded once."""

    def __init__(self, cache: TileCache) -> None:
        """Keep tiles in `cache`."""
        self._cache = cache
        self._decodings: SingleFlight[TileKey, Pixels] = SingleFlight()

    def reader(self, source: Source, image: ImageRef, *, keep: bool = False) -> TileReader:
        """What reads tiles of one source.

        Args:
            source: the tiles are decoded by.
            image: what the source shows.
            keep: hold on to the tiles also where decoding is cheap, as others will need them too.
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
