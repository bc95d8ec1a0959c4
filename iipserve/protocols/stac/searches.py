"""What a search asks for: parameters of an address (GET), or members of a body in JSON (POST).

Sources: STAC API 1.0.0, item-search, with its extensions fields, sort, query and filter; OGC API - Features (17-069r4).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from iipserve.collections import boxes, expressions, filters, sorting, times
from iipserve.collections.expressions import Expression
from iipserve.collections.sorting import Fields
from iipserve.collections.values import ItemSearch, SortKey
from iipserve.errors import InvalidRequest
from iipserve.geo import crs
from iipserve.geo.ows import kvp
from iipserve.geo.ows.kvp import Parameters
from iipserve.http import Routed
from iipserve.http.public_address import ascii_address
from iipserve.protocols.resource_links import Json
from iipserve.protocols.stac import bodies
from iipserve.protocols.stac.queries import Further, Search
from iipserve.protocols.stac.site import Site

USUAL_LIMIT, MAX_LIMIT = 10, 10_000
"""Items of one page."""
MAX_NAMES = 10_000
"""Ids or collections that are listed."""
TEXTS = ("bbox", "datetime", "sortby", "filter", "filter-lang", "filter-crs", "token")
LISTS = ("ids", "collections")
INTEGER = re.compile("[0-9]{1,18}", re.ASCII)
VALUES = ("query", "intersects")
"""Parameters whose value is JSON in an address too."""


def parameter_search(routed: Routed, site: Site, path: tuple[str, ...], collection: str = "") -> Search:
    """The search that the parameters of an address state.

    Args:
        routed: the request.
        site: addresses.
        path: segments of the resource that is asked.
        collection: whose items are searched; empty for those that the parameters list.

    Raises:
        InvalidRequest: a parameter is malformed, or two exclude each other.
    """
    stated = _stated(kvp.parse(routed.request.query))
    href = site.addresses.of(*path, query=_kept_query(routed.request.query))
    return _search(stated, TEXT_READERS, Further(href), collection)


def body_search(routed: Routed, site: Site, path: tuple[str, ...]) -> Search:
    """The search that a body in JSON states.

    Raises:
        InvalidRequest: a member is malformed, or two exclude each other.
    """
    value = bodies.search_object(routed.request)
    kept = {name: member for name, member in value.items() if name != "token"}
    return _search(value, MEMBER_READERS, Further(site.addresses.of(*path), kept))


def _kept_query(query: str) -> str:
    """The query of a request without its token, in ASCII."""
    kept = (part for part in query.split("&") if part and part.partition("=")[0].lower() != "token")
    return ascii_address("&".join(kept))


# -- texts and members -----------------------------------------------------------------------------


class _Readers(NamedTuple):
    """How what is stated is read: as the text of a parameter, or as the member of a body."""

    box: Callable[[Any], boxes.Boxes]
    sort: Callable[[Any], tuple[SortKey, ...]]
    fields: Callable[[Any], Fields]


def _stated(parameters: Parameters) -> Json:
    """The parameters of a search as members of a body: numbers, lists and values of JSON."""
    found: Json = {name: value for name in TEXTS if (value := parameters.get(name))}
    found |= {name: _listed(value) for name in LISTS if (value := parameters.get(name))}
    found |= {name: bodies.parsed(value.encode(), name) for name in VALUES if (value := parameters.get(name))}
    if time := found.get("datetime"):
        found["datetime"] = time.replace(" ", "+")  # a plus sign that was not encoded
    if parameters.states("fields"):
        found["fields"] = parameters.get("fields")
    if text := parameters.get("limit"):
        found["limit"] = int(text) if INTEGER.fullmatch(text) else text
    return found


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _box(value: Any) -> boxes.Boxes:
    if not isinstance(value, list):
        raise InvalidRequest("bbox is to be a list of 4 numbers, or of 6 with heights")
    return boxes.boxes_of(value)


TEXT_READERS = _Readers(boxes.parse_box, sorting.parse_sort, sorting.parse_fields)
MEMBER_READERS = _Readers(_box, sorting.sort_of, sorting.fields_of)


# -- what is stated --------------------------------------------------------------------------------


def _search(stated: Json, readers: _Readers, further: Further, collection: str = "") -> Search:
    if stated.get("bbox") and stated.get("intersects"):
        raise InvalidRequest("bbox and intersects exclude each other; state one of them")
    token = _text(stated, "token")
    interval = _text(stated, "datetime")
    items = ItemSearch(
        collections=(collection,) if collection else _names(stated, "collections"),
        ids=_names(stated, "ids"),
        boxes=readers.box(stated["bbox"]) if stated.get("bbox") else (),
        intersects=_geometry(stated),
        interval=times.parse_interval(interval) if interval else None,
        filter=_filter(stated),
        sort=readers.sort(stated["sortby"]) if stated.get("sortby") else (),
        limit=_limit(stated.get("limit", USUAL_LIMIT)),
        token=token,
        count=not token,
    )
    return Search(items, readers.fields(stated["fields"]) if "fields" in stated else None, further)


def _limit(value: Any) -> int:
    """Items of a page; more than the maximum are that many (17-069r4, /req/core/fc-limit-response-1)."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InvalidRequest(f"limit {str(value)[:40]!r} is not a number from 1 on")
    return min(value, MAX_LIMIT)


def _text(stated: Json, name: str) -> str:
    value = stated.get(name) or ""
    if not isinstance(value, str):
        raise InvalidRequest(f"{name} is to be a text")
    return value


def _names(stated: Json, name: str) -> tuple[str, ...]:
    value = stated.get(name) or []
    if isinstance(value, str):
        value = _listed(value)  # as a parameter has them, which some clients send in bodies too
    if not (isinstance(value, list) and all(isinstance(each, str) for each in value)):
        raise InvalidRequest(f"{name} is to be a list of texts")
    if len(value) > MAX_NAMES:
        raise InvalidRequest(f"{name} lists {len(value)} texts; {MAX_NAMES} are the most")
    return tuple(dict.fromkeys(value))


def _filter(stated: Json) -> Expression | None:
    """What `filter` and `query` ask for, both of them."""
    language, system = _text(stated, "filter-lang"), _text(stated, "filter-crs")
    if system and crs.parse(system) != crs.parse(crs.CRS84_URI):
        raise InvalidRequest(f"filter-crs {system[:80]!r} is not read; places in filters are in CRS84")
    value, query = stated.get("filter"), stated.get("query")
    return expressions.all_of(
        filters.parse_filter(value, language or None) if value is not None else None,
        filters.parse_query(query) if query is not None else None,
    )


def _geometry(stated: Json) -> Json | None:
    value = stated.get("intersects")
    if value is not None and not isinstance(value, dict):
        raise InvalidRequest("intersects is to be a geometry of GeoJSON")
    return value
