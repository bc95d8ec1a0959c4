"""GetMapML with SERVICE=WMTS (MapServer, RFC 123): the document at `/mapml/`, whose tiles are those of WMTS."""

from __future__ import annotations

from iipserve.errors import UnsupportedEncoding
from iipserve.geo.layer import Layer
from iipserve.geo.ows.exceptions import INVALID_VALUE, OwsError
from iipserve.geo.ows.kvp import Parameters
from iipserve.http import Routed
from iipserve.plan import Answer
from iipserve.protocols import Images, Server
from iipserve.protocols.map_tiles import NotThere, format_of, style_of
from iipserve.protocols.mapml import tiles
from iipserve.protocols.mapml.documents import Dialect
from iipserve.protocols.mapml.projections import DEFAULT, PROJECTIONS
from iipserve.protocols.wmts.faults import FORMAT, STYLE

PROJECTION = "projection"


def read(parameters: Parameters, layer: Layer, routed: Routed, server: Server) -> tiles.Query:
    """The document that a request asks for.

    Raises:
        OwsError: InvalidParameterValue: there is no such projection, style or format.
        InvalidRequest: there is no such dialect, or a header is malformed.
    """
    word = parameters.get("projection", DEFAULT).strip()
    projection = PROJECTIONS.get(word.upper())
    if projection is None:
        known = ", ".join(PROJECTIONS)
        raise OwsError(INVALID_VALUE, f"projection {word[:100]!r} is unknown; {known} are known", PROJECTION)
    try:
        style = style_of(layer, parameters.get("style"))
    except NotThere as error:
        raise OwsError(INVALID_VALUE, str(error), STYLE) from error
    try:
        format = format_of(parameters.get("format", "png"), server)
    except UnsupportedEncoding as error:
        raise OwsError(INVALID_VALUE, str(error), FORMAT) from error
    dialect, base = Dialect.of(parameters.get("dialect")), tiles.base_of(routed, server, "wmts")
    return tiles.Query(layer.names, layer, projection, style.name, format, dialect, base)


def plan_mapml(query: tiles.Query, images: Images, server: Server) -> Answer:
    """The document.

    Raises:
        OwsError: InvalidParameterValue: the layer has no tiles in this projection.
    """
    try:
        return tiles.plan(query, images, server)
    except NotThere as error:
        raise OwsError(INVALID_VALUE, str(error), PROJECTION) from error
