"""The application as every transport calls it: watched, logged, and never raising."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from threading import get_ident
from time import monotonic, perf_counter
from typing import Protocol

from iipserve.config import Config
from iipserve.errors import INTERNAL_ERROR
from iipserve.http import Request, Response, cors_headers

log = logging.getLogger(__name__)

MAX_BODY_LENGTH = 65536
"""Bytes of request body that are read and forgotten; no request this server answers has one."""
BODY_TOO_LONG = f"the request's body is longer than {MAX_BODY_LENGTH} bytes; none is needed"


class Application(Protocol):
    """What is served: `iipserve.app.Application`, or a stand-in in a test."""

    def handle(self, request: Request, *, over_http: bool = False) -> Response:
        """The answer to one request."""

    def clear(self) -> None:
        """Drop caches."""

    def close(self) -> None:
        """Let go of files and connections."""


class BodyFailed(Exception):
    """A body could not be finished; its beginning has been sent."""


class MonitoredApplication:
    """Calls the application for many threads at once and knows how long each call has been running."""

    def __init__(self, application: Application, config: Config) -> None:
        """Logging must have been set up: whether requests are logged is decided here."""
        self.application = application
        self._cors = cors_headers(config.cors)
        self._running: dict[int, float] = {}
        self._logs_requests = log.isEnabledFor(logging.INFO)

    def answer(self, request: Request, *, over_http: bool = False) -> Response:
        """The application's response; a 500 should it raise."""
        if self._logs_requests:
            return self._logged(request, over_http)
        return self._answer(request, over_http)

    def chunks(self, body: Iterable[bytes]) -> Iterator[bytes]:
        """The pieces of a body, each counted as running while it is being made.

        Raises:
            BodyFailed: the application could not go on.
        """
        thread, iterator = get_ident(), iter(body)
        while True:
            self._running[thread] = monotonic()
            try:
                piece = next(iterator)
            except StopIteration:
                return
            except Exception as error:
                log.exception("the application failed in the middle of an answer")
                raise BodyFailed from error
            finally:
                del self._running[thread]
            if piece:
                yield piece

    def error_response(self, status: HTTPStatus, message: str) -> Response:
        """An answer the transport itself gives, as a line of plain text."""
        body = f"{message}\n".encode()
        own = (("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body))))
        return Response(status, (*own, ("Cache-Control", "no-store"), *self._cors), body)

    def longest_running(self) -> float:
        """Seconds since the oldest call that has not come back; 0 when none is running."""
        started = min(tuple(self._running.values()), default=None)
        return 0.0 if started is None else monotonic() - started

    def _answer(self, request: Request, over_http: bool) -> Response:
        thread = get_ident()
        self._running[thread] = monotonic()
        try:
            return self.application.handle(request, over_http=over_http)
        except Exception:
            log.exception("the application failed on %s %s", request.method, request.path)
            return self.error_response(HTTPStatus.INTERNAL_SERVER_ERROR, INTERNAL_ERROR)
        finally:
            del self._running[thread]

    def _logged(self, request: Request, over_http: bool) -> Response:
        started = perf_counter()
        response = self._answer(request, over_http)
        target = f"{request.path}?{request.query}" if request.query else request.path
        microseconds = round((perf_counter() - started) * 1e6)
        log.info("%s %s %d %d us", request.method, printable(target), response.status, microseconds)
        return response


def printable(text: str) -> str:
    """Text from a client on one line of plain ASCII, at most 500 characters."""
    return text[:500].encode("ascii", "backslashreplace").decode().translate(_CONTROL)


_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), 127)}
