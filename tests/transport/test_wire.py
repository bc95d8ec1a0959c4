from __future__ import annotations

import socket
from http import HTTPStatus

import pytest

from iipserve.transport.wire import ProtocolError, decode_pairs, encode_pairs, head, send_ready
from tests.transport import client

PAIRS = [
    pytest.param(b"", {}, id="nothing"),
    pytest.param(b"\x01\x02abc", {"a": "bc"}, id="short lengths"),
    pytest.param(b"\x01\x00a", {"a": ""}, id="empty value"),
    pytest.param(b"\x00\x00", {"": ""}, id="both empty"),
    pytest.param(b"\x01\x80\x00\x00\x80a" + b"v" * 128, {"a": "v" * 128}, id="long value"),
    pytest.param(b"\x80\x00\x00\x80\x01" + b"n" * 128 + b"v", {"n" * 128: "v"}, id="long name"),
    pytest.param(b"\x80\x00\x00\x01\x80\x00\x00\x01ab", {"a": "b"}, id="long form of short lengths"),
    pytest.param(b"\x01\x01ab\x01\x01ac", {"a": "c"}, id="the last of two counts"),
    pytest.param(b"\x01\x02a\xe9\xff", {"a": "\u00e9\u00ff"}, id="Latin-1"),
    pytest.param(b"\x01\x01a\x00\x01\x01b=", {"a": "\0", "b": "="}, id="NUL"),
]


@pytest.mark.parametrize(("block", "expected"), PAIRS)
def test_pairs_are_decoded(block: bytes, expected: dict[str, str]) -> None:
    assert decode_pairs(block) == expected


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(b"\x01", id="no length of the value"),
        pytest.param(b"\x80\x00\x00", id="half a long length"),
        pytest.param(b"\x01\x80\x00\x00", id="half a long length of the value"),
        pytest.param(b"\x05\x00abc", id="name past the end"),
        pytest.param(b"\x01\x05abc", id="value past the end"),
        pytest.param(b"\xff\xff\xff\xff\xff\xff\xff\xffabc", id="huge lengths"),
        pytest.param(b"\x01\x01ab\x01", id="rest after a good pair"),
    ],
)
def test_broken_pairs_are_refused(block: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode_pairs(block)


@pytest.mark.parametrize("size", [0, 1, 127, 128, 255, 256, 65535, 65536])
def test_pairs_are_encoded_as_the_specification_has_it(size: int) -> None:
    values = {"FCGI_MAX_CONNS": "v" * size, "n" * size: ""}
    assert encode_pairs(values) == client.pairs(values)
    assert decode_pairs(encode_pairs(values)) == values


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        pytest.param(HTTPStatus.OK, (), b"Status: 200 OK\r\n\r\n", id="no headers"),
        pytest.param(
            HTTPStatus.NOT_FOUND, (("A", "b"),), b"Status: 404 Not Found\r\nA: b\r\n\r\n", id="one header"
        ),
        pytest.param(
            HTTPStatus.OK,
            (("A", "b"), ("A", "\u00e9")),
            b"Status: 200 OK\r\nA: b\r\nA: \xe9\r\n\r\n",
            id="twice, and Latin-1",
        ),
    ],
)
def test_head(status: HTTPStatus, headers: tuple[tuple[str, str], ...], expected: bytes) -> None:
    assert head(status, headers) == expected


@pytest.mark.parametrize("value", ["a\nb", "a\rb", "a\r\nX: y", "\N{SNOWMAN}"])
@pytest.mark.parametrize("place", ["name", "value"])
def test_header_that_would_break_out_is_refused(value: str, place: str) -> None:
    header = (value, "v") if place == "name" else ("N", value)
    with pytest.raises(ValueError, match=r"header|latin"):
        head(HTTPStatus.OK, (header,))


def test_buffers_are_sent_in_order_however_little_the_socket_takes() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        expected = bytes(range(256)) * 400
        buffers: list[bytes | memoryview] = [
            expected[:10],
            memoryview(expected)[10:50_000],
            expected[50_000:],
        ]
        received = b""
        while buffers:
            send_ready(ours, buffers)
            received += theirs.recv(1000)
        ours.close()
        while more := theirs.recv(65536):
            received += more
    assert received == expected
