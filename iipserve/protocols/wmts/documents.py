"""The capabilities document of WMTS 1.0.0 (07-057r7, section 7.1; wmtsGetCapabilities_response.xsd)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import chain, starmap
from typing import NamedTuple
from urllib.parse import quote

from iipserve.geo import crs
from iipserve.geo.extents import bounds_in
from iipserve.geo.layer import Catalog, Layer, LayerEntry, Style
from iipserve.geo.linked_sets import china_sets, link_at_once, native_names, shared_sets, with_all_matrices
from iipserve.geo.matrixset import LinkedSet, TileMatrix, TileMatrixSet, number_text
from iipserve.geo.ows.addresses import Endpoint
from iipserve.geo.ows.capabilities import (
    ROOT_ATTRIBUTES,
    Operation,
    bounding_box,
    corner,
    keywords,
    operations_metadata,
    service_identification,
    service_provider,
    wgs84_bounding_box,
)
from iipserve.geo.ows.negotiation import is_current
from iipserve.geo.ows.xml import NOTHING, Xml, document, element, enclosed, escaped, joined, optional, several
from iipserve.geometry import Size
from iipserve.http.public_address import headers_read
from iipserve.plan import CatalogPlan, Document
from iipserve.protocols import Server
from iipserve.protocols.legends import legend_size
from iipserve.protocols.map_tiles import formats
from iipserve.protocols.wmts import options, paths
from iipserve.protocols.wmts.faults import VERSION
from iipserve.protocols.wmts.kept_texts import LayerText, SharedSet, texts_of
from iipserve.protocols.wmts.limits_text import stated_limits
from iipserve.protocols.wmts.query import SECTIONS, CapabilitiesQuery
from iipserve.protocols.wmts.tiles import offered

NAMESPACE = "http://www.opengis.net/wmts/1.0"
SCHEMA = f"{NAMESPACE} http://schemas.opengis.net/wmts/1.0/wmtsGetCapabilities_response.xsd"
SERVICE_TYPE = "OGC WMTS"
MAX_DEPTH = 16
"""Folders in one another that are themes; layers further down belong to the last of them."""


REST_MARK = "\1"
"""Stands for the address of the service in texts that are kept: no XML has this character."""
PLACE_MARK = "\3"
"""Stands for the address of a layer."""
LIMITS_MARK = "\2"
"""Stands for the limits of a shared set."""


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


@dataclass(frozen=True, slots=True)
class Description:
    """Writes the document that a request asks for; equal for equal requests, so that documents are remembered by it."""

    query: CapabilitiesQuery
    server: Server

    def __call__(self, catalog: Catalog) -> Document:
        """The document of a catalog. Raises `InvalidUpdateSequence` of OWS Common."""
        body = document(_root(self.query, catalog, self.server))
        return Document(body, f"{self.query.media_type}; charset=utf-8", _vary(self.query, self.server))


def plan_capabilities(query: CapabilitiesQuery, server: Server) -> CatalogPlan:
    """The document that a request asks for, to be written from the catalog."""
    return CatalogPlan(Description(query, server), _vary(query, server))


def _vary(query: CapabilitiesQuery, server: Server) -> str:
    headers = headers_read(server.config)
    return ", ".join(("Accept", *headers) if query.is_restful else headers)


def _root(query: CapabilitiesQuery, catalog: Catalog, server: Server) -> Iterable[str]:
    attributes = {"xmlns": NAMESPACE, **ROOT_ATTRIBUTES, "xsi:schemaLocation": SCHEMA, "version": VERSION}
    if catalog.version:
        attributes["updateSequence"] = catalog.version
    if is_current(query.update_sequence, catalog.version):
        return element("Capabilities", attributes=attributes)
    return enclosed("Capabilities", _sections(query, catalog, server), attributes)


def _sections(query: CapabilitiesQuery, catalog: Catalog, server: Server) -> Iterator[str]:
    metadata, endpoint = catalog.metadata, query.endpoint
    offer = Offer(endpoint, _formats(catalog, server), tuple(options.info_formats(metadata).items()))
    if "ServiceIdentification" in query.sections:
        yield service_identification(metadata, SERVICE_TYPE, (VERSION,))
    if "ServiceProvider" in query.sections:
        yield service_provider(metadata)
    if "OperationsMetadata" in query.sections:
        yield operations_metadata(_operations(endpoint, options.operations(metadata)))
    listed = list(_listed(query, catalog)) if query.sections & {"Contents", "Themes"} else []
    if "Contents" in query.sections:
        yield from _contents(listed, offer, server, is_china=query.is_china)
    if "Themes" in query.sections:
        yield themes([entry.layer.identifier for entry in listed])
    if endpoint.rest and len(query.sections) == len(SECTIONS):
        yield element("ServiceMetadataURL", attributes={"xlink:href": endpoint.rest + paths.CAPABILITIES})


def _formats(catalog: Catalog, server: Server) -> tuple[tuple[str, str], ...]:
    offered = formats(catalog.metadata, server.formats)
    return tuple((media, server.formats.by_name[name].extension) for media, name in offered.items())


def _listed(query: CapabilitiesQuery, catalog: Catalog) -> Iterator[LayerEntry]:
    """The layers that the document lists."""
    if not query.layers:
        return catalog.entries()
    wanted = {layer.identifier for name in query.layers if (layer := catalog.find(name)) is not None}
    return (entry for entry in catalog.entries() if entry.layer.identifier in wanted)


def _operations(endpoint: Endpoint, offered: Sequence[str]) -> list[Operation]:
    """The operations that are offered, by parameters, in addresses and forms, and by paths where some lead to the service."""
    post = ((endpoint.kvp, "KVP"),)
    by_path = bool(endpoint.rest)
    rest = ((endpoint.rest, "RESTful"),) if by_path else ()
    resource = ((endpoint.rest + paths.CAPABILITIES, "RESTful"),) if by_path else ()
    formats = (("AcceptFormats", ("application/xml", "text/xml")), ("AcceptVersions", (VERSION,)))
    every = (
        Operation("GetCapabilities", (*post, *resource), post, formats),
        Operation("GetTile", (*post, *rest), post),
        Operation("GetFeatureInfo", (*post, *rest), post),
    )
    return [each for each in every if each.name in offered]


# -- contents --------------------------------------------------------------------------------------


def _contents(
    entries: Iterable[LayerEntry], offer: Offer, server: Server, *, is_china: bool
) -> Iterator[str]:
    """Layers that are offered in some set, and all these sets, each once.

    A set has no matrices that are finer than any layer needs: GDAL opens a layer by the finest one of its set, so that
    the limits of each layer are of all of them.
    """
    endpoint, general, metadata = offer.endpoint, offer.anywhere, server.catalog().metadata
    sets = china_sets(options.china_scale(metadata)) if is_china else shared_sets(metadata)
    kept_for = general, repr(tuple(metadata.options.items())), is_china
    make = partial(_text, offer=general, server=server, is_china=is_china)
    texts = list(texts_of(entries, kept_for, partial(link_at_once, sets=sets), make))
    counts: dict[TileMatrixSet, int] = {}
    for each in chain.from_iterable(text.shared for text in texts):
        counts[each.set] = max(each.offered, counts.get(each.set, 0))
    address = escaped(endpoint.rest)
    layers = (_with_limits(text, address, counts) for text in texts)
    listed = starmap(_matrix_set, counts.items())
    return enclosed("Contents", chain(layers, listed, (text.own_set for text in texts)))


def _with_limits(text: LayerText, address: str, counts: Mapping[TileMatrixSet, int]) -> str:
    """The element of a layer with the limits of so many matrices of each shared set, and the address of the service."""
    first, *others = text.layer.replace(REST_MARK, address).split(LIMITS_MARK)
    parts = [first]
    for each, other in zip(text.shared, others, strict=True):
        parts += each.limits.text(each.set, counts[each.set]), other
    return "".join(parts)


def _text(listed: LayerEntry, offer: Offer, server: Server, *, is_china: bool) -> LayerText:
    """What documents say of a layer; nothing if it is offered in no set."""
    entry, linked = offered(listed, server, is_china=is_china)
    if not linked:
        return LayerText("", "", ())
    own = native_names(entry)[0]
    shared = tuple(
        SharedSet(each.set, len(each.limits), stated_limits(with_all_matrices(entry, each)))
        for each in linked
        if each.set.identifier != own
    )
    links = joined(_link(each, is_shared=each.set.identifier != own) for each in linked)
    sets = (_matrix_set(each.set, len(each.limits)) for each in linked if each.set.identifier == own)
    return LayerText(_layer(entry, linked, links, offer), joined(sets), shared)


def _layer(entry: LayerEntry, linked: Sequence[LinkedSet], links: Xml, offer: Offer) -> Xml:
    layer = entry.layer
    return element(
        "Layer",
        element("ows:Title", layer.displayed_title),
        optional("ows:Abstract", layer.abstract),
        keywords(layer.keywords),
        _boxes(entry, linked),
        _styles(entry, offer),
        _formats_text(
            tuple(media for media, _ in offer.formats),
            tuple(media for media, _ in offer.info_formats) if layer.is_queryable else (),
        ),
        links,
        _resource_urls(layer, offer),
    )


def _boxes(entry: LayerEntry, linked: Sequence[LinkedSet]) -> Xml:
    """Boxes and, as the schema has it between them, the identifier."""
    georeference = entry.geo.georeference
    wgs84 = wgs84_bounding_box(entry.geographic_bounds())
    boxes = {each.set.crs_urn: (each.bounds, each.set.swaps_axes) for each in linked}
    own = crs.urn(georeference.crs)
    if (
        own is not None
        and own not in boxes
        and (bounds := bounds_in(georeference, georeference.crs, entry.layer.extent))
    ):
        boxes[own] = bounds, crs.swaps_axes(georeference.crs)
    return joined(
        (
            wgs84,
            element("ows:Identifier", entry.layer.identifier),
            *(bounding_box(bounds, urn, swapped=swapped) for urn, (bounds, swapped) in boxes.items()),
        )
    )


@lru_cache(maxsize=16)
def _formats_text(formats: tuple[str, ...], info_formats: tuple[str, ...]) -> Xml:
    return joined((several("Format", formats), several("InfoFormat", info_formats)))


def _styles(entry: LayerEntry, offer: Offer) -> Xml:
    """The styles of a layer, the default one first."""
    place = f"{offer.endpoint.rest}{quote(entry.layer.identifier, safe='')}"
    found: list[str] = []
    for style in entry.layer.styles:
        size = legend_size(entry.info, style) if offer.endpoint.rest else None
        found.append(_style(style, size, is_default=not found).replace(PLACE_MARK, place))
    return Xml("".join(found))


@lru_cache(maxsize=256)
def _style(style: Style, legend: Size | None, *, is_default: bool) -> str:
    """A style with a legend of that size, at an address that begins with a mark for that of the layer."""
    return element(
        "Style",
        optional("ows:Title", style.title),
        optional("ows:Abstract", style.abstract),
        element("ows:Identifier", style.name),
        NOTHING if legend is None else _legend_url(style, legend),
        attributes={"isDefault": "true"} if is_default else {},
    )


def _legend_url(style: Style, size: Size) -> Xml:
    place = f"{PLACE_MARK}/{quote(style.name, safe='')}/{paths.LEGEND}.png"
    return Xml(
        f'<LegendURL format="image/png" xlink:href="{place}" width="{size.width}" height="{size.height}"/>'
    )


def _link(linked: LinkedSet, *, is_shared: bool) -> Xml:
    """`TileMatrixSetLink`; of shared sets with a mark where their limits belong."""
    limits = LIMITS_MARK if is_shared else stated_limits(linked).text(linked.set, len(linked.limits))
    return element("TileMatrixSetLink", element("TileMatrixSet", linked.set.identifier), Xml(limits))


def _resource_urls(layer: Layer, offer: Offer) -> Xml:
    """Templates of tiles in the first format and of feature info, where paths lead to the service.

    OpenLayers takes the templates of all formats for addresses of the same tiles, and mixes them in one map. The other
    formats are at the same paths, by their extensions.
    """
    if not offer.endpoint.rest:
        return NOTHING
    queryable = layer.is_queryable
    urls = _url_template(offer.formats[0], offer.info_formats if queryable else ())
    return Xml(urls.replace(PLACE_MARK, f"{offer.endpoint.rest}{quote(layer.identifier, safe='')}"))


@lru_cache(maxsize=16)
def _url_template(tiles: tuple[str, str], info: tuple[tuple[str, str], ...]) -> str:
    """The elements with a mark for the address of the layer. Both are media types and extensions."""
    place = f"{PLACE_MARK}/{{style}}/{{TileMatrixSet}}/{{TileMatrix}}/{{TileRow}}/{{TileCol}}"
    tile = _resource_url(tiles[0], "tile", f"{place}.{tiles[1]}")
    return tile + "".join(
        _resource_url(media, "FeatureInfo", f"{place}/{{J}}/{{I}}.{extension}") for media, extension in info
    )


def _resource_url(media_type: str, kind: str, template: str) -> str:
    return f'<ResourceURL format="{escaped(media_type)}" resourceType="{kind}" template="{template}"/>'


def _matrix_set(matrix_set: TileMatrixSet, count: int) -> Xml:
    """A set with so many of its matrices, from the coarsest."""
    matrices = matrix_set.matrices[:count]
    return element(
        "TileMatrixSet",
        element("ows:Title", matrix_set.title),
        element("ows:Identifier", matrix_set.identifier),
        element("ows:SupportedCRS", matrix_set.crs_urn),
        optional("WellKnownScaleSet", matrix_set.well_known_urn or ""),
        joined(_matrix(each, swaps_axes=matrix_set.swaps_axes) for each in matrices),
    )


def _matrix(matrix: TileMatrix, *, swaps_axes: bool) -> Xml:
    """`TileMatrix`, as one text: there are several for each layer."""
    return Xml(
        f"<TileMatrix><ows:Identifier>{escaped(matrix.identifier)}</ows:Identifier>"
        f"<ScaleDenominator>{number_text(matrix.scale_denominator)}</ScaleDenominator>"
        f"<TopLeftCorner>{corner(*matrix.top_left, swaps_axes)}</TopLeftCorner>"
        f"<TileWidth>{matrix.tile.width}</TileWidth><TileHeight>{matrix.tile.height}</TileHeight>"
        f"<MatrixWidth>{matrix.columns}</MatrixWidth><MatrixHeight>{matrix.rows}</MatrixHeight></TileMatrix>"
    )


# -- themes ----------------------------------------------------------------------------------------


class Folder(NamedTuple):
    """A folder of layers."""

    folders: dict[str, Folder]
    layers: list[str]
    """Identifiers."""


def themes(identifiers: Iterable[str]) -> Xml:
    """`Themes`: one for each folder in the identifiers of layers; nothing where there is no folder."""
    top = Folder({}, [])
    for identifier in identifiers:
        folder = top
        for name in identifier.split("/")[:-1][:MAX_DEPTH]:
            folder = folder.folders.setdefault(name, Folder({}, []))
        folder.layers.append(identifier)
    if not top.folders:
        return NOTHING
    return element("Themes", joined(_theme(name, name, each) for name, each in top.folders.items()))


def _theme(name: str, path: str, folder: Folder) -> Xml:
    inner = (_theme(below, f"{path}/{below}", each) for below, each in folder.folders.items())
    return element(
        "Theme",
        element("ows:Title", name),
        element("ows:Identifier", path),
        joined(inner),
        several("LayerRef", (quote(each, safe="/") for each in folder.layers)),
    )
