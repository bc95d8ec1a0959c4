"""Web Map Tile Service 1.0.0 (OGC 07-057r7), by parameters and by paths."""

from __future__ import annotations

from iipserve import geo
from iipserve.geo.ows.kvp import MAX_BODY_LENGTH
from iipserve.http import FORM, READING_METHODS, Routed
from iipserve.plan import Answer
from iipserve.protocols import BodyRule, Images, PathRoute, Protocol, QueryRoute, Server
from iipserve.protocols.mapml.tiles import Query as MapmlQuery
from iipserve.protocols.wmts import china, requests
from iipserve.protocols.wmts.documents import plan_capabilities
from iipserve.protocols.wmts.faults import error_answer
from iipserve.protocols.wmts.feature_info import plan_feature_info
from iipserve.protocols.wmts.legends import plan_legend
from iipserve.protocols.wmts.mapml import plan_mapml
from iipserve.protocols.wmts.query import CapabilitiesQuery, LegendQuery, Query, TileQuery
from iipserve.protocols.wmts.tiles import plan_tile

ROUTES = (
    PathRoute("wmts", bare=True),
    PathRoute(china.SEGMENT, bare=True),
    PathRoute(china.SHORTCUT, bare=True),
    PathRoute("ows", bare=True, weak=True),
    QueryRoute("service", "WMTS"),
    QueryRoute("request", "GetTile", weak=True),
)


def parse(routed: Routed, server: Server) -> Query:
    """Read a request.

    Raises:
        NotInstalled: the extra `geo` is not.
        OwsError: a parameter is missing or malformed, the layer does not exist, or the path names nothing.
        InvalidRequest: a header of the request is malformed, or the path is not UTF-8.
    """
    geo.require()
    return requests.parse(routed, server)


def plan(query: Query, images: Images, server: Server) -> Answer:
    """The document, the tile, or what there is at a place.

    Raises:
        OwsError: the style, format, set, matrix, tile, pixel or sub-layer does not exist.
    """
    if isinstance(query, CapabilitiesQuery):
        return Answer(plan_capabilities(query, server))
    if isinstance(query, MapmlQuery):
        return plan_mapml(query, images, server)
    if isinstance(query, TileQuery):
        return Answer(plan_tile(query, images, server))
    if isinstance(query, LegendQuery):
        return Answer(plan_legend(query, images, server))
    return Answer(plan_feature_info(query, images, server))


PROTOCOL = Protocol(
    "wmts",
    ROUTES,
    parse,
    plan,
    error_answer,
    methods=(*READING_METHODS, "POST"),
    body=BodyRule(frozenset({FORM}), MAX_BODY_LENGTH),
)
