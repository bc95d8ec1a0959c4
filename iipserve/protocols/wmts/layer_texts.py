"""The elements `Layer` of capabilities documents, with marks for what is the same for many layers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote

from iipserve.geo import crs
from iipserve.geo.extents import bounds_in
from iipserve.geo.georeference import PIXEL_SPACE
from iipserve.geo.layer import LayerEntry, Style
from iipserve.geo.limit_tables import TabledLink, limit_numbers
from iipserve.geo.linked_sets import NativeSet, links_at_once, native_link, native_set
from iipserve.geo.matrixset import TileMatrixSet
from iipserve.geo.ows.addresses import Endpoint
from iipserve.geo.ows.capabilities import bounding_box, keywords, wgs84_bounding_box
from iipserve.geo.ows.xml import NOTHING, Xml, element, escaped, joined, optional, several
from iipserve.protocols.layer_items import StatedLegend, stated_legend
from iipserve.protocols.legends import legend_size
from iipserve.protocols.map_dimensions import dimensions_of
from iipserve.protocols.wmts import paths
from iipserve.protocols.wmts.dimensions import dimension_texts, template_parameters
from iipserve.protocols.wmts.kept_texts import LayerText, SharedSet
from iipserve.protocols.wmts.limits_text import stated_limits

# no XML has these characters
REST_MARK = "\1"
"""Stands for the address of the service."""
LIMITS_MARK = "\2"
"""Stands for the limits of a shared set."""
PLACE_MARK = "\3"
"""Stands for the address of a layer."""
PARAMETERS_MARK = "\6"
"""Stands for the parameters of an address."""
QUERYABLE_MARK, SILENT_MARK = "\4", "\5"
"""Stand for the formats of a layer, and enclose its place and the parameters in templates of addresses: of layers with
feature info, and of those without it."""


class Offer(NamedTuple):
    """What all layers of a document have in common."""

    endpoint: Endpoint
    formats: tuple[tuple[str, str], ...]
    """Media types, and their extensions in paths."""
    info_formats: tuple[tuple[str, str], ...]
    """Media types, and their extensions in paths."""

    @property
    def anywhere(self) -> Offer:
        """The same with a mark for the address."""
        return self._replace(endpoint=Endpoint("", REST_MARK if self.endpoint.rest else ""))


# -- texts to keep ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Describer:
    """Makes the texts of layers."""

    sets: Sequence[TileMatrixSet]
    """Those that are not of one image."""
    overzoom: int
    has_native_sets: bool
    """Layers are offered in their own sets too."""
    has_paths: bool
    """Paths lead to the service."""

    def __call__(self, entries: Sequence[LayerEntry]) -> Iterator[LayerText]:
        """The texts of some layers; empty for those that are offered in no set."""
        found = links_at_once(entries, self.sets, self.overzoom)
        for entry, links in zip(entries, found, strict=True):
            yield self._text(entry, links)

    def _text(self, entry: LayerEntry, links: list[TabledLink]) -> LayerText:
        own = _own(entry) if self.has_native_sets else None
        if not links and own is None and self.has_native_sets and not _is_plain(entry):
            # as `map_tiles.offered_sets` has it
            entry = entry.in_pixel_space()
            own = _own(entry)
        if not links and own is None:
            return LayerText("", None, ())
        shared = tuple(
            SharedSet(each.set, each.offered, stated_limits(each.set, each.limits)) for each in links
        )
        return LayerText(self._layer(entry, links, own), None if own is None else own.native, shared)

    def _layer(self, entry: LayerEntry, links: Sequence[TabledLink], own: _Own | None) -> str:
        layer = entry.layer
        mark = QUERYABLE_MARK if layer.is_queryable else SILENT_MARK
        place = f"{REST_MARK}{quote(layer.identifier, safe='')}" if self.has_paths else ""
        set_links = "".join([_link(each.set.identifier, LIMITS_MARK) for each in links])
        dimensions = dimensions_of(layer)
        if own is not None:
            set_links += _link(own.native.identifier, own.limits)
        return (
            f"<Layer><ows:Title>{escaped(layer.displayed_title)}</ows:Title>"
            f"{optional('ows:Abstract', layer.abstract)}{keywords(layer.keywords)}{_boxes(entry, links, own)}"
            f"{_styles(entry, place)}{mark}{dimension_texts(dimensions) if dimensions else ''}{set_links}"
            f"{mark}{place}{mark}{template_parameters(dimensions) if dimensions else ''}{mark}</Layer>"
        )


class _Own(NamedTuple):
    """A layer's own set."""

    native: NativeSet
    limits: str
    """`TileMatrixSetLimits`; empty where it has all tiles."""


def _own(entry: LayerEntry) -> _Own | None:
    native = native_set(entry)
    if native is None or native.shows_all_tiles:
        return native and _Own(native, "")
    linked = native_link(entry)
    if linked is None:
        return None
    return _Own(native, stated_limits(linked.set, limit_numbers(linked)).text(linked.set, len(linked.limits)))


def _is_plain(entry: LayerEntry) -> bool:
    return entry.geo.georeference.crs == PIXEL_SPACE


def _link(identifier: str, limits: str) -> str:
    return (
        f"<TileMatrixSetLink><TileMatrixSet>{escaped(identifier)}</TileMatrixSet>{limits}</TileMatrixSetLink>"
    )


