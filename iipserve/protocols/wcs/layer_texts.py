"""What capabilities documents say of single coverages: kept, or made now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from iipserve.geo.layer import LayerEntry
from iipserve.geo.ows.xml import Xml
from iipserve.protocols.kept_texts import keep_texts, kept_texts

SIZE = 500
"""Bytes of what is kept with a text, about."""


class CoverageText(NamedTuple):
    """What a document says of one coverage."""

    text: Xml
    """An element."""
    systems: tuple[str, ...] = ()
    """Names of the systems in which it is offered, as far as the document lists those of all coverages."""
    formats: tuple[str, ...] = ()
    """Media types of its formats, likewise."""


def texts_of(
    entries: Iterable[LayerEntry], version: str, said: str, make: Callable[[LayerEntry], CoverageText]
) -> Iterator[CoverageText]:
    """The texts of coverages.

    Args:
        entries: the layers.
        version: of the document.
        said: what the service file says, which texts depend on.
        make: the text of a layer.
    """
    offer = "wcs", version, said
    for entry in entries:
        kept = kept_texts(entry, offer)
        if kept is not None:
            yield CoverageText(Xml(kept.texts[0]), *kept.further)
            continue
        made = make(entry)
        keep_texts(entry, offer, (made.text,), (made.systems, made.formats), SIZE)
        yield made
