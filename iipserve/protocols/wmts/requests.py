"""WMTS requests, from text to queries: by parameters, in a query string or a form, and by paths."""

from __future__ import annotations

import math

from iipserve.config import Config
from iipserve.geo.grid import Bounds
from iipserve.geo.layer import Layer
from iipserve.geo.ows import kvp
from iipserve.geo.ows.addresses import Endpoint, endpoint
from iipserve.geo.ows.exceptions import (
    INVALID_VALUE,
    MISSING_VALUE,
    NO_CODE,
    NotAcceptable,
    OperationNotSupported,
    OwsError,
)
from iipserve.geo.ows.kvp import Parameters
from iipserve.geo.ows.negotiation import negotiated_version, requested_sections, required_version, words
from iipserve.http import Routed
from iipserve.http.negotiation import negotiated
from iipserve.protocols import Server
from iipserve.protocols.collection_selection import BadSelection, selected
from iipserve.protocols.collection_times import NoSuchTime
from iipserve.protocols.map_dimensions import dimensions_of
from iipserve.protocols.map_options import answers_mapml
from iipserve.protocols.map_tiles import public_address, tile_layer
from iipserve.protocols.mapml.tiles import Query as MapmlQuery
from iipserve.protocols.wmts import china, dimensions, mapml, options, paths
from iipserve.protocols.wmts.faults import (
    COLUMN,
    FORMAT,
    INFO_FORMAT,
    LAYER,
    MATRIX,
    MATRIX_SET,
    OUT_OF_RANGE,
    ROW,
    STYLE,
    VERSION,
    is_restful,
    unknown_layer,
)
from iipserve.protocols.wmts.query import (
    SECTIONS,
    Box,
    CapabilitiesQuery,
    FeatureInfoQuery,
    PixelOfTile,
    Place,
    Point,
    Query,
    TileAddress,
    TileQuery,
)

VERSIONS = (VERSION,)
MEDIA_TYPES = ("application/xml", "text/xml")
"""Of capabilities documents; the first is the default."""
OWN_PATHS = ("/wmts", "/wmts-china")
"""Paths at which every request has to name its service (CITE)."""
FREE_PLACE = ("zoomlevel", "x", "y", "bbox")
"""Parameters of GetFeatureInfo at a place that no tile is named for."""


def parse(routed: Routed, server: Server) -> Query:
    """Read a request.

    Raises:
        OwsError: a parameter is missing or malformed, the layer does not exist, or the path names nothing.
        InvalidRequest: a header of the request is malformed, or the path is not UTF-8.
    """
    query = _read(routed, server)
    operation = OPERATION_OF.get(type(query), "GetCapabilities")
    metadata = server.catalog().metadata
    if operation not in options.operations(metadata):
        raise OperationNotSupported(f"{operation} is switched off here", operation)
    if isinstance(query, MapmlQuery) and not answers_mapml(metadata):
        raise OperationNotSupported("GetMapML is switched off here", "request")
    if isinstance(query, (TileQuery, FeatureInfoQuery)):
        if query.layer.index is not None:
            return query._replace(layer=_selected(query.layer, kvp.read(routed.request)))
        if dimensions_of(query.layer):
            dimensions.check(kvp.read(routed.request), query.layer)
    return query


def _selected(layer: Layer, parameters: Parameters) -> Layer:
    """The images of a collection that a request asks for. Raises `OwsError`: InvalidParameterValue."""
    try:
        return selected(layer, parameters)
    except (NoSuchTime, BadSelection) as error:
        error.code = INVALID_VALUE
        raise


OPERATION_OF = {TileQuery: "GetTile", FeatureInfoQuery: "GetFeatureInfo", MapmlQuery: "GetTile"}
"""Operations other than GetCapabilities, which legends belong to; MapML belongs to the tiles that it links to."""


def _read(routed: Routed, server: Server) -> Query:
    parameters = kvp.read(routed.request)
    form = china.form_of(routed)
    if form is not None:
        china.check_key(parameters, server.catalog().metadata)
    if form is not None and form.is_shortcut:
        return china.shortcut(parameters, server.catalog())
    if is_restful(routed):
        if paths.is_capabilities(routed.target):
            _check_accepted(routed)
            return _capabilities(parameters, routed, server, is_china=form is not None)
        return paths.parse(routed.target, server.catalog(), is_china=form is not None)
    operation = _operation(parameters, routed)
    if operation == "getcapabilities":
        return _capabilities(parameters, routed, server, is_china=form is not None)
    if operation == "getmapml":
        return mapml.read(parameters, _layer(parameters, server, is_china=form is not None), routed, server)
    if form is not None:
        parameters = form.completed(parameters, server.catalog())
    if operation == "gettile":
        return _tile(parameters, server, is_china=form is not None)
    return _feature_info(parameters, server, is_china=form is not None)


