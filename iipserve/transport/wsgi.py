"""The application as a WSGI callable (PEP 3333), for HTTP."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any

from iipserve.http import Request, Response
from iipserve.http.public_address import HOST
from iipserve.transport.bodies import NOT_STORED, TOO_LONG, BodyBuffer, NotStored, declared_length, oversized
from iipserve.transport.service import MonitoredApplication
from iipserve.transport.wire import head

log = logging.getLogger(__name__)

ABSOLUTE = re.compile(r"https?://(?P<host>[^/?#]*)(?P<path>.*)", re.IGNORECASE)
"""The absolute form of a request target (RFC 9112 section 3.2.2)."""
READ_LENGTH = 65536
ENDED_EARLY = "the request body ended before its declared length"


class WSGIApplication:
    """Calls the application; the path stays percent-encoded as the client sent it."""

    def __init__(self, application: MonitoredApplication) -> None:
        """Answer with `application`, which other transports may share."""
        self._application = application

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[[str, list[tuple[str, str]]], object]
    ) -> Iterable[bytes]:
        """Answer one request."""
        # gunicorn decodes PATH_INFO, where %2F becomes an ordinary slash; RAW_URI is not decoded
        raw = environ.get("RAW_URI")
        if raw:
            environ["REQUEST_URI"] = raw if raw[0] == "/" else _origin_form(raw, environ)
        request = Request.from_environ(environ)
        body = BodyBuffer(self._application.max_body_length(request) if _has_body(environ) else 0)
        mistake = host_mistake(environ)
        response = (
            self._error(HTTPStatus.BAD_REQUEST, mistake) if mistake else self._respond(request, environ, body)
        )
        response = self._with_valid_headers(response)
        start_response(f"{response.status.value} {response.status.phrase}", list(response.headers))
        if isinstance(response.body, bytes):
            body.close()
            return (response.body,)
        return self._chunks(response.body, body)

    def _with_valid_headers(self, response: Response) -> Response:
        """The response, or status 500 if its headers cannot be sent, which gunicorn takes for the client's fault."""
        try:
            head(response.status, response.headers)
        except ValueError as error:
            log.error("a response is withheld: %s", error)
            return self._application.internal_error()
        return response

    def _chunks(self, chunks: Iterable[bytes], body: BodyBuffer) -> Iterator[bytes]:
        try:
            yield from self._application.chunks(chunks)
        finally:
            body.close()

    def _respond(self, request: Request, environ: dict[str, Any], body: BodyBuffer) -> Response:
        """The response; a body that is declared too long is refused before it is read."""
        declared = declared_length(environ)
        if declared is None and environ.get("CONTENT_LENGTH"):
            return self._error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, TOO_LONG)
        if declared is not None and declared > body.maximum:
            if not body.limit:
                return self._error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, TOO_LONG)
            return self._application.answer(request._replace(body=oversized(declared)), over_http=True)
        if body.limit:
            try:
                _read(environ["wsgi.input"], body, declared)
                request = request._replace(body=body.body())
            except EndedEarly as error:
                log.debug("a request body cannot be read: %r", error.__cause__)
                return self._error(HTTPStatus.BAD_REQUEST, ENDED_EARLY)
            except NotStored as error:
                log.warning("a request body cannot be stored: %s", error)
                return self._error(HTTPStatus.SERVICE_UNAVAILABLE, NOT_STORED)
        return self._application.answer(request, over_http=True)

    def _error(self, status: HTTPStatus, message: str) -> Response:
        return self._application.error_response(status, message)


def _origin_form(raw: str, environ: dict[str, Any]) -> str:
    """The path of a target in absolute form, whose host replaces that of the header (RFC 9112 section 3.2.2)."""
    absolute = ABSOLUTE.fullmatch(raw)
    if absolute is None:
        return raw
    environ["HTTP_HOST"] = absolute["host"]
    return absolute["path"] or "/"


def host_mistake(environ: Mapping[str, Any]) -> str:
    """Why to refuse a request for its Host header (RFC 9112 section 3.2); empty if there is nothing wrong.

    Over FastCGI that is the web server's business, which may leave out the header or send another.
    """
    host = environ.get("HTTP_HOST")
    if host is None:
        return (
            "a request of HTTP/1.1 needs a Host header"
            if environ.get("SERVER_PROTOCOL") == "HTTP/1.1"
            else ""
        )
    if host and not HOST.fullmatch(host):
        return f"the host {host!r} is not one host name with an optional port"
    return ""


class EndedEarly(Exception):
    """The client sent less of the body than it declared."""


def _has_body(environ: dict[str, Any]) -> bool:
    """A body is announced by its length or by its transfer coding (RFC 9112 section 6)."""
    return (environ.get("CONTENT_LENGTH") or "0") != "0" or "HTTP_TRANSFER_ENCODING" in environ


def _read(stream: Any, body: BodyBuffer, declared: int | None) -> None:
    """Read a body to its end, or until it is too long.

    Raises:
        EndedEarly: the client is gone, stalls, or breaks the chunked coding.
        NotStored: the disk is full.
    """
    while not body.is_too_long:
        try:
            content = stream.read(READ_LENGTH)
        except Exception as error:  # which one depends on the version of gunicorn
            raise EndedEarly from error
        if not content:
            break
        body.add(content)
    if declared is not None and body.length < declared:
        raise EndedEarly
