"""SLD_BODY of maps: a library of styles, of which STYLES names some, or each layer has its default (02-070, 5.3)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from iipserve.geo.layer import Layer, LayerEntry, Style
from iipserve.processing.channels import Opacity
from iipserve.protocols.map_scales import scale_of
from iipserve.protocols.sld.document import NamedLayer, UserStyle, read, style_named
from iipserve.protocols.sld.styles import style_of
from iipserve.protocols.wms import naming
from iipserve.protocols.wms.query import MapQuery

INVISIBLE = Style("invisible", operations=(Opacity(0.0),))
"""Of layers that no rule applies to at the scale of a map."""


def styles_of(
    text: str, groups: Sequence[tuple[Layer, ...]], body: str
) -> tuple[tuple[Style, ...], tuple[UserStyle | None, ...]]:
    """The style of each layer, and what a document has in place of it.

    Args:
        text: as of `naming.styles_of`.
        groups: the layers of each entry.
        body: the document; empty for none.

    Raises:
        OwsError: StyleNotDefined, also for what is not understood.
    """
    if not body:
        return naming.styles_of(text, groups), ()
    names = [name.strip() for name in text.split(",")]
    if len(names) != len(groups):
        naming.styles_of(text, groups)
        names = [""] * len(groups)
    known = read(body)
    chosen = [
        found
        for group, name in zip(groups, names, strict=True)
        for layer in group
        for found in _chosen(known, layer, name)
    ]
    return tuple(style for style, _ in chosen), tuple(user for _, user in chosen)


def _chosen(
    known: tuple[NamedLayer, ...], layer: Layer, name: str
) -> Iterator[tuple[Style, UserStyle | None]]:
    found = style_named(known, layer.identifier, name)
    if isinstance(found, UserStyle):
        yield layer.styles[0], found
    else:
        yield naming.style_of(layer, name if found is None else found), None


def shown_style(query: MapQuery, index: int, entry: LayerEntry) -> Style:
    """The style of a layer of a map.

    Args:
        query: of the map.
        index: of the layer.
        entry: the layer.

    Raises:
        OwsError: StyleNotDefined: the layer does not have what the style of a document shows.
    """
    user = query.user_styles[index] if query.user_styles else None
    if user is None:
        return query.styles[index]
    return style_of(user, entry, scale_of(query.target)) or INVISIBLE
