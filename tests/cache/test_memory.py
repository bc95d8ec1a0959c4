"""The memory cache: order, byte count, threads."""

from __future__ import annotations

import threading
from collections import OrderedDict

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from iipserve.cache import TieredCache
from iipserve.cache.memory import ENTRY_OVERHEAD, MemoryCache
from tests.contracts.cache import RenditionCacheContract, plan, rendition


class TestMemoryTier(RenditionCacheContract):
    @pytest.fixture
    def cache(self) -> TieredCache:
        return TieredCache(MemoryCache(10_000_000), None)


def filled(capacity: int, *sizes: int) -> MemoryCache:
    """A cache that got values of these sizes under the keys 0, 1, ..."""
    cache = MemoryCache(capacity)
    for key, size in enumerate(sizes):
        cache.set(key, f"value {key}", size)
    return cache


def kept(cache: MemoryCache, count: int) -> list[int]:
    """Which of the keys 0, 1, ... are kept, without touching their order."""
    return [key for key in range(count) if key in cache._entries]


ENTRY = 1000 + ENTRY_OVERHEAD


def test_bytes_are_counted_with_their_overhead() -> None:
    cache = filled(10 * ENTRY, 1000, 1000, 0)
    assert cache.bytes == 2 * ENTRY + ENTRY_OVERHEAD
    assert cache.entries == 3


def test_least_recently_used_goes_first() -> None:
    cache = filled(3 * ENTRY, 1000, 1000, 1000)
    assert cache.get(0) == "value 0"
    cache.set(3, "value 3", 1000)
    assert kept(cache, 4) == [0, 2, 3]


def test_setting_again_is_using() -> None:
    cache = filled(3 * ENTRY, 1000, 1000, 1000)
    cache.set(0, "again", 1000)
    cache.set(3, "value 3", 1000)
    assert kept(cache, 4) == [0, 2, 3]
    assert cache.get(0) == "again"


def test_large_entry_takes_the_place_of_several() -> None:
    cache = filled(3 * ENTRY, 1000, 1000, 1000)
    cache.set(3, "large", 2 * ENTRY - ENTRY_OVERHEAD)
    assert kept(cache, 4) == [2, 3]
    assert cache.bytes == 3 * ENTRY


@pytest.mark.parametrize("size", [3 * ENTRY - ENTRY_OVERHEAD + 1, 10**12])
def test_entry_beyond_the_capacity_is_not_kept_and_drops_nothing(size: int) -> None:
    cache = filled(3 * ENTRY, 1000, 1000)
    cache.set(2, "too large", size)
    assert kept(cache, 3) == [0, 1]


def test_entry_that_grew_too_large_is_forgotten() -> None:
    cache = filled(3 * ENTRY, 1000, 1000)
    cache.set(0, "too large", 10**9)
    assert cache.get(0) is None
    assert cache.bytes == ENTRY


def test_entry_of_just_the_capacity_is_kept() -> None:
    assert filled(ENTRY, 1000).entries == 1


@pytest.mark.parametrize("size", [0, 1, 10**6])
def test_capacity_0_keeps_nothing(size: int) -> None:
    cache = filled(0, size)
    assert cache.get(0) is None
    assert (cache.bytes, cache.entries) == (0, 0)


def test_clear_forgets_everything() -> None:
    cache = filled(10 * ENTRY, 1000, 1000)
    cache.clear()
    assert (cache.bytes, cache.entries, cache.get(0)) == (0, 0, None)
    cache.set(0, "value", 1000)
    assert cache.bytes == ENTRY


def test_renditions_and_decoded_tiles_share_the_capacity() -> None:
    memory = MemoryCache(3 * ENTRY + 200_000)
    renditions = TieredCache(memory, None)
    tile = np.zeros((256, 256, 3), np.uint8)
    key = (plan().view.image, 2, 0, 0)
    memory.set(key, tile, tile.nbytes)
    renditions.set(plan(), rendition(plan()))
    assert memory.get(key) is tile
    assert memory.entries == 2
    memory.set((plan().view.image, 2, 1, 0), tile, tile.nbytes)
    assert renditions.get(plan()) is None
    assert memory.get(key) is None


class Model(RuleBasedStateMachine):
    """The cache against a list of keys in order of their last use."""

    def __init__(self) -> None:
        super().__init__()
        self.capacity = 20_000
        self.cache = MemoryCache(self.capacity)
        self.model: OrderedDict[int, tuple[int, int]] = OrderedDict()
        self.next_value = 0

    @rule(key=st.integers(0, 12), size=st.sampled_from([0, 1, 500, 3_000, 9_000, 18_976, 18_977, 50_000]))
    def set(self, key: int, size: int) -> None:
        self.next_value += 1
        self.cache.set(key, self.next_value, size)
        self.model.pop(key, None)
        if size + ENTRY_OVERHEAD > self.capacity:
            return
        self.model[key] = self.next_value, size + ENTRY_OVERHEAD
        while sum(cost for _, cost in self.model.values()) > self.capacity:
            self.model.popitem(last=False)

    @rule(key=st.integers(0, 12))
    def get(self, key: int) -> None:
        found = self.cache.get(key)
        assert found == (self.model[key][0] if key in self.model else None)
        if key in self.model:
            self.model.move_to_end(key)

    @rule()
    def clear(self) -> None:
        self.cache.clear()
        self.model.clear()

    @invariant()
    def same_bytes_and_entries(self) -> None:
        assert self.cache.entries == len(self.model)
        assert self.cache.bytes == sum(cost for _, cost in self.model.values())


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_threads_leave_the_count_right() -> None:
    cache = MemoryCache(40 * ENTRY)
    failures: list[BaseException] = []

    def work(seed: int) -> None:
        random = np.random.default_rng(seed)
        try:
            for key in random.integers(0, 100, 5_000).tolist():
                value = cache.get(key)
                assert value is None or value[0] == key
                if value is None or key % 3 == 0:
                    cache.set(key, (key, seed), int(key) * 20)
                if key == 99 and seed == 0:
                    cache.clear()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert cache.bytes <= cache.capacity
    remaining = list(cache._entries.values())
    assert cache.bytes == sum(entry.cost for entry in remaining)
    assert set(cache._order) == set(remaining)
