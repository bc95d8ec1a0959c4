"""One connection of a web server: one buffer that records are parsed out of, one `send` per answer.

Section numbers are those of the FastCGI Specification 1.0.
"""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from time import monotonic
from typing import Protocol

from iipserve.errors import INTERNAL_ERROR
from iipserve.http import Request, Response
from iipserve.leader import hand_over
from iipserve.transport import fastcgi
from iipserve.transport.fastcgi import (
    HEADER,
    Buffer,
    RecordBuffer,
    end_of_answer,
    end_request,
    stdout_buffers,
)
from iipserve.transport.service import BODY_TOO_LONG, MAX_BODY_LENGTH, BodyFailed, MonitoredApplication
from iipserve.transport.wire import ProtocolError, decode_pairs, encode_pairs, head, send_all

log = logging.getLogger(__name__)

RECEIVE_LENGTH = 65536
MAX_PARAMS_LENGTH = 65536
"""Bytes of PARAMS in one request; more is answered 431."""
RECORDS_PER_SEND = 16
"""How many full records go into one `sendmsg`."""
DRAIN_RECEIVES = 50
"""How often to receive, or time out, before closing on a peer that still sends."""
ABORT_CHECK_LENGTH = 1_000_000
"""After how many bytes of an answer in pieces to look for an ABORT_REQUEST."""
NO_REQUEST = -1
"""Stands where a request id does while none is being read."""


class Server(Protocol):
    """What a connection must know of its server."""

    service: MonitoredApplication
    request_timeout: float
    roles: tuple[int, ...]
    capability: Mapping[str, int]


class PoolState(Protocol):
    """What a connection must know of the pool it is in."""

    stopping: bool


class Aborted(Exception):
    """The web server no longer wants the answer (section 5.4)."""


