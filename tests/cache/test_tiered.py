"""Memory before a shared cache."""

from __future__ import annotations

import pytest

from iipserve.cache import RenditionCache, TieredCache
from iipserve.cache.memory import MemoryCache
from iipserve.plan import RenderPlan, Rendition
from tests.contracts.cache import RenditionCacheContract, plan, rendition


class Shared(RenditionCache):
    """A shared cache that counts what it is asked."""

    def __init__(self) -> None:
        self.kept: dict[RenderPlan, Rendition] = {}
        self.asked = 0

    def get(self, plan: RenderPlan) -> Rendition | None:
        self.asked += 1
        return self.kept.get(plan)

    def set(self, plan: RenderPlan, rendition: Rendition) -> None:
        self.kept[plan] = rendition

    def clear(self) -> None:
        pass


class TestTiered(RenditionCacheContract):
    @pytest.fixture
    def cache(self) -> TieredCache:
        return TieredCache(MemoryCache(10_000_000), Shared())


class TestTieredWithoutMemory(RenditionCacheContract):
    @pytest.fixture
    def cache(self) -> TieredCache:
        return TieredCache(MemoryCache(0), Shared())


def test_memory_is_asked_first() -> None:
    shared = Shared()
    cache = TieredCache(MemoryCache(100_000), shared)
    cache.set(plan(), rendition(plan()))
    assert shared.kept == {plan(): rendition(plan())}
    assert cache.get(plan()) == rendition(plan())
    assert shared.asked == 0


def test_memory_takes_over_what_is_shared() -> None:
    shared = Shared()
    shared.set(plan(), rendition(plan()))
    memory = MemoryCache(100_000)
    cache = TieredCache(memory, shared)
    assert [cache.get(plan()) for _ in range(3)] == 3 * [rendition(plan())]
    assert shared.asked == 1
    assert memory.entries == 1


def test_clear_empties_the_memory_and_leaves_what_is_shared() -> None:
    shared, memory = Shared(), MemoryCache(100_000)
    cache = TieredCache(memory, shared)
    cache.set(plan(), rendition(plan()))
    memory.set("a decoded tile", b"", 0)
    cache.clear()
    assert memory.entries == 0
    assert cache.get(plan()) == rendition(plan())


def test_memory_hit_needs_no_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    cache = TieredCache(MemoryCache(100_000), None)
    kept = rendition(plan())
    monkeypatch.setattr(RenderPlan, "digest", property(lambda plan: 1 / 0))
    cache.set(plan(), kept)
    assert cache.get(plan()) is kept
    assert cache.get(plan(1)) is None
