"""What documents say of single layers, kept: most layers are the same in the next version of the catalog."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from iipserve.geo.layer import LayerEntry
from iipserve.geo.matrixset import TileMatrixSet
from iipserve.protocols.kept_texts import KeptTexts, keep_texts, kept_texts
from iipserve.protocols.wmts.limits_text import StatedLimits

BATCH = 32
"""Layers that are described together."""


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
        known = [kept_texts(entry, offer) for entry in batch]
        if new := [entry for entry, kept in zip(batch, known, strict=True) if kept is None]:
            prepare(new)
        for entry, kept in zip(batch, known, strict=True):
            yield _made(entry, offer, make(entry)) if kept is None else _text(kept)


def _text(kept: KeptTexts) -> LayerText:
    layer, own = kept.texts
    return LayerText(layer, own, kept.further)


def _made(entry: LayerEntry, offer: Hashable, text: LayerText) -> LayerText:
    numbers = sum(len(each.limits.numbers) * each.limits.numbers.itemsize for each in text.shared)
    keep_texts(entry, offer, (text.layer, text.own_set), text.shared, numbers)
    return text
