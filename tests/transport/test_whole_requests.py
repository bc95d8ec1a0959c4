"""Requests that arrive at once are those that their records are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iipserve.transport import fastcgi
from iipserve.transport.fastcgi import HEADER, RecordBuffer
from iipserve.transport.wire import ProtocolError

PARAMS = b"\x0e\x03REQUEST_METHODGET"


def record(kind: int, content: bytes = b"", request_id: int = 1, padding: int = 0, version: int = 1) -> bytes:
    return HEADER.pack(version, kind, request_id, len(content), padding) + content + bytes(padding)


def begin(role: int = 1, flags: int = 1, request_id: int = 1) -> bytes:
    return record(fastcgi.BEGIN_REQUEST, fastcgi.BEGIN_BODY.pack(role, flags), request_id)


def ended(*records: bytes, request_id: int = 1) -> bytes:
    ends = (record(kind, request_id=request_id) for kind in (fastcgi.PARAMS, fastcgi.STDIN))
    return b"".join((*records, *ends))


def held(data: bytes) -> RecordBuffer:
    buffer = RecordBuffer()
    buffer.add(data)
    return buffer


@pytest.mark.parametrize("padding", [0, 7, 255])
@pytest.mark.parametrize("request_id", [1, 65535])
@pytest.mark.parametrize("flags", [0, 1])
def test_as_web_servers_send_it(padding: int, request_id: int, flags: int) -> None:
    params = record(fastcgi.PARAMS, PARAMS, request_id, padding)
    data = ended(begin(flags=flags, request_id=request_id), params, request_id=request_id)
    assert held(data).whole_request() == (request_id, flags, PARAMS)


USUAL = begin(), record(fastcgi.PARAMS, PARAMS)
OTHERS = {
    "nothing": b"",
    "beginning": begin(),
    "not all of it": ended(*USUAL)[:-1],
    "more than it": ended(*USUAL) + b"\1",
    "two": ended(*USUAL) * 2,
    "other role": ended(begin(role=2), USUAL[1]),
    "other version": ended(USUAL[0], record(fastcgi.PARAMS, PARAMS, version=2)),
    "management": ended(begin(request_id=0), record(fastcgi.PARAMS, PARAMS, 0), request_id=0),
    "params of another": ended(USUAL[0], record(fastcgi.PARAMS, PARAMS, 2)),
    "ends of another": ended(*USUAL, request_id=2),
    "two records of params": ended(*USUAL, USUAL[1]),
    "no params": ended(USUAL[0], record(fastcgi.PARAMS), record(fastcgi.PARAMS, PARAMS)),
    "body": b"".join((*USUAL, record(fastcgi.PARAMS), record(fastcgi.STDIN, b"a"), record(fastcgi.STDIN))),
    "abort": b"".join((*USUAL, record(fastcgi.PARAMS), record(fastcgi.ABORT_REQUEST))),
}


@pytest.mark.parametrize("data", OTHERS.values(), ids=OTHERS)
def test_anything_else_is_left_to_its_records(data: bytes) -> None:
    buffer = held(data)
    assert buffer.whole_request() is None
    assert len(buffer) == len(data)


@given(
    place=st.integers(0, len(ended(*USUAL)) - 1),
    byte=st.integers(0, 255),
    more=st.sampled_from([b"", b"\0" * 8, ended(*USUAL)]),
)
def test_one_changed_byte(place: int, byte: int, more: bytes) -> None:
    data = bytearray(ended(*USUAL) + more)
    data[place] = byte
    whole = held(bytes(data)).whole_request()
    if whole is None:
        return
    try:
        records = list(held(bytes(data)).records())
    except ProtocolError:
        records = []
    request_id, flags, params = whole
    (kind, begun, content), *others = records
    assert (kind, begun, fastcgi.BEGIN_BODY.unpack(content)) == (
        fastcgi.BEGIN_REQUEST,
        request_id,
        (1, flags),
    )
    assert others == [
        (fastcgi.PARAMS, request_id, params),
        (fastcgi.PARAMS, request_id, b""),
        (fastcgi.STDIN, request_id, b""),
    ]
