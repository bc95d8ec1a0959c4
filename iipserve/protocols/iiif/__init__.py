"""IIIF Image API 3.0, 2.1 and 1.1 at level 2, and Presentation API 3.0."""

from __future__ import annotations

from iipserve.protocols import PathRoute, Protocol, QueryRoute
from iipserve.protocols.iiif.planning import check, plan
from iipserve.protocols.iiif.requests import parse

PROTOCOL = Protocol("iiif", (PathRoute("iiif"), QueryRoute("iiif")), parse, plan, check=check)
