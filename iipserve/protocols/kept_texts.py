"""What documents say of single layers, kept compressed: most layers are the same in the next version of the catalog."""

from __future__ import annotations

import zlib
from collections.abc import Hashable
from typing import Any, NamedTuple

from iipserve.cache.memory import MemoryCache
from iipserve.geo.layer import LayerEntry

CAPACITY = 32 << 20
"""Bytes of all texts of a worker; one has some 2 to 3 kB."""
COMPRESSION = (1, zlib.DEFLATED, 13, 6)
"""Level, method, base 2 logarithm of the window, memory level: the default window and memory take much longer, most of it
for the memory itself."""
SEPARATOR = "\0"
"""Between the texts of one layer: no XML has this character."""


class KeptTexts(NamedTuple):
    """What is kept of a layer."""

    entry: LayerEntry
    packed: bytes
    further: Any
    """What is kept with the texts."""

    @property
    def texts(self) -> tuple[str, ...]:
        """As they were given."""
        return tuple(zlib.decompress(self.packed).decode().split(SEPARATOR))


_texts = MemoryCache(CAPACITY)


def kept_texts(entry: LayerEntry, offer: Hashable) -> KeptTexts | None:
    """What is kept of a layer; None if that is nothing, or of another state of the layer.

    Args:
        entry: the layer.
        offer: everything else that the texts depend on.
    """
    kept: KeptTexts | None = _texts.get(_key(entry, offer))
    return kept if kept is not None and kept.entry == entry else None


def keep_texts(
    entry: LayerEntry, offer: Hashable, texts: tuple[str, ...], further: Any = None, size: int = 0
) -> None:
    """Keep the texts of a layer, and something further of a size in bytes."""
    compressor = zlib.compressobj(*COMPRESSION)
    packed = compressor.compress(SEPARATOR.join(texts).encode()) + compressor.flush()
    _texts.set(_key(entry, offer), KeptTexts(entry, packed, further), len(packed) + size)


def _key(entry: LayerEntry, offer: Hashable) -> Hashable:
    return entry.info, entry.layer.identifier, offer
