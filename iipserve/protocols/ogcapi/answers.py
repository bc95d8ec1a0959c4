"""Answers to requests of OGC API: documents in JSON or HTML, tiles, errors."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import NamedTuple

from iipserve.errors import IIPServeError, ImageNotFound, InvalidRequest, UnsupportedImage
from iipserve.geo.layer import Catalog, Layer, LayerEntry
from iipserve.geo.linked_sets import shared_sets
from iipserve.geo.matrixset import LinkedSet, TileMatrixSet
from iipserve.http import Routed
from iipserve.http.public_address import headers_read
from iipserve.plan import Answer, CatalogPlan, Document
from iipserve.protocols import ErrorAnswer, Images, Server
from iipserve.protocols.map_tiles import (
    NotThere,
    entry_of,
    formats,
    offered_set,
    offered_sets,
    plan_tile,
    style_of,
)
from iipserve.protocols.ogcapi import common, coverage_documents, coverages, maps, openapi, tiles
from iipserve.protocols.ogcapi.addresses import own_links
from iipserve.protocols.ogcapi.coverage_queries import CoverageQuery
from iipserve.protocols.ogcapi.requests import (
    TILEJSON,
    CollectionsQuery,
    DocumentQuery,
    Kind,
    Query,
    TileQuery,
)
from iipserve.protocols.resource_forms import Form
from iipserve.protocols.resource_links import HTML, JSON, Addresses, Json
from iipserve.protocols.resource_pages import page
from iipserve.protocols.tile_images import plan_tile_images
from iipserve.protocols.tilejson import TILEJSON_SET, tilejson_document

PROBLEM = "application/problem+json"


class Named(NamedTuple):
    """A document with a title for people."""

    title: str
    value: Json


def plan(query: Query, images: Images, server: Server) -> Answer:
    """The document, the tile, the map or the coverage.

    Raises:
        NotThere: the layer has no such style or tile matrix set.
        TileNotFound: the set has no such tile, or it is outside the limits of the layer.
        InvalidRequest: the form that is asked for cannot describe the resource, or a map cannot be drawn.
    """
    if isinstance(query, TileQuery):
        if query.is_document:
            return Answer(plan_tile_images(query.tile, images, server))
        vary = (("Vary", "Accept"),) if query.is_negotiated else ()
        return Answer(plan_tile(query.tile, images, server), vary)
    if isinstance(query, maps.MapQuery):
        return maps.plan_map_of(query, images, server)
    if isinstance(query, CoverageQuery):
        return coverages.plan_coverage_of(query, images, server)
    if isinstance(query, CollectionsQuery):
        return Answer(CatalogPlan(CollectionsDocument(query, server), _vary(query.form, server)))
    if query.kind is Kind.LANDING:
        return Answer(CatalogPlan(LandingDocument(query, server), _vary(query.form, server)))
    if query.layer is None:
        named = _of_service(query, server)
    else:
        entry = entry_of(query.layer, images, server)
        named = _of_layer(query, entry, server)
    return Answer(written(named, query.form, server))


@dataclass(frozen=True, slots=True)
class CollectionsDocument:
    """Makes the list of layers."""

    query: CollectionsQuery
    server: Server

    def __call__(self, catalog: Catalog) -> Document:
        """The document."""
        form = self.query.form
        value = common.collections_document(self.query, catalog, is_html=form.media_type == HTML)
        return written(Named("Layers", value), form, self.server)


@dataclass(frozen=True, slots=True)
class LandingDocument:
    """Makes the landing page, which tells of the map of all layers."""

    query: DocumentQuery
    server: Server

    def __call__(self, catalog: Catalog) -> Document:
        """The document."""
        form, addresses = self.query.form, self.query.addresses
        value = common.landing_document(catalog.metadata, addresses, is_html=form.media_type == HTML)
        if maps.is_offered(catalog.metadata):
            value["links"] += maps.map_links(maps.DATASET_SEGMENTS, addresses, _extensions(self.server))
            value |= maps.dataset_description(catalog)
        return written(Named(catalog.metadata.title, value), form, self.server)


# -- about the service -----------------------------------------------------------------------------


def _of_service(query: DocumentQuery, server: Server) -> Named:
    metadata, addresses, is_html = server.catalog().metadata, query.addresses, query.form.media_type == HTML
    if query.kind is Kind.CONFORMANCE:
        offered = formats(metadata, server.formats)
        return Named(
            "Conformance classes",
            common.conformance_document(
                offered, has_maps=maps.is_offered(metadata), coverages=coverages.formats(metadata)
            ),
        )
    if query.kind is Kind.API:
        extensions = list(_extensions(server).values())
        return Named("Definition of this API", openapi.document(metadata, addresses, extensions))
    sets = shared_sets(metadata)
    if query.kind is Kind.MATRIX_SETS:
        items = [tiles.matrix_set_item(each, addresses) for each in sets]
        links = own_links(addresses, "tileMatrixSets", is_html=is_html)
        return Named("Tile matrix sets", {"tileMatrixSets": items, "links": links})
    found = next((each for each in sets if each.answers_to(query.matrix_set)), None)
    if found is None:
        known = ", ".join(each.identifier for each in sets)
        raise NotThere(f"there is no tile matrix set {query.matrix_set!r}; {known} are shared by layers")
    return _matrix_set(found)


def _matrix_set(found: TileMatrixSet) -> Named:
    return Named(f"Tile matrix set {found.identifier}", tiles.matrix_set_document(found))


def _extensions(server: Server) -> dict[str, str]:
    """Extension of each format of tiles by media type."""
    offered = formats(server.catalog().metadata, server.formats)
    return {media_type: server.formats.by_name[name].extension for media_type, name in offered.items()}


# -- about a layer ---------------------------------------------------------------------------------


def _of_layer(query: DocumentQuery, entry: LayerEntry, server: Server) -> Named:
    addresses, is_html = query.addresses, query.form.media_type == HTML
    title = entry.layer.displayed_title
    if query.kind is Kind.COLLECTION:
        return Named(title, _collection(entry, addresses, server, is_html=is_html))
    if query.kind is Kind.SCHEMA:
        shown = coverages.offered(entry, server.catalog().metadata)
        return Named(f"Fields of {title}", coverage_documents.schema_document(shown, addresses))
    if query.style is not None:
        style_of(entry.layer, query.style)
    if query.kind is Kind.TILESETS:
        return Named(f"Tile sets of {title}", _tilesets(query, entry, server))
    entry, linked = _linked(query.matrix_set, entry, server)
    if query.kind is Kind.MATRIX_SET:
        return _matrix_set(linked.set)
    if query.form.media_type == TILEJSON:
        return Named(title, _tilejson(query, entry, linked))
    value = tiles.tileset_document(entry, linked, query.style, addresses, _extensions(server))
    segments = tiles.tileset_segments(entry.layer.identifier, query.style, linked.set.identifier)
    value["links"] = own_links(addresses, *segments, is_html=is_html) + value["links"]
    return Named(value["title"], value)


def _collection(entry: LayerEntry, addresses: Addresses, server: Server, *, is_html: bool) -> Json:
    """A layer, with its maps, tile sets and coverage."""
    metadata, layer = server.catalog().metadata, entry.layer
    value = common.collection_document(entry, addresses, _map_types(layer, server), is_html=is_html)
    value |= maps.systems(entry, metadata)
    if coverages.is_offered(metadata, layer):
        formats, shown = coverages.media_types(layer, metadata), coverages.offered(entry, metadata)
        in_degrees = coverage_documents.is_in_degrees(shown)
        value["links"] += coverage_documents.coverage_links(
            layer.identifier, addresses, formats, in_degrees=in_degrees
        )
        if "extent" in value:
            value["extent"]["spatial"] |= coverage_documents.extent_of(shown)
        if in_degrees:
            value |= coverage_documents.described_in_degrees(shown)
    return value


def _map_types(layer: Layer, server: Server) -> dict[str, str]:
    """Extension of each format of maps by media type; none if maps of the layer are not answered."""
    return _extensions(server) if maps.is_offered(server.catalog().metadata, layer) else {}


def _tilesets(query: DocumentQuery, entry: LayerEntry, server: Server) -> Json:
    entry, sets = offered_sets(entry, server.catalog().metadata)
    segments = tiles.tileset_segments(entry.layer.identifier, query.style)
    return {
        "links": own_links(query.addresses, *segments, is_html=query.form.media_type == HTML),
        "tilesets": [tiles.tileset_item(entry, linked, query.style, query.addresses) for linked in sets],
    }


def _linked(identifier: str, entry: LayerEntry, server: Server) -> tuple[LayerEntry, LinkedSet]:
    """The set of a layer. Raises `NotThere`."""
    offered, linked = offered_set(entry, server.catalog().metadata, identifier)
    if linked is None:
        raise NotThere(f"layer {entry.layer.identifier!r} has no tile matrix set {identifier!r}")
    return offered, linked


def _tilejson(query: DocumentQuery, entry: LayerEntry, linked: LinkedSet) -> Json:
    if linked.set.identifier != TILEJSON_SET:
        raise InvalidRequest(
            f"TileJSON describes tiles of {TILEJSON_SET} only, not of {linked.set.identifier}; f=json describes these"
        )
    segments = tiles.tileset_segments(entry.layer.identifier, query.style, linked.set.identifier)
    return tilejson_document(entry, linked, query.addresses.of(*segments) + "/{z}/{y}/{x}?f=png")


# -- forms -----------------------------------------------------------------------------------------


def _vary(form: Form, server: Server) -> str:
    own = ("Accept",) if form.is_negotiated else ()
    return ", ".join((*own, *headers_read(server.config)))


def written(named: Named, form: Form, server: Server) -> Document:
    """A document in the form that was asked for."""
    vary = _vary(form, server)
    if form.media_type == HTML:
        return Document(page(named.title, named.value), f"{HTML}; charset=utf-8", vary)
    media_type = JSON if form.media_type == TILEJSON else form.media_type
    return Document(json.dumps(named.value, ensure_ascii=False).encode(), media_type, vary)


def error_answer(
    error: IIPServeError, routed: Routed | None = None, server: Server | None = None
) -> ErrorAnswer:
    """An error as a problem of RFC 9457 (19-072, section 7.6); an image that is none makes a layer that is none."""
    status = HTTPStatus.NOT_FOUND if isinstance(error, (ImageNotFound, UnsupportedImage)) else error.status
    value = {"type": "about:blank", "title": status.phrase, "status": int(status), "detail": str(error)}
    return ErrorAnswer(status, Document(json.dumps(value).encode(), PROBLEM))
