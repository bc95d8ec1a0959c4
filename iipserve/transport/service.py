"""The application as every transport calls it: timed, recorded, and never raising."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus
from threading import get_ident
from time import monotonic
from typing import Protocol

from iipserve import exchange as exchanges
from iipserve.config import Config
from iipserve.errors import INTERNAL_ERROR
from iipserve.exchange import Exchange
from iipserve.http import Headers, Request, Response, cors_headers
from iipserve.transport.answered import answered
from iipserve.transport.fatal_requests import REFUSED, RequestGuard
from iipserve.transport.records import RequestLog, Sink

log = logging.getLogger(__name__)

FATAL = "FatalRequest"
"""Kind of error of a request that worker processes died of."""


class Trial(Protocol):
    """Tells of the process that answers: `iipserve.engine.trial.Trial`."""

    def fault(self) -> str:
        """Why images cannot be served; empty if they can."""

    def gauges(self) -> Mapping[str, float]:
        """Numbers by the names of metrics."""


class Application(Protocol):
    """What is served: `iipserve.app.Application`, or a stub in a test."""

    def max_body_length(self, request: Request) -> int:
        """How many bytes of a body are read for this request; 0 if a body is not wanted."""

    def handle(self, request: Request, *, over_http: bool = False) -> Response:
        """Answer one request. A body longer than `max_body_length` may hold less than its length.

        Calls `exchange.begin_work` before anything that a process may die of.
        """

    def clear(self) -> None:
        """Drop caches, and close files."""

    def reload(self) -> None:
        """Take over changed files of settings, and drop caches."""

    @property
    def trial(self) -> Trial:
        """Of this process."""


class ResponseFailed(Exception):
    """A response could not be completed; its beginning has been sent."""


class MonitoredApplication:
    """Calls the application from many threads at once and knows how long each call has been running."""

    def __init__(
        self,
        application: Application,
        config: Config,
        guard: RequestGuard | None = None,
        sinks: Sequence[Sink] = (),
    ) -> None:
        """Logging must have been set up: whether requests are logged is decided here.

        Args:
            application: answers requests.
            config: the settings.
            guard: refuses requests that other workers died of; None refuses none.
            sinks: get a record of each request, besides the log.
        """
        self.application = application
        self._cors = cors_headers(config.cors)
        self._guard = guard
        self._on_work = None if guard is None else guard.note
        self._trusted = config.trust_forwarded
        self._running = exchanges.running
        self._streaming: dict[int, float] = {}
        self._log = request_log = RequestLog(config)
        self.logs_all = request_log.logs_all
        """Requests have lines in the log, those with whole bodies before they are sent."""
        self._sinks = (*([request_log] if request_log.slow < math.inf else []), *sinks)
        self.record_after = 0.0 if sinks else request_log.slow
        """Seconds from which on a request is recorded."""

    def max_body_length(self, request: Request) -> int:
        """The application's limit in bytes; 0 if it raises, since it will then refuse the request as well."""
        try:
            return self.application.max_body_length(request)
        except Exception:
            log.exception("the application failed on %s %s", request.method, request.path)
            return 0

    def answer(self, request: Request, *, over_http: bool = False) -> Exchange:
        """The exchange with the application's response, or status 500 if it raises."""
        exchange, thread, guard = Exchange(), get_ident(), self._guard
        exchange.request, exchange.on_work = request, self._on_work
        exchange.started = monotonic()
        self._running[thread] = exchange
        try:
            if guard is not None and guard.is_alert and self._is_fatal(exchange, guard):
                exchange.error = FATAL
                exchange.response = self.error_response(HTTPStatus.UNPROCESSABLE_ENTITY, REFUSED)
            else:
                exchange.response = self.application.handle(request, over_http=over_http)
        except Exception:
            log.exception("the application failed on %s %s", request.method, request.path)
            exchange.error, exchange.response = exchanges.INTERNAL, self.internal_error()
        finally:
            if exchange.works and guard is not None:
                guard.end()
            del self._running[thread]
        return exchange

    def _is_fatal(self, exchange: Exchange, guard: RequestGuard) -> bool:
        """Whether workers died of a request. Of others each is noted: once it is answered, it is beyond suspicion."""
        is_fatal = guard.refuses(exchange.request)
        if not is_fatal:
            exchange.begin_work()
        return is_fatal

    def announce(self, exchange: Exchange) -> None:
        """Log a request whose answer is going to be sent, if all of it is known by now. Raises nothing."""
        if isinstance(exchange.response.body, bytes):
            self._give(exchange, [self._log], complete=True)
            exchange.logged = True

    def record(self, exchange: Exchange, *, complete: bool) -> None:
        """Record an exchange that ends now: its response has been sent, or the client is gone.

        Raises nothing. Exchanges of less than `record_after` seconds need not be given.
        """
        if not complete and not exchange.answered:
            exchange.answered = monotonic()
        if monotonic() - exchange.started < self.record_after:
            return
        self._give(exchange, self._sinks, complete=complete)

    def _give(self, exchange: Exchange, sinks: Sequence[Sink], *, complete: bool) -> None:
        try:
            record = answered(exchange, trusted=self._trusted, complete=complete)
            for sink in sinks:
                sink.add(record, exchange)
        except Exception:
            log.exception("a request cannot be recorded")

    def chunks(self, body: Iterable[bytes], exchange: Exchange | None = None) -> Iterator[bytes]:
        """The chunks of a response body; the application counts as running while it makes one.

        Different threads may ask for them, one after the other. Their bytes are counted in the exchange.

        Raises:
            ResponseFailed: the application cannot continue.
        """
        iterator = iter(body)
        while True:
            thread = get_ident()
            self._streaming[thread] = monotonic()
            try:
                chunk = next(iterator)
            except StopIteration:
                return
            except Exception as error:
                log.exception("the application failed in the middle of a response")
                raise ResponseFailed from error
            finally:
                del self._streaming[thread]
            if chunk:
                if exchange is not None:
                    exchange.sent += len(chunk)
                yield chunk

    def refusal(self, status: HTTPStatus, message: str, request: Request | None) -> Exchange:
        """The exchange of a request that the transport refuses, with a line of plain text; `request` may be unknown."""
        exchange = Exchange()
        exchange.started, exchange.request = monotonic(), request
        exchange.error, exchange.response = status.name, self.error_response(status, message)
        return exchange

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
        began = [exchange.started for exchange in tuple(self._running.values())]
        started = min((*began, *tuple(self._streaming.values())), default=None)
        return 0.0 if started is None else monotonic() - started
