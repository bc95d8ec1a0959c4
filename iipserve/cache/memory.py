"""The memory cache of one worker: least recently used, bounded in bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

ENTRY_OVERHEAD = 1024
"""Bytes per entry in addition to its value: key, plan and rendition objects, identifier, tables (measured)."""


class Entry:
    """A value with its key. Compared by identity, so that marking it as used runs no code of the key."""

    __slots__ = ("cost", "key", "value")

    def __init__(self, key: Hashable, value: Any, cost: int) -> None:
        """The `cost` is in bytes, overhead included."""
        self.key = key
        self.value = value
        self.cost = cost


class MemoryCache:
    """Values by key; the least recently used are dropped when `capacity` is reached.

    Holds renditions by plan and decoded tiles by (image, level, column, row).
    Safe for many threads: a hit takes no lock, because each of its two steps is one call into C.
    """

    def __init__(self, capacity: int) -> None:
        """An empty cache.

        Args:
            capacity: in bytes, each entry's overhead included; 0 keeps nothing.
        """
        self.capacity = capacity
        self._lock = threading.Lock()
        self._bytes = 0
        self._entries: dict[Hashable, Entry] = {}
        # from the least to the most recently used
        self._order: OrderedDict[Entry, None] = OrderedDict()

    @property
    def bytes(self) -> int:
        """Bytes in use, at most `capacity`."""
        return self._bytes

    @property
    def entries(self) -> int:
        """Count of values kept."""
        return len(self._entries)

    def get(self, key: Hashable) -> Any:
        """The value of `key`, which becomes the most recently used, or None."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        try:  # contextlib.suppress would cost more than all the rest
            self._order.move_to_end(entry)
        except KeyError:
            return entry.value  # dropped by another thread in the meantime; the value is still valid
        return entry.value

    def set(self, key: Hashable, value: Any, size: int) -> None:
        """Keep a value, replacing any other of `key`. Nothing is kept if the value alone exceeds the capacity.

        Args:
            key: never None.
            value: never None.
            size: of the value, in bytes.
        """
        entry = Entry(key, value, size + ENTRY_OVERHEAD)
        if entry.cost > self.capacity:
            self.discard(key)
            return
        with self._lock:
            if key in self._entries:
                self._remove(key)
            while self._bytes + entry.cost > self.capacity:
                self._drop_oldest()
            self._entries[key] = entry
            self._order[entry] = None
            self._bytes += entry.cost

    def discard(self, key: Hashable) -> None:
        """Forget one value, if it is present."""
        if key in self._entries:
            with self._lock:
                self._remove(key)

    def discard_all(self, is_meant: Callable[[Hashable], bool]) -> None:
        """Forget the values of all keys that are meant."""
        with self._lock:
            keys = list(self._entries)
        for key in keys:
            if is_meant(key):
                self.discard(key)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()
            self._order.clear()
            self._bytes = 0

    def _remove(self, key: Hashable) -> None:
        """Forget one value. The lock is held."""
        entry = self._entries.pop(key, None)
        if entry is not None:
            del self._order[entry]
            self._bytes -= entry.cost

    def _drop_oldest(self) -> None:
        """Drop the least recently used entry. The lock is held."""
        # in one call: a concurrent hit may reorder, which would invalidate an iterator
        oldest, _ = self._order.popitem(last=False)
        del self._entries[oldest.key]
        self._bytes -= oldest.cost
