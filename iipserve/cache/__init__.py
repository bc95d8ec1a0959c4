"""Caches: the memory of one worker, and memcached shared by all."""

from __future__ import annotations

from abc import ABC, abstractmethod

from iipserve.plan import RenderPlan, Rendition


class RenditionCache(ABC):
    """Keeps finished bytes by plan. Safe for many threads. A failure is a miss, never an error."""

    @abstractmethod
    def get(self, plan: RenderPlan) -> Rendition | None:
        """The rendition of exactly this plan, or None."""

    @abstractmethod
    def set(self, plan: RenderPlan, rendition: Rendition) -> None:
        """Remember a rendition; it may be dropped at any time."""

    @abstractmethod
    def clear(self) -> None:
        """Forget everything this process holds."""
