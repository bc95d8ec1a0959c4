"""The memory of one worker: whatever was used last, up to so many bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any

ENTRY_OVERHEAD = 1024
"""Bytes an entry costs beside its value: key, plan and rendition objects, identifier, tables (measured)."""


class Entry:
    """One thing kept. Compared by identity, so that marking it as used runs no code of its key."""

    __slots__ = ("cost", "key", "value")

    def __init__(self, key: Hashable, value: Any, cost: int) -> None:
        """`cost` is in bytes, overhead included."""
        self.key = key
        self.value = value
        self.cost = cost


class MemoryCache:
    """Values by key; the least recently used go first when `capacity` bytes are full.

    Holds finished renditions by plan and decoded tiles by (image, level, column, row), side by side.
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
        """Number of values kept."""
        return len(self._entries)

    def get(self, key: Hashable) -> Any:
        """The value kept under `key`, which thereby is the last to go, or None."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        try:  # contextlib.suppress would cost more than all the rest
            self._order.move_to_end(entry)
        except KeyError:
            return entry.value  # dropped by another thread since; the value is still good
        return entry.value

    def set(self, key: Hashable, value: Any, size: int) -> None:
        """Keep `value`, in place of what was kept under `key`; nothing is kept if it alone is too large.

        Args:
            key: never None.
            value: never None.
            size: of the value, in bytes.
        """
        entry = Entry(key, value, size + ENTRY_OVERHEAD)
        with self._lock:
            replaced = self._entries.pop(key, None)
            if replaced is not None:
                del self._order[replaced]
                self._bytes -= replaced.cost
            if entry.cost > self.capacity:
                return
            while self._bytes + entry.cost > self.capacity:
                self._drop_oldest()
            self._entries[key] = entry
            self._order[entry] = None
            self._bytes += entry.cost

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()
            self._order.clear()
            self._bytes = 0

    def _drop_oldest(self) -> None:
        """Forget the entry used longest ago. The lock is held."""
        # in one call: a hit may reorder at any moment, which an iterator does not survive
        oldest, _ = self._order.popitem(last=False)
        del self._entries[oldest.key]
        self._bytes -= oldest.cost
