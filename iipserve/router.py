"""From a request to the protocol that answers it: the routes of all protocols, compiled into tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from iipserve.config import Config
from iipserve.errors import ConfigError, RequestTooLong
from iipserve.geometry import new_tuple
from iipserve.http import READING_METHODS, Request, Routed
from iipserve.protocols import BodyRoute, PathRoute, Protocol, QueryRoute, Route

MAX_ADDRESS_LENGTH = 8192
"""Longer request targets are answered 414."""


class Destination(NamedTuple):
    """Where a route leads."""

    protocol: Protocol
    routed: Routed


class _Prefix(NamedTuple):
    """A prefix of URI_MAP, or the first segment of a protocol's own path."""

    path: str
    """With a slash at its end."""
    protocol: Protocol
    bare: bool
    weak: bool = False


class _Named(NamedTuple):
    """Where a parameter leads."""

    destination: Destination
    weak: bool


class Router:
    """Finds the protocol of a request: by URI_MAP, by its own path, by the query's parameters."""

    def __init__(
        self, config: Config, protocols: Mapping[str, Protocol], reserved: Sequence[str] = ()
    ) -> None:
        """Compile the routes.

        Args:
            config: URI_MAP.
            protocols: by name.
            reserved: path prefixes that lead to no protocol, whatever the query.

        Raises:
            ConfigError: URI_MAP leads to an unknown protocol.
            ValueError: two protocols have the same route.
        """
        self._reserved = tuple(reserved)
        self._mapped = [_mapped(prefix, name, protocols) for prefix, name in config.uri_map]
        self._segments: dict[str, _Prefix] = {}
        self._parameters: dict[str, dict[str | None, tuple[Protocol, QueryRoute]]] = {}
        self._bodies: dict[str, Protocol] = {}
        self._any_query: Protocol | None = None
        for protocol in protocols.values():
            for route in protocol.routes:
                self._add(protocol, route)

    def _add(self, protocol: Protocol, route: Route) -> None:
        if isinstance(route, PathRoute):
            prefix = _Prefix(f"/{route.segment}/", protocol, route.bare, route.weak)
            taken = self._segments.setdefault(route.segment, prefix).protocol
        elif isinstance(route, QueryRoute):
            by_value = self._parameters.setdefault(route.name.lower(), {})
            value = None if route.value is None else route.value.lower()
            taken = by_value.setdefault(value, (protocol, route))[0]
        elif isinstance(route, BodyRoute):
            taken = self._bodies.setdefault(route.media_type, protocol)
        else:
            taken = self._any_query = self._any_query or protocol
        if taken is not protocol:
            raise ValueError(f"{protocol.name} and {taken.name} have the same route {route}")

    @property
    def entrances(self) -> str:
        """The paths and parameters that lead to a protocol, for a message."""
        paths = [f"/{segment}/" for segment in sorted(self._segments)]
        parameters = sorted(name for name, by_value in self._parameters.items() if None in by_value)
        return ", ".join(paths + [f"?{name}=" for name in parameters])

    def route(self, request: Request) -> Destination | None:
        """The protocol and what it is to read; None when the address names no protocol.

        Raises:
            RequestTooLong: the address has more than `MAX_ADDRESS_LENGTH` characters.
        """
        path, query = request.path, request.query
        if len(path) + len(query) > MAX_ADDRESS_LENGTH:
            raise RequestTooLong(f"the address has more than {MAX_ADDRESS_LENGTH} characters")
        for prefix in self._mapped:
            if path.startswith(prefix.path) and len(path) > len(prefix.path):
                return _by_path(request, prefix, prefix.protocol.mapped_prefix)
        own = self._segments.get(path[1:].partition("/")[0])
        if own is not None and len(path) > len(own.path) and not (query and own.protocol is self._any_query):
            return _by_path(request, own)
        if path.startswith(self._reserved):
            return None
        named = self._by_parameter(request) if query else None
        if named is None and own is not None and own.weak:
            named = self._by_form(request) or self._by_body(request, own)
        if named is not None and named.weak and own is not None and not own.weak:
            return self._by_bare_path(request, own) or named.destination
        return (
            (named and named.destination) or self._by_bare_path(request, own) or self._by_any_query(request)
        )

    def _by_parameter(self, request: Request) -> _Named | None:
        """The protocol of the first parameter that leads to one; a weak route waits for a better one."""
        query, start = request.query, 0
        weak: tuple[Protocol, QueryRoute] | None = None
        while start >= 0:
            end = query.find("&", start)
            name, equals, value = query[start : end if end >= 0 else None].partition("=")
            by_value = self._parameters.get(name.lower()) if equals else None
            if by_value is not None:
                found = by_value.get(value.lower()) or by_value.get(None)
                if found is not None and not found[1].weak:
                    return _Named(_by_query(request, *found, start, start + len(name) + 1), weak=False)
                weak = weak or found
            start = end + 1 if end >= 0 else -1
        return _Named(_by_query(request, *weak, 0, 0), weak=True) if weak else None

    def _by_form(self, request: Request) -> _Named | None:
        """The same of the parameters of a form, at a path that several services share."""
        named = self._by_parameter(request._replace(query=request.form)) if request.form else None
        if named is None:
            return None
        protocol, routed = named.destination
        return named._replace(destination=Destination(protocol, routed._replace(request=request)))

    def _by_body(self, request: Request, own: _Prefix) -> _Named | None:
        """The protocol that reads bodies of the request's media type, at a path that several services share."""
        protocol = self._bodies.get(request.media_type) if request.method not in READING_METHODS else None
        if protocol is None or request.path not in (own.path, own.path.removesuffix("/")):
            return None
        return _Named(Destination(protocol, Routed(request, own.path, "", by_path=True)), weak=False)

    def _by_bare_path(self, request: Request, own: _Prefix | None) -> Destination | None:
        candidates = (*self._mapped, own) if own else self._mapped
        for prefix in candidates:
            if prefix.bare and request.path in (prefix.path, prefix.path.removesuffix("/")):
                return Destination(prefix.protocol, Routed(request, prefix.path, "", by_path=True))
        return None

    def _by_any_query(self, request: Request) -> Destination | None:
        if not request.query or self._any_query is None:
            return None
        return Destination(self._any_query, Routed(request, f"{request.path}?", request.query))


