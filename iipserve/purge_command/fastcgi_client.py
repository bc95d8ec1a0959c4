"""One request to a FastCGI server, as a web server makes it (FastCGI Specification 1.0, sections 3 and 5)."""

from __future__ import annotations

import socket
from collections.abc import Mapping

from iipserve.config.addresses import TcpAddress, UnixAddress
from iipserve.http.public_address import variable
from iipserve.transport.fastcgi import (
    BEGIN_BODY,
    BEGIN_REQUEST,
    END_REQUEST,
    HEADER,
    HEADER_LENGTH,
    PARAMS,
    STDIN,
    STDOUT,
    Record,
)
from iipserve.transport.wire import encode_pairs

RESPONDER = 1
"""The role that answers requests."""
REQUEST = 1
"""Id of the only request of a connection."""


def ask(
    address: TcpAddress | UnixAddress, method: str, target: str, headers: Mapping[str, str], seconds: float
) -> tuple[int, bytes]:
    """Status and body of the answer to a request without a body.

    Args:
        address: of the server.
        method, target, headers: of the request.
        seconds: maximum for connecting and for each part of the answer.

    Raises:
        OSError: there is no answer.
        ValueError: it is none of FastCGI.
    """
    params = {"REQUEST_METHOD": method, "REQUEST_URI": target, "SERVER_PROTOCOL": "HTTP/1.1"}
    params |= {variable(name): value for name, value in headers.items()}
    records = (
        Record(BEGIN_REQUEST, REQUEST, BEGIN_BODY.pack(RESPONDER, 0)),
        Record(PARAMS, REQUEST, encode_pairs(params)),
        Record(PARAMS, REQUEST),
        Record(STDIN, REQUEST),
    )
    with _connected(address, seconds) as connection:
        connection.sendall(b"".join(record.to_bytes() for record in records))
        return _parsed(_output(connection))


def _connected(address: TcpAddress | UnixAddress, seconds: float) -> socket.socket:
    if isinstance(address, TcpAddress):
        return socket.create_connection((address.host or "localhost", address.port), seconds)
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(seconds)
    try:
        connection.connect(address.path)
    except OSError:
        connection.close()
        raise
    return connection


def _output(connection: socket.socket) -> bytes:
    """All that the server writes to STDOUT."""
    output = []
    while True:
        _, kind, _, length, padding, *_ = HEADER.unpack(_exactly(connection, HEADER_LENGTH))
        content = _exactly(connection, length + padding)[:length]
        if kind == STDOUT:
            output.append(content)
        elif kind == END_REQUEST:
            return b"".join(output)


def _exactly(connection: socket.socket, length: int) -> bytes:
    received = b""
    while len(received) < length:
        part = connection.recv(length - len(received))
        if not part:
            raise ConnectionError("the connection is closed before the answer is complete")
        received += part
    return received


def _parsed(output: bytes) -> tuple[int, bytes]:
    head, end, body = output.partition(b"\r\n\r\n")
    first, number = head.partition(b"\r\n")[0].split()[:2] if end else (b"", b"")
    if first != b"Status:" or not number.isdigit():
        raise ValueError("the answer has no status")
    return int(number), body
