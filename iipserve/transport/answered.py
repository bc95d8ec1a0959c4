"""The record of an answered request: what the log and the metrics tell of it, as one immutable value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from time import monotonic
from typing import Any
from uuid import uuid4

from iipserve.exchange import MEMORY, NONE, SENDING, Exchange, described
from iipserve.http import Request, Response, printable

FORWARDED_FOR = "HTTP_X_FORWARDED_FOR"
OVER_HTTP = "wsgi.url_scheme"
"""Variable that requests over HTTP have."""
REQUEST_ID = "HTTP_X_REQUEST_ID"
USABLE_ID = re.compile(r"[\w.:@/+=~-]{1,128}", re.ASCII)
"""Ids of front ends that are taken over."""
MAX_IMAGES = 3
"""Images that are named in a record; of more the number is."""
MILLISECOND = 1e-3
CACHED_KINDS = ("RenderPlan", "CoveragePlan", "Bundle")
"""Classes of contents that the caches hold."""
BODYLESS = frozenset((HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED))


@dataclass(frozen=True, slots=True)
class Answered:
    """One request that has been answered."""

    client: str
    """Its address, as the front end passes it on."""
    id: str
    """X-Request-Id of the front end, else one made here."""
    method: str
    address: str
    """Path and query, as `printable`."""
    protocol: str
    """Name of the protocol; empty for what belongs to none."""
    image: str
    """Identifiers of the images, `MAX_IMAGES` at most."""
    plan: str
    """Region, size, format and operations, or what kind of document."""
    cache: str
    """Where the bytes come from: `exchange.MEMORY` and those after it."""
    status: int
    bytes: int
    """Of the body that was sent."""
    seconds: float
    """From the complete request to the answer being ready."""
    phases: Mapping[str, float]
    """Seconds by phase, as far as they are known; sending is not part of `seconds`."""
    renders: int
    """Images that were made for it."""
    error: str
    """What kind of error the answer is; empty if it is none."""
    complete: bool
    """The client has received all of it."""

    @property
    def total(self) -> float:
        """Seconds until the client had received all of it."""
        return self.seconds + self.phases.get(SENDING, 0.0)

    def fields(self) -> dict[str, str | int | float | bool]:
        """What the log tells, by name; times in milliseconds."""
        found: dict[str, str | int | float | bool] = {
            "client": self.client,
            "id": self.id,
            "method": self.method,
            "address": self.address,
            "protocol": self.protocol,
            "image": self.image,
            "plan": self.plan,
            "cache": self.cache,
            "status": self.status,
            "bytes": self.bytes,
            "ms": _milliseconds(self.seconds),
        }
        found |= {f"{name}_ms": _milliseconds(seconds) for name, seconds in self.phases.items()}
        if self.error:
            found["error"] = self.error
        if not self.complete:
            found["complete"] = False
        return found


def answered(exchange: Exchange, *, trusted: bool, complete: bool) -> Answered:
    """The record of an exchange that ends now.

    Args:
        exchange: which has a response.
        trusted: whether X-Forwarded-For of HTTP is believed.
        complete: whether the client has received all of the answer.
    """
    now = monotonic()
    request: Request | None = exchange.request
    response: Response = exchange.response
    known = exchange.known
    content = exchange.content if known is None else known.content
    ready = exchange.answered or now
    phases = dict(exchange.seconds)
    if exchange.answered:
        phases[SENDING] = now - exchange.answered
    environ: Mapping[str, str] = request.environ if request is not None else {}
    exchange.id = exchange.id or id_of(environ)
    return Answered(
        client=client_of(environ, trusted=trusted),
        id=exchange.id,
        method=printable(request.method) if request is not None else "",
        address=request.printable_address if request is not None else "",
        protocol=exchange.protocol if known is None else known.protocol,
        image=_listed(exchange.identifiers()),
        plan=described(content),
        cache=_cache_result(exchange, content, response),
        status=int(response.status),
        bytes=_length(exchange, request, response),
        seconds=ready - exchange.started,
        phases=phases,
        renders=exchange.renders,
        error=exchange.error,
        complete=complete,
    )


def client_of(environ: Mapping[str, str], *, trusted: bool) -> str:
    """The address of a client: that of the front end's peer, as FastCGI passes it, and as HTTP proxies note it last."""
    if trusted and OVER_HTTP in environ and FORWARDED_FOR in environ:
        return printable(environ[FORWARDED_FOR].rpartition(",")[2].strip())
    return printable(environ.get("REMOTE_ADDR", ""))


def id_of(environ: Mapping[str, str]) -> str:
    """The id that a front end gave the request, else a new one."""
    given = environ.get(REQUEST_ID, "")
    return given if USABLE_ID.fullmatch(given) else uuid4().hex


def _listed(images: list[str]) -> str:
    more = len(images) - MAX_IMAGES
    return " ".join((*images[:MAX_IMAGES], *([f"+{more}"] if more > 0 else [])))


def _cache_result(exchange: Exchange, content: object, response: Response) -> str:
    if exchange.cache:
        return exchange.cache
    is_cached = response.status is HTTPStatus.OK and type(content).__name__ in CACHED_KINDS
    return MEMORY if is_cached else NONE


def _length(exchange: Exchange, request: Request | None, response: Response) -> int:
    body: Any = response.body
    if response.status in BODYLESS or (request is not None and request.method == "HEAD"):
        return 0
    return len(body) if hasattr(body, "__len__") else exchange.sent


def _milliseconds(seconds: float) -> float:
    return round(seconds / MILLISECOND, 3)
