"""Responses as FastCGI records: usually one buffer each.

Section numbers are those of the FastCGI Specification 1.0.
"""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import Iterator

from iipserve.exchange import Exchange
from iipserve.leader import hand_over
from iipserve.transport import fastcgi
from iipserve.transport.fastcgi import HEADER, RecordBuffer, end_of_answer, stdout_buffers
from iipserve.transport.outgoing import Outgoing
from iipserve.transport.service import MonitoredApplication
from iipserve.transport.wire import Buffer, head

log = logging.getLogger(__name__)

RECORDS_PER_SEND = 16
"""Full records passed to one `sendmsg`."""
ABORT_CHECK_LENGTH = 1_000_000
"""Bytes of a response in chunks after which to check for an ABORT_REQUEST."""
MAX_READ_AHEAD = 65536
"""Bytes of further requests that are kept while a response is being sent."""


class Aborted(Exception):
    """The web server no longer wants the response (section 5.4)."""


class ResponseWriter:
    """Writes the responses of one connection as records."""

    def __init__(
        self, sock: socket.socket, received: RecordBuffer, application: MonitoredApplication
    ) -> None:
        """What arrives at `sock` while a response is being sent is appended to `received`."""
        self._sock = sock
        self._received = received
        self._application = application

    def send(self, outgoing: Outgoing, request_id: int, exchange: Exchange) -> bool:
        """Send the response of an exchange and the end of its request. Returns whether the peer has taken all.

        Raises, as does `outgoing.flush` later:
            Aborted: the web server has given the request up.
            ResponseFailed: the application cannot continue.
            OSError: the peer is gone.
        """
        response = exchange.response
        body = response.body
        try:
            start = head(response.status, response.headers)
        except ValueError as error:
            log.error("a response is withheld: %s", error)
            exchange.response = response = self._application.internal_error()
            start, body = head(response.status, response.headers), response.body
        if not isinstance(body, bytes):
            return outgoing.send([], self._streamed(request_id, start, exchange))
        length = len(start) + len(body)
        if length <= fastcgi.MAX_CONTENT_LENGTH:
            record = HEADER.pack(fastcgi.VERSION, fastcgi.STDOUT, request_id, length, 0)
            return outgoing.send([b"".join((record, start, body, end_of_answer(request_id)))], length=length)
        buffers = [*stdout_buffers(request_id, start), *stdout_buffers(request_id, body)]
        batches = self._batches(request_id, [*buffers, end_of_answer(request_id)])
        return outgoing.send([], batches, length=length)

    def _streamed(self, request_id: int, start: bytes, exchange: Exchange) -> Iterator[list[Buffer]]:
        """A body in chunks, as they are made. Hands over before each."""
        hand_over()
        unchecked = 0
        buffers = stdout_buffers(request_id, start)
        for chunk in self._application.chunks(exchange.response.body, exchange):
            yield from self._batches(request_id, [*buffers, *stdout_buffers(request_id, chunk)])
            buffers = []
            unchecked += len(chunk)
            if unchecked >= ABORT_CHECK_LENGTH:
                unchecked = 0
                self.check_for_abort(request_id)
            hand_over()
        yield from self._batches(request_id, [*buffers, end_of_answer(request_id)])

    def _batches(self, request_id: int, buffers: list[Buffer]) -> Iterator[list[Buffer]]:
        """Whole records, `RECORDS_PER_SEND` at a time."""
        step = 2 * RECORDS_PER_SEND
        for first in range(0, len(buffers), step):
            if first:
                self.check_for_abort(request_id)
            yield buffers[first : first + step]

    def check_for_abort(self, request_id: int) -> None:
        """Look at what has arrived while answering.

        Raises:
            Aborted: the web server has given the request up.
        """
        with contextlib.suppress(BlockingIOError):
            if len(self._received) < MAX_READ_AHEAD:
                self._received.add(self._sock.recv(MAX_READ_AHEAD, socket.MSG_DONTWAIT))
        if self._received.holds(fastcgi.ABORT_REQUEST, request_id):
            raise Aborted
