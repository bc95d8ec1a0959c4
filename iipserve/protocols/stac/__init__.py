"""The STAC API 1.0 (STAC 1.1 objects) and OGC API - Features over the collections of images of a service.

Resources are below `/stac/`, as JSON or as pages for people; `/collections` and `/search` lead to the same ones.
"""

from __future__ import annotations

from iipserve.protocols import PathRoute, Protocol
from iipserve.protocols.stac.answers import plan
from iipserve.protocols.stac.change_requests import METHODS, body_rule
from iipserve.protocols.stac.errors import error_answer
from iipserve.protocols.stac.requests import parse
from iipserve.protocols.stac.site import ALIASES, SEGMENT

PROTOCOL = Protocol(
    "stac",
    tuple(PathRoute(segment, bare=True) for segment in (SEGMENT, *ALIASES)),
    parse,
    plan,
    error=error_answer,
    methods=METHODS,
    body=body_rule,
)
