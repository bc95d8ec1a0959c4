"""Caches: the memory of one worker, and memcached shared by all."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator

from iipserve.cache.memory import MemoryCache as MemoryCache
from iipserve.exchange import MEMCACHED, came_from
from iipserve.plan import CoveragePlan, ImageRef, RenderPlan, Rendition


class RenditionCache(ABC):
    """Keeps renditions by plan. Safe for many threads. A failure is a miss, never an error."""

    @abstractmethod
    def get(self, plan: RenderPlan | CoveragePlan) -> Rendition | None:
        """The rendition of exactly this plan, or None."""

    @abstractmethod
    def set(self, plan: RenderPlan | CoveragePlan, rendition: Rendition) -> None:
        """Keep a rendition; it may be dropped at any time."""

    @abstractmethod
    def clear(self) -> None:
        """Forget everything this process holds."""


class TieredCache(RenditionCache):
    """The worker's own memory, and optionally a slower cache shared with other workers."""

    def __init__(self, memory: MemoryCache, shared: RenditionCache | None) -> None:
        """Ask `memory` first, then `shared`."""
        self._memory = memory
        self._shared = shared

    def get(self, plan: RenderPlan | CoveragePlan) -> Rendition | None:
        """The rendition from memory, else from the shared cache; memory then keeps it too."""
        rendition: Rendition | None = self._memory.get(plan)
        if rendition is not None or self._shared is None:
            return rendition
        rendition = self._shared.get(plan)
        if rendition is not None:
            came_from(MEMCACHED)
            self._memory.set(plan, rendition, len(rendition.body))
        return rendition

    def set(self, plan: RenderPlan | CoveragePlan, rendition: Rendition) -> None:
        """Keep a rendition in both."""
        self._memory.set(plan, rendition, len(rendition.body))
        if self._shared is not None:
            self._shared.set(plan, rendition)

    def discard(self, is_meant: Callable[[ImageRef], bool]) -> None:
        """Free what memory holds of images, decoded tiles included; their versions must have changed, so that none of it
        in the shared cache is asked for again."""
        self._memory.discard_all(lambda key: any(map(is_meant, _images_of(key))))

    def clear(self) -> None:
        """Empty the memory, decoded tiles included; the shared cache keeps its entries."""
        self._memory.clear()
        if self._shared is not None:
            self._shared.clear()


def _images_of(key: Hashable) -> Iterator[ImageRef]:
    """The images of a key of the memory: a plan, or a tuple that begins with an image, or with such a tuple."""
    if isinstance(key, (RenderPlan, CoveragePlan)):
        yield from key.images
    while isinstance(key, tuple) and key:
        if isinstance(key, ImageRef):
            yield key
            return
        key = key[0]
