"""Answers of FastCGI servers that are asked live."""

from __future__ import annotations

from typing import NamedTuple

from tests.transport.client import END, STDOUT, Peer


class Died(Exception):
    """The server ended, or closed the connection, before it had answered."""


class Reply(NamedTuple):
    """What a server answered."""

    status: int
    media_type: str
    body: bytes


def output(peer: Peer) -> bytes:
    """All of STDOUT up to the end of the request. Raises `Died`."""
    found = []
    while (received := peer.receive()) is not None:
        if received.kind == STDOUT:
            found.append(received.content)
        elif received.kind == END:
            return b"".join(found)
    raise Died("the connection was closed before there was an answer")


def read_reply(output: bytes) -> Reply:
    """Status, media type and body of a CGI answer; without a `Status` header it is 200."""
    head, _, body = output.partition(b"\r\n\r\n")
    lines = (line.partition(": ") for line in head.decode("latin-1").split("\r\n"))
    headers = {name.lower(): value for name, _, value in lines}
    return Reply(int(headers.get("status", "200").split()[0]), headers.get("content-type", ""), body)
