"""The same application as a WSGI callable, for HTTP."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from iipserve.http import Request, Response
from iipserve.transport.service import BODY_TOO_LONG, MAX_BODY_LENGTH, MonitoredApplication

ORIGIN = re.compile(r"\Ahttps?://[^/?#]*", re.IGNORECASE)
"""What comes before the path in the absolute form of a request target (RFC 9112 section 3.2.2)."""


class WSGIApplication:
    """Calls the service; `%2F` and the like stay as the client wrote them."""

    def __init__(self, service: MonitoredApplication) -> None:
        """Answers with `service`, which it may share with other transports."""
        self._service = service

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[[str, list[tuple[str, str]]], object]
    ) -> Iterable[bytes]:
        """One request, as PEP 3333 has it."""
        response = self._respond(environ)
        start_response(f"{response.status.value} {response.status.phrase}", list(response.headers))
        if isinstance(response.body, bytes):
            return (response.body,)
        return self._service.chunks(response.body)

    def _respond(self, environ: dict[str, Any]) -> Response:
        length = environ.get("CONTENT_LENGTH") or "0"
        if not length.isdigit() or int(length[:20]) > MAX_BODY_LENGTH:
            return self._service.error_response(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, BODY_TOO_LONG)
        # gunicorn decodes PATH_INFO, after which %2F is a slash like any other; RAW_URI is as it came.
        raw = environ.get("RAW_URI")
        if raw:
            environ["REQUEST_URI"] = ORIGIN.sub("", raw, count=1) or "/"
        return self._service.answer(Request.from_environ(environ), over_http=True)
