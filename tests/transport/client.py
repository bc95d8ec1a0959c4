"""The web server's side of FastCGI, written from the numbers of the specification.

Uses nothing of the package, so that an error in its constants is detected.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable
from typing import NamedTuple

SECONDS = 120.0
"""How long to wait for the application, which may have other work."""
BEGIN, ABORT, END, PARAMS, STDIN, STDOUT, STDERR, DATA = range(1, 9)
GET_VALUES, GET_VALUES_RESULT, UNKNOWN_TYPE = 9, 10, 11
RESPONDER, AUTHORIZER, FILTER = 1, 2, 3
COMPLETE, CANT_MULTIPLEX, OVERLOADED, UNKNOWN_ROLE = range(4)


class Received(NamedTuple):
    """One record of the application."""

    kind: int
    request_id: int
    content: bytes


class Answer(NamedTuple):
    """One finished request."""

    status: int
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes
    protocol_status: int


def record(kind: int, request_id: int, content: bytes = b"", padding: int = 0, version: int = 1) -> bytes:
    header = struct.pack(">BBHHBB", version, kind, request_id, len(content), padding, 0)
    return header + content + b"\0" * padding


def length(number: int) -> bytes:
    return bytes([number]) if number < 128 else struct.pack(">L", number | 1 << 31)


def pairs(values: dict[str, str]) -> bytes:
    return b"".join(
        length(len(name)) + length(len(value)) + name.encode("latin-1") + value.encode("latin-1")
        for name, value in values.items()
    )


def begin(request_id: int = 1, role: int = RESPONDER, *, keep: bool = True) -> bytes:
    return record(BEGIN, request_id, struct.pack(">HB5x", role, int(keep)))


def request(
    address: str = "/tile", request_id: int = 1, *, keep: bool = True, body: bytes = b"", **params: str
) -> bytes:
    """All records of one request for `address`."""
    values = {"REQUEST_METHOD": "GET", "REQUEST_URI": address, "SERVER_PROTOCOL": "HTTP/1.1"} | params
    head = [
        begin(request_id, keep=keep),
        record(PARAMS, request_id, pairs(values)),
        record(PARAMS, request_id),
    ]
    return b"".join(head) + stdin(body, request_id) + record(STDIN, request_id)


def stdin(body: bytes, request_id: int = 1, piece: int = 65535, padding: int = 0) -> bytes:
    """A body in records of at most `piece` bytes, without its end."""
    return b"".join(
        record(STDIN, request_id, body[start : start + piece], padding)
        for start in range(0, len(body), piece)
    )


def end(request_id: int, protocol_status: int) -> Received:
    """The END_REQUEST record of the application."""
    return Received(END, request_id, struct.pack(">LB3x", 0, protocol_status))


class Peer:
    """A connection to the application."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.sock.settimeout(SECONDS)
        self._buffer = b""

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def send_slowly(self, data: bytes) -> None:
        """Send byte by byte, each in a separate segment."""
        for number in range(len(data)):
            self.sock.sendall(data[number : number + 1])

    def receive(self) -> Received | None:
        """The next record, or None at the end of the connection."""
        header = self._exactly(8)
        if not header:
            return None
        version, kind, request_id, size, padding, _ = struct.unpack(">BBHHBB", header)
        assert version == 1
        content = self._exactly(size)
        self._exactly(padding)
        return Received(kind, request_id, content)

    def _exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            received = self.sock.recv(1 << 20)
            if not received:
                assert not self._buffer, f"the connection ends inside a record: {self._buffer[:80]!r}"
                return b""
            self._buffer += received
        found, self._buffer = self._buffer[:size], self._buffer[size:]
        return found

    def receive_all(self) -> list[Received]:
        """Every record up to the end of the connection."""
        found = []
        while (received := self.receive()) is not None:
            found.append(received)
        return found

    def answer(self, request_id: int = 1) -> Answer:
        """The answer to one request; its records must be in order.

        Raises:
            ConnectionError: the connection ends before the answer does.
        """
        output, ended = [], False
        while True:
            received = self.receive()
            if received is None:
                raise ConnectionAbortedError("the connection ends before the answer does")
            assert received.request_id == request_id
            if received.kind == END:
                assert ended or not output, "STDOUT was not ended"
                return parse(b"".join(output), received)
            assert received.kind == STDOUT
            assert not ended, "STDOUT continues after its end"
            output.append(received.content)
            ended = not received.content

    def ask(self, address: str, **params: str) -> Answer:
        """Send a request that keeps the connection, and take its answer."""
        self.send(request(address, **params))
        return self.answer()

    def at_end(self) -> bool:
        """Whether the application has closed the connection; waits for it."""
        return self.receive() is None


def parse(output: bytes, end: Received) -> Answer:
    """Head and body of STDOUT, and the status in END_REQUEST."""
    _, protocol_status = struct.unpack(">LB3x", end.content)
    if not output:
        return Answer(0, {}, b"", protocol_status)
    head, _, body = output.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return Answer(int(headers.pop("status").split()[0]), headers, body, protocol_status)


def connect(address: tuple[str, int] | str) -> Peer:
    """A new connection to a TCP address or Unix socket."""
    if isinstance(address, str):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.connect(address)
        except OSError:
            sock.close()
            raise
        return Peer(sock)
    return Peer(socket.create_connection(address[:2], timeout=SECONDS))


def ask_all(peers: Iterable[Peer], address: str) -> list[Answer]:
    """Ask on every connection before taking the first answer."""
    peers = list(peers)
    for peer in peers:
        peer.send(request(address))
    return [peer.answer() for peer in peers]
