"""Clients that are slow, silent, or send what is no request, over FastCGI and HTTP.

Each makes some connections, and keeps them until it is stopped: what the server does with them is its own affair.
"""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from tests.transport.client import BEGIN, PARAMS, RESPONDER, STDIN, begin, pairs, record, request

Attack: TypeAlias = Callable[[random.Random], bytes]
"""What a connection sends, once."""

LARGE = "/iip?FIF=large.tif&CVT=tiff"
TILE = "/iip?FIF=exact.tif&PTL=2,3"
FASTCGI_CONNECTIONS, HTTP_CONNECTIONS = 60, 60
PAUSE = 0.02
"""Seconds between two connections of an attacker, and two bytes of a slow one."""
CONNECT_SECONDS = 5.0


def half_sent(chance: random.Random) -> bytes:
    """The beginning of a request."""
    whole = request(TILE)
    return whole[: chance.randrange(1, len(whole))]


def junk(chance: random.Random) -> bytes:
    """Bytes of no protocol."""
    return chance.randbytes(chance.choice((1, 8, 200, 70_000)))


def garbage(chance: random.Random) -> bytes:
    """Records of any kind and length."""
    records = []
    for _ in range(chance.randrange(1, 30)):
        content = chance.randbytes(chance.choice((0, 1, 8, 300)))
        kind, request_id = chance.choice((0, 1, 2, 3, 4, 5, 8, 9, 11, 255)), chance.choice((0, 1, 2, 65535))
        records.append(
            record(kind, request_id, content, chance.choice((0, 0, 7, 255)), chance.choice((1, 1, 1, 0, 9)))
        )
    return b"".join(records)


def false_lengths(chance: random.Random) -> bytes:
    """Parameters that declare more than they have."""
    content = struct.pack(">LL", chance.choice((1 << 31 | 5, 0xFFFFFFFF)), 0x80000001) + b"x" * 20
    return begin(1) + record(PARAMS, 1, content) + record(PARAMS, 1) + record(STDIN, 1)


def never_read(chance: random.Random) -> bytes:
    """Requests whose answers nobody reads."""
    return request(chance.choice((LARGE, TILE, "/iip?FIF=deep.tif&TIL=2,0-15")))


def many_unread(_: random.Random) -> bytes:
    """Many such requests on one connection."""
    return request(TILE, keep=True) * 50


def false_body(_: random.Random) -> bytes:
    """A change of a collection that declares another length than it has, and never ends."""
    values = {
        "REQUEST_METHOD": "POST", "REQUEST_URI": "/stac/collections", "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_TYPE": "application/json", "CONTENT_LENGTH": "1000000",
    }  # fmt: skip
    head = begin(1) + record(PARAMS, 1, pairs(values)) + record(PARAMS, 1)
    return head + record(STDIN, 1, b'{"id": "')


def unknown_role(chance: random.Random) -> bytes:
    """A request of another role, then one that is aborted."""
    other = record(BEGIN, 1, struct.pack(">HB5x", chance.choice((0, 2, 3, 65535)), 1))
    return other + record(BEGIN, 2, struct.pack(">HB5x", RESPONDER, 1)) + record(2, 2)


def http(text: str) -> Attack:
    """Always the same text."""
    return lambda chance: text.encode("latin-1")


def http_half_sent(chance: random.Random) -> bytes:
    """The beginning of a request."""
    whole = f"GET {TILE} HTTP/1.1\r\nHost: a.example\r\nAccept: */*\r\n\r\n".encode()
    return whole[: chance.randrange(1, len(whole) - 1)]


FASTCGI: tuple[Attack, ...] = (
    half_sent, junk, garbage, false_lengths, never_read, many_unread, false_body, unknown_role, lambda _: b"",
)  # fmt: skip
HTTP: tuple[Attack, ...] = (
    http_half_sent,
    junk,
    http(f"GET {LARGE} HTTP/1.1\r\nHost: a.example\r\n\r\n"),
    http(f"GET {TILE} HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n"),
    http("POST /wms HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    http("POST /stac/collections HTTP/1.1\r\nHost: a.example\r\nContent-Type: application/json\r\n"
         "Content-Length: 1000000\r\n\r\n{"),
    http("GET / HTTP/1.1\r\n" + "".join(f"X-{number}: {'y' * 50}\r\n" for number in range(300)) + "\r\n"),
    http("GET / HTTP/9.9\r\n\r\n"),
    lambda _: b"",
)  # fmt: skip


class Attackers:
    """Connections of hostile clients to one port."""

    def __init__(self, port: int, attacks: tuple[Attack, ...], most: int, seed: str) -> None:
        self._port, self._attacks, self._most = port, attacks, most
        self._chance = random.Random(seed)
        self._stopped = threading.Event()
        self.connections = 0
        """That were made."""

    def run(self) -> None:
        """Make connections, the oldest giving way to new ones, until stopped."""
        kept: list[socket.socket] = []
        while not self._stopped.wait(PAUSE):
            attack = self._chance.choice(self._attacks)
            content = attack(self._chance)
            with contextlib.suppress(OSError):
                kept.append(self._connect(content))
                self.connections += 1
            while len(kept) > self._most:
                kept.pop(self._chance.randrange(len(kept))).close()
            if kept and self._chance.random() < 0.3:
                with contextlib.suppress(OSError):
                    self._chance.choice(kept).send(b"\1")
        for each in kept:
            each.close()

    def _connect(self, content: bytes) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self._port), CONNECT_SECONDS)
        connection.setblocking(False)
        end = time.monotonic() + CONNECT_SECONDS
        while content and time.monotonic() < end:
            try:
                content = content[connection.send(content) :]
            except BlockingIOError:
                break
            except OSError:
                connection.close()
                raise
        return connection

    def stop(self) -> None:
        """End all connections."""
        self._stopped.set()


@contextmanager
def attackers(fastcgi: int, http: int, seed: str) -> Iterator[list[Attackers]]:
    """Hostile clients on both transports, until the block ends."""
    both = [
        Attackers(fastcgi, FASTCGI, FASTCGI_CONNECTIONS, f"{seed} fastcgi"),
        Attackers(http, HTTP, HTTP_CONNECTIONS, f"{seed} http"),
    ]
    threads = [threading.Thread(target=each.run) for each in both]
    for thread in threads:
        thread.start()
    try:
        yield both
    finally:
        for each in both:
            each.stop()
        for thread in threads:
            thread.join()