def _operation(parameters: Parameters, routed: Routed) -> str:
    """The operation that is asked for, in lower case.

    Outside the paths of the service, GetTile may leave SERVICE out, as old clients do.
    """
    request = parameters.get("request")
    service = parameters.get("service")
    is_own = routed.request.path.rstrip("/") in OWN_PATHS
    if not service and (is_own or request.lower() != "gettile"):
        raise OwsError(
            MISSING_VALUE, "the parameter SERVICE is missing; SERVICE=WMTS is served here", "service"
        )
    if service and service.lower() != "wmts":
        raise OwsError(INVALID_VALUE, f"service {service!r} is not served here; WMTS is", "service")
    known = [*(name.lower() for name in options.OPERATIONS), "getmapml"]
    if parameters.required("request").lower() not in known:
        raise OwsError(
            INVALID_VALUE,
            f"request {request!r} is unknown; {', '.join(options.OPERATIONS)} are answered",
            "request",
        )
    return request.lower()


def _capabilities(
    parameters: Parameters, routed: Routed, server: Server, *, is_china: bool
) -> CapabilitiesQuery:
    negotiated_version(parameters, VERSIONS)
    accepted = [word.lower() for word in words(parameters.get("acceptformats"))]
    asked = next((known for known in accepted if known in MEDIA_TYPES), MEDIA_TYPES[0])
    return CapabilitiesQuery(
        _endpoint(routed, server, is_china=is_china),
        requested_sections(parameters, SECTIONS),
        words(parameters.get("layers")) or words(parameters.get("layer")),
        parameters.get("updatesequence"),
        asked,
        is_china,
        is_restful(routed),
    )


def _check_accepted(routed: Routed) -> None:
    """See that the Accept header of a request by path allows XML (CITE)."""
    accept = routed.request.header("Accept")
    if negotiated(accept, MEDIA_TYPES) is None:
        raise NotAcceptable(
            NO_CODE,
            f"Accept: {accept!r} excludes all types of this document; they are {', '.join(MEDIA_TYPES)}",
        )


def _endpoint(routed: Routed, server: Server, *, is_china: bool) -> Endpoint:
    config: Config = server.config
    segment = china.SEGMENT if is_china else "wmts"
    return endpoint(routed, config, segment, public_address(server.catalog().metadata))


def _layer(parameters: Parameters, server: Server, *, is_china: bool) -> Layer:
    identifier = parameters.required(LAYER)
    layer = tile_layer(identifier, server.catalog(), china.service(is_china=is_china))
    if layer is None:
        raise unknown_layer(identifier, is_restful=False)
    return layer


def _tile(parameters: Parameters, server: Server, *, is_china: bool) -> TileQuery:
    required_version(parameters, VERSIONS)
    layer = _layer(parameters, server, is_china=is_china)
    address = _tile_address(parameters, OUT_OF_RANGE)
    return TileQuery(layer.names, layer, address, parameters.required(FORMAT), is_china)


def _tile_address(parameters: Parameters, code: str) -> TileAddress:
    """The tile that a request names; `code` is that of a row or column that is no number."""
    if not parameters.states(STYLE):
        raise OwsError(
            MISSING_VALUE, "the parameter STYLE is missing; it may be empty for the default style", STYLE
        )
    return TileAddress(
        parameters.get(STYLE),
        parameters.required(MATRIX_SET),
        parameters.required(MATRIX),
        parameters.integer(ROW, code),
        parameters.integer(COLUMN, code),
    )


def _feature_info(parameters: Parameters, server: Server, *, is_china: bool) -> FeatureInfoQuery:
    is_free = any(map(parameters.states, FREE_PLACE)) and not parameters.states(MATRIX)
    if not is_free or parameters.states("version"):
        required_version(parameters, VERSIONS)
    layer = _layer(parameters, server, is_china=is_china)
    place: Place
    if is_free:
        place = _free_place(parameters)
        info_format = parameters.get(INFO_FORMAT, "text/xml")
    else:
        tile = _tile_address(parameters, INVALID_VALUE)
        parameters.required(FORMAT)
        place = PixelOfTile(tile, parameters.integer("I"), parameters.integer("J"))
        info_format = parameters.required(INFO_FORMAT)
    children = words(parameters.get("childlayer")) or None
    return FeatureInfoQuery(layer.names, layer, place, info_format, children, is_china)


def _free_place(parameters: Parameters) -> Point | Box:
    level, srid = parameters.integer("zoomlevel"), parameters.get("srid").strip()
    if not parameters.get("bbox"):
        return Point(level, _number(parameters, "x"), _number(parameters, "y"), srid)
    sides = [_finite(part, "bbox") for part in parameters.get("bbox").split(",")]
    if len(sides) != 4 or sides[0] > sides[2] or sides[1] > sides[3]:
        raise OwsError(
            INVALID_VALUE,
            f"bbox {parameters.get('bbox')!r} is not minx,miny,maxx,maxy, in this order",
            "bbox",
        )
    return Box(level, Bounds(*sides), srid)


def _number(parameters: Parameters, name: str) -> float:
    return _finite(parameters.required(name), name)


def _finite(text: str, locator: str) -> float:
    """A finite number. Raises `OwsError`."""
    try:
        value = float(text) if text.isascii() and "_" not in text else math.nan
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise OwsError(INVALID_VALUE, f"{locator} {text!r} is not a finite number", locator)
    return value