def _boxes(entry: LayerEntry, links: Sequence[TabledLink], own: _Own | None) -> str:
    """Boxes and, as the schema has it between them, the identifier."""
    georeference = entry.geo.georeference
    boxes = {each.set.crs_urn: (each.bounds, each.set.swaps_axes) for each in links}
    if own is not None:
        boxes[own.native.urn] = own.native.bounds, own.native.swaps_axes
    urn = crs.urn(georeference.crs)
    if (
        urn is not None
        and urn not in boxes
        and (bounds := bounds_in(georeference, georeference.crs, entry.layer.extent))
    ):
        boxes[urn] = bounds, crs.swaps_axes(georeference.crs)
    texts = [bounding_box(bounds, name, swapped=swapped) for name, (bounds, swapped) in boxes.items()]
    wgs84 = wgs84_bounding_box(entry.geographic_bounds())
    return f"{wgs84}<ows:Identifier>{escaped(entry.layer.identifier)}</ows:Identifier>{''.join(texts)}"


def _styles(entry: LayerEntry, place: str) -> str:
    """The styles of a layer, the default one first, with legends where the layer has an address."""
    found: list[str] = []
    for style in entry.layer.styles:
        legend = stated_legend(entry.layer, style) or (_own_legend(entry, style) if place else None)
        found.append(_style(style, legend, is_default=not found).replace(PLACE_MARK, place))
    return "".join(found)


def _own_legend(entry: LayerEntry, style: Style) -> StatedLegend:
    """That of this server, at an address that begins with a mark for that of the layer."""
    place = f"{PLACE_MARK}/{quote(style.name, safe='')}/{paths.LEGEND}.png"
    return StatedLegend(place, "image/png", legend_size(entry, style))


@lru_cache(maxsize=256)
def _style(style: Style, legend: StatedLegend | None, *, is_default: bool) -> str:
    """A style with a legend."""
    return element(
        "Style",
        optional("ows:Title", style.title),
        optional("ows:Abstract", style.abstract),
        element("ows:Identifier", style.name),
        NOTHING if legend is None else _legend_url(legend),
        attributes={"isDefault": "true"} if is_default else {},
    )


def _legend_url(legend: StatedLegend) -> Xml:
    (width, height), rest = legend.size, legend.address.removeprefix(PLACE_MARK)
    place = f"{PLACE_MARK if rest != legend.address else ''}{escaped(rest)}"
    return Xml(
        f'<LegendURL format="{escaped(legend.format)}" xlink:href="{place}" width="{width}" height="{height}"/>'
    )


# -- texts of documents ----------------------------------------------------------------------------


class Completer:
    """Fills in what the marks in texts stand for."""

    def __init__(self, offer: Offer, counts: Mapping[TileMatrixSet, int]) -> None:
        """Take what is the same for all layers: `counts` matrices of each shared set are listed."""
        self._address = escaped(offer.endpoint.rest)
        self._counts = counts
        self._formats = {
            QUERYABLE_MARK: _formats(offer, offer.info_formats),
            SILENT_MARK: _formats(offer, ()),
        }

    def __call__(self, text: LayerText) -> str:
        """The element of a layer; empty if it is offered in no set."""
        if not text.layer:
            return ""
        layer = text.layer.replace(REST_MARK, self._address)
        mark = QUERYABLE_MARK if QUERYABLE_MARK in layer else SILENT_MARK
        formats, urls = self._formats[mark]
        head, links, place, parameters, tail = layer.split(mark)
        first, *others = links.split(LIMITS_MARK)
        parts = [head, formats, first]
        for each, other in zip(text.shared, others, strict=True):
            parts += each.limits.text(each.set, self._counts[each.set]), other
        if place:
            parts.append(urls.replace(PLACE_MARK, place).replace(PARAMETERS_MARK, parameters))
        parts.append(tail)
        return "".join(parts)


def _formats(offer: Offer, info: tuple[tuple[str, str], ...]) -> tuple[str, str]:
    """The elements that list formats, and those with templates of addresses."""
    medias = [several("Format", (media for media, _ in offer.formats))]
    medias.append(several("InfoFormat", (media for media, _ in info)))
    return joined(medias), _url_templates(offer.formats[0], info) if offer.formats else ""


def _url_templates(tiles: tuple[str, str], info: tuple[tuple[str, str], ...]) -> str:
    """Templates of tiles in the first format and of feature info, with a mark for the address of the layer.

    OpenLayers takes the templates of all formats for addresses of the same tiles, and mixes them in one map. The other
    formats are at the same paths, by their extensions.

    Args:
        tiles: media type and extension.
        info: the same of each format of feature info.
    """
    place = f"{PLACE_MARK}/{{style}}/{{TileMatrixSet}}/{{TileMatrix}}/{{TileRow}}/{{TileCol}}"
    tile = _resource_url(tiles[0], "tile", f"{place}.{tiles[1]}{PARAMETERS_MARK}")
    return tile + "".join(
        _resource_url(media, "FeatureInfo", f"{place}/{{J}}/{{I}}.{extension}{PARAMETERS_MARK}")
        for media, extension in info
    )


def _resource_url(media_type: str, kind: str, template: str) -> str:
    return f'<ResourceURL format="{escaped(media_type)}" resourceType="{kind}" template="{template}"/>'
