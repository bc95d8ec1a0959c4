"""What becomes of the records of requests in the log: a line for each, or only for those that are slow."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable
from typing import Protocol

from iipserve.config import Config
from iipserve.exchange import PHASES, Exchange
from iipserve.http import Request, printable
from iipserve.transport.answered import Answered
from iipserve.transport.lines import FIELDS, field

log = logging.getLogger(__name__)

LOGGED_HEADERS = (
    "Host", "Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port",
    "X-Forwarded-Prefix", "X-IIIF-ID", "Accept", "If-None-Match", "If-Modified-Since", "Range", "Origin", "Referer",
    "User-Agent",
)  # fmt: skip
"""Request headers that VERBOSITY=4 logs."""
OTHER = "anything else"
"""What takes the time of a request outside of all phases."""


class Sink(Protocol):
    """Where records go."""

    def add(self, record: Answered, exchange: Exchange) -> None:
        """Take one."""


class RequestLog:
    """Writes records to the log. Logging must have been set up."""

    def __init__(self, config: Config) -> None:
        self.logs_all = log.isEnabledFor(logging.INFO)
        self._logs_details = log.isEnabledFor(logging.DEBUG)
        self._threshold = config.slow_request / 1000 or math.inf
        if not log.isEnabledFor(logging.WARNING):
            self._threshold = math.inf
        self.slow = 0.0 if self.logs_all else self._threshold
        """Seconds from which on a request is logged."""

    def add(self, record: Answered, exchange: Exchange) -> None:
        """Write the lines of a request; of one that has its line, only if it is slow because of the client."""
        is_slow = record.total >= self._threshold
        if exchange.logged and not (is_slow and record.seconds < self._threshold):
            return
        if not (is_slow or self.logs_all):
            return
        fields = record.fields()
        method, address = field(record.method or "?"), field(record.address or "?")
        if is_slow:
            text, spent = "slow request (%s): %s %s %d", where_time_went(record)
            log.warning(text, spent, method, address, record.status, extra={FIELDS: fields})
        else:
            log.info("%s %s %d", method, address, record.status, extra={FIELDS: fields})
        if self._logs_details and exchange.request is not None and not exchange.logged:
            log.debug("%s -> %s", _details(exchange.request), _joined(exchange.response.headers))


def where_time_went(record: Answered) -> str:
    """The seconds of a request, and of each of its phases that took a noticeable part, the longest first."""
    known = {name: record.phases.get(name, 0.0) for name in PHASES}
    known[OTHER] = record.total - sum(known.values())
    longest = sorted(known.items(), key=lambda each: -each[1])
    parts = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in longest if seconds >= record.total / 20)
    return f"{record.total:.1f} s: {parts}"


def _details(request: Request) -> str:
    """Where a request comes from, and the headers that an answer may depend on; no cookies or credentials."""
    environ = request.environ
    found = [
        (name, environ[f"HTTP_{name.upper().replace('-', '_')}"])
        for name in LOGGED_HEADERS
        if f"HTTP_{name.upper().replace('-', '_')}" in environ
    ]
    return f"from {printable(environ.get('REMOTE_ADDR', '') or 'unknown')}: {_joined(found)}"


def _joined(headers: Iterable[tuple[str, str]]) -> str:
    return "; ".join(f"{name}: {printable(value)}" for name, value in headers)
