"""Requests of the STAC API, from text to queries: the path names a resource, `f` or the Accept header its form."""

from __future__ import annotations

from collections.abc import Sequence

from iipserve.collections.store import require
from iipserve.geo.ows import kvp
from iipserve.http import Routed
from iipserve.protocols import Server
from iipserve.protocols.map_tiles import NotThere
from iipserve.protocols.resource_forms import Form, preferred_form, stated_form
from iipserve.protocols.resource_links import HTML, JSON
from iipserve.protocols.stac.change_requests import Change, parsed_change
from iipserve.protocols.stac.permitted import knows_files, settings
from iipserve.protocols.stac.queries import Resource, ResourceQuery
from iipserve.protocols.stac.searches import body_search, parameter_search
from iipserve.protocols.stac.site import EXPORTS, FORMS, GEOJSON, OPENAPI, SCHEMA, path_of, site_of
from iipserve.protocols.stac.supermap import Shown, parsed_resource
from iipserve.protocols.url_text import decoded

OFFERS = {
    Resource.API: (OPENAPI, JSON, HTML),
    Resource.QUERYABLES: (SCHEMA, JSON, HTML),
    Resource.ITEMS: (GEOJSON, JSON, HTML, *EXPORTS),
    Resource.ITEM: (GEOJSON, JSON, HTML),
    Resource.SEARCH: (GEOJSON, JSON, HTML),
}
"""Media types of resources that do not only have the usual ones, the preferred one first."""
USUAL_OFFERS = (JSON, HTML)
SUFFIXES = {".json": "json", ".html": "html"}
"""At the end of a path, they say the form, as values of `f` do."""
SINGLE = {
    "": Resource.LANDING,
    "conformance": Resource.CONFORMANCE,
    "api": Resource.API,
    "queryables": Resource.QUERYABLES,
    "search": Resource.SEARCH,
    "collections": Resource.COLLECTIONS,
}
OF_COLLECTION = {"queryables": Resource.QUERYABLES, "items": Resource.ITEMS, "jobs": Resource.JOBS}


def parse(routed: Routed, server: Server) -> ResourceQuery | Change | Shown:
    """Read a path, and what is to be changed there.

    Raises:
        NotThere: it names nothing, or the service has no collections.
        NotAcceptable: the Accept header excludes all forms of it.
        MethodNotAllowed: the resource has no such method.
        InvalidRequest: a parameter, a header or the body is malformed.
        NotInstalled: the extra `collections` is not.
    """
    require(settings(server).store)
    if (change := parsed_change(routed, server)) is not None:
        return change
    if (asked := parsed_resource(routed, server)) is not None:
        return asked
    segments, suffix = _without_suffix(tuple(decoded(part) for part in path_of(routed).split("/")))
    resource = _resource(segments)
    stated = suffix or kvp.parse(routed.request.query).get("f").strip()
    site = site_of(routed, server, _form(stated, routed, OFFERS.get(resource, USUAL_OFFERS)))
    _, collection, _, item = (*segments, "", "", "", "")[:4]
    query = ResourceQuery(resource, site, collection, item)
    if resource is Resource.SEARCH and routed.request.method == "POST":
        return query._replace(search=body_search(routed, site, segments))
    if resource in (Resource.SEARCH, Resource.ITEMS):
        search = parameter_search(routed, site, segments, collection)
        return query._replace(search=search, exports_whole=knows_files(routed.request, server))
    return query


def _without_suffix(segments: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
    """The segments without `.json` or `.html` at their end, and the form that it says. Identifiers keep it: they may end so."""
    *above, last = segments
    for suffix, form in SUFFIXES.items():
        if last.endswith(suffix):
            is_identifier = above in (["collections"], ["collections", *above[1:2], "items"])
            return (segments if is_identifier else (*above, last.removesuffix(suffix))), form
    return segments, ""


def _resource(segments: Sequence[str]) -> Resource:
    """What the segments of a path name."""
    match segments:
        case [name] if name in SINGLE:
            return SINGLE[name]
        case ["collections", name] if name:
            return Resource.COLLECTION
        case ["collections", name, part] if name and part in OF_COLLECTION:
            return OF_COLLECTION[part]
        case ["collections", name, "items", item] if name and item:
            return Resource.ITEM
        case ["collections", name, "jobs", job] if name and job:
            return Resource.JOB
    raise NotThere(
        f"there is no resource {'/'.join(segments)!r}; the landing page links to collections, search, queryables, "
        "conformance and api"
    )


def _form(stated: str, routed: Routed, offers: Sequence[str]) -> Form:
    """The form that the address states, or else the one that the client prefers."""
    if not stated:
        return preferred_form(routed.request.header("Accept"), offers)
    if stated.lower() in ("json", JSON):
        return Form(offers[0])
    return stated_form(stated, FORMS, offers)
