"""Web Map Service 1.1.1 (OGC 01-068r3) and 1.3.0 (06-042)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from iipserve import geo
from iipserve.geo.ows.exceptions import OperationNotSupported
from iipserve.geo.ows.kvp import MAX_BODY_LENGTH
from iipserve.http import FORM, READING_METHODS, Routed
from iipserve.plan import Answer
from iipserve.protocols import BodyRule, Images, PathRoute, Protocol, QueryRoute, Server
from iipserve.protocols import map_options as options
from iipserve.protocols.wms import requests
from iipserve.protocols.wms.describe import plan_description
from iipserve.protocols.wms.documents import plan_capabilities
from iipserve.protocols.wms.error_pictures import error_answer
from iipserve.protocols.wms.feature_info import plan_get_feature_info
from iipserve.protocols.wms.legends import plan_get_legend
from iipserve.protocols.wms.mapml import plan_get_mapml, plan_schema
from iipserve.protocols.wms.maps import plan_get_map
from iipserve.protocols.wms.query import (
    OPERATION_OF,
    CapabilitiesQuery,
    DescribeQuery,
    FeatureInfoQuery,
    LegendQuery,
    MapmlQuery,
    MapQuery,
    Query,
    SchemaQuery,
    StylesQuery,
)
from iipserve.protocols.wms.styles import plan_get_styles

ROUTES = (
    PathRoute("wms", bare=True),
    QueryRoute("service", "WMS"),
    QueryRoute("request", "GetMap", weak=True),
    QueryRoute("request", "GetFeatureInfo", weak=True),
)


def _plan_capabilities(query: CapabilitiesQuery, images: Images, server: Server) -> Answer:
    answered = frozenset(OPERATION_OF[kind] for kind in PLANS)
    return Answer(plan_capabilities(query, server, answered))


def _plan_description(query: DescribeQuery, images: Images, server: Server) -> Answer:
    return Answer(plan_description(query, server.catalog().metadata))


PLANS: Mapping[type, Callable[[Any, Images, Server], Answer]] = {
    CapabilitiesQuery: _plan_capabilities,
    DescribeQuery: _plan_description,
    MapQuery: plan_get_map,
    FeatureInfoQuery: plan_get_feature_info,
    LegendQuery: plan_get_legend,
    StylesQuery: plan_get_styles,
    MapmlQuery: plan_get_mapml,
    SchemaQuery: plan_schema,
}
"""(query, the images that it names, server) -> answer, for each kind of query that is answered."""


def parse(routed: Routed, server: Server) -> Query:
    """Read a request.

    Raises:
        NotInstalled: the extra `geo` is not.
        OwsError: a parameter is missing or malformed, or names what does not exist.
        InvalidRequest: a header of the request is malformed.
    """
    geo.require()
    query = requests.parse(routed, server)
    if type(query) not in PLANS or OPERATION_OF[type(query)] not in options.operations(
        server.catalog().metadata
    ):
        raise OperationNotSupported(f"{OPERATION_OF[type(query)]} is not answered here", "request")
    return query


def plan(query: Query, images: Images, server: Server) -> Answer:
    """The document, the map, or what there is at a place.

    Raises:
        OwsError: what is asked for does not exist.
    """
    return PLANS[type(query)](query, images, server)


PROTOCOL = Protocol(
    "wms",
    ROUTES,
    parse,
    plan,
    error_answer,
    methods=(*READING_METHODS, "POST"),
    body=BodyRule(frozenset({FORM}), MAX_BODY_LENGTH),
)
