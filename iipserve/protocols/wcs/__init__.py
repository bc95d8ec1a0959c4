"""Web Coverage Service 1.0.0 (OGC 03-065r6), 1.1 (07-067r5) and 2.0 (09-110r4): the values themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from iipserve import geo
from iipserve.http import READING_METHODS, Routed
from iipserve.plan import Answer
from iipserve.protocols import (
    BodyRoute,
    BodyRule,
    Images,
    PathRoute,
    Protocol,
    QueryRoute,
    Server,
)
from iipserve.protocols.wcs import requests
from iipserve.protocols.wcs.coverages import plan_get_coverage
from iipserve.protocols.wcs.describe import plan_description
from iipserve.protocols.wcs.documents import plan_capabilities
from iipserve.protocols.wcs.eo_sets import EoSetQuery, plan_eo_set
from iipserve.protocols.wcs.post_xml import MAX_LENGTH
from iipserve.protocols.wcs.query import CapabilitiesQuery, CoverageQuery, DescribeQuery, Query
from iipserve.protocols.wcs.reports import error_answer

ROUTES = (
    PathRoute("wcs", bare=True),
    QueryRoute("service", "WCS"),
    QueryRoute("request", "GetCoverage", weak=True),
    QueryRoute("request", "DescribeCoverage", weak=True),
    BodyRoute("text/xml"),
    BodyRoute("application/xml"),
    BodyRoute("application/soap+xml"),
)


def _plan_capabilities(query: CapabilitiesQuery, images: Images, server: Server) -> Answer:
    return Answer(plan_capabilities(query, server))


def _plan_description(query: DescribeQuery, images: Images, server: Server) -> Answer:
    return Answer(plan_description(query, images, server))


def _plan_eo_set(query: EoSetQuery, images: Images, server: Server) -> Answer:
    return Answer(plan_eo_set(query, images, server))


PLANS: Mapping[type, Callable[[Any, Images, Server], Answer]] = {
    CapabilitiesQuery: _plan_capabilities,
    DescribeQuery: _plan_description,
    CoverageQuery: plan_get_coverage,
    EoSetQuery: _plan_eo_set,
}
"""(query, the images that it names, server) -> answer, for each kind of query that is answered."""


def parse(routed: Routed, server: Server) -> Query | EoSetQuery:
    """Read a request.

    Raises:
        NotInstalled: the extra `geo` is not.
        OwsError: a parameter is missing or malformed, or names what does not exist.
        InvalidRequest: a header of the request is malformed.
    """
    geo.require()
    return requests.parse(routed, server)


def plan(query: Query | EoSetQuery, images: Images, server: Server) -> Answer:
    """The document or the coverage.

    Raises:
        OwsError: what is asked for does not exist.
    """
    return PLANS[type(query)](query, images, server)


PROTOCOL = Protocol(
    "wcs",
    ROUTES,
    parse,
    plan,
    error_answer,
    methods=(*READING_METHODS, "POST"),
    body=BodyRule(frozenset(), MAX_LENGTH),
)
