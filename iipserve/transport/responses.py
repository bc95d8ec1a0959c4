"""Sends responses as FastCGI records: usually one `send` each.

Section numbers are those of the FastCGI Specification 1.0.
"""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import Iterable

from iipserve.http import Response
from iipserve.leader import hand_over
from iipserve.transport import fastcgi
from iipserve.transport.fastcgi import HEADER, Buffer, RecordBuffer, end_of_answer, stdout_buffers
from iipserve.transport.service import MonitoredApplication
from iipserve.transport.wire import head, send_all

log = logging.getLogger(__name__)

RECORDS_PER_SEND = 16
"""Full records passed to one `sendmsg`."""
ABORT_CHECK_LENGTH = 1_000_000
"""Bytes of a response in chunks after which to check for an ABORT_REQUEST."""
MAX_READ_AHEAD = 65536
"""Bytes of further requests that are kept while a response is being sent."""


class Aborted(Exception):
    """The web server no longer wants the response (section 5.4)."""


class ResponseSender:
    """Sends the responses of one connection."""

    def __init__(
        self, sock: socket.socket, received: RecordBuffer, application: MonitoredApplication
    ) -> None:
        """Send to `sock`; what arrives there meanwhile is appended to `received`."""
        self._sock = sock
        self._received = received
        self._application = application

    def send(self, request_id: int, response: Response) -> None:
        """Send one response and end the request.

        Raises:
            Aborted: the web server has given the request up.
            ResponseFailed: the application cannot continue.
            OSError: the peer is gone, or does not read.
        """
        body = response.body
        try:
            start = head(response.status, response.headers)
        except ValueError as error:
            log.error("a response is withheld: %s", error)
            response = self._application.internal_error()
            start, body = head(response.status, response.headers), response.body
        if not isinstance(body, bytes):
            self._stream(request_id, start, body)
            return
        length = len(start) + len(body)
        if length <= fastcgi.MAX_CONTENT_LENGTH:
            record = HEADER.pack(fastcgi.VERSION, fastcgi.STDOUT, request_id, length, 0)
            send_all(self._sock, [b"".join((record, start, body, end_of_answer(request_id)))])
        else:
            head_and_body = [*stdout_buffers(request_id, start), *stdout_buffers(request_id, body)]
            self._send_buffers(request_id, [*head_and_body, end_of_answer(request_id)])

    def _stream(self, request_id: int, start: bytes, body: Iterable[bytes]) -> None:
        """Send a body in chunks, as they are made."""
        hand_over()
        unchecked = 0
        buffers = stdout_buffers(request_id, start)
        for chunk in self._application.chunks(body):
            self._send_buffers(request_id, [*buffers, *stdout_buffers(request_id, chunk)])
            buffers = []
            unchecked += len(chunk)
            if unchecked >= ABORT_CHECK_LENGTH:
                unchecked = 0
                self._check_for_abort(request_id)
        self._send_buffers(request_id, [*buffers, end_of_answer(request_id)])

    def _send_buffers(self, request_id: int, buffers: list[Buffer]) -> None:
        """Send whole records without joining them, `RECORDS_PER_SEND` at a time."""
        step = 2 * RECORDS_PER_SEND
        for first in range(0, len(buffers), step):
            if first:
                self._check_for_abort(request_id)
            send_all(self._sock, buffers[first : first + step])

    def _check_for_abort(self, request_id: int) -> None:
        """Look at what has arrived while answering.

        Raises:
            Aborted: the web server has given the request up.
        """
        with contextlib.suppress(BlockingIOError):
            if len(self._received) < MAX_READ_AHEAD:
                self._received.add(self._sock.recv(MAX_READ_AHEAD, socket.MSG_DONTWAIT))
        if self._received.holds(fastcgi.ABORT_REQUEST, request_id):
            raise Aborted
