"""Bodies of images in memcached, from where nginx takes them without asking this server (`memcached_pass`).

nginx states the key that it has asked for in vain (FastCGI parameter `MEMCACHED_KEY`), and sends what it finds there as it is:
the type follows from the address, other headers are those of its configuration. conf/nginx-memcached.conf does so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from time import time
from typing import Protocol

from iipserve.cache.memcached import expiry_time
from iipserve.cache.memcached_server import MAX_VALUE, is_valid
from iipserve.cache.memcached_servers import Servers
from iipserve.cache.nginx_ring import NginxRing
from iipserve.config import Config
from iipserve.engine.renderer import PROVISIONAL
from iipserve.http import Request, Response, cors_headers
from iipserve.http.public_address import FORWARDING_HEADERS

KEY = "MEMCACHED_KEY"
"""The FastCGI parameter. Clients have no part in it: their headers come as `HTTP_...`."""
OWNER = re.compile(r"iipserve[\w.-]*:", re.ASCII)
"""How a key begins; the address follows, as the client wrote it."""
TYPES: Mapping[str, str] = {
    "avif": "image/avif",
    "gif": "image/gif",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "jxl": "image/jxl",
    "png": "image/png",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "webp": "image/webp",
}
"""Media types by the extension of a path: `types` of conf/nginx-memcached.conf."""
OTHER_TYPE = "image/jpeg"
"""Of paths with other extensions, or without: `default_type` there."""


class Keeper(Protocol):
    """Where bodies are kept: `Servers`."""

    def set(self, key: str, value: bytes, expiry: int, place: str | None = None) -> None:
        """Send a value to the server of a key, or of the key `place`."""


class PassedBodies:
    """Keeps bodies that nginx may send. Safe for many threads."""

    def __init__(self, config: Config, keeper: Keeper | None = None) -> None:
        """Use the memcached servers of the settings, or another keeper."""
        self._keeper = keeper or Servers(config.memcached_servers, ring=NginxRing)
        self._seconds = config.memcached_pass
        self._cache_control = config.cache_control
        self._known = {name for name, _ in cors_headers(config.cors)} | OWN_HEADERS

    def keep(self, request: Request, response: Response) -> None:
        """Keep the body of a response under the key that nginx states, if all that nginx will send with it is right."""
        stated = request.environ.get(KEY)
        body = response.body
        if stated is None or not isinstance(body, bytes) or not 0 < len(body) <= MAX_VALUE:
            return
        key = escaped(stated)
        if is_key_of(stated, request) and is_valid(key) and self._may_be_kept(request, response):
            self._keeper.set(key, body, expiry_time(self._seconds, time()), stated)

    def _may_be_kept(self, request: Request, response: Response) -> bool:
        if request.method != "GET" or response.status is not HTTPStatus.OK:
            return False
        headers = dict(response.headers)
        varies = {each for name, value in response.headers if name == "Vary" for each in value.split(", ")}
        return (
            headers.keys() <= self._known
            and headers.get("Content-Type") == type_of(request.path)
            # others may not be kept, or not as long
            and headers.get("Cache-Control") == self._cache_control
            and not headers.get("ETag", "").endswith(f'{PROVISIONAL}"')
            # the body is the same for all, only the canonical address in Link differs
            and varies <= {*FORWARDING_HEADERS, "Host"}
        )


OWN_HEADERS = {
    "Content-Type", "Content-Length", "ETag", "Last-Modified", "Cache-Control", "Vary", "Link",
}  # fmt: skip
"""Of images; an answer with others is not the same without them."""


def is_key_of(key: str, request: Request) -> bool:
    """Whether a key is that of the address of a request: no other body may take its place."""
    owner = OWNER.match(key)
    address = f"{request.path}?{request.query}" if request.query else request.path
    return owner is not None and key[owner.end() :] == address and address.startswith("/")


def escaped(key: str) -> str:
    """A key as nginx writes it to memcached; empty for one that it cannot be asked for."""
    if not (key.isascii() and key.isprintable()):
        return ""
    return key.replace("%", "%25").replace(" ", "%20")


def type_of(path: str) -> str | None:
    """The media type that nginx will state for what is at a path; None if it could take it for another one."""
    name = path.rpartition("/")[2]
    if "%" in name:
        return None
    _, dot, extension = name.rpartition(".")
    return TYPES.get(extension.lower(), OTHER_TYPE) if dot else OTHER_TYPE
