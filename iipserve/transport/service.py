"""The application as every transport calls it: timed, logged, and never raising."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from threading import get_ident
from time import monotonic, perf_counter
from typing import Protocol

from iipserve.config import Config
from iipserve.errors import INTERNAL_ERROR
from iipserve.http import Headers, Request, Response, cors_headers, printable
from iipserve.transport.fatal_requests import REFUSED, RequestGuard

log = logging.getLogger(__name__)


LOGGED_HEADERS = (
    "Host", "Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port",
    "X-Forwarded-Prefix", "X-IIIF-ID", "Accept", "If-None-Match", "If-Modified-Since", "Range", "Origin", "Referer",
    "User-Agent",
)  # fmt: skip
"""Request headers that VERBOSITY=4 logs."""


class Application(Protocol):
    """What is served: `iipserve.app.Application`, or a stub in a test."""

    def max_body_length(self, request: Request) -> int:
        """How many bytes of a body are read for this request; 0 if a body is not wanted."""

    def handle(self, request: Request, *, over_http: bool = False) -> Response:
        """Answer one request. A body longer than `max_body_length` may hold less than its length."""

    def clear(self) -> None:
        """Drop caches, and close files."""

    def reload(self) -> None:
        """Take over changed files of settings, and drop caches."""


class ResponseFailed(Exception):
    """A response could not be completed; its beginning has been sent."""


class MonitoredApplication:
    """Calls the application from many threads at once and knows how long each call has been running."""

    def __init__(self, application: Application, config: Config, guard: RequestGuard | None = None) -> None:
        """Logging must have been set up: whether requests are logged is decided here.

        Args:
            application: answers requests.
            config: the settings.
            guard: refuses requests that other workers died of; None refuses none.
        """
        self.application = application
        self._cors = cors_headers(config.cors)
        self._guard = guard
        self._running: dict[int, float] = {}
        self._logs_requests = log.isEnabledFor(logging.INFO)
        self._logs_details = log.isEnabledFor(logging.DEBUG)

    def max_body_length(self, request: Request) -> int:
        """The application's limit in bytes; 0 if it raises, since it will then refuse the request as well."""
        try:
            return self.application.max_body_length(request)
        except Exception:
            log.exception("the application failed on %s %s", request.method, request.path)
            return 0

    def answer(self, request: Request, *, over_http: bool = False) -> Response:
        """The application's response, or status 500 if it raises."""
        if self._logs_requests:
            return self._logged(request, over_http)
        return self._answer(request, over_http)

    def chunks(self, body: Iterable[bytes]) -> Iterator[bytes]:
        """The chunks of a response body; the application counts as running while it makes one.

        Different threads may ask for them, one after the other.

        Raises:
            ResponseFailed: the application cannot continue.
        """
        iterator = iter(body)
        while True:
            thread = get_ident()
            self._running[thread] = monotonic()
            try:
                chunk = next(iterator)
            except StopIteration:
                return
            except Exception as error:
                log.exception("the application failed in the middle of a response")
                raise ResponseFailed from error
            finally:
                del self._running[thread]
            if chunk:
                yield chunk

    def error_response(self, status: HTTPStatus, message: str) -> Response:
        """A response of the transport itself, as a line of plain text."""
        return Response(status, *self.error_parts(message))

    def error_parts(self, message: str) -> tuple[Headers, bytes]:
        """Headers and body of an error of the transport itself."""
        body = f"{message}\n".encode()
        headers = (
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
        )
        return (*headers, *self._cors), body

    def internal_error(self) -> Response:
        """Status 500, for a fault of this server that has been logged."""
        return self.error_response(HTTPStatus.INTERNAL_SERVER_ERROR, INTERNAL_ERROR)

    def longest_running(self) -> float:
        """Seconds since the start of the oldest call that has not returned; 0 if none is running."""
        started = min(tuple(self._running.values()), default=None)
        return 0.0 if started is None else monotonic() - started

    def _answer(self, request: Request, over_http: bool) -> Response:
        thread = get_ident()
        self._running[thread] = monotonic()
        try:
            return self._guarded(request, over_http)
        except Exception:
            log.exception("the application failed on %s %s", request.method, request.path)
            return self.internal_error()
        finally:
            del self._running[thread]

    def _guarded(self, request: Request, over_http: bool) -> Response:
        guard = self._guard
        if guard is None:
            return self.application.handle(request, over_http=over_http)
        if not guard.begin(request):
            return self.error_response(HTTPStatus.UNPROCESSABLE_ENTITY, REFUSED)
        try:
            return self.application.handle(request, over_http=over_http)
        finally:
            guard.end()

    def _logged(self, request: Request, over_http: bool) -> Response:
        started = perf_counter()
        response = self._answer(request, over_http)
        microseconds = round((perf_counter() - started) * 1e6)
        log.info("%s %s %d %d us", request.method, request.printable_address, response.status, microseconds)
        if self._logs_details:
            log.debug("%s -> %s", _details(request), _joined(response.headers))
        return response


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
