"""One HTTP/1.1 connection: requests one after the other, each answered before the next is read (RFC 9112)."""

from __future__ import annotations

import logging
import socket
from http import HTTPStatus
from time import monotonic

from iipserve.exchange import Exchange
from iipserve.http import Request
from iipserve.transport.bodies import NOT_STORED, TOO_LONG, BodyBuffer, NotStored, oversized
from iipserve.transport.http_chunks import ChunkReader
from iipserve.transport.http_head import END, Head, Refused, parse_head, refuse_beginning
from iipserve.transport.http_responses import CONTINUE, HttpResponse
from iipserve.transport.peer import PeerConnection, PeerServer

log = logging.getLogger(__name__)

PROGRESS_LENGTH = 65536
"""Bytes of a body that must arrive within REQUEST_TIMEOUT, and within it again after them."""
MAX_STEPS = 16
"""Heads and bodies that are read before other connections have their turn: a client may send thousands at once."""
KEEP_SECONDS = 75
"""How long a connection without a request is kept."""


class HttpConnection(PeerConnection):
    """One connection of an HTTP client."""

    def __init__(self, sock: socket.socket, server: PeerServer) -> None:
        """Take over the socket; its timeout for receiving must be set."""
        super().__init__(sock, server)
        self._input = bytearray()
        self._searched = 0
        """Bytes of the input in which the end of a head does not begin."""
        self._head: Head | None = None
        """Of the request whose body is arriving, or whose answer is being sent."""
        self._body: BodyBuffer | None = None
        self._chunks: ChunkReader | None = None
        self._keep = False
        self._variables = _variables(sock)

    def idle(self) -> bool:
        """Whether no part of a request has arrived, and nothing is to be sent."""
        return self._head is None and not self._input and not self.outgoing.pending

    def receives_body(self) -> bool:
        """Whether the body of a request is arriving."""
        return self._body is not None

    def _received_length(self) -> int:
        return len(self._input) + (self._body.memory() if self._body is not None else 0)

    def expired(self, now: float) -> bool:
        """Whether the peer has not sent or read for too long what it should, or has not asked for long."""
        limit = KEEP_SECONDS if self.idle() and not self._discards else self._server.request_timeout
        return bool(self.waiting_since) and now - self.waiting_since > limit

    def _idle_since(self) -> float:
        return self.waiting_since or monotonic()

    def _add(self, received: bytes) -> None:
        if self.idle():
            self.waiting_since = 0.0
        self._input += received

    def _forget_input(self) -> None:
        self._forget_request()
        self._input.clear()
        self._searched = 0
        self.postponed = False

    def _forget_request(self) -> None:
        self._head = self._chunks = None
        if self._body is not None:
            self._body.close()
            self._body = None

    # -- reading

    def _read_input(self) -> None:
        self.postponed = False
        try:
            for _ in range(MAX_STEPS):
                if not self._reads_on() or not self._read_part():
                    return
            self.postponed = self._reads_on() and bool(self._input)
        except Refused as error:
            self._refuse(error.status, str(error))
        except NotStored as error:
            log.warning("a request body cannot be stored: %s", error)
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, NOT_STORED)

    def _read_part(self) -> bool:
        """Read a head or a body; False if it is not complete."""
        return self._read_head() if self._head is None else self._read_body(self._head)

    def _read_head(self) -> bool:
        """Read a head; False if it is not complete."""
        data = self._input
        while data[:2] == b"\r\n":  # empty lines before a request are ignored (section 2.2)
            del data[:2]
        if not data:
            return False
        end = data.find(END, self._searched)
        if end < 0:
            refuse_beginning(bytes(data)) if data != b"\r" else None
            self._searched = max(0, len(data) - len(END) + 1)
            return False
        head = parse_head(bytes(data[:end]), self._variables)
        del data[: end + len(END)]
        self._searched = self._surplus_length = 0
        self._begin(head)
        return True

    def _begin(self, head: Head) -> None:
        """Answer a request without a body, or find out whether its body is wanted."""
        self._head = head
        if not head.chunked and not head.length:
            self._answer(head, head.request)
            return
        self._body = body = BodyBuffer(self._server.application.max_body_length(head.request))
        self._chunks = ChunkReader() if head.chunked else None
        if head.length > body.maximum:
            if body.limit:
                self._answer(head, head.request._replace(body=oversized(head.length)), early=True)
            else:
                self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, TOO_LONG)
        elif head.waits and not self._input:
            if body.limit:
                self._send(CONTINUE)
            else:
                self._answer(head, head.request, early=True)

    def _read_body(self, head: Head) -> bool:
        """Read what has arrived of a body; False if it is not complete."""
        body, data = self._body, self._input
        assert body is not None
        steps = body.length // PROGRESS_LENGTH
        if self._chunks is not None:
            for piece in self._chunks.read(data):
                body.add(piece)
                if body.is_too_long:
                    self._answer_too_long(head, body)
                    return False
            ended = self._chunks.ended
        else:
            wanted = head.length - body.length
            piece = bytes(data[:wanted])
            del data[:wanted]
            body.add(piece)
            ended = body.length == head.length
        if body.length // PROGRESS_LENGTH > steps:
            self.waiting_since = 0.0
        if ended:
            self._answer(head, head.request._replace(body=body.body()))
        return ended

    def _answer_too_long(self, head: Head, body: BodyBuffer) -> None:
        if body.limit:
            self._answer(head, head.request._replace(body=body.body()), early=True)
        else:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, TOO_LONG)

    # -- answering

    def _answer(self, head: Head, request: Request, *, early: bool = False) -> None:
        """Send the application's response; with `early`, before the request is complete, and close after it."""
        exchange = self._server.application.answer(request, over_http=True)
        keep = head.keep and not early and not self._server.stopping
        self._respond(exchange, method=request.method, minor=head.minor, keep=keep)

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        """Send an error and read no more."""
        request, minor = (self._head.request, self._head.minor) if self._head else (None, 1)
        exchange = self._server.application.refusal(status, message, request)
        method = request.method if request is not None else "GET"
        self._respond(exchange, method=method, minor=minor, keep=False)

    def _respond(self, exchange: Exchange, *, method: str, minor: int, keep: bool) -> None:
        framed = HttpResponse(self._server.application, exchange, method=method, minor=minor, keep=keep)
        self._keep = framed.keep
        self._exchange = exchange
        if self._server.application.logs_all:
            self._server.application.announce(exchange)
        self._afterwards = self._finish
        complete = framed.send(self.outgoing)
        if not complete:
            exchange.answered = monotonic()
        self._await_reading(complete, progress=True)

    def _finish(self) -> None:
        """End the request; close the connection, unless it is kept, once the client has seen the answer."""
        unread = bool(self._input) or self._body is not None
        self._end_exchange()
        self._forget_request()
        self.waiting_since = 0.0
        if not self._keep:
            (self._discard if unread or self.has_unread() else self.close)()


def _variables(sock: socket.socket) -> dict[str, str]:
    """CGI variables of a connection (RFC 3875, section 4.1)."""
    found = {"wsgi.url_scheme": "http", "REMOTE_ADDR": ""}
    if sock.family != socket.AF_UNIX:
        server, client = sock.getsockname(), sock.getpeername()
        name = _in_address(server[0])
        found |= {"REMOTE_ADDR": client[0], "SERVER_NAME": name, "SERVER_PORT": str(server[1])}
    return found


def _in_address(ip: str) -> str:
    """An IP address as part of a URI: one of version 6 in brackets (RFC 3986, section 3.2.2), without its zone."""
    return f"[{ip.partition('%')[0]}]" if ":" in ip else ip
