"""Which decoded tiles are kept for neighboring maps."""

from __future__ import annotations

import numpy as np
import pytest

from iipserve.cache.memory import MemoryCache
from iipserve.engine.shared_tiles import SharedTiles
from iipserve.geometry import Region, Size
from iipserve.plan import ImageRef, image_ref
from iipserve.processing import Pixels
from iipserve.sources.tiles import join_tiles
from tests.engine.fakes import ArraySource, CachingSource, Picture, RegionSource
from tests.images import gradient

PICTURE = gradient((256, 192))


class CountingSource(ArraySource):
    """Notes what is decoded: whole tiles by column and row, parts by their regions."""

    reads_parts = True

    def __init__(self) -> None:
        super().__init__([PICTURE], (64, 64))
        self.decoded: list[object] = []

    def read_tile(self, level: int, column: int, row: int, quality_layers: int = 0) -> Pixels:
        self.decoded.append((column, row))
        return super().read_tile(level, column, row, quality_layers)

    def read_part(self, level: int, column: int, row: int, part: Region, quality_layers: int = 0) -> Pixels:
        self.decoded.append(part)
        return PICTURE[part.y : part.bottom, part.x : part.right]


def read(tiles: SharedTiles, source: CountingSource, region: Region, image: ImageRef | None = None) -> None:
    """What a map reads is the picture."""
    image = image or image_ref(source.info)
    joined = join_tiles(source.info, 0, region, tiles.reader(source, image), tiles.part_reader(source, image))
    np.testing.assert_array_equal(joined, PICTURE[region.y : region.bottom, region.x : region.right])


def test_second_map_has_the_tile_decoded_for_all_that_follow() -> None:
    tiles, source = SharedTiles(MemoryCache(1_000_000)), CountingSource()
    first = Region(10, 10, 20, 20)
    for region in (first, Region(40, 40, 20, 20), Region(0, 0, 64, 64), first):
        read(tiles, source, region)
    assert source.decoded == [first, (0, 0)]


def test_maps_of_several_tiles() -> None:
    tiles, source = SharedTiles(MemoryCache(1_000_000)), CountingSource()
    read(tiles, source, Region(0, 0, 100, 64))
    assert source.decoded == [(0, 0), Region(64, 0, 36, 64)]
    read(tiles, source, Region(30, 0, 128, 64))
    assert source.decoded[2:] == [(0, 0), (1, 0), Region(128, 0, 30, 64)]
    read(tiles, source, Region(30, 0, 90, 64))
    assert len(source.decoded) == 5


def test_tiles_are_of_one_version() -> None:
    tiles, source = SharedTiles(MemoryCache(1_000_000)), CountingSource()
    region = Region(0, 0, 10, 10)
    for _ in range(2):
        read(tiles, source, region)
    image = image_ref(source.info)
    read(tiles, source, region, image._replace(version=image.version._replace(mtime_ns=1)))
    assert source.decoded == [region, (0, 0), region]


def test_nothing_is_kept_once_it_is_cleared() -> None:
    cache = MemoryCache(1_000_000)
    tiles, source = SharedTiles(cache), CountingSource()
    for _ in range(3):
        read(tiles, source, Region(0, 0, 10, 10))
    assert cache.entries == 1
    tiles.clear()
    assert cache.entries == 0


@pytest.mark.parametrize(
    ("kind", "capacity", "kept"),
    [
        (ArraySource, 1, True),
        (ArraySource, 0, False),
        (CachingSource, 1_000_000, False),
        (RegionSource, 1_000_000, False),
    ],
)
def test_sources_with_caches_of_their_own_have_none_here(
    kind: type[ArraySource], capacity: int, kept: bool
) -> None:
    picture: Picture = PICTURE
    source = kind([picture], tuple(Size(64, 64)))
    assert SharedTiles(MemoryCache(capacity)).keeps(source) == kept
