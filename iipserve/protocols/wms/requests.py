"""From parameters to queries."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain

from iipserve.errors import InvalidRequest
from iipserve.geo.crs import quoted
from iipserve.geo.layer import Layer
from iipserve.geo.ows import kvp
from iipserve.geo.ows.addresses import Endpoint, endpoint
from iipserve.geo.ows.exceptions import OperationNotSupported, OwsError
from iipserve.geo.ows.kvp import Parameters
from iipserve.geo.ows.negotiation import words
from iipserve.geometry import Size
from iipserve.http import Routed
from iipserve.protocols import Server
from iipserve.protocols import map_options as options
from iipserve.protocols.collection_selection import filters_of, selected
from iipserve.protocols.collection_times import NoSuchTime
from iipserve.protocols.map_tiles import image_names, public_address
from iipserve.protocols.map_values import WHOLE, check_steps, color, invalid, required, size, switch, whole
from iipserve.protocols.mapml.projections import PREFIX
from iipserve.protocols.wms import sld_styles, vendor
from iipserve.protocols.wms.faults import (
    INVALID_DIMENSION,
    INVALID_POINT,
    LAYER_NOT_QUERYABLE,
    exceptions_of,
    unknown_layer,
    version_of,
)
from iipserve.protocols.wms.formats import format_name, is_mapml
from iipserve.protocols.wms.naming import (
    bounds_of,
    crs_of,
    groups_of,
    layers_of,
    style_of,
    styles_of,
)
from iipserve.protocols.wms.query import (
    CapabilitiesQuery,
    DescribeQuery,
    Dimension,
    FeatureInfoQuery,
    LegendQuery,
    MapmlQuery,
    MapQuery,
    Query,
    SchemaQuery,
    StylesQuery,
)

MAX_COUNT = 1000
"""Of objects of each layer in feature info."""
DIMENSIONS = ("time", "elevation")
"""Dimensions whose parameters have no prefix."""


def parse(routed: Routed, server: Server) -> Query:
    """Read a request.

    Raises:
        OwsError: a parameter is missing or malformed, or names what does not exist.
        InvalidRequest: a header of the request is malformed.
    """
    if routed.by_path and routed.target:
        raise InvalidRequest(
            f"nothing is at {quoted(routed.request.path)}; ask for /wms?SERVICE=WMS&REQUEST=..."
        )
    parameters = kvp.read(routed.request)
    service = parameters.get("service").strip().lower()
    if service not in ("", "wms"):
        raise invalid(f"service {quoted(service)} is not served here; WMS is", "service")
    operation = required(parameters, "request")
    read = READERS.get(operation.strip().lower())
    if read is None:
        raise OperationNotSupported(
            f"request {quoted(operation)} is unknown; {', '.join(OPERATIONS)} are answered", "request"
        )
    return read(parameters, routed, server)


def _endpoint(routed: Routed, server: Server) -> Endpoint:
    return endpoint(routed, server.config, "wms", public_address(server.catalog().metadata))


# -- documents -------------------------------------------------------------------------------------


def _capabilities(parameters: Parameters, routed: Routed, server: Server) -> CapabilitiesQuery:
    return CapabilitiesQuery(
        _endpoint(routed, server),
        version_of(parameters)
        if _states_version(parameters)
        else options.usual_version(server.catalog().metadata),
        parameters.get("updatesequence"),
        words(parameters.get("layers")) or words(parameters.get("layer")),
        parameters,
    )


def _states_version(parameters: Parameters) -> bool:
    return bool(parameters.get("version") or parameters.get("wmtver"))


def _describe(parameters: Parameters, routed: Routed, server: Server) -> DescribeQuery:
    layers = layers_of(parameters, server, "layers", "layer", operation="DescribeLayer")
    endpoint = _endpoint(routed, server)
    output = parameters.get("output_format") or parameters.get("outputformat")
    return DescribeQuery(layers, endpoint, version_of(parameters), output, parameters)


def _styles(parameters: Parameters, routed: Routed, server: Server) -> StylesQuery:
    layers = layers_of(parameters, server, "layers", "layer", operation="GetStyles")
    return StylesQuery(image_names(layers), layers, version_of(parameters), parameters)


def _legend(parameters: Parameters, routed: Routed, server: Server) -> LegendQuery:
    layer, *others = layers_of(parameters, server, "layer", "layers", operation="GetLegendGraphic")
    if others:
        raise invalid("LAYER names several layers; a legend is of one", "layer")
    style = style_of(layer, (parameters.get("style") or parameters.get("styles")).strip())
    return LegendQuery(
        layer.names,
        layer,
        style,
        parameters.get("format"),
        _legend_size(parameters, server),
        switch(parameters, "transparent"),
        color(parameters, options.background(server.catalog().metadata)),
        version_of(parameters),
        exceptions_of(parameters.get("exceptions")),
        _sld_body(parameters, server),
        vendor.operations_of(parameters, server.config),
        parameters,
    )


def _legend_size(parameters: Parameters, server: Server) -> Size | None:
    """WIDTH and HEIGHT where both are stated."""
    if parameters.get("width") and parameters.get("height"):
        return size(parameters, options.max_size(server.catalog().metadata))
    return None


# -- maps ------------------------------------------------------------------------------------------


def selected_layers(layers: tuple[Layer, ...], parameters: Parameters) -> tuple[Layer, ...]:
    """The layers of a map; of those of collections, the images that a request asks for.

    Raises:
        OwsError: InvalidDimensionValue; a filter or an order is malformed.
    """
    if all(layer.index is None for layer in layers):
        return layers
    filters = filters_of(parameters, layers)
    try:
        return tuple(
            selected(layer, parameters, filter=text) for layer, text in zip(layers, filters, strict=True)
        )
    except NoSuchTime as error:
        error.code = INVALID_DIMENSION
        raise


def _map(parameters: Parameters, routed: Routed, server: Server) -> MapQuery | MapmlQuery:
    if is_mapml(parameters.get("format")):
        name = parameters.get("crs") or parameters.get("srs")
        return _mapml_of(parameters, routed, server, name)
    return _map_query(parameters, server, required(parameters, "format"), "GetMap")


def _map_query(parameters: Parameters, server: Server, format: str, operation: str = "") -> MapQuery:
    version = version_of(parameters)
    groups = groups_of(parameters, server, "layers", "layer", operation=operation)
    layers, body = selected_layers(tuple(chain(*groups)), parameters), _sld_body(parameters, server)
    styles, user_styles = sld_styles.styles_of(parameters.get("styles"), groups, body)
    system = crs_of(parameters, version)
    bounds = bounds_of(parameters, system, version)
    pixels = size(parameters, options.max_size(server.catalog().metadata))
    check_steps(bounds, pixels, parameters.get("bbox"))
    transparent = switch(parameters, "transparent")
    return MapQuery(
        image_names(layers),
        layers,
        styles,
        system,
        bounds,
        pixels,
        format_name(format, server, transparent=transparent),
        transparent,
        color(parameters, options.background(server.catalog().metadata)),
        version,
        exceptions_of(parameters.get("exceptions")),
        vendor.resampling_of(parameters),
        dimensions_of(parameters),
        body,
        vendor.operations_of(parameters, server.config),
        parameters,
        user_styles,
    )


def _sld_body(parameters: Parameters, server: Server) -> str:
    """The styles of a request; none where the service file says to ignore them."""
    if not options.reads_styles(server.catalog().metadata):
        return ""
    if parameters.get("sld"):
        raise OperationNotSupported(
            "SLD: styles are not fetched from addresses; send them as SLD_BODY", "sld"
        )
    return parameters.get("sld_body")


def dimensions_of(parameters: Parameters) -> tuple[Dimension, ...]:
    """The dimensions that a request states: TIME, ELEVATION and DIM_ with a name (06-042, C.3)."""
    return tuple(
        Dimension(name.removeprefix("dim_"), value)
        for name, value in parameters.values.items()
        if value and (name in DIMENSIONS or name.startswith("dim_"))
    )


def _mapml(parameters: Parameters, routed: Routed, server: Server) -> MapmlQuery:
    return _mapml_of(parameters, routed, server, parameters.get("projection"))


def _mapml_of(parameters: Parameters, routed: Routed, server: Server, name: str) -> MapmlQuery:
    if not options.answers_mapml(server.catalog().metadata):
        raise OperationNotSupported("GetMapML is not answered here", "request")
    groups = groups_of(parameters, server, "layers", "layer", operation="GetMapML")
    styles = styles_of(parameters.get("styles") or parameters.get("style"), groups)
    layers = tuple(chain(*groups))
    projection = name[len(PREFIX) :] if name.lower().startswith(PREFIX) else name
    return MapmlQuery(
        image_names(layers),
        layers,
        styles,
        projection,
        _endpoint(routed, server),
        version_of(parameters),
        parameters,
    )


def _schema(parameters: Parameters, routed: Routed, server: Server) -> SchemaQuery:
    return SchemaQuery(version_of(parameters))


# -- feature info ----------------------------------------------------------------------------------


def _feature_info(parameters: Parameters, routed: Routed, server: Server) -> FeatureInfoQuery:
    """GetFeatureInfo; FORMAT of the map may be left out, since its picture is not made."""
    shown = _map_query(parameters, server, parameters.get("format", "image/png"))
    queried = _queried(parameters, shown.layers, server)
    i = _place(parameters, ("i", "x"), shown.size.width)
    j = _place(parameters, ("j", "y"), shown.size.height)
    count = whole(parameters, "feature_count", minimum=1) if parameters.get("feature_count") else 1
    return FeatureInfoQuery(
        image_names(queried), shown, queried, i, j, parameters.get("info_format"), min(count, MAX_COUNT)
    )


def _queried(parameters: Parameters, shown: tuple[Layer, ...], server: Server) -> tuple[Layer, ...]:
    """The layers of QUERY_LAYERS in the order of the map, of which they have to be a part."""
    asked = {layer.identifier for layer in layers_of(parameters, server, "query_layers")}
    unknown = asked.difference(layer.identifier for layer in shown)
    if unknown:
        raise unknown_layer(min(unknown))
    found = {layer.identifier: layer for layer in shown if layer.identifier in asked}
    for layer in found.values():
        if "GetFeatureInfo" not in options.layer_operations(layer, server.catalog().metadata):
            raise OwsError(
                LAYER_NOT_QUERYABLE, f"layer {quoted(layer.identifier)} is not queryable", "query_layers"
            )
    return tuple(found.values())


def _place(parameters: Parameters, names: tuple[str, str], count: int) -> int:
    text = required(parameters, *names)
    match = WHOLE.fullmatch(text.strip())
    if match is None or int(match["digits"]) >= count:
        raise OwsError(
            INVALID_POINT,
            f"{names[0].upper()} {quoted(text)} is not a pixel of the map, 0 to {count - 1}",
            names[0],
        )
    return int(match["digits"])


OPERATIONS = (
    "GetCapabilities", "GetMap", "GetFeatureInfo", "GetLegendGraphic", "DescribeLayer", "GetStyles", "GetMapML",
)  # fmt: skip
READERS: dict[str, Callable[[Parameters, Routed, Server], Query]] = {
    "getcapabilities": _capabilities,
    "capabilities": _capabilities,
    "getmap": _map,
    "map": _map,
    "getfeatureinfo": _feature_info,
    "feature_info": _feature_info,
    "getlegendgraphic": _legend,
    "describelayer": _describe,
    "getstyles": _styles,
    "getmapml": _mapml,
    "getschemaextension": _schema,
}
"""By REQUEST in lower case; `map`, `capabilities` and `feature_info` are those of WMS 1.0.0."""
