"""What documents say of single layers, kept: most layers are the same in the next version of the catalog."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from iipserve.geo.layer import LayerEntry
from iipserve.geo.linked_sets import NativeSet
from iipserve.geo.matrixset import TileMatrixSet
from iipserve.protocols.kept_texts import KeptTexts, keep_texts, kept_texts
from iipserve.protocols.wmts.limits_text import StatedLimits

OWN_BYTES = 500
"""Of what is kept of the layer's own set."""
BATCH = 256
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
    """The element `Layer`, with marks for what is the same for many layers, and where the limits of each shared set
    belong."""
    own: NativeSet | None
    """The layer's own set; None without one."""
    shared: tuple[SharedSet, ...]
    """In the order of the marks."""


def texts_of(
    entries: Iterable[LayerEntry],
    offer: Hashable,
    describe: Callable[[Sequence[LayerEntry]], Iterable[LayerText]],
) -> Iterator[LayerText]:
    """The texts of layers: kept, or made now.

    Args:
        entries: the layers.
        offer: everything else that the texts depend on.
        describe: makes the texts of some layers.
    """
    remaining = iter(entries)
    while batch := list(islice(remaining, BATCH)):
        known = [kept_texts(entry, offer) for entry in batch]
        new = [entry for entry, kept in zip(batch, known, strict=True) if kept is None]
        made = iter(describe(new)) if new else iter(())
        for entry, kept in zip(batch, known, strict=True):
            yield _kept_now(entry, offer, next(made)) if kept is None else _text(kept)


def _text(kept: KeptTexts) -> LayerText:
    return LayerText(kept.texts[0], *kept.further)


def _kept_now(entry: LayerEntry, offer: Hashable, text: LayerText) -> LayerText:
    numbers = sum(len(each.limits.numbers) * each.limits.numbers.itemsize for each in text.shared)
    keep_texts(entry, offer, (text.layer,), (text.own, text.shared), numbers + OWN_BYTES)
    return text
