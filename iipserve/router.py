"""From a request to the protocol that answers it."""

from __future__ import annotations

from collections.abc import Mapping

from iipserve.config import Config
from iipserve.errors import ConfigError, RequestTooLong
from iipserve.http import Request
from iipserve.protocols import Protocol

MAX_ADDRESS_LENGTH = 8192
"""Longer request targets are answered 414."""
PATHS = ("/iiif/", "/deepzoom/", "/zoomify/", "/viewer/")
"""Below these a query string is not looked at."""


class Router:
    """Finds the protocol of a request: by URI_MAP, by its own path, by the query's parameters."""

    def __init__(self, config: Config, protocols: Mapping[str, Protocol]) -> None:
        self._config = config
        self._by_parameter = {protocol.parameter: protocol for protocol in protocols.values()}
        self._default = protocols["iip"]
        self._natural = dict(protocols)
        self._mapped: list[tuple[str, Protocol]] = []
        for prefix, name in config.uri_map:
            if name not in protocols:
                known = ", ".join(sorted(protocols))
                raise ConfigError(f"URI_MAP leads to {name!r}; {known} are known")
            self._mapped.append((f"/{prefix}/" if prefix else "/", protocols[name]))

    def route(self, request: Request) -> tuple[Protocol | None, Request]:
        """The protocol, and the request with `mount` and `target` set; None when no protocol is named.

        Raises:
            RequestTooLong: the address is longer than any sensible one.
        """
        path, query = request.path, request.query
        if len(path) + len(query) > MAX_ADDRESS_LENGTH:
            raise RequestTooLong(f"the address has more than {MAX_ADDRESS_LENGTH} characters")
        for prefix, protocol in self._mapped:
            if path.startswith(prefix) and len(path) > len(prefix):
                return protocol, self._mapped_to(protocol, request, prefix)
        if not query or path.startswith(PATHS):
            return self._by_path(request)
        return self._by_query(request)

    def _by_path(self, request: Request) -> tuple[Protocol | None, Request]:
        name, _, target = request.path[1:].partition("/")
        protocol = self._natural.get(name)
        if protocol is None or not target:
            return None, request
        return protocol, self._with(request, f"/{name}/", target, natural=True)

    def _by_query(self, request: Request) -> tuple[Protocol | None, Request]:
        """IIP, or the protocol whose parameter comes first; what stands before it are IIP's modifiers."""
        query = request.query
        start = 0
        while True:
            name, equals, target = query[start:].partition("=")
            protocol = self._by_parameter.get(name.lower()) if equals else None
            if protocol is not None and protocol is not self._default:
                mount = f"{request.path}?{query[:start]}{name}="
                return protocol, self._with(request, mount, target, modifiers=query[:start].rstrip("&"))
            start = query.find("&", start) + 1
            if not start or protocol is self._default:
                return self._default, self._with(request, f"{request.path}?", query)

    def _mapped_to(self, protocol: Protocol, request: Request, prefix: str) -> Request:
        target = request.path[len(prefix) :]
        if protocol is self._default:
            return self._with(request, prefix, f"FIF={target}")
        return self._with(request, prefix, target)

    def _with(
        self, request: Request, mount: str, target: str, *, natural: bool = False, modifiers: str = ""
    ) -> Request:
        config = self._config
        return Request(
            request.method,
            request.path,
            request.query,
            request.environ,
            mount,
            natural,
            target,
            modifiers,
            config.iiif_delimiter,
            config.base_url,
            config.trust_forwarded,
        )
