"""One connection of a web server: reads requests from one buffer of records.

Section numbers are those of the FastCGI Specification 1.0.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Mapping
from http import HTTPStatus
from time import monotonic
from typing import Protocol

from iipserve.exchange import Exchange
from iipserve.http import Request
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
from iipserve.transport.params import ParamsDecoder
from iipserve.transport.peer import PeerConnection, PeerServer
from iipserve.transport.responses import Aborted, ResponseWriter
from iipserve.transport.short_connections import ShortConnections
from iipserve.transport.wire import ProtocolError, decode_pairs, encode_pairs

log = logging.getLogger(__name__)

MAX_PARAMS_LENGTH = 65536
"""Bytes of PARAMS in one request; more is answered 431."""
PROGRESS_LENGTH = 65536
"""Bytes of a body that must arrive within REQUEST_TIMEOUT, and within it again after them."""
NO_REQUEST = -1
"""Request id while no request is being read."""


class Server(PeerServer, Protocol):
    """What a connection needs of its server."""

    roles: tuple[int, ...]
    capability: Mapping[str, int]
    short_connections: ShortConnections
    params: ParamsDecoder


class Connection(PeerConnection, fastcgi.BaseConnection):  # type: ignore[misc]  # flup6 carries no types
    """One connection of a web server: reads requests, one at a time, and answers them."""

    def __init__(self, sock: socket.socket, server: Server) -> None:
        """Take over the socket; its timeouts for receiving and sending must be set."""
        PeerConnection.__init__(self, sock, server)
        fastcgi.BaseConnection.__init__(self, sock, None, server)
        self._input = RecordBuffer()
        self._responses = ResponseWriter(sock, self._input, server.application)
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

    # -- reading

    def idle(self) -> bool:
        """Whether no part of a request has arrived, and nothing is to be sent."""
        return self._request_id == NO_REQUEST and not self._input and not self.outgoing.pending

    def receives_body(self) -> bool:
        """Whether the body of a request is arriving."""
        return self._request is not None

    def _received_length(self) -> int:
        body = self._body.memory() if self._body is not None else 0
        return self._params_length + len(self._input) + body

    def _forget_input(self) -> None:
        self._forget_request()
        self._input = RecordBuffer()

    def _add(self, received: bytes) -> None:
        self._input.add(received)

    def _read_input(self) -> None:
        try:
            is_next = self._request_id == NO_REQUEST and self._read_whole()
            # what has been read meanwhile, while looking for an abort, is reported no more
            if is_next and not (self._input and self._reads_on()):
                return
            for kind, request_id, content in self._input.records():
                self._read(kind, request_id, content)
                if not self._reads_on():
                    break
        except ProtocolError as error:
            log.warning("the connection of a web server is closed: %s", error)
            self._discard()

    def _read_whole(self) -> bool:
        """Read and answer a request without a body that has arrived at once. False for anything else, which stays."""
        whole = self._input.whole_request()
        if whole is None or fastcgi.RESPONDER not in self.server.roles:
            return False
        request = Request.from_environ(self.server.params.decode(whole.params))
        if declared_length(request.environ):
            return False
        self._input.clear()
        self._begin(whole.request_id, whole.flags)
        self._params_length = len(whole.params)
        self._request = request
        self._answer(request)
        return True

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
        if role not in self.server.roles:
            keep = flags & fastcgi.KEEP_CONNECTION
            self._send(end_request(request_id, fastcgi.UNKNOWN_ROLE), None if keep else self._discard)
            return
        self._begin(request_id, flags)

    def _begin(self, request_id: int, flags: int) -> None:
        self._request_id, self._keep = request_id, bool(flags & fastcgi.KEEP_CONNECTION)
        self._surplus_length = 0
        if not self._keep:
            self.server.short_connections.note()

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
        self._request = request = Request.from_environ(self.server.params.decode(b"".join(self._params)))
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

    def _respond(self, exchange: Exchange, *, early: bool) -> None:
        self._exchange = exchange
        if self._server.application.logs_all:
            self._server.application.announce(exchange)
        self._afterwards = self._finish_early if early else self._finish
        try:
            complete = self._responses.send(self.outgoing, self._request_id, exchange)
        except Aborted:
            complete = self._cut()
        if not complete:
            exchange.answered = monotonic()
        self._await_reading(complete, progress=True)

    def _cut(self) -> bool:
        """End an answer after the records that are being sent."""
        self.outgoing.cut()
        self._end_exchange(complete=False)
        return self.outgoing.send([end_request(self._request_id)])

    def _flush(self) -> bool:
        try:
            complete = super()._flush()
            if not complete and self._request_id != NO_REQUEST:
                self._responses.check_for_abort(self._request_id)
        except Aborted:
            complete = self._cut()
        return complete

    def _finish(self, *, early: bool = False) -> None:
        """End the request, and the connection unless it is to be kept (section 5.1).

        After an early answer a kept connection may carry the rest of the request, which is dropped, or at once
        the next request: to close it would be to lose that one. So it would where the server stops, if another request
        has arrived.
        """
        keep = self._keep
        self._end_exchange()
        self._forget_request()
        self.waiting_since = 0.0
        if keep and (not self.server.stopping or self._input or self.has_unread()):
            return
        (self._discard if early else self.close)()

    def _finish_early(self) -> None:
        self._finish(early=True)

    def _reject(self, status: HTTPStatus, message: str) -> None:
        """Send an error before the request is complete, and keep no more of it."""
        self._respond(self.server.application.refusal(status, message, self._request), early=True)


READERS: dict[int, Callable[[Connection, int, bytes], None]] = {
    fastcgi.BEGIN_REQUEST: Connection._read_begin,
    fastcgi.ABORT_REQUEST: Connection._read_abort,
    fastcgi.PARAMS: Connection._read_params,
    fastcgi.STDIN: Connection._read_body,
    fastcgi.DATA: Connection._ignore,
    fastcgi.GET_VALUES: Connection._read_values,
}
