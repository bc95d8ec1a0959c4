"""GetMapML (MapServer, RFC 123), and GetMap in the format `text/mapml` as GeoServer answers it: documents of links to
maps and feature info of this service."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

from iipserve.geo import crs
from iipserve.geo.crs import UnknownCrs, quoted
from iipserve.geo.grid import Bounds
from iipserve.geo.layer import Layer
from iipserve.geo.matrixset import LinkedSet
from iipserve.geo.ows.exceptions import OwsError
from iipserve.geo.service.keys import MAPML_LINKS
from iipserve.http.public_address import headers_read
from iipserve.plan import Answer, Document
from iipserve.protocols import Images, Server
from iipserve.protocols import map_options as options
from iipserve.protocols.layer_items import stated_legend
from iipserve.protocols.map_tiles import entry_of
from iipserve.protocols.map_values import invalid
from iipserve.protocols.mapml.documents import (
    MEDIA_TYPE,
    Alternate,
    Dialect,
    MapLinks,
    Sheet,
    StyleLink,
    Zoom,
    write,
)
from iipserve.protocols.mapml.projections import (
    DEFAULT,
    PREFIX,
    PROJECTIONS,
    Projection,
    levels_of,
    system_of,
)
from iipserve.protocols.wms.faults import INVALID_CRS
from iipserve.protocols.wms.formats import format_name, is_mapml
from iipserve.protocols.wms.query import V1_3, MapmlQuery, SchemaQuery

SCHEMA = Path(__file__).with_name("mapml.xsd")
OWN = frozenset({
    "service", "version", "wmtver", "request", "layers", "layer", "styles", "style", "projection", "crs", "srs", "format",
    "bbox", "width", "height", "exceptions", "link_rel", "dialect", "updatesequence", "query_layers", "info_format", "i",
    "j", "x", "y",
})  # fmt: skip
"""Parameters that links have of their own, or have no use for; all others are passed on to them."""
INFO_ORDER = (MEDIA_TYPE, "text/html", "application/json", "text/plain", "text/xml")
"""Formats of feature info, those that the viewer shows best first."""
SAFE = "/:,"
"""Characters of values that links have as they are."""
TILE = 256
"""Side of a tile of all projections, in pixels."""


def plan_get_mapml(query: MapmlQuery, images: Images, server: Server) -> Answer:
    """The document.

    Raises:
        OwsError: InvalidCRS: there is no such projection, or a layer has no place in it; InvalidFormat; a parameter is
            malformed.
        InvalidRequest: there is no such dialect.
    """
    projection = projection_of(query.projection)
    levels = {each.name: _levels(each, query, images, server) for each in PROJECTIONS.values()}
    shown = levels[projection.name]
    if shown is None:
        raise _not_in(projection, query, [name for name, found in levels.items() if found])
    links = _links(query, projection, shown, server)
    others = [PROJECTIONS[name] for name, found in levels.items() if found and name != projection.name]
    sheet = Sheet(
        ", ".join(layer.displayed_title for layer in query.layers),
        projection,
        links,
        tuple(Alternate(each.name, _document(query, each)) for each in others),
        tuple(_styles(query, projection)),
        _legend(query, server),
        query.layers[0].metadata.get("attribution_title", ""),
        query.layers[0].metadata.get("attribution_onlineresource", ""),
    )
    body = write(sheet, Dialect.of(query.parameters.get("dialect")))
    return Answer(Document(body, f"{MEDIA_TYPE}; charset=utf-8", ", ".join(headers_read(server.config))))


def plan_schema(query: SchemaQuery, images: Images, server: Server) -> Answer:
    """The schema of the element `GetMapML` in capabilities of 1.3.0."""
    return Answer(Document(SCHEMA.read_bytes(), "text/xml; charset=utf-8"))


# -- projections -----------------------------------------------------------------------------------


def projection_of(text: str) -> Projection:
    """The projection of a name, or of the coordinate reference system of one; the default one for an empty text.

    Raises:
        OwsError: InvalidCRS.
    """
    word = text.strip().upper() or DEFAULT
    if found := PROJECTIONS.get(word):
        return found
    try:
        key = crs.parse(text).key
    except UnknownCrs:
        key = ""
    found = next((each for each in PROJECTIONS.values() if each.crs == key), None)
    if found is None:
        known = ", ".join(PROJECTIONS)
        raise OwsError(INVALID_CRS, f"projection {quoted(text)} is unknown; {known} are known", "projection")
    return found


def _levels(
    projection: Projection, query: MapmlQuery, images: Images, server: Server
) -> tuple[LinkedSet, ...] | None:
    """The zoom levels of each layer; None where one of them is not in the projection."""
    metadata = server.catalog().metadata
    found = []
    for layer in query.layers:
        entry = options.offered(entry_of(layer, images, server), metadata)
        levels = levels_of(entry, projection) if options.accepts(projection.crs, entry, metadata) else None
        if levels is None:
            return None
        found.append(levels)
    return tuple(found)


def _not_in(projection: Projection, query: MapmlQuery, known: list[str]) -> OwsError:
    names = quoted(", ".join(layer.identifier for layer in query.layers))
    text = f"layer {names} is offered in no projection of MapML"
    if known:
        text = f"layer {names} is not offered in {projection.name} ({projection.crs}); it is in {', '.join(known)}"
    return OwsError(INVALID_CRS, text, "projection")


# -- links -----------------------------------------------------------------------------------------


def _links(
    query: MapmlQuery, projection: Projection, levels: tuple[LinkedSet, ...], server: Server
) -> MapLinks:
    """What the document shows, and what clicks ask for."""
    is_tiled = _link_rel(query, server) == "tile"
    value = max(len(each.limits) for each in levels) - 1
    format = server.formats.by_name[_format(query, server)].media_type
    shown = _map(query, projection, is_tiled=is_tiled)
    passed = {name: text for name, text in query.parameters.values.items() if name not in OWN and text}
    further = _text({"TRANSPARENT": "TRUE"} | {name.upper(): text for name, text in passed.items()})
    return MapLinks(
        _around(each.bounds for each in levels),
        Zoom(value if is_tiled else projection.max_zoom, value),
        is_tiled,
        f"{query.endpoint.kvp}{_text(_head('GetMap'))}&{shown}&{_text({'FORMAT': format})}&{further}",
        _feature_info(query, f"{shown}&{_text({'FORMAT': format})}&{further}", server),
    )


def _link_rel(query: MapmlQuery, server: Server) -> str:
    """What is linked to: as the request says, the layer, or the service."""
    stated = query.parameters.get("link_rel").strip().lower()
    if stated and stated not in MAPML_LINKS:
        raise invalid(f"link_rel {quoted(stated)} is unknown; {', '.join(MAPML_LINKS)} are known", "link_rel")
    of_layer = query.layers[0].metadata.get("wms_link_rel", "").strip().lower()
    of_service = str(server.catalog().metadata.options.get("mapml.link_rel", MAPML_LINKS[0]))
    return stated or (of_layer if of_layer in MAPML_LINKS else of_service)


def _format(query: MapmlQuery, server: Server) -> str:
    """The name of the format of maps: as the request says, the layer, or the service, if it is offered."""
    stated = query.parameters.get("format")
    if stated and not is_mapml(stated):
        return format_name(stated, server)
    metadata = server.catalog().metadata
    of_layer = query.layers[0].metadata.get("wms_image_format", "")
    offered = options.formats(metadata, server.formats)
    for text in (of_layer, str(metadata.options.get("mapml.image_format", "png"))):
        try:
            return format_name(text, server)
        except OwsError:
            continue
    return next(iter(offered.values()))


def _around(boxes: Iterable[Bounds]) -> Bounds:
    """The box around boxes."""
    left, bottom, right, top = zip(*boxes, strict=True)
    return Bounds(min(left), min(bottom), max(right), max(top))


def _map(query: MapmlQuery, projection: Projection, *, is_tiled: bool) -> str:
    """The parameters that say which map it is, with the variables of the document."""
    width, height = (str(TILE), str(TILE)) if is_tiled else ("{w}", "{h}")
    named = _text({**_named(query, "LAYERS", "STYLES"), "CRS": system_of(f"{PREFIX}{projection.name}")})
    return f"{named}&BBOX={{xmin}},{{ymin}},{{xmax}},{{ymax}}&WIDTH={width}&HEIGHT={height}"


def _feature_info(query: MapmlQuery, shown: str, server: Server) -> str:
    """The address of what there is at a pixel; empty if none of the layers, or no format, is offered."""
    metadata = server.catalog().metadata
    queried = [
        layer for layer in query.layers if "GetFeatureInfo" in options.layer_operations(layer, metadata)
    ]
    of_layers = [options.layer_info_formats(layer, metadata) for layer in queried]
    offered = [media for media in options.info_formats(metadata) if all(media in each for each in of_layers)]
    format = next((each for each in (*INFO_ORDER, *offered) if each in offered), "")
    if not format or not queried:
        return ""
    asked = {
        "QUERY_LAYERS": ",".join(layer.identifier for layer in queried),
        "INFO_FORMAT": format,
        "FEATURE_COUNT": "1",
    }
    head = _text(_head("GetFeatureInfo"))
    return f"{query.endpoint.kvp}{head}&{shown}&{_text(asked)}&I={{i}}&J={{j}}"


# -- other documents -------------------------------------------------------------------------------


def _document(query: MapmlQuery, projection: Projection, style: str | None = None) -> str:
    """The address of a document like this one."""
    named = _named(query, "LAYER", "STYLE")
    if style is not None:
        named["STYLE"] = style
    kept = {
        name.upper(): text
        for name, text in query.parameters.values.items()
        if text and (name not in OWN or name in ("link_rel", "dialect"))
    }
    stated = query.parameters.get("format")
    if stated and not is_mapml(stated):
        kept["FORMAT"] = stated
    return (
        f"{query.endpoint.kvp}{_text({**_head('GetMapML'), **named, 'PROJECTION': projection.name, **kept})}"
    )


def _styles(query: MapmlQuery, projection: Projection) -> Iterator[StyleLink]:
    """All styles of the only layer, where there are several."""
    if len(query.layers) == 1 and len(query.layers[0].styles) > 1:
        for style in query.layers[0].styles:
            address = _document(query, projection, style.name)
            yield StyleLink(style.title or style.name, address, style == query.styles[0])


def _legend(query: MapmlQuery, server: Server) -> str:
    """The address of the legend of the only layer; empty where there is none."""
    layer: Layer = query.layers[0]
    if len(query.layers) == 1 and (stated := stated_legend(layer, query.styles[0])):
        return stated.address
    if len(query.layers) > 1 or "GetLegendGraphic" not in options.layer_operations(
        layer, server.catalog().metadata
    ):
        return ""
    formats = options.legend_formats(server.catalog().metadata, server.formats)
    asked = {"LAYER": layer.identifier, "STYLE": query.styles[0].name, "FORMAT": next(iter(formats), "")}
    return (
        f"{query.endpoint.kvp}{_text({**_head('GetLegendGraphic'), 'SLD_VERSION': '1.1.0', **asked})}"
        if formats
        else ""
    )


def _named(query: MapmlQuery, layers: str, styles: str) -> dict[str, str]:
    """Layers and styles as the client named them, groups as groups."""
    values = query.parameters
    return {
        layers: values.get("layers") or values.get("layer"),
        styles: values.get("styles") or values.get("style"),
    }


def _head(operation: str) -> dict[str, str]:
    return {"SERVICE": "WMS", "VERSION": V1_3, "REQUEST": operation}


def _text(parameters: Mapping[str, str]) -> str:
    return "&".join(f"{quote(name, safe='')}={quote(text, safe=SAFE)}" for name, text in parameters.items())
