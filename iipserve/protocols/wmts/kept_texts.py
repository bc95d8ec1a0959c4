"""What documents say of single layers, kept: most layers are the same in the next version of the catalog."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from iipserve.cache.memory import MemoryCache
from iipserve.geo.layer import LayerEntry
from iipserve.geo.matrixset import TileMatrixSet
from iipserve.protocols.wmts.limits_text import StatedLimits

CAPACITY = 32 << 20
"""Bytes of all texts of a worker; one has some 2 to 3 kB."""
COMPRESSION = (1, zlib.DEFLATED, 13, 6)
"""Level, method, base 2 logarithm of the window, memory level: the default window and memory take much longer, most of it
for the memory itself."""
BATCH = 32
"""Layers that are described together."""
SEPARATOR = "\ufdd2"
"""Between the texts of one layer: a noncharacter of Unicode, which no name has."""


class SharedSet(NamedTuple):
    """A set in which other layers may be offered too."""

    set: TileMatrixSet
    offered: int
    """Of its matrices, from the coarsest, in which the layer is offered."""
    limits: StatedLimits
    """Of all its matrices."""


class LayerText(NamedTuple):
    """What a document says of one layer."""

    layer: str
    """The element `Layer`, with a mark where the limits of each shared set belong."""
    own_set: str
    """The element of the layer's own set; empty without one."""
    shared: tuple[SharedSet, ...]
    """In the order of the marks."""


class _Kept(NamedTuple):
    entry: LayerEntry
    packed: bytes
    shared: tuple[SharedSet, ...]

    @property
    def text(self) -> LayerText:
        layer, own = zlib.decompress(self.packed).decode().split(SEPARATOR)
        return LayerText(layer, own, self.shared)


_texts = MemoryCache(CAPACITY)


def texts_of(
    entries: Iterable[LayerEntry],
    offer: Hashable,
    prepare: Callable[[Sequence[LayerEntry]], None],
    make: Callable[[LayerEntry], LayerText],
) -> Iterator[LayerText]:
    """The texts of layers: kept, or made now.

    Args:
        entries: the layers.
        offer: everything else that the texts depend on.
        prepare: called with some layers whose texts are made next.
        make: makes the text of a layer.
    """
    remaining = iter(entries)
    while batch := list(islice(remaining, BATCH)):
        known = [_kept(entry, offer) for entry in batch]
        if new := [entry for entry, kept in zip(batch, known, strict=True) if kept is None]:
            prepare(new)
        for entry, kept in zip(batch, known, strict=True):
            yield _made(entry, offer, make(entry)) if kept is None else kept.text


def _kept(entry: LayerEntry, offer: Hashable) -> _Kept | None:
    kept: _Kept | None = _texts.get(_key(entry, offer))
    return kept if kept is not None and kept.entry == entry else None


def _made(entry: LayerEntry, offer: Hashable, text: LayerText) -> LayerText:
    compressor = zlib.compressobj(*COMPRESSION)
    packed = compressor.compress(f"{text.layer}{SEPARATOR}{text.own_set}".encode()) + compressor.flush()
    numbers = sum(len(each.limits.numbers) * each.limits.numbers.itemsize for each in text.shared)
    _texts.set(_key(entry, offer), _Kept(entry, packed, text.shared), len(packed) + numbers)
    return text


def _key(entry: LayerEntry, offer: Hashable) -> Hashable:
    return entry.info, entry.layer.identifier, offer
