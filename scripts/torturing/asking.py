"""The ways in which requests reach the server."""

from __future__ import annotations

import contextlib
import socket
from http.client import HTTPConnection, HTTPException
from typing import Any, Protocol

from scripts.torturing.questions import Answer
from tests.transport.client import Peer, request

SECONDS = 120.0
"""After which an answer is given up."""


class NoAnswer(Exception):
    """The connection ended or no answer came; the text says which."""


class Way(Protocol):
    """A connection that is kept, and opened anew after it has ended."""

    name: str
    renewed: int
    """Kept connections that had ended before a request, as servers may end them at any time."""

    def ask(self, address: str, method: str = "GET", body: bytes = b"", media_type: str = "") -> Answer:
        """Send a request and take its answer.

        Raises:
            NoAnswer: there is none.
        """

    def close(self) -> None:
        """End the connection."""


class HttpWay:
    """HTTP, to the server itself or to a web server in front of it."""

    def __init__(self, name: str, port: int, prefix: str = "") -> None:
        self.name, self.renewed = name, 0
        self._port, self._prefix = port, prefix
        self._connection: HTTPConnection | None = None

    def ask(self, address: str, method: str = "GET", body: bytes = b"", media_type: str = "") -> Answer:
        """Send a request and take its answer; raises `NoAnswer`."""
        kept = self._connection is not None
        connection = self._connection or HTTPConnection("127.0.0.1", self._port, timeout=SECONDS)
        self._connection = connection
        headers = {"Content-Type": media_type} if media_type else {}
        try:
            connection.request(method, self._prefix + address, body or None, headers)
            response = connection.getresponse()
        except (OSError, HTTPException) as error:
            self.close()
            if kept and isinstance(error, ConnectionError):
                self.renewed += 1
                return self.ask(address, method, body, media_type)
            raise NoAnswer(f"{type(error).__name__} before an answer") from None
        try:
            answer = Answer(response.status, response.read())
        except (OSError, HTTPException) as error:
            self.close()
            raise NoAnswer(f"{type(error).__name__} within an answer") from None
        if response.will_close:
            self.close()
        return answer

    def close(self) -> None:
        """End the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class FastCgiWay:
    """FastCGI, as a web server speaks it."""

    def __init__(self, name: str, port: int) -> None:
        self.name, self.renewed = name, 0
        self._port = port
        self._peer: Peer | None = None

    def ask(self, address: str, method: str = "GET", body: bytes = b"", media_type: str = "") -> Answer:
        """Send a request and take its answer; raises `NoAnswer`."""
        kept = self._peer is not None
        query = address.partition("?")[2]
        params: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "QUERY_STRING": query,
            "HTTP_HOST": "a.example",
        }
        if body:
            params |= {"CONTENT_TYPE": media_type, "CONTENT_LENGTH": str(len(body))}
        try:
            begun = self._begin(request(address, body=body, **params))
        except OSError as error:
            begun, cause = False, type(error).__name__
        else:
            cause = "connection closed"
        if not begun:
            self.close()
            if kept:
                self.renewed += 1
                return self.ask(address, method, body, media_type)
            raise NoAnswer(f"{cause} before an answer")
        return self._answer()

    def _begin(self, records: bytes) -> bool:
        """Send a request; whether an answer begins."""
        if self._peer is None:
            self._peer = Peer(socket.create_connection(("127.0.0.1", self._port), SECONDS))
            self._peer.sock.settimeout(SECONDS)
        with contextlib.suppress(ConnectionError):
            self._peer.send(records)  # an answer may be there all the same
        return bool(self._peer.sock.recv(1, socket.MSG_PEEK))

    def _answer(self) -> Answer:
        assert self._peer is not None
        try:
            answer = self._peer.answer()
        except (OSError, AssertionError) as error:
            self.close()
            raise NoAnswer(f"{type(error).__name__} within an answer: {error}") from None
        return Answer(answer.status, answer.body)

    def close(self) -> None:
        """End the connection."""
        if self._peer is not None:
            self._peer.sock.close()
            self._peer = None
