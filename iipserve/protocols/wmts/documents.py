"""The capabilities document of WMTS 1.0.0 (07-057r7, section 7.1; wmtsGetCapabilities_response.xsd)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, starmap
from typing import NamedTuple
from urllib.parse import quote

from iipserve.geo.layer import Catalog, LayerEntry
from iipserve.geo.linked_sets import OVERZOOM, china_sets, shared_sets
from iipserve.geo.matrixset import TileMatrixSet
from iipserve.geo.ows.addresses import Endpoint
from iipserve.geo.ows.capabilities import (
    ROOT_ATTRIBUTES,
    Operation,
    operations_metadata,
    service_identification,
    service_provider,
)
from iipserve.geo.ows.negotiation import is_current
from iipserve.geo.ows.xml import NOTHING, Xml, document, element, enclosed, joined, several
from iipserve.http.public_address import headers_read
from iipserve.plan import CatalogPlan, Document
from iipserve.protocols import Server
from iipserve.protocols.map_tiles import formats, tile_layer
from iipserve.protocols.wmts import china, options, paths
from iipserve.protocols.wmts.faults import VERSION
from iipserve.protocols.wmts.kept_texts import texts_of
from iipserve.protocols.wmts.layer_texts import Completer, Describer, Offer
from iipserve.protocols.wmts.query import SECTIONS, CapabilitiesQuery
from iipserve.protocols.wmts.set_texts import own_set, shared_set

NAMESPACE = "http://www.opengis.net/wmts/1.0"
SCHEMA = f"{NAMESPACE} http://schemas.opengis.net/wmts/1.0/wmtsGetCapabilities_response.xsd"
SERVICE_TYPE = "OGC WMTS"
MAX_DEPTH = 16
"""Folders in one another that are themes; layers further down belong to the last of them."""


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
    service = china.service(is_china=query.is_china)
    if not query.layers:
        return (entry for entry in catalog.entries() if entry.layer.has_tiles and entry.layer.is_in(service))
    wanted = {
        layer.identifier for name in query.layers if (layer := tile_layer(name, catalog, service)) is not None
    }
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
    general, metadata = offer.anywhere, server.catalog().metadata
    sets = china_sets(options.china_scale(metadata)) if is_china else shared_sets(metadata)
    overzoom = 0 if is_china else metadata.options.get(OVERZOOM, 0)
    describe = Describer(sets, overzoom, not is_china, bool(offer.endpoint.rest))
    kept_for = general, repr(tuple(metadata.options.items())), is_china
    texts = list(texts_of(entries, kept_for, describe))
    counts: dict[TileMatrixSet, int] = {}
    for each in chain.from_iterable(text.shared for text in texts):
        counts[each.set] = max(each.offered, counts.get(each.set, 0))
    layers, listed = map(Completer(offer, counts), texts), starmap(shared_set, counts.items())
    own = (own_set(text.own) for text in texts if text.own is not None)
    return enclosed("Contents", chain(layers, listed, own))


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
