"""Raw bytes of FastCGI and HTTP, spoiled, through a connection of the server's own."""

from __future__ import annotations

import contextlib
import random
import socket
import struct

from iipserve.app import Application
from iipserve.config import Config
from iipserve.transport.connection import Connection
from iipserve.transport.http_connection import HttpConnection
from iipserve.transport.peer import PeerConnection
from iipserve.transport.pool import FastCGIServer
from iipserve.transport.service import MonitoredApplication
from scripts.fuzzing.services import FORM
from tests.transport.client import ABORT, GET_VALUES, begin, pairs, record, request

TILE = "/iip?FIF=rgb.tif&JTL=0,0"
PIECES = (
    b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b"\r\n\r\n", b"Content-Length: 5\r\n", b"Content-Length: 0\r\n", b"Host: b\r\n",
    b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: identity\r\n", b"Expect: 100-continue\r\n", b"Connection: close\r\n",
    b"0\r\n\r\n", b"5\r\nabcde\r\n", b"ffffffffffffffff\r\n", b"HTTP/1.0", b"HTTP/2.0", b"http://c/", b"*", b"\xff" * 9, b"x" * 9000,
    b"A: b\r\n" * 120, b"\x16\x03\x01", record(ABORT, 1), record(GET_VALUES, 0, pairs({"FCGI_MAX_CONNS": ""})),
    begin(1), begin(2), record(4, 1), record(5, 1), record(5, 1, b"x" * 300), record(4, 1, struct.pack(">LL", 1 << 31 | 9, 1 << 31)),
    record(255, 0), record(1, 1, b"\0\3\1\0\0\0\0\0"), b"\2\1\0\1\0\0\0\0",
)  # fmt: skip
"""What is put between others."""
MAX_STEPS = 20_000
"""Turns of a connection, each of which is given some bytes."""


def http(chance: random.Random) -> bytes:
    """Some requests, one after the other."""
    body = b"a=b&" * chance.choice((1, 100, 20_000))
    chunks = b"".join(b"%x;c=d\r\n%b\r\n" % (len(body), body) for _ in range(2)) + b"0\r\nTrailer: e\r\n\r\n"
    form = b"POST /wms HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    kinds = (
        f"GET {TILE} HTTP/1.1\r\nHost: a\r\n\r\n".encode(),
        f"HEAD {TILE} HTTP/1.0\r\n\r\n".encode(),
        b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
        form + b"Content-Length: %d\r\n\r\n" % len(body) + body,
        form + b"Transfer-Encoding: chunked\r\n\r\n" + chunks,
        form + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\na=b",
    )
    return b"".join(chance.choices(kinds, k=chance.randint(1, 4)))


def fastcgi(chance: random.Random) -> bytes:
    """Some requests, one after the other."""
    kinds = (
        request(TILE),
        request(TILE, request_id=2, keep=False),
        request(
            "/wms", body=b"a=b&" * chance.choice((1, 100, 20_000)), REQUEST_METHOD="POST", CONTENT_TYPE=FORM
        ),
        record(GET_VALUES, 0, pairs({"FCGI_MAX_REQS": "", "FCGI_MPXS_CONNS": ""})),
        begin(3) + record(ABORT, 3),
    )
    return b"".join(chance.choices(kinds, k=chance.randint(1, 4)))


def spoiled(data: bytes, chance: random.Random) -> bytes:
    """With up to six things wrong."""
    changed = bytearray(data)
    for _ in range(chance.randint(0, 6)):
        start = chance.randrange(len(changed) + 1)
        stop = min(len(changed), start + chance.choice((0, 1, 2, 8, 100)))
        kind = chance.randrange(5)
        if kind == 0:
            changed[start:start] = chance.choice(PIECES)
        elif kind == 1:
            changed[start:stop] = b""
        elif kind == 2:
            changed[start:start] = changed[start:stop]
        elif kind == 3:
            changed[start:stop] = chance.randbytes(stop - start)
        elif chance.random() < 0.3:
            del changed[start:]
    return bytes(changed)


class Wire:
    """Connections to an application."""

    def __init__(self, application: Application, config: Config) -> None:
        """No thread is started: connections are served here."""
        self._server = FastCGIServer(MonitoredApplication(application, config), [], config)

    def flaw(self, data: bytes, *, over_http: bool, chance: random.Random) -> str | None:
        """What is wrong with how a connection deals with `data`, sent in pieces; None if nothing is."""
        ours, theirs = socket.socketpair()
        with ours, theirs:
            theirs.setblocking(False)
            connection = (HttpConnection if over_http else Connection)(ours, self._server)
            received = _converse(connection, theirs, data, chance)
        if received is None:
            return "a connection does not end"
        return _http_flaw(received) if over_http else _fastcgi_flaw(received)


def _converse(
    connection: PeerConnection, theirs: socket.socket, data: bytes, chance: random.Random
) -> bytes | None:
    """What is received until the connection ends, after all has been sent; None if it does not end."""
    received, left = bytearray(), memoryview(data)
    for _ in range(MAX_STEPS):
        if left:
            with contextlib.suppress(BlockingIOError):
                left = left[_sent(theirs, left[: chance.choice((1, 30, 4096, 65536))]) :]
        elif not connection.peer_has_finished:
            with contextlib.suppress(OSError):
                theirs.shutdown(socket.SHUT_WR)
            connection.peer_has_finished = True
        is_open = connection.run()
        with contextlib.suppress(OSError):
            while piece := theirs.recv(1 << 20):
                received += piece
        if not is_open:
            return bytes(received)
    return None


def _sent(sock: socket.socket, data: memoryview) -> int:
    """Bytes that were sent; all if nobody takes them any more."""
    try:
        return sock.send(data)
    except ConnectionError:
        return len(data)


def _http_flaw(received: bytes) -> str | None:
    if received and not received.startswith((b"HTTP/1.1 ", b"HTTP/1.0 ")):
        return f"no answer of HTTP: {received[:100]!r}"
    return "status 500" if b"HTTP/1.1 500 " in received else None


def _fastcgi_flaw(received: bytes) -> str | None:
    at = 0
    while at < len(received):
        if len(received) - at < 8 or received[at] != 1:
            return f"no record of FastCGI at {at}: {received[at : at + 20]!r}"
        length, padding = struct.unpack_from(">HB", received, at + 4)
        if received[at + 8 : at + 20].startswith(b"Status: 500"):
            return "status 500"
        at += 8 + length + padding
    return None if at == len(received) else "the last record is not complete"
