"""Requests of WMS of the layers of the tests of WMTS."""

from __future__ import annotations

import io
from typing import Any

from iipserve.config import Config
from iipserve.errors import IIPServeError
from iipserve.http import Body, Request
from iipserve.image import ImageInfo
from iipserve.protocols import Images
from iipserve.protocols.wms import PROTOCOL
from iipserve.protocols.wms.requests import parse
from iipserve.router import Router
from tests.protocols.wmts.services import CATALOG, INFOS, Asked, server_of

MAP = {
    "SERVICE": "WMS", "VERSION": "1.3.0", "REQUEST": "GetMap", "LAYERS": "degrees", "STYLES": "", "CRS": "CRS:84",
    "BBOX": "11,47,12,49", "WIDTH": "200", "HEIGHT": "400", "FORMAT": "image/png",
}  # fmt: skip
MAP_1_1 = {
    **{name: value for name, value in MAP.items() if name != "CRS"},
    "VERSION": "1.1.1",
    "SRS": "EPSG:4326",
}
INFO = {
    **MAP,
    "REQUEST": "GetFeatureInfo",
    "QUERY_LAYERS": "degrees",
    "I": "5",
    "J": "6",
    "INFO_FORMAT": "text/html",
}


def routed(query: str, path: str = "/wms", form: bytes | None = None, **environ: str) -> Any:
    """A request as the router hands it over."""
    environ = {"HTTP_HOST": "a.example", **environ}
    if form is not None:
        environ["CONTENT_TYPE"] = "application/x-www-form-urlencoded"
    body = None if form is None else Body(io.BytesIO(form), len(form))
    request = Request("GET" if form is None else "POST", path, query, environ, body)
    found = Router(Config(), {"wms": PROTOCOL}).route(request)
    assert found is not None
    return found.routed


def read(query: str, path: str = "/wms", catalog: Any = CATALOG, form: bytes | None = None) -> Any:
    """The query of a request."""
    return parse(routed(query, path, form), server_of(catalog))


def ask(query: str, path: str = "/wms", catalog: Any = CATALOG, form: bytes | None = None) -> Asked:
    """What the protocol answers: a plan or an error document."""
    server, found = server_of(catalog), routed(query, path, form)
    try:
        parsed = PROTOCOL.parse(found, server)
        images: dict[Any, ImageInfo] = {name: INFOS[name] for name in parsed.names}
        return Asked(PROTOCOL.plan(parsed, Images(images), server), None)
    except IIPServeError as error:
        return Asked(None, PROTOCOL.error(error, found, server))
