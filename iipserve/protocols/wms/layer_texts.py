"""The elements `Layer` of capabilities documents."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple
from urllib.parse import quote

from iipserve.geo import crs
from iipserve.geo.extents import transform_bounds
from iipserve.geo.grid import Affine, Bounds
from iipserve.geo.layer import LayerEntry, ServiceMetadata, Style
from iipserve.geo.ows.capabilities import between_meridians
from iipserve.geo.ows.xml import NOTHING, Xml, element, escaped, joined, optional
from iipserve.protocols import map_options as options
from iipserve.protocols.kept_texts import keep_texts, kept_texts
from iipserve.protocols.layer_items import stated_legend
from iipserve.protocols.legends import legend_size
from iipserve.protocols.map_dimensions import dimensions_of
from iipserve.protocols.map_scales import scale_range
from iipserve.protocols.wms.forms import Version
from iipserve.protocols.wms.links import links, referred
from iipserve.protocols.wms.tree import Group, name_of

ADDRESS_MARK = "\ufdd0"
"""Stands for the address of the service in texts that are kept: a noncharacter of Unicode, which no name has."""


class Part(NamedTuple):
    """A layer or a group, in parts: which systems it lists depends on what those around it list."""

    head: str
    """The element up to the list of systems."""
    tail: str
    """What follows it, without the layers inside and the end of the element."""
    systems: tuple[str, ...]
    """Names of those of the layer, or of all layers in a group."""
    bounds: Bounds | None
    """In degrees, between the meridians of 180 degrees; None if not on Earth."""
    parts: tuple[Part, ...] = ()

    def write(self, into: list[str], version: Version, inherited: frozenset[str] = frozenset()) -> None:
        """Append the text: a layer inherits systems of those that it is in (06-042, 7.2.4.6.7)."""
        own = tuple(name for name in self.systems if name not in inherited)
        into += (self.head, version.systems(own), self.tail)
        for part in self.parts:
            part.write(into, version, inherited.union(own))
        into.append("</Layer>")


def layers_text(top: Group, metadata: ServiceMetadata, version: Version, address: str, said: str) -> Xml:
    """The element of the layer that all others are in.

    Args:
        top: all layers, in groups.
        metadata: of the service.
        version: of the document.
        address: of the service, before parameters.
        said: what the service file says, which texts that are kept depend on.
    """
    texts: list[str] = []
    root = _group(top, metadata, version, said, is_root=True)
    root.write(texts, version)
    return Xml("".join(texts).replace(ADDRESS_MARK, escaped(address)))


def _group(
    group: Group, metadata: ServiceMetadata, version: Version, said: str, *, is_root: bool = False
) -> Part:
    parts = tuple(
        _group(child, metadata, version, said)
        if isinstance(child, Group)
        else _layer(child, metadata, version, said)
        for child in group.children
    )
    bounds = _around([part.bounds for part in parts])
    words = options.root_layer(metadata).keywords if is_root else ()
    items = metadata.options.get("wms.metadata", {}) if is_root else {}
    queryable = bool(parts) and all(part.head.startswith('<Layer queryable="1"') for part in parts)
    head = joined(
        (
            Xml(_start(queryable=queryable, opaque=False)),
            optional("Name", group.step.name),
            element("Title", group.step.title),
            optional("Abstract", group.step.abstract),
            version.keywords(words, items),
        )
    )
    tail = version.geographic_box(bounds) + links(items, version)
    return Part(head, tail, _common(parts), bounds, parts)


def _common(parts: tuple[Part, ...]) -> tuple[str, ...]:
    """The systems of all of them, in the order of the first."""
    if not parts:
        return ()
    shared = frozenset(parts[0].systems).intersection(*(part.systems for part in parts))
    return tuple(name for name in parts[0].systems if name in shared)


def _around(boxes: Iterable[Bounds | None]) -> Bounds | None:
    """The box around all; None if one has none, which would inherit it otherwise."""
    found = list(boxes)
    known = [box for box in found if box is not None]
    if not known or len(known) < len(found):
        return None
    west, south, east, north = zip(*known, strict=True)
    return Bounds(min(west), min(south), max(east), max(north))


def _start(*, queryable: bool, opaque: bool) -> str:
    return f'<Layer queryable="{int(queryable)}"' + (' opaque="1">' if opaque else ">")


# -- layers ----------------------------------------------------------------------------------------


def _layer(entry: LayerEntry, metadata: ServiceMetadata, version: Version, said: str) -> Part:
    """What a document says of a layer: kept, or made now."""
    offer = "wms", version.number, said
    kept = kept_texts(entry, offer)
    if kept is not None:
        head, tail = kept.texts
        systems, bounds = kept.further
        return Part(head, tail, systems, bounds)
    part = _made(entry, metadata, version)
    keep_texts(entry, offer, (part.head, part.tail), (part.systems, part.bounds), 500)
    return part


def _made(entry: LayerEntry, metadata: ServiceMetadata, version: Version) -> Part:
    layer, operations = entry.layer, options.layer_operations(entry.layer, metadata)
    degrees = entry.geographic_bounds()
    bounds = between_meridians(degrees) if degrees else None
    keys = options.crs_of(entry, metadata)
    listed = [each for key in keys for each in version.listed(key)]
    is_opaque = layer.metadata.get("opaque", "").strip() == "1"
    head = joined(
        (
            Xml(_start(queryable="GetFeatureInfo" in operations, opaque=is_opaque)),
            element("Name", name_of(layer)),
            element("Title", layer.displayed_title),
            optional("Abstract", layer.abstract),
            version.keywords(layer.keywords, layer.metadata),
        )
    )
    with_legend = "GetLegendGraphic" in operations
    tail = joined(
        (
            version.geographic_box(degrees),
            joined(_boxes(entry, keys, version)),
            version.dimensions(dimensions_of(layer)),
            links(layer.metadata, version),
            joined(_style(each, entry, version, with_legend=with_legend) for each in layer.styles),
            version.scales(*scale_range(layer.metadata)),
        )
    )
    return Part(head, tail, tuple(each.name for each in listed), bounds)


def _boxes(entry: LayerEntry, keys: Iterable[str], version: Version) -> Iterator[Xml]:
    """The boxes in systems; beyond 180 degrees for a layer across the antimeridian, as requests may be."""
    georeference = entry.geo.georeference
    mapping = georeference.mapping
    for key in keys:
        if key == crs.IMAGE:
            width, height = entry.info.size
            yield version.box(version.listed(key)[0], Bounds(0, 0, width, height))
        elif place := entry.place_in(key):
            bounds = _across_seam(place.bounds, key, entry.geographic_bounds())
            resolution = None
            if key == georeference.crs and isinstance(mapping, Affine) and mapping.is_rectilinear:
                resolution = abs(mapping.a), abs(mapping.e)
            for system in version.listed(key):
                yield version.box(system, bounds, resolution)


def _across_seam(bounds: Bounds, key: str, degrees: Bounds | None) -> Bounds:
    """The box of a layer in a system; from its west to its east beyond the seam, if it crosses that."""
    turn = crs.turn(key)
    if turn is None or degrees is None or degrees.min_x <= degrees.max_x:
        return bounds
    if bounds.max_x < bounds.min_x:
        return bounds._replace(max_x=bounds.max_x + turn)
    west = transform_bounds(crs.WGS84, key, degrees._replace(max_x=180.0))
    east = transform_bounds(crs.WGS84, key, degrees._replace(min_x=-180.0))
    if west is None or east is None or bounds.width < turn * 0.99:
        return bounds
    return bounds._replace(min_x=west.min_x, max_x=east.max_x + turn)


def _style(style: Style, entry: LayerEntry, version: Version, *, with_legend: bool) -> Xml:
    return element(
        "Style",
        element("Name", style.name),
        element("Title", style.title or style.name),
        optional("Abstract", style.abstract),
        _legend_url(style, entry, version, with_own=with_legend),
    )


def _legend_url(style: Style, entry: LayerEntry, version: Version, *, with_own: bool) -> Xml:
    """Where the legend of a style is: as stated, or else the own one, if it is answered."""
    stated = stated_legend(entry.layer, style)
    if stated is None and not with_own:
        return NOTHING
    size = stated.size if stated else legend_size(entry, style)
    address = (
        stated.address
        if stated
        else (
            f"{ADDRESS_MARK}SERVICE=WMS&VERSION={version.number}&REQUEST=GetLegendGraphic&SLD_VERSION=1.1.0"
            f"&LAYER={quote(name_of(entry.layer), safe='')}&STYLE={quote(style.name, safe='')}&FORMAT=image/png"
        )
    )
    sides = {"width": str(size.width), "height": str(size.height)}
    return referred("LegendURL", stated.format if stated else "image/png", address, sides)
