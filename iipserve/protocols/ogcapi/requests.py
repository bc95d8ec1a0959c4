"""Requests of OGC API, from text to queries: the path names a resource, `f` or the Accept header its form."""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from iipserve.errors import InvalidRequest
from iipserve.geo import require
from iipserve.geo.collection_settings import REST
from iipserve.geo.layer import Layer
from iipserve.geo.linked_sets import native_owner
from iipserve.geo.ows import kvp
from iipserve.http import Routed
from iipserve.image import ImageName
from iipserve.protocols import Server
from iipserve.protocols import map_options as options
from iipserve.protocols.map_tiles import (
    NotThere,
    TileName,
    check_offered,
    find_layer,
    format_of,
    formats,
    service_root,
)
from iipserve.protocols.ogcapi import coverages
from iipserve.protocols.ogcapi.coverage_documents import SCHEMA
from iipserve.protocols.ogcapi.coverage_queries import CoverageQuery, read_coverage
from iipserve.protocols.ogcapi.maps import MapQuery, dataset_layers, read_map
from iipserve.protocols.ogcapi.selected_layers import selected_layer
from iipserve.protocols.resource_forms import Form, preferred_form, stated_form
from iipserve.protocols.resource_links import HTML, JSON, Addresses
from iipserve.protocols.tile_images import EXTENSION
from iipserve.protocols.url_text import decoded

OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
PICTURE = "png"
"""The format of the picture that a document about a tile is of."""
TILEJSON = "tilejson"
"""In place of a media type: TileJSON is JSON, which a client prefers by `f` only."""
FORMS = {"json": JSON, "html": HTML, TILEJSON: TILEJSON}
"""Media types of documents by the values of `f`."""
USUAL_LIMIT = 1000
MAX_LIMIT = 10_000
"""Collections in one document."""
TILES = ["map", "tiles"]
INTEGER = re.compile(r"-?[0-9]{1,9}", re.ASCII)
FILE_EXTENSION = re.compile(r"\.([A-Za-z]{3,5})$")


class Kind(enum.Enum):
    """A document."""

    LANDING = "landing"
    CONFORMANCE = "conformance"
    API = "api"
    MATRIX_SETS = "tileMatrixSets"
    MATRIX_SET = "tileMatrixSet"
    COLLECTION = "collection"
    TILESETS = "tilesets"
    TILESET = "tileset"
    SCHEMA = "schema"


class DocumentQuery(NamedTuple):
    """A document about the service, or about one layer."""

    kind: Kind
    addresses: Addresses
    form: Form
    names: tuple[ImageName, ...] = ()
    layer: Layer | None = None
    style: str | None = None
    """The style that the path names."""
    matrix_set: str = ""


class CollectionsQuery(NamedTuple):
    """The list of layers."""

    addresses: Addresses
    form: Form
    limit: int = USUAL_LIMIT
    offset: int = 0
    names: tuple[ImageName, ...] = ()


class TileQuery(NamedTuple):
    """A tile."""

    names: tuple[ImageName, ...]
    tile: TileName
    is_negotiated: bool
    """The Accept header decided on the format."""
    is_document: bool = False
    """It is asked which images made the tile."""


Query: TypeAlias = DocumentQuery | CollectionsQuery | TileQuery | MapQuery | CoverageQuery


class _Request(NamedTuple):
    """What the forms of all requests depend on."""

    routed: Routed
    server: Server
    form: str
    """The value of `f`; empty without one."""
    addresses: Addresses

    def document(
        self, kind: Kind, layer: Layer | None = None, style: str | None = None, matrix_set: str = ""
    ) -> DocumentQuery:
        """A query for a document."""
        names = () if layer is None else layer.names
        form = _form(self, DOCUMENTS.get(kind, (JSON, HTML)))
        return DocumentQuery(kind, self.addresses, form, names, layer, style, matrix_set)


