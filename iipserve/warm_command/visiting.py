"""Asks for the tiles of one image: of a server over HTTP, or of an application of this process that fills memcached."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import NamedTuple, TypeAlias
from urllib.parse import urlsplit

from iipserve import registry
from iipserve.config import Config
from iipserve.engine.library import Library
from iipserve.errors import IIPServeError
from iipserve.http import Request
from iipserve.warm_command.addresses import addresses

SECONDS = 120.0
"""For one answer."""
OK = 200

Visit: TypeAlias = Callable[[str], int]
"""Path of a tile -> status of the answer, which has been read."""


class Visits(NamedTuple):
    """How the tiles of an image are asked for."""

    config: Config
    server: str
    """`http://HOST:PORT`, perhaps with a path; empty: memcached is filled from here."""
    protocol: str
    largest: int
    """As of `addresses`."""


class Warmed(NamedTuple):
    """What became of an image."""

    identifier: str
    failure: str = ""
    """Why not all tiles were made; empty if they were."""
    tiles: int = 0
    """That have been made."""


def warmed(identifier: str, visits: Visits) -> Warmed:
    """Ask for the tiles of an image; whatever goes wrong is in the result."""
    tiles = 0
    try:
        info = _library(visits.config).info(identifier, literal=True)
        visit = _visit(visits)
        for address in addresses(info, visits.protocol, visits.largest):
            status = visit(address)
            if status != OK:
                return Warmed(identifier, f"{address} is answered {status}", tiles)
            tiles += 1
    except (IIPServeError, OSError, HTTPException) as error:
        return Warmed(identifier, str(error) or type(error).__name__, tiles)
    return Warmed(identifier, "", tiles)


@lru_cache(maxsize=1)
def _library(config: Config) -> Library:
    return Library(config, registry.discover("iipserve.sources", "FORMAT"))


@lru_cache(maxsize=1)
def _visit(visits: Visits) -> Visit:
    """What asks for tiles, once for each process and way of asking."""
    return _Server(visits.server).visit if visits.server else _application(visits.config)


def _application(config: Config) -> Visit:
    # with what has been purged: the server's keys are others since then
    from iipserve.middleware import build

    # no part of the server but tiles: not the store of its collections either, which one service at a time has
    application = build(replace(config, services="", catalog_file=""))

    def visit(address: str) -> int:
        return application.handle(
            Request.from_environ({"REQUEST_METHOD": "GET", "REQUEST_URI": address})
        ).status

    return visit


class _Server:
    """A server over HTTP, on one connection."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._connection = kind(parts.hostname or "", parts.port, timeout=SECONDS)
        self._path = parts.path.rstrip("/")
        weakref.finalize(self, self._connection.close)

    def visit(self, address: str) -> int:
        """The status of an answer, which is read. Raises `OSError`, `HTTPException`."""
        try:
            return self._ask(address)
        except (OSError, HTTPException):
            # the server may have closed a connection that was idle
            self._connection.close()
            return self._ask(address)

    def _ask(self, address: str) -> int:
        self._connection.request("GET", f"{self._path}{address}")
        with self._connection.getresponse() as answer:
            while answer.read(1 << 16):
                pass
            return answer.status
