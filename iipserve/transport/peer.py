"""What connections of all protocols have in common: receiving, sending, waiting and closing."""

from __future__ import annotations

import contextlib
import logging
import socket
from abc import ABC, abstractmethod
from collections.abc import Callable
from time import monotonic
from typing import Protocol

from iipserve.exchange import Exchange
from iipserve.transport.outgoing import Outgoing
from iipserve.transport.service import MonitoredApplication, ResponseFailed

log = logging.getLogger(__name__)

RECEIVE_LENGTH = 65536
MAX_SURPLUS_LENGTH = 64 << 20
"""Bytes that may still arrive of a request that has been answered before its end: more than sockets hold."""
TOO_SLOW = "a request was not complete in time; its connection is closed"


class PeerServer(Protocol):
    """What a connection needs of its server."""

    application: MonitoredApplication
    request_timeout: float
    stopping: bool


class PeerConnection(ABC):
    """A connection that one thread at a time serves, and that is parked while its peer is to send or to read."""

    def __init__(self, sock: socket.socket, server: PeerServer) -> None:
        """Take over the socket; its timeout for receiving must be set."""
        self._sock = sock
        self._server = server
        self.registered_events = 0
        """What the server's epoll set reports of the socket; 0 if that is not in it."""
        self.peer_has_finished = False
        """The peer sends no more. Epoll reports that once, perhaps together with the last data."""
        self.outgoing = Outgoing(sock)
        self.counted_length = 0
        """What the server has counted of `memory`."""
        self.waiting_since = 0.0
        """On the monotonic clock; 0 unless the peer is to send or read on."""
        self._afterwards: Callable[[], None] | None = None
        """What to do once everything has been sent."""
        self._exchange: Exchange | None = None
        """Whose answer is being sent."""
        self._open = True
        self._discards = False
        """Nothing is sent any more, and what arrives is dropped until the peer closes the connection."""
        self._surplus_length = 0
        """Bytes dropped since the last request began."""
        self._filled = False
        self.postponed = False
        """A complete request has arrived whose turn comes after other connections."""

    # -- what a protocol adds

    @abstractmethod
    def _add(self, received: bytes) -> None:
        """Append to what has arrived and is not read yet."""

    @abstractmethod
    def _read_input(self) -> None:
        """Read what has arrived, as long as `_reads_on`."""

    @abstractmethod
    def _forget_input(self) -> None:
        """Drop the request that is being read, and what has arrived after it."""

    @abstractmethod
    def idle(self) -> bool:
        """Whether no part of a request has arrived, and nothing is to be sent."""

    @abstractmethod
    def receives_body(self) -> bool:
        """Whether the body of a request is arriving."""

    @abstractmethod
    def _received_length(self) -> int:
        """Bytes in memory of what has arrived and is not answered yet."""

    def memory(self) -> int:
        """Bytes that are kept of requests that have not arrived entirely, and of an answer until the peer has taken it."""
        received = self._received_length()
        return received + self.outgoing.memory() if self.outgoing.pending else received

    def expired(self, now: float) -> bool:
        """Whether the peer has not sent or read for too long what it should; `now` is `time.monotonic()`."""
        return bool(self.waiting_since) and now - self.waiting_since > self._server.request_timeout

    def _idle_since(self) -> float:
        """Since when an idle connection waits, if that is limited, on the monotonic clock."""
        return 0.0

    def _flush(self) -> bool:
        return self.outgoing.flush()

    # -- called by the server

    def fileno(self) -> int:
        """The socket's descriptor."""
        return self._sock.fileno()

    def run(self) -> bool:
        """Serve what has arrived; True if the connection is to be parked, False if it has closed itself."""
        try:
            return self._serve()
        except (OSError, ResponseFailed) as error:
            log.debug("a connection ends early: %r", error)
            self.close()
        return False

    def _serve(self) -> bool:
        self._filled = False
        if self.outgoing.pending or self.postponed:
            if self.outgoing.pending:
                self._send_on()
            if self._reads_on():
                self._read_input()
            if self.outgoing.pending or not self._open:
                return self._open
            if self.postponed:
                return self._pause()
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
        self._add(received)
        self._read_input()
        return self._pause() if self._reads_on() else self._open

    def _reads_on(self) -> bool:
        """Whether more is to be read now; not before the peer has taken what was sent to it."""
        return self._open and not self._discards and not self.outgoing.pending

    def may_have_more(self) -> bool:
        """Whether more may have arrived that the last `run` could have read: data, or the end of them."""
        return (self._filled or self.peer_has_finished or self.postponed) and not self.outgoing.pending

    def has_unread(self) -> bool:
        """Whether something has arrived that is to be read: closing the socket would lose it, and reset the connection."""
        if self._discards:
            return False
        try:
            return bool(self._sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
        except OSError:
            return False

    def close(self) -> None:
        """Close the socket; may be called twice."""
        self._open = False
        self._end_exchange(complete=False)
        self._forget_input()
        self.outgoing.clear()
        self._sock.close()

    # -- waiting

    def _pause(self) -> bool:
        """Record since when a request has been incomplete; True unless that is too long, and the connection closed."""
        if self._discards:
            return True
        if self.idle():
            self.waiting_since = self._idle_since()
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
        self._forget_input()
        self.waiting_since = monotonic()
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)

    def _drop(self, content: bytes) -> None:
        """Ignore what belongs to no request: usually the rest of one that was answered early."""
        self._surplus_length += len(content)
        if self._surplus_length > MAX_SURPLUS_LENGTH:
            log.debug("a connection is closed: the rest of a refused request is too long")
            self.close()

    # -- sending

    def _send(self, data: bytes, afterwards: Callable[[], None] | None = None) -> None:
        self._afterwards = afterwards
        self._await_reading(self.outgoing.send([data]), progress=True)

    def _end_exchange(self, *, complete: bool = True) -> None:
        """End the exchange whose answer has been sent, or is given up, if there is one."""
        exchange, application = self._exchange, self._server.application
        if exchange is not None:
            self._exchange = None
            # most are quick and have no record
            if not complete or monotonic() - exchange.started >= application.record_after:
                application.record(exchange, complete=complete)

    def _send_on(self) -> None:
        """Send more of what is pending."""
        before = self.outgoing.sent
        complete = self._flush()
        self._await_reading(complete, progress=self.outgoing.sent > before)

    def _await_reading(self, complete: bool, *, progress: bool) -> None:
        """Once the peer has taken all, do what comes afterwards; until then, note since when it has taken nothing."""
        if not complete:
            self.waiting_since = monotonic() if progress else self.waiting_since
            return
        afterwards, self._afterwards = self._afterwards, None
        if afterwards is not None:
            afterwards()