def _mapped(prefix: str, name: str, protocols: Mapping[str, Protocol]) -> _Prefix:
    if name not in protocols:
        known = ", ".join(sorted(protocols))
        raise ConfigError(f"URI_MAP leads to {name!r}; {known} are known")
    protocol = protocols[name]
    bare = any(isinstance(route, PathRoute) and route.bare for route in protocol.routes)
    return _Prefix(f"/{prefix}/" if prefix else "/", protocol, bare)


def _by_path(request: Request, prefix: _Prefix, before: str = "") -> Destination:
    target = before + request.path[len(prefix.path) :]
    return _destination(prefix.protocol, request, prefix.path, target, by_path=True)


def _by_query(request: Request, protocol: Protocol, route: QueryRoute, start: int, end: int) -> Destination:
    """A route by a parameter whose name is at `start` and whose value begins at `end`."""
    query = request.query
    if route.whole or route.value is not None:
        return _destination(protocol, request, f"{request.path}?", query)
    mount, target = f"{request.path}?{query[:end]}", query[end:]
    others = "&".join(filter(None, (query[:start].rstrip("&"), target.partition("&")[2])))
    return _destination(protocol, request, mount, target, modifiers=others)


def _destination(
    protocol: Protocol, request: Request, mount: str, target: str, by_path: bool = False, modifiers: str = ""
) -> Destination:
    routed = new_tuple(Routed, (request, mount, target, by_path, modifiers))
    return new_tuple(Destination, (protocol, routed))
