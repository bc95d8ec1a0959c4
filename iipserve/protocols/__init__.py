"""Protocols: request text in, a plan out. One module per protocol, ending in `PROTOCOL`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from typing import Protocol as Interface

from iipserve.config import Config
from iipserve.errors import IIPServeError
from iipserve.http import Request
from iipserve.image import ImageInfo, Selector
from iipserve.plan import Answer, Document


class Query(Interface):
    """What a request says, parsed: syntax only."""

    @property
    def identifier(self) -> str | None:
        """The image asked for, decoded; None when the answer needs none."""

    @property
    def selector(self) -> Selector:
        """Which picture of a stack or sequence; `FIRST` when the query does not say."""


def plain_error(error: IIPServeError) -> Document:
    """The error as one line of plain text."""
    return Document(f"{error}\n".encode(), "text/plain; charset=utf-8")


@dataclass(frozen=True, slots=True)
class Protocol:
    """One protocol as two pure functions."""

    name: str
    """Also its natural path prefix, and its name in URI_MAP: `iiif`."""
    parameter: str
    """The query parameter, in lower case, that calls it in a query string: `iiif`, `fif`."""
    parse: Callable[[Request], Any]
    """`Request` -> `Query`. Raises `InvalidRequest`."""
    plan: Callable[[Any, ImageInfo | None, Config], Answer]
    """`Query`, image, settings -> `Answer`; the image is None when the query names none."""
    error: Callable[[IIPServeError], Document] = plain_error
    """An error in the protocol's own form."""
    check: Callable[[Config], object] | None = None
    """Called once at start. Raises `ConfigError` for settings that this protocol cannot use."""