DOCUMENTS = {
    Kind.API: (OPENAPI, JSON, HTML),
    Kind.TILESET: (JSON, HTML, TILEJSON),
    Kind.SCHEMA: (SCHEMA, JSON, HTML),
}
"""Media types of documents that do not only have the usual ones."""
SINGLE = {
    "": Kind.LANDING,
    "conformance": Kind.CONFORMANCE,
    "api": Kind.API,
    "tileMatrixSets": Kind.MATRIX_SETS,
}


def parse(routed: Routed, server: Server) -> Query:
    """Read a path.

    Slashes in the identifier of a layer or a set may be encoded or not.

    Raises:
        NotThere: it names nothing.
        NotAcceptable: the Accept header excludes all forms of it.
        InvalidRequest: a parameter or a header is malformed.
        UnsupportedEncoding: the format of a tile is not offered.
        NotInstalled: the extra `geo` is not.
        Forbidden: the service file switches map tiles off.
    """
    require()
    check_offered(server.catalog().metadata)
    parameters = kvp.read(routed.request)
    request = _Request(
        routed, server, parameters.get("f").strip(), Addresses(service_root(routed, server, "ogc"))
    )
    parts = routed.target.strip("/").split("/")
    if len(parts) == 1 and parts[0] in SINGLE:
        return request.document(SINGLE[parts[0]])
    if parts[0] == "tileMatrixSets":
        return _matrix_set(decoded("/".join(parts[1:])), request)
    if parts == ["collections"]:
        limit = _count(parameters, "limit", USUAL_LIMIT, MAX_LIMIT)
        offset = _count(parameters, "offset", 0, 10**9)
        return CollectionsQuery(request.addresses, _form(request, (JSON, HTML)), max(1, limit), offset)
    if parts[0] == "collections":
        return _of_collection(parts[1:], request)
    if parts == ["map"]:
        return _map(_dataset_layers(parameters.get("collections"), request), "", request, is_of_dataset=True)
    raise NotThere(
        f"there is no resource {decoded(routed.target)!r}; "
        "the landing page links to conformance, api, collections and tileMatrixSets"
    )


def _count(parameters: kvp.Parameters, name: str, usual: int, maximum: int) -> int:
    """A number of things, at most the maximum (20-024: a server may lower it)."""
    text = parameters.get(name)
    if not text:
        return usual
    if not (text.isascii() and text.isdecimal()):
        raise InvalidRequest(f"{name} {text!r} is not a number; write one such as {usual or 10}")
    return min(int(text[:12]), maximum)


# -- the form --------------------------------------------------------------------------------------


def _form(request: _Request, offers: Sequence[str]) -> Form:
    """The media type that `f` names, or else the one that the client prefers."""
    if request.form:
        is_json = request.form.lower() in ("json", JSON) and OPENAPI in offers
        return Form(JSON) if is_json else stated_form(request.form, FORMS, offers)
    accept = request.routed.request.header("Accept")
    return preferred_form(accept, [offer for offer in offers if offer != TILEJSON])


def _tile_format(extension: str, request: _Request) -> tuple[str, bool]:
    """The name of the format of a tile, and whether the Accept header decided."""
    if extension or request.form:
        return format_of(request.form or extension, request.server), False
    offered = formats(request.server.catalog().metadata, request.server.formats)
    form = _form(request, tuple(offered))
    return offered[form.media_type], True


# -- paths -----------------------------------------------------------------------------------------


def _matrix_set(identifier: str, request: _Request) -> DocumentQuery:
    """A set that several layers share, or that of one image."""
    owner = native_owner(identifier)
    if owner is None:
        return request.document(Kind.MATRIX_SET, matrix_set=identifier)
    layer = request.server.catalog().find(owner) or find_layer(decoded(owner), request.server)
    return request.document(Kind.MATRIX_SET, layer, None, identifier)


