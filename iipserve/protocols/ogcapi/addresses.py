"""Links and headers of resources of OGC API."""

from __future__ import annotations

from iipserve.geo import crs
from iipserve.geo.crs import CrsName, Form
from iipserve.geo.grid import Bounds
from iipserve.geo.matrixset import number_text
from iipserve.protocols.resource_links import HTML, JSON, Addresses, Json, link

REL = "http://www.opengis.net/def/rel/ogc/1.0/"
"""Relation types of OGC (20-057, 20-024)."""


def own_links(addresses: Addresses, *segments: str, is_html: bool, query: str = "") -> list[Json]:
    """The links of a resource to itself and to its other form; `self` is the form that is sent."""
    forms = [("json", JSON, "This document as JSON"), ("html", HTML, "This document as HTML")]
    own, other = reversed(forms) if is_html else forms
    return [
        link(addresses.of(*segments, query=_and(query, f"f={form}")), rel, media_type, title)
        for (form, media_type, title), rel in ((own, "self"), (other, "alternate"))
    ]


def place_headers(name: CrsName, bounds: Bounds) -> tuple[tuple[str, str], ...]:
    """Where a map or a coverage is (20-058, /req/core/map-response; 19-087, 7.2): in CRS84 without a name of the system."""
    min_x, min_y, max_x, max_y = map(number_text, bounds)
    if name == (crs.WGS84, Form.X_FIRST):
        return (("Content-Bbox", f"{min_x},{min_y},{max_x},{max_y}"),)
    swapped = crs.swaps_axes(name.key)
    sides = (min_y, min_x, max_y, max_x) if swapped else (min_x, min_y, max_x, max_y)
    return (("Content-Crs", f"<{crs.uri(name.key)}>"), ("Content-Bbox", ",".join(sides)))


def _and(query: str, more: str) -> str:
    return f"{query}&{more}" if query else more
