"""One connection of a web server: reads requests from one buffer of records.

Section numbers are those of the FastCGI Specification 1.0.
"""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import Callable, Mapping
from http import HTTPStatus
from time import monotonic
from typing import Protocol

from iipserve.http import Request, Response
from iipserve.transport import fastcgi
from iipserve.transport.bodies import (
    NOT_STORED,
    TOO_LONG,
    BodyBuffer,
    NotStored,
    declared_length,
    oversized,
)
from iipserve.transport.fastcgi import RecordBuffer, end_request
from iipserve.transport.outgoing import Outgoing
from iipserve.transport.responses import Aborted, ResponseWriter
from iipserve.transport.service import MonitoredApplication, ResponseFailed
from iipserve.transport.wire import ProtocolError, decode_pairs, encode_pairs

log = logging.getLogger(__name__)

RECEIVE_LENGTH = 65536
MAX_PARAMS_LENGTH = 65536
"""Bytes of PARAMS in one request; more is answered 431."""
PROGRESS_LENGTH = 65536
"""Bytes of a body that must arrive within REQUEST_TIMEOUT, and within it again after them."""
MAX_SURPLUS_LENGTH = 64 << 20
"""Bytes that may still arrive of a request that has been answered before its end: more than sockets hold."""
TOO_SLOW = "a request was not complete in time; its connection is closed"
NO_REQUEST = -1
"""Request id while no request is being read."""


class Server(Protocol):
    """What a connection needs of its server."""

    application: MonitoredApplication
    request_timeout: float
    roles: tuple[int, ...]
    capability: Mapping[str, int]
    stopping: bool