def _of_collection(parts: list[str], request: _Request) -> Query:
    """A layer, its map, coverage or schema, or what follows `/map/tiles` of it, searched from the right."""
    for index in reversed(range(1, len(parts) - 1)):
        if parts[index : index + 2] == TILES:
            return _of_tiles(parts[:index], parts[index + 2 :], request)
    if len(parts) > 1 and parts[-1] == "map":
        layer, style = _styled(parts[:-1], request)
        return _map((layer,), style or "", request)
    if len(parts) > 1 and parts[-1] in ("coverage", "schema"):
        layer = find_layer(decoded("/".join(parts[:-1])), request.server)
        return request.document(Kind.SCHEMA, layer) if parts[-1] == "schema" else _coverage(layer, request)
    return request.document(Kind.COLLECTION, find_layer(decoded("/".join(parts)), request.server))


def _styled(parts: list[str], request: _Request) -> tuple[Layer, str | None]:
    """A layer, and the style that the path names."""
    style = None
    if len(parts) > 2 and parts[-2] == "styles":
        style = decoded(parts[-1])
        parts = parts[:-2]
    return find_layer(decoded("/".join(parts)), request.server), style


def _map(
    layers: tuple[Layer, ...], style: str, request: _Request, *, is_of_dataset: bool = False
) -> MapQuery:
    format, is_negotiated = _tile_format("", request)
    asked, metadata = request.routed.request, request.server.catalog().metadata
    return read_map(
        kvp.read(asked),
        layers,
        style,
        format,
        metadata,
        is_negotiated=is_negotiated,
        is_of_dataset=is_of_dataset,
    )


def _dataset_layers(text: str, request: _Request) -> tuple[Layer, ...]:
    """The layers that `collections` lists by identifiers or addresses; without it, all (20-058, clause 10)."""
    server = request.server
    if not text:
        found = dataset_layers(server.listed())
    elif (one := server.catalog().find(text)) is not None and one.is_in(REST):
        found = (one,)
    else:
        parts = [part.strip() for part in text.split(",")]
        limit = options.max_layers(server.catalog().metadata)
        if len(parts) > limit:
            raise InvalidRequest(f"collections lists {len(parts)} layers; a map has {limit} at most")
        start = request.addresses.of("collections") + "/"
        found = tuple(
            find_layer(decoded(part.removeprefix(start)) if part.startswith(start) else part, server)
            for part in parts
        )
    if not found:
        raise NotThere("there are no layers on the Earth; collections lists those to show")
    return found


def _coverage(layer: Layer, request: _Request) -> CoverageQuery:
    parameters = kvp.read(request.routed.request)
    if request.form:
        return read_coverage(parameters, layer, request.form, is_negotiated=False)
    form = _form(request, tuple(coverages.media_types(layer, request.server.catalog().metadata)))
    return read_coverage(parameters, layer, form.media_type, is_negotiated=True)


def _of_tiles(parts: list[str], rest: list[str], request: _Request) -> Query:
    """The tile sets of a layer, or of one of its styles, one of them, or a tile of it."""
    layer, style = _styled(parts, request)
    if not rest:
        return request.document(Kind.TILESETS, layer, style)
    last = FILE_EXTENSION.sub("", rest[-1])
    if len(rest) > 3 and INTEGER.fullmatch(last) and INTEGER.fullmatch(rest[-2]):
        extension = rest[-1][len(last) + 1 :]
        is_document = (request.form or extension).lower() == EXTENSION
        format, is_negotiated = _tile_format(extension, request) if not is_document else (PICTURE, False)
        matrix_set, matrix = decoded("/".join(rest[:-3])), decoded(rest[-3])
        layer = selected_layer(layer, kvp.read(request.routed.request))
        tile = TileName(layer, matrix_set, matrix, int(rest[-2]), int(last), format, style or "")
        return TileQuery(layer.names, tile, is_negotiated, is_document)
    if len(rest) == 4 and native_owner(decoded("/".join(rest))) is None:
        raise InvalidRequest(
            f"row {decoded(rest[-2])!r} and column {decoded(rest[-1])!r} are to be integers of at most nine digits"
        )
    return request.document(Kind.TILESET, layer, style, decoded("/".join(rest)))
