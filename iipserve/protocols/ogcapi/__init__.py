"""OGC API: Common (19-072, 20-024) and Tiles (20-057), over the layers of the map services.

Resources are below `/ogc/`, in JSON or in HTML for people. A part of the API that is added (Maps, Coverages) has a
module of its own like `tiles`, which gives its resources, links, conformance classes and paths.
"""

from __future__ import annotations

from iipserve.protocols import PathRoute, Protocol
from iipserve.protocols.ogcapi.answers import error_answer, plan
from iipserve.protocols.ogcapi.requests import parse

PROTOCOL = Protocol("ogcapi", (PathRoute("ogc", bare=True),), parse, plan, error=error_answer)
