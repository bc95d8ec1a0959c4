"""The content of records, name-value pairs and response heads, and sending of buffers."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from http import HTTPStatus
from socket import MSG_DONTWAIT, socket
from struct import pack, unpack_from
from typing import TypeAlias

from iipserve.http import Headers

Buffer: TypeAlias = bytes | memoryview

MAX_BUFFERS = 1024
"""Passed to one `sendmsg` (IOV_MAX of Linux)."""


class ProtocolError(ValueError):
    """The web server breaks the FastCGI protocol; its connection must be closed."""


def decode_pairs(block: bytes) -> dict[str, str]:
    """Names and values of a PARAMS or GET_VALUES stream, as Latin-1 (FastCGI section 3.4).

    Raises:
        ProtocolError: a length exceeds the stream.
    """
    text = block.decode("latin-1")
    pairs: dict[str, str] = {}
    position, size = 0, len(block)
    try:
        while position < size:
            name_length, value_length = block[position], block[position + 1]
            if name_length < 128 and value_length < 128:
                position += 2
            else:
                position, name_length, value_length = _long_lengths(block, position)
            middle = position + name_length
            position = middle + value_length
            pairs[text[middle - name_length : middle]] = text[middle:position]
    except (IndexError, struct.error):
        raise ProtocolError("the stream ends within the lengths of a name-value pair") from None
    if position != size:
        raise ProtocolError("a name-value pair is longer than its stream")
    return pairs


def _long_lengths(block: bytes, position: int) -> tuple[int, int, int]:
    """Offset of the pair's text, and both lengths: 1 byte below 128, else 4 with the top bit set."""
    lengths = []
    for _ in range(2):
        length = block[position]
        if length < 128:
            position += 1
        else:
            length = unpack_from("!L", block, position)[0] & 0x7FFFFFFF
            position += 4
        lengths.append(length)
    return position, lengths[0], lengths[1]


def encode_pairs(pairs: Mapping[str, str]) -> bytes:
    """The inverse of `decode_pairs`."""
    parts: list[bytes] = []
    for name, value in pairs.items():
        encoded = name.encode("latin-1"), value.encode("latin-1")
        parts.extend(_encoded_length(len(part)) for part in encoded)
        parts.extend(encoded)
    return b"".join(parts)


def _encoded_length(length: int) -> bytes:
    return pack("!B", length) if length < 128 else pack("!L", length | 0x80000000)


def head(status: HTTPStatus, headers: Headers) -> bytes:
    """Status, headers and the empty line, in CGI's form (RFC 3875 section 6.2).

    Raises:
        ValueError: a header contains a line break or a character outside Latin-1.
    """
    first = "Status: 200 OK" if status is HTTPStatus.OK else f"Status: {status.value} {status.phrase}"
    return joined_head(first, headers)


def joined_head(first: str, headers: Headers) -> bytes:
    """First lines without the end of the last one, headers and the empty line.

    Raises:
        ValueError: a header contains a line break or a character outside Latin-1.
    """
    text = "\r\n".join([first, *map(": ".join, headers), "\r\n"])
    breaks = len(headers) + 2 + first.count("\n")
    if text.count("\n") != breaks or text.count("\r") != breaks:
        raise ValueError("a header contains a line break")
    return text.encode("latin-1")


def send_at_once(sock: socket, buffer: Buffer) -> int:
    """Send as much of a buffer as the peer takes now. Returns the number of bytes sent.

    Raises:
        OSError: the peer is gone.
    """
    try:
        return sock.send(buffer, MSG_DONTWAIT)
    except BlockingIOError:
        return 0


def send_ready(sock: socket, buffers: list[Buffer]) -> int:
    """Send buffers in order, without joining them, as far as the peer takes them; what is left stays in the list.

    Returns the number of bytes sent.

    Raises:
        OSError: the peer is gone.
    """
    total = 0
    while buffers:
        try:
            sent = sock.sendmsg(buffers[:MAX_BUFFERS], [], MSG_DONTWAIT)
        except BlockingIOError:
            break
        total += sent
        while buffers and sent >= len(buffers[0]):
            sent -= len(buffers.pop(0))
        if sent:
            buffers[0] = memoryview(buffers[0])[sent:]
    return total
