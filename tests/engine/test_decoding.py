"""Which parts of tiles are decoded by themselves, and when all of a tile is."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from iipserve.cache.memory import MemoryCache
from iipserve.engine.decoding import MAX_ASKED, TileDecoder
from iipserve.geometry import Region
from iipserve.plan import image_ref
from iipserve.sources.tiles import join_tiles
from tests.engine.fakes import ArraySource, PartSource
from tests.images import gradient

PICTURE = gradient((512, 512))
SIDE = 16

Ask = Callable[..., None]


@pytest.fixture
def source() -> PartSource:
    """Tiles of 64 x 64 pixels, four parts across."""
    return PartSource([PICTURE, PICTURE[::2, ::2]])


@pytest.fixture
def cache() -> MemoryCache:
    return MemoryCache(10_000_000)


@pytest.fixture
def ask(source: PartSource, cache: MemoryCache) -> Ask:
    """Asks for the part of a column and row, by a request of its own, and checks what comes."""
    decoder, image = TileDecoder(cache), image_ref(source.info)

    def ask(column: int, row: int, level: int = 0, side: int = SIDE) -> None:
        region = Region(column * SIDE, row * SIDE, side, side)
        joined = join_tiles(
            source.info, level, region, decoder.reader(source, image), decoder.part_reader(source, image)
        )
        expected = source.levels[level][region.y : region.bottom, region.x : region.right]
        np.testing.assert_array_equal(joined, expected)

    return ask


def scattered() -> Iterator[tuple[int, int]]:
    """Parts of which none touches another."""
    return ((column, row) for row in range(0, 32, 2) for column in range(0, 32, 2))


def test_scattered_parts_are_decoded_by_themselves(source: PartSource, ask: Ask) -> None:
    for part in ((0, 0), (2, 0), (0, 2), (9, 9)):
        ask(*part)
    assert source.parts == [
        Region(0, 0, 16, 16), Region(32, 0, 16, 16), Region(0, 32, 16, 16), Region(144, 144, 16, 16),
    ]  # fmt: skip
    assert not source.reads


def test_what_is_decoded_is_kept(source: PartSource, ask: Ask) -> None:
    for _ in range(2):
        ask(5, 5)
    assert (len(source.parts), source.reads) == (1, [])


def test_a_walk_decodes_two_parts_and_each_tile_once(source: PartSource, ask: Ask) -> None:
    for row in range(8):
        for column in range(8):
            ask(column, row)
    assert source.parts == [Region(0, 0, 16, 16), Region(16, 0, 16, 16)]
    assert source.reads == [(0, 0, 0), (0, 1, 0), (0, 0, 1), (0, 1, 1)]


NEXT_TO_IT = [(3, 4), (5, 4), (4, 3), (4, 5), (3, 3), (5, 5), (3, 5), (5, 3)]


@pytest.mark.parametrize("place", NEXT_TO_IT, ids=str)
@pytest.mark.parametrize("between", [False, True], ids=["at the end", "in the middle"])
def test_the_third_of_three_neighbors_decodes_its_tile(
    source: PartSource, ask: Ask, place: tuple[int, int], between: bool
) -> None:
    """Three in a line, whichever of them comes last."""
    (x, y), (last_x, last_y) = (4, 4), (2 * place[0] - 4, 2 * place[1] - 4)
    middle, end = (place, (last_x, last_y)) if not between else ((last_x, last_y), place)
    for part in ((x, y), middle, end):
        ask(*part)
    assert len(source.parts) == 2
    assert source.reads == [(0, end[0] // 4, end[1] // 4)]


@pytest.mark.parametrize("place", NEXT_TO_IT, ids=str)
def test_two_neighbors_are_decoded_by_themselves(
    source: PartSource, ask: Ask, place: tuple[int, int]
) -> None:
    ask(4, 4)
    ask(*place)
    ask(12, 12)
    assert (len(source.parts), source.reads) == (3, [])


@pytest.mark.parametrize("cache", [MemoryCache(0), MemoryCache(64 * 64)], ids=["off", "too small"])
def test_tiles_that_cannot_be_kept_are_not_decoded_whole(source: PartSource, ask: Ask) -> None:
    for row in range(8):
        for column in range(8):
            ask(column, row)
    assert (len(source.parts), source.reads) == (64, [])


def test_neighbors_on_another_level_are_none(source: PartSource, ask: Ask) -> None:
    ask(4, 4)
    ask(5, 4, level=1)
    assert (len(source.parts), source.reads) == (2, [])


def test_parts_of_one_request_are_no_neighbors(source: PartSource, ask: Ask) -> None:
    ask(3, 3, side=32)
    assert source.parts == [
        Region(48, 48, 16, 16), Region(64, 48, 16, 16), Region(48, 64, 16, 16), Region(64, 64, 16, 16),
    ]  # fmt: skip
    assert not source.reads


def test_large_parts_are_cut_out(source: PartSource, ask: Ask) -> None:
    ask(0, 0, side=33)
    assert (source.parts, source.reads) == ([], [(0, 0, 0)])


def test_parts_of_a_kept_tile_are_cut_out(source: PartSource, ask: Ask) -> None:
    ask(0, 0, side=64)
    ask(2, 2)
    assert (source.parts, source.reads) == ([], [(0, 0, 0)])


def test_neighbors_of_long_ago_are_forgotten(source: PartSource, ask: Ask) -> None:
    others = [part for part in scattered() if max(part) > 6][: MAX_ASKED + 1]
    ask(4, 4)
    ask(5, 4)
    for part in others:
        ask(*part)
    ask(6, 4)
    assert len(source.parts) == len(others) + 3


def test_sources_that_read_no_parts(cache: MemoryCache) -> None:
    source = ArraySource([PICTURE])
    assert TileDecoder(cache).part_reader(source, image_ref(source.info)) is None


def test_tiles_that_are_to_be_kept_are_decoded_whole(source: PartSource, cache: MemoryCache) -> None:
    assert TileDecoder(cache).part_reader(source, image_ref(source.info), keep=True) is None


def test_parts_of_cheap_tiles_are_not_kept(source: PartSource, cache: MemoryCache) -> None:
    source.keeps_decoded = False
    decoder, image = TileDecoder(cache), image_ref(source.info)
    read = decoder.part_reader(source, image)
    assert read is not None
    for _ in range(2):
        np.testing.assert_array_equal(read(0, 1, 1, Region(70, 80, 9, 8)), PICTURE[80:88, 70:79])
    assert len(source.parts) == 2
    assert cache.entries == 0
