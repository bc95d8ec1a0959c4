"""Responses as HTTP/1.1 (RFC 9112)."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from time import time

from iipserve.exchange import Exchange
from iipserve.http import Headers, Response
from iipserve.leader import hand_over
from iipserve.transport.outgoing import Outgoing
from iipserve.transport.service import MonitoredApplication, ResponseFailed
from iipserve.transport.wire import Buffer, joined_head

log = logging.getLogger(__name__)

SERVER_NAME = "iipserve"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
BODYLESS = frozenset((HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED))
"""Statuses whose responses have no body."""
LENGTH = "content-length"
MAX_JOINED_LENGTH = 65536
"""Bytes of a response that are copied into one buffer."""


class HttpResponse:
    """One response: how it is framed, and whether the connection can be kept after it."""

    def __init__(
        self, application: MonitoredApplication, exchange: Exchange, *, method: str, minor: int, keep: bool
    ) -> None:
        """Frame the response of an exchange for a client that asked with this method and minor version, and may be kept."""
        self._application = application
        self._exchange, self._response = exchange, exchange.response
        self._method, self._minor = method, minor
        self.keep = keep
        self._start = b""
        self._prepare()

    def _prepare(self) -> None:
        try:
            headers = self._framed(self._response)
            self._start = joined_head(_first_lines(self._response.status, int(time()), self.keep), headers)
        except ValueError as error:
            log.error("a response is withheld: %s", error)
            self._exchange.response = self._response = self._application.internal_error()
            self._prepare()

    def _framed(self, response: Response) -> Headers:
        """The headers, with those that say where the body ends (section 6).

        Raises:
            ValueError: the length that is declared is not that of the body.
        """
        headers, body = response.headers, response.body
        self._chunked = False
        self._bodyless = self._method == "HEAD" or response.status in BODYLESS
        self._length = next((int(value) for name, value in headers if name.lower() == LENGTH), None)
        if self._bodyless:
            if response.status is HTTPStatus.NO_CONTENT and self._length is not None:
                return tuple(header for header in headers if header[0].lower() != LENGTH)
            return headers
        if isinstance(body, bytes):
            if self._length is None:
                return (*headers, ("Content-Length", str(len(body))))
            if self._length != len(body):
                raise ValueError(f"{len(body)} bytes were declared to be {self._length}")
        elif self._length is None:
            if self._minor:
                self._chunked = True
                return (*headers, ("Transfer-Encoding", "chunked"))
            self.keep = False
        return headers

    def send(self, outgoing: Outgoing) -> bool:
        """Send it. Returns whether the peer has taken all.

        Raises, as does `outgoing.flush` later:
            ResponseFailed: the application cannot continue, or the body has not the length that was declared.
            OSError: the peer is gone.
        """
        body = self._response.body
        if self._bodyless:
            return outgoing.send([self._start])
        if not isinstance(body, bytes):
            return outgoing.send([], self._streamed(body))
        length = len(self._start) + len(body)
        buffers: list[Buffer] = [self._start + body] if length <= MAX_JOINED_LENGTH else [self._start, body]
        return outgoing.send(buffers, length=length)

    def _streamed(self, body: Iterable[bytes]) -> Iterator[list[Buffer]]:
        """The body in chunks, as they are made. Hands over before each."""
        hand_over()
        start, total = [self._start], 0
        for chunk in self._application.chunks(body, self._exchange):
            total += len(chunk)
            self._check(total, ended=False)
            yield [*start, b"%x\r\n" % len(chunk), chunk, b"\r\n"] if self._chunked else [*start, chunk]
            start = []
            hand_over()
        self._check(total, ended=True)
        yield [*start, b"0\r\n\r\n"] if self._chunked else list(start)

    def _check(self, total: int, *, ended: bool) -> None:
        """Fail before a byte is sent that the client would take for the beginning of another response."""
        if self._length is not None and (total > self._length or (ended and total != self._length)):
            log.error("a response of %d bytes was declared to have %d", total, self._length)
            raise ResponseFailed


@lru_cache(maxsize=64)
def _first_lines(status: HTTPStatus, seconds: int, keep: bool) -> str:
    """The status line and the headers of the server itself."""
    date, connection = formatdate(seconds, usegmt=True), "keep-alive" if keep else "close"
    own = f"Server: {SERVER_NAME}\r\nDate: {date}\r\nConnection: {connection}"
    return f"HTTP/1.1 {status.value} {status.phrase}\r\n{own}"
