"""Requests of WCS of the layers of the tests of WMTS."""

from __future__ import annotations

import io
from typing import Any
from urllib.parse import quote

from iipserve.config import Config
from iipserve.errors import IIPServeError
from iipserve.http import FORM, Body, Request, Routed
from iipserve.protocols.wcs import PROTOCOL
from iipserve.protocols.wcs.requests import parse
from iipserve.router import Router
from tests.protocols.wmts.services import CATALOG, server_of

COVERAGE_2_0 = {"SERVICE": "WCS", "VERSION": "2.0.1", "REQUEST": "GetCoverage", "COVERAGEID": "degrees"}
COVERAGE_1_1 = {
    "SERVICE": "WCS", "VERSION": "1.1.2", "REQUEST": "GetCoverage", "IDENTIFIER": "degrees", "FORMAT": "image/tiff",
    "BOUNDINGBOX": "47,11,48,12,urn:ogc:def:crs:EPSG::4326",
}  # fmt: skip
COVERAGE_1_0 = {
    "SERVICE": "WCS", "VERSION": "1.0.0", "REQUEST": "GetCoverage", "COVERAGE": "degrees", "CRS": "EPSG:4326",
    "BBOX": "11,47,12,48", "WIDTH": "100", "HEIGHT": "100", "FORMAT": "GeoTIFF",
}  # fmt: skip
"""Requests of a coverage of 600 x 400 pixels of 0.01 degrees from longitude 10, latitude 50 on."""


def kvp(fields: dict[str, str], **changes: str | list[str] | None) -> str:
    """A query string, with other values, several values, or without those that are None."""
    changed: dict[str, Any] = fields | {
        name.upper().replace("__", ":"): value for name, value in changes.items()
    }
    pairs = [
        (name, each)
        for name, value in changed.items()
        if value is not None
        for each in (value if isinstance(value, list) else [value])
    ]
    return "&".join(f"{name}={quote(value, safe=',;:()*/ ')}" for name, value in pairs)


def routed(query: str, path: str = "/wcs", body: bytes | None = None, media_type: str = FORM) -> Routed:
    """A request as the router hands it over."""
    environ = {"HTTP_HOST": "a.example", "CONTENT_TYPE": media_type if body is not None else ""}
    content = None if body is None else Body(io.BytesIO(body), len(body))
    request = Request("GET" if body is None else "POST", path, query, environ, content)
    found = Router(Config(), {"wcs": PROTOCOL}).route(request)
    assert found is not None
    return found.routed


def read(query: str = "", catalog: Any = CATALOG, **options: Any) -> Any:
    """The query of a request."""
    return parse(routed(query, **options), server_of(catalog))


def refusal(query: str = "", catalog: Any = CATALOG, **options: Any) -> Any:
    """How a request is refused: the error as answered."""
    found, server = routed(query, **options), server_of(catalog)
    try:
        parse(found, server)
    except IIPServeError as error:
        return PROTOCOL.error(error, found, server)
    raise AssertionError(f"{query} is not refused")