class Connection(fastcgi.BaseConnection):  # type: ignore[misc]  # flup6 carries no types
    """One connection of a web server: reads requests, one at a time, and answers them."""

    def __init__(self, sock: socket.socket, server: Server, pool: PoolState) -> None:
        """Takes the socket over; its timeouts for receiving and sending must be set."""
        super().__init__(sock, None, server)
        self.registered = False
        self._pool = pool
        self._open = True
        self._input = RecordBuffer()
        self._waiting_since = 0.0
        self._filled = False
        self._forget_request()

    def _forget_request(self) -> None:
        self._request_id = NO_REQUEST
        self._keep = True
        self._params: list[bytes] = []
        self._params_length = 0
        self._environ: dict[str, str] | None = None
        self._body_length = 0
        self._body_ended = False

    # -- what the pool calls

    def fileno(self) -> int:
        """The socket's descriptor."""
        return self._sock.fileno()  # type: ignore[no-any-return]

    def run(self) -> bool:
        """Serve what has arrived; True when the connection is to be parked, False when it has closed itself."""
        try:
            return self._serve()
        except ProtocolError as error:
            log.warning("a web server's connection is closed: %s", error)
            self._close_after_draining()
        except (OSError, BodyFailed) as error:
            log.debug("a connection ends early: %r", error)
            self.close()
        return False

    def _serve(self) -> bool:
        self._filled = False
        try:
            received = self._sock.recv(RECEIVE_LENGTH, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return self._pause()
        self._filled = len(received) == RECEIVE_LENGTH
        if not received:
            self.close()
            return False
        self._input.add(received)
        for kind, request_id, content in self._input.records():
            self._read(kind, request_id, content)
            if not self._open:
                return False
        return self._pause()

    def may_have_more(self) -> bool:
        """Whether more may have arrived than the last `run` has taken."""
        return self._filled

    def drain(self) -> None:
        """Serve what has arrived already, then close."""
        with contextlib.suppress(OSError):
            while self._sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) and self.run():
                continue
        self.close()

    def idle(self) -> bool:
        """Whether no part of a request has arrived."""
        return self._request_id == NO_REQUEST and not self._input

    def expired(self, now: float) -> bool:
        """Whether a part of a request has waited for the rest too long."""
        return bool(self._waiting_since) and now - self._waiting_since > self.server.request_timeout

    def close(self) -> None:
        """Close the socket; may be called twice."""
        self._open = False
        self._sock.close()

    def _pause(self) -> bool:
        """Note since when a request has been incomplete; True, since the connection may wait for the rest.

        Raises:
            ProtocolError: it has waited long enough.
        """
        if self.idle():
            self._waiting_since = 0.0
            return True
        now = monotonic()
        self._waiting_since = self._waiting_since or now
        if self.expired(now):
            raise ProtocolError("a request was not complete in time")
        return True

    def _close_after_draining(self) -> None:
        """Close such that an answer still arrives although the peer has more to send.

        Closing with unread input would reset the connection, and throw away what the peer has not read.
        """
        self._open = False
        hand_over()
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)
            for _ in range(DRAIN_RECEIVES):
                with contextlib.suppress(BlockingIOError):
                    if not self._sock.recv(RECEIVE_LENGTH):
                        break
        self._sock.close()

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
        """A type this side never expects (sections 3.3 and 4.2)."""
        if kind in fastcgi.ANSWER_TYPES:
            raise ProtocolError(f"a record of type {kind} goes from application to web server only")
        if request_id == fastcgi.MANAGEMENT:
            self._sock.sendall(fastcgi.unknown_type(kind))

    def _read_values(self, request_id: int, content: bytes) -> None:
        """FCGI_GET_VALUES (section 4.1): unknown names are left out of the answer."""
        known = {
            name: str(self.server.capability[name])
            for name in decode_pairs(content)
            if name in self.server.capability
        }
        self._sock.sendall(fastcgi.Record(fastcgi.GET_VALUES_RESULT, 0, encode_pairs(known)).to_bytes())

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
            self._sock.sendall(end_request(request_id, fastcgi.CANT_MULTIPLEX))
            return
        keep = bool(flags & fastcgi.KEEP_CONNECTION)
        if role not in self.server.roles:
            self._sock.sendall(end_request(request_id, fastcgi.UNKNOWN_ROLE))
            if not keep:
                self._close_after_draining()
            return
        self._request_id, self._keep = request_id, keep

    def _read_params(self, request_id: int, content: bytes) -> None:
        """FCGI_PARAMS (section 5.2); what belongs to no request being read is ignored (section 3.3)."""
        if request_id != self._request_id:
            return
        if self._environ is not None:
            raise ProtocolError("PARAMS go on after their end")
        if content:
            self._params.append(content)
            self._params_length += len(content)
            if self._params_length > MAX_PARAMS_LENGTH:
                message = f"the request's headers are longer than {MAX_PARAMS_LENGTH} bytes"
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, message)
            return
        self._environ = decode_pairs(b"".join(self._params))
        if self._body_ended:
            self._answer(self._environ)

    def _read_body(self, request_id: int, content: bytes) -> None:
        """FCGI_STDIN (section 5.3): counted and forgotten; its end is the end of the request."""
        if request_id != self._request_id:
            return
        if content:
            self._body_length += len(content)
            if self._body_length > MAX_BODY_LENGTH:
                self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, BODY_TOO_LONG)
            return
        self._body_ended = True
        if self._environ is not None:
            self._answer(self._environ)

    def _read_abort(self, request_id: int, content: bytes) -> None:
        """FCGI_ABORT_REQUEST (section 5.4) of a request that is not complete yet."""
        if request_id == self._request_id:
            self._sock.sendall(end_request(request_id))
            self._finish()

    def _ignore(self, request_id: int, content: bytes) -> None:
        """FCGI_DATA belongs to the Filter role."""

    # -- answering

    def _answer(self, environ: dict[str, str]) -> None:
        service = self.server.service
        response = service.answer(Request.from_environ(environ))
        try:
            self._send(response)
        except Aborted:
            self._sock.sendall(end_request(self._request_id))
        self._finish()

    def _finish(self) -> None:
        """The request is over; so is the connection, unless it is to be kept (section 5.1)."""
        keep = self._keep
        self._forget_request()
        self._waiting_since = 0.0
        if not keep or self._pool.stopping:
            self.close()

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        """Answer before the request is complete, and read no more of it."""
        self._send(self.server.service.error_response(status, message))
        self._close_after_draining()

    def _send(self, response: Response) -> None:
        service, body = self.server.service, response.body
        try:
            start = head(response.status, response.headers)
        except ValueError as error:
            log.error("an answer is withheld: %s", error)
            response = service.error_response(HTTPStatus.INTERNAL_SERVER_ERROR, INTERNAL_ERROR)
            start, body = head(response.status, response.headers), response.body
        if not isinstance(body, bytes):
            self._stream(start, body)
            return
        request_id, length = self._request_id, len(start) + len(body)
        if length <= fastcgi.MAX_CONTENT_LENGTH:
            record = HEADER.pack(fastcgi.VERSION, fastcgi.STDOUT, request_id, length, 0)
            send_all(self._sock, [b"".join((record, start, body, end_of_answer(request_id)))])
        else:
            self._send_buffers(
                [
                    *stdout_buffers(request_id, start),
                    *stdout_buffers(request_id, body),
                    end_of_answer(request_id),
                ]
            )

    def _stream(self, start: bytes, body: Iterable[bytes]) -> None:
        """Send a body in pieces as they are made."""
        hand_over()
        request_id, unchecked = self._request_id, 0
        buffers = stdout_buffers(request_id, start)
        for piece in self.server.service.chunks(body):
            self._send_buffers([*buffers, *stdout_buffers(request_id, piece)])
            buffers = []
            unchecked += len(piece)
            if unchecked >= ABORT_CHECK_LENGTH:
                unchecked = 0
                self._check_for_abort()
        self._send_buffers([*buffers, end_of_answer(request_id)])

    def _send_buffers(self, buffers: list[Buffer]) -> None:
        """Send whole records without joining them, some at a time."""
        step = 2 * RECORDS_PER_SEND
        for first in range(0, len(buffers), step):
            if first:
                self._check_for_abort()
            send_all(self._sock, buffers[first : first + step])

    def _check_for_abort(self) -> None:
        """Look at what has come in while answering.

        Raises:
            Aborted: the web server gave this request up.
        """
        with contextlib.suppress(BlockingIOError):
            if len(self._input) < RECEIVE_LENGTH:
                self._input.add(self._sock.recv(RECEIVE_LENGTH, socket.MSG_DONTWAIT))
        if self._input.holds(fastcgi.ABORT_REQUEST, self._request_id):
            raise Aborted


READERS: dict[int, Callable[[Connection, int, bytes], None]] = {
    fastcgi.BEGIN_REQUEST: Connection._read_begin,
    fastcgi.ABORT_REQUEST: Connection._read_abort,
    fastcgi.PARAMS: Connection._read_params,
    fastcgi.STDIN: Connection._read_body,
    fastcgi.DATA: Connection._ignore,
    fastcgi.GET_VALUES: Connection._read_values,
}
