"""A mapping of limited size (least recently used)."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class LRU(Generic[K, V]):
    """A mapping that drops the least recently used values when it is full. Safe for many threads.

    Getting a value takes no lock, because each of its two steps is one call into C: keys are made of tuples, strings
    and numbers, or are compared by identity, or the caller holds a lock.
    """

    def __init__(self, limit: int | None, dropped: Callable[[K], object] = lambda key: None) -> None:
        """An empty mapping.

        Args:
            limit: keep at most so many values; None means no limit.
            dropped: called with the key of each value that is dropped or discarded.
        """
        self._limit = limit
        self._dropped = dropped
        self._values: OrderedDict[K, V] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: K) -> V | None:
        """The value, which becomes the most recently used, or None."""
        value = self._values.get(key)
        if value is not None:
            try:  # contextlib.suppress would cost more than all the rest
                self._values.move_to_end(key)
            except KeyError:
                return value  # dropped by another thread in the meantime; the value is still valid
        return value

    def set(self, key: K, value: V) -> None:
        """Remember a value and drop the least recently used ones beyond the limit."""
        with self._lock:
            self._values[key] = value
            self._values.move_to_end(key)
            while self._limit is not None and len(self._values) > self._limit:
                self._dropped(self._values.popitem(last=False)[0])

    def discard(self, key: K) -> None:
        """Forget one value, if it is present."""
        with self._lock:
            if self._values.pop(key, None) is not None:
                self._dropped(key)

    def items(self) -> list[tuple[K, V]]:
        """All keys and values, the least recently used first."""
        with self._lock:
            return [*self._values.items()]

    def take(self) -> list[tuple[K, V]]:
        """All keys and values, which are forgotten; the least recently used first."""
        with self._lock:
            taken = [*self._values.items()]
            self._values.clear()
            return taken

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._values.clear()