class Connection(fastcgi.BaseConnection):  # type: ignore[misc]  # flup6 carries no types
    """One connection of a web server: reads requests, one at a time, and answers them."""

    def __init__(self, sock: socket.socket, server: Server) -> None:
        """Take over the socket; its timeouts for receiving and sending must be set."""
        super().__init__(sock, None, server)
        self.registered_events = 0
        """What the server's epoll set reports of the socket; 0 if that is not in it."""
        self.peer_has_finished = False
        """The peer sends no more. Epoll reports that once, perhaps together with the last data."""
        self._open = True
        self._discards = False
        """Nothing is sent any more, and what arrives is dropped until the peer closes the connection."""
        self._input = RecordBuffer()
        self.outgoing = Outgoing(sock)
        self._afterwards: Callable[[], None] | None = None
        """What to do once everything has been sent."""
        self._responses = ResponseWriter(sock, self._input, server.application)
        self.waiting_since = 0.0
        """On the monotonic clock; 0 unless a part of a request waits for the rest, or the peer is to read on."""
        self._surplus_length = 0
        """Bytes dropped since the last request began."""
        self._filled = False
        self._body: BodyBuffer | None = None
        self._forget_request()

    def _forget_request(self) -> None:
        self._request_id = NO_REQUEST
        self._keep = True
        self._params: list[bytes] = []
        self._params_length = 0
        self._request: Request | None = None
        """Once PARAMS is complete; without its body."""
        self._body_ended = False
        if self._body is not None:
            self._body.close()
            self._body = None

    # -- called by the server

    def fileno(self) -> int:
        """The socket's descriptor."""
        return self._sock.fileno()

    def run(self) -> bool:
        """Serve what has arrived; True if the connection is to be parked, False if it has closed itself."""
        try:
            return self._serve()
        except ProtocolError as error:
            log.warning("the connection of a web server is closed: %s", error)
            self._discard()
            return True
        except (OSError, ResponseFailed) as error:
            log.debug("a connection ends early: %r", error)
            self.close()
        return False

    def _serve(self) -> bool:
        self._filled = False
        if self.outgoing.pending:
            self._send_on()
            if not self._reads_on():
                return self._open
            self._read_records()
            if self.outgoing.pending or not self._open:
                return self._open
        try:
            received = self._sock.recv(RECEIVE_LENGTH, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return self._pause()
        self._filled = len(received) == RECEIVE_LENGTH
        if not received:
            self.close()
            return False
        if self._discards:
            self._drop(received)
            return self._open
        self._input.add(received)
        self._read_records()
        return self._pause() if self._reads_on() else self._open

    def _read_records(self) -> None:
        for kind, request_id, content in self._input.records():
            self._read(kind, request_id, content)
            if not self._reads_on():
                break

    def _reads_on(self) -> bool:
        """Whether further records are to be read now; not before the peer has taken what was sent to it."""
        return self._open and not self._discards and not self.outgoing.pending

    def may_have_more(self) -> bool:
        """Whether more may have arrived that the last `run` could have read: data, or the end of them."""
        return (self._filled or self.peer_has_finished) and not self.outgoing.pending

    def drain(self) -> None:
        """Serve what has arrived already, then close, but not before the peer has taken all that is to be sent.

        What is to be dropped may take a moment to arrive.
        """
        with contextlib.suppress(OSError):
            while self.outgoing.pending or self._has_input():
                if not self.run():
                    break
                if self.outgoing.pending:
                    return
        self.close()

    def _has_input(self) -> bool:
        return bool(self._sock.recv(1, socket.MSG_PEEK | (0 if self._discards else socket.MSG_DONTWAIT)))

    def idle(self) -> bool:
        """Whether no part of a request has arrived, and nothing is to be sent."""
        return self._request_id == NO_REQUEST and not self._input and not self.outgoing.pending

    def expired(self, now: float) -> bool:
        """Whether the peer has not sent or read for too long what it should; `now` is `time.monotonic()`."""
        return bool(self.waiting_since) and now - self.waiting_since > self.server.request_timeout

    def close(self) -> None:
        """Close the socket; may be called twice."""
        self._open = False
        self._forget_request()
        self.outgoing.clear()
        self._sock.close()

    def _pause(self) -> bool:
        """Record since when a request has been incomplete; True unless that is too long, and the connection closed."""
        if self._discards:
            return True
        if self.idle():
            self.waiting_since = 0.0
            return True
        now = monotonic()
        self.waiting_since = self.waiting_since or now
        if self.expired(now):
            log.warning(TOO_SLOW)
            self.close()
        return self._open

    def _discard(self) -> None:
        """Send no more, and close the connection once the peer has closed its side.

        Closing with unread input would reset the connection and discard what the peer has not read: the answer.
        """
        self._discards = True
        self._forget_request()
        self._input = RecordBuffer()
        self.waiting_since = monotonic()
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)

    # -- reading

    def _read(self, kind: int, request_id: int, content: bytes) -> None:
        reader = READERS.get(kind)
        if reader is None:
            self._read_other(kind, request_id)
        elif (request_id == fastcgi.MANAGEMENT) != (kind == fastcgi.GET_VALUES):
            raise ProtocolError(f"a record of type {kind} has request id {request_id}")
        else:
            reader(self, request_id, content)

    def _read_other(self, kind: int, request_id: int) -> None:
        """A type that is not sent to an application (sections 3.3 and 4.2)."""
        if kind in fastcgi.ANSWER_TYPES:
            raise ProtocolError(f"a record of type {kind} is sent by applications only")
        if request_id == fastcgi.MANAGEMENT:
            self._send(fastcgi.unknown_type(kind))

    def _read_values(self, request_id: int, content: bytes) -> None:
        """FCGI_GET_VALUES (section 4.1): the result leaves out unknown names."""
        known = {
            name: str(self.server.capability[name])
            for name in decode_pairs(content)
            if name in self.server.capability
        }
        self._send(fastcgi.Record(fastcgi.GET_VALUES_RESULT, 0, encode_pairs(known)).to_bytes())

    def _read_begin(self, request_id: int, content: bytes) -> None:
        """FCGI_BEGIN_REQUEST (section 5.1)."""
        if len(content) != fastcgi.BEGIN_BODY.size:
            raise ProtocolError(
                f"a BEGIN_REQUEST record has {len(content)} bytes, not {fastcgi.BEGIN_BODY.size}"
            )
        role, flags = fastcgi.BEGIN_BODY.unpack(content)
        if self._request_id == request_id:
            raise ProtocolError(f"request {request_id} begins twice")
        if self._request_id != NO_REQUEST:
            self._send(end_request(request_id, fastcgi.CANT_MULTIPLEX))
            return
        keep = bool(flags & fastcgi.KEEP_CONNECTION)
        if role not in self.server.roles:
            self._send(end_request(request_id, fastcgi.UNKNOWN_ROLE), None if keep else self._discard)
            return
        self._request_id, self._keep = request_id, keep
        self._surplus_length = 0

    def _drop(self, content: bytes) -> None:
        """Ignore what belongs to no request (section 3.3): usually the rest of one that was answered early."""
        self._surplus_length += len(content)
        if self._surplus_length > MAX_SURPLUS_LENGTH:
            log.debug("a connection is closed: the rest of a refused request is too long")
            self.close()

    def _read_params(self, request_id: int, content: bytes) -> None:
        """FCGI_PARAMS (section 5.2)."""
        if request_id != self._request_id:
            self._drop(content)
            return
        if self._request is not None:
            raise ProtocolError("PARAMS records follow the end of PARAMS")
        if content:
            self._params.append(content)
            self._params_length += len(content)
            if self._params_length > MAX_PARAMS_LENGTH:
                message = f"the request headers are longer than {MAX_PARAMS_LENGTH} bytes"
                self._reject(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, message)
            return
        self._request = request = Request.from_environ(decode_pairs(b"".join(self._params)))
        if self._body_ended:
            self._answer(request)
        elif declared_length(request.environ):
            self._begin_body(request)

    def _begin_body(self, request: Request) -> BodyBuffer:
        """Find out whether the body is wanted; refuse at once what is declared too long."""
        self._body = body = BodyBuffer(self.server.application.max_body_length(request))
        declared = declared_length(request.environ)
        if body.limit and declared is not None and declared > body.limit:
            self._answer(request._replace(body=oversized(declared)), early=True)
        return body

    def _read_body(self, request_id: int, content: bytes) -> None:
        """FCGI_STDIN (section 5.3): its end is the end of the request, whatever CONTENT_LENGTH says."""
        if request_id != self._request_id:
            self._drop(content)
            return
        try:
            if content:
                self._store(content)
                return
            self._body_ended = True
            if self._request is not None:
                self._answer(self._with_body(self._request))
        except NotStored as error:
            log.warning("a request body cannot be stored: %s", error)
            self._reject(HTTPStatus.SERVICE_UNAVAILABLE, NOT_STORED)

    def _store(self, content: bytes) -> None:
        if self._request is None:
            raise ProtocolError("STDIN begins before the end of PARAMS")
        body = self._body or self._begin_body(self._request)
        steps = body.length // PROGRESS_LENGTH
        body.add(content)
        if body.length // PROGRESS_LENGTH > steps:
            self.waiting_since = 0.0
        if body.is_too_long and body.limit:
            self._answer(self._with_body(self._request), early=True)
        elif body.is_too_long:
            self._reject(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, TOO_LONG)

    def _with_body(self, request: Request) -> Request:
        return request if self._body is None else request._replace(body=self._body.body())

    def _read_abort(self, request_id: int, content: bytes) -> None:
        """FCGI_ABORT_REQUEST (section 5.4) of a request that is not complete yet."""
        if request_id == self._request_id:
            self._send(end_request(request_id), self._finish)

    def _ignore(self, request_id: int, content: bytes) -> None:
        """FCGI_DATA belongs to the Filter role."""

    # -- answering

    def _answer(self, request: Request, *, early: bool = False) -> None:
        """Send the application's response; with `early`, before the request is complete."""
        self._respond(self.server.application.answer(request), early=early)

    def _respond(self, response: Response, *, early: bool) -> None:
        self._afterwards = self._finish_early if early else self._finish
        try:
            complete = self._responses.send(self.outgoing, self._request_id, response)
        except Aborted:
            complete = self._cut()
        self._await_reading(complete, progress=True)

    def _cut(self) -> bool:
        """End an answer after the records that are being sent."""
        self.outgoing.cut()
        return self.outgoing.send([end_request(self._request_id)])

    def _send(self, record: bytes, afterwards: Callable[[], None] | None = None) -> None:
        self._afterwards = afterwards
        self._await_reading(self.outgoing.send([record]), progress=True)

    def _send_on(self) -> None:
        """Send more of what is pending."""
        before = self.outgoing.sent
        try:
            complete = self.outgoing.flush()
            if not complete and self._request_id != NO_REQUEST:
                self._responses.check_for_abort(self._request_id)
        except Aborted:
            complete = self._cut()
        self._await_reading(complete, progress=self.outgoing.sent > before)

    def _await_reading(self, complete: bool, *, progress: bool) -> None:
        """Once the peer has taken all, do what comes afterwards; until then, note since when it has taken nothing."""
        if not complete:
            self.waiting_since = monotonic() if progress else self.waiting_since
            return
        afterwards, self._afterwards = self._afterwards, None
        if afterwards is not None:
            afterwards()

    def _finish(self, *, early: bool = False) -> None:
        """End the request, and the connection unless it is to be kept (section 5.1).

        After an early answer a kept connection may carry the rest of the request, which is dropped, or at once
        the next request: to close it would be to lose that one.
        """
        keep = self._keep
        self._forget_request()
        self.waiting_since = 0.0
        if keep and not self.server.stopping:
            return
        (self._discard if early else self.close)()

    def _finish_early(self) -> None:
        self._finish(early=True)

    def _reject(self, status: HTTPStatus, message: str) -> None:
        """Send an error before the request is complete, and keep no more of it."""
        self._respond(self.server.application.error_response(status, message), early=True)


READERS: dict[int, Callable[[Connection, int, bytes], None]] = {
    fastcgi.BEGIN_REQUEST: Connection._read_begin,
    fastcgi.ABORT_REQUEST: Connection._read_abort,
    fastcgi.PARAMS: Connection._read_params,
    fastcgi.STDIN: Connection._read_body,
    fastcgi.DATA: Connection._ignore,
    fastcgi.GET_VALUES: Connection._read_values,
}
