"""Caches decoded tiles that are expensive to decode or needed by neighboring tiles."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple, Protocol, TypeAlias

import numpy as np

from iipserve.engine.single_flight import SingleFlight
from iipserve.geometry import Region
from iipserve.plan import ImageRef
from iipserve.processing import Pixels
from iipserve.sources import Source, cut
from iipserve.sources.tiles import PartReader, TileReader

TileKey: TypeAlias = tuple[ImageRef, int, int, int]
"""Image, level, column, row."""
PartKey: TypeAlias = tuple[TileKey, Region]
"""A tile and the part of it, in pixels of the level."""
MAX_PART = 4
"""A part of up to one `MAX_PART`-th of a tile is decoded by itself; more takes nearly as long as all of it."""
MAX_ASKED = 32
"""Parts that are remembered in order to find out whether neighbors are asked for."""


class Asked(NamedTuple):
    """A part that was asked for."""

    request: object
    """The request, compared by identity."""
    image: ImageRef
    level: int
    part: Region
    has_neighbor: bool = False
    """Others asked for a neighbor of it before."""

    def is_neighbor(self, other: Asked) -> bool:
        """Whether another request asked for other pixels that touch these."""
        return (
            self.request is not other.request
            and self.level == other.level
            and self.part != other.part
            and self.part.touches(other.part)
            and self.image == other.image
        )


class TileCache(Protocol):
    """The memory cache, as far as it holds decoded tiles."""

    @property
    def capacity(self) -> int:
        """Bytes; nothing larger is kept."""

    def get(self, key: TileKey | PartKey) -> Pixels | None:
        """The tile, or None."""

    def set(self, key: TileKey | PartKey, value: Pixels, size: int) -> None:
        """Remember a tile of `size` bytes."""


class TileDecoder:
    """Reads tiles of sources. Safe for many threads; concurrent requests for one tile decode it once."""

    def __init__(self, cache: TileCache) -> None:
        """Keep tiles in `cache`."""
        self._cache = cache
        self._decodings: SingleFlight[TileKey | PartKey, Pixels] = SingleFlight()
        self._asked: deque[Asked] = deque(maxlen=MAX_ASKED)

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

    def part_reader(self, source: Source, image: ImageRef, *, keep: bool = False) -> PartReader | None:
        """What reads parts of one source's tiles for one request, or None if whole tiles should be read.

        Of tiles that are worth keeping, a part is decoded by itself at first. Once requests ask for three that touch each
        other, as those of a viewer do and random ones hardly ever, all of a tile is decoded, for those that will follow,
        if it can be kept.

        Args:
            source: as of `reader`.
            image: as of `reader`.
            keep: as of `reader`.
        """
        if keep or not source.reads_parts:
            return None
        if not source.keeps_decoded:
            return lambda level, column, row, part: source.read_part(
                level, column, row, part, image.quality_layers
            )
        request = object()

        def read(level: int, column: int, row: int, part: Region) -> Pixels:
            key = image, level, column, row
            if self._is_alone(source, Asked(request, image, level, part)) and self._cache.get(key) is None:
                return self._kept_part(source, key, part)
            return cut(self._kept(source, key), source.info.levels[level].tile, part)

        return read

    def _is_alone(self, source: Source, asked: Asked) -> bool:
        """Whether a part should be decoded by itself: it is small, and at most one neighbor was asked for lately."""
        neighbors = [other for other in tuple(self._asked) if asked.is_neighbor(other)]
        self._asked.append(asked._replace(has_neighbor=bool(neighbors)))
        info, tile = source.info, source.info.levels[asked.level].tile
        if asked.part.area * MAX_PART > tile.area:
            return False
        if tile.area * info.bands * np.dtype(info.dtype).itemsize > self._cache.capacity:
            return True
        return len({other.part for other in neighbors}) < 2 and not any(
            other.has_neighbor for other in neighbors
        )

    def _kept_part(self, source: Source, key: TileKey, part: Region) -> Pixels:
        kept = self._cache.get((key, part))
        return (
            kept
            if kept is not None
            else self._decodings.do((key, part), lambda: self._decode_part(source, key, part))
        )

    def _decode_part(self, source: Source, key: TileKey, part: Region) -> Pixels:
        image, level, column, row = key
        pixels = source.read_part(level, column, row, part, image.quality_layers)
        self._cache.set((key, part), pixels, pixels.nbytes)
        return pixels

    def _kept(self, source: Source, key: TileKey) -> Pixels:
        kept = self._cache.get(key)
        return kept if kept is not None else self._decodings.do(key, lambda: self._decode(source, key))

    def _decode(self, source: Source, key: TileKey) -> Pixels:
        image, level, column, row = key
        pixels = source.read_tile(level, column, row, image.quality_layers)
        self._cache.set(key, pixels, pixels.nbytes)
        return pixels
