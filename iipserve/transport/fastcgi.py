"""FastCGI: the constants, structs and base classes of flup6, and records made with them.

The only module that imports flup6. Section numbers are those of the FastCGI Specification 1.0.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from struct import Struct
from typing import Any, Final, NamedTuple

from flup.server import fcgi_base as flup

from iipserve.transport.wire import Buffer, ProtocolError

BaseConnection: Final[Any] = flup.Connection
BaseServer: Final[Any] = flup.BaseFCGIServer

VERSION: Final[int] = flup.FCGI_VERSION_1
RESPONDER: Final[int] = flup.FCGI_RESPONDER
KEEP_CONNECTION: Final[int] = flup.FCGI_KEEP_CONN
MANAGEMENT: Final[int] = flup.FCGI_NULL_REQUEST_ID
"""Request id of records that belong to no request."""

BEGIN_REQUEST: Final[int] = flup.FCGI_BEGIN_REQUEST
ABORT_REQUEST: Final[int] = flup.FCGI_ABORT_REQUEST
END_REQUEST: Final[int] = flup.FCGI_END_REQUEST
PARAMS: Final[int] = flup.FCGI_PARAMS
STDIN: Final[int] = flup.FCGI_STDIN
STDOUT: Final[int] = flup.FCGI_STDOUT
STDERR: Final[int] = flup.FCGI_STDERR
DATA: Final[int] = flup.FCGI_DATA
GET_VALUES: Final[int] = flup.FCGI_GET_VALUES
GET_VALUES_RESULT: Final[int] = flup.FCGI_GET_VALUES_RESULT
UNKNOWN_TYPE: Final[int] = flup.FCGI_UNKNOWN_TYPE
ANSWER_TYPES = frozenset((END_REQUEST, STDOUT, STDERR, GET_VALUES_RESULT, UNKNOWN_TYPE))
"""Types that only applications send."""

REQUEST_COMPLETE: Final[int] = flup.FCGI_REQUEST_COMPLETE
CANT_MULTIPLEX: Final[int] = flup.FCGI_CANT_MPX_CONN
UNKNOWN_ROLE: Final[int] = flup.FCGI_UNKNOWN_ROLE

MAX_CONNECTIONS: Final[str] = flup.FCGI_MAX_CONNS
MAX_REQUESTS: Final[str] = flup.FCGI_MAX_REQS
MULTIPLEXES: Final[str] = flup.FCGI_MPXS_CONNS

HEADER = Struct(flup.FCGI_Header)
HEADER_LENGTH = HEADER.size
BEGIN_BODY = Struct(flup.FCGI_BeginRequestBody)
END_BODY = Struct(flup.FCGI_EndRequestBody)
UNKNOWN_TYPE_BODY = Struct(flup.FCGI_UnknownTypeBody)

WHOLE_REQUEST = Struct("!BBHHBx HB5x BBHHBx")
"""Header and body of BEGIN_REQUEST, and the header of the PARAMS record after it."""

WHOLE_REQUEST_RECORDS = (VERSION, BEGIN_REQUEST, BEGIN_BODY.size, 0, RESPONDER, VERSION, PARAMS)
"""What is the same in all of them: version, type, lengths of content and padding, role; version and type."""

MAX_CONTENT_LENGTH = 65528
"""Bytes in one STDOUT record: the largest multiple of 8 that fits."""
MAX_READ_LENGTH = 4096
"""Bytes of records which a buffer keeps after they have been read."""


class Record(flup.Record):  # type: ignore[misc]  # flup6 carries no types
    """A record of flup6 as bytes; flup6 itself writes it in three pieces."""

    def __init__(self, kind: int, request_id: int, content: bytes = b"") -> None:
        """Of type `kind`, with at most 65,535 bytes of content."""
        super().__init__(kind, request_id)
        self.contentData = content
        self.contentLength = len(content)

    def to_bytes(self) -> bytes:
        """Header and content, without the optional padding (section 3.3)."""
        header = HEADER.pack(self.version, self.type, self.requestId, self.contentLength, 0)
        return header + bytes(self.contentData)


@lru_cache(maxsize=256)
def end_request(request_id: int, protocol_status: int = REQUEST_COMPLETE) -> bytes:
    """The record that ends a request (section 5.5)."""
    return Record(END_REQUEST, request_id, END_BODY.pack(0, protocol_status)).to_bytes()


@lru_cache(maxsize=256)
def end_of_answer(request_id: int) -> bytes:
    """The empty STDOUT record that ends the stream, and END_REQUEST."""
    return Record(STDOUT, request_id).to_bytes() + end_request(request_id)


@lru_cache(maxsize=256)
def end_of_input(request_id: int) -> bytes:
    """The empty PARAMS and STDIN records that end a request without a body (sections 5.2 and 5.3)."""
    return Record(PARAMS, request_id).to_bytes() + Record(STDIN, request_id).to_bytes()


def unknown_type(kind: int) -> bytes:
    """The reply to a management record of unknown type (section 4.2)."""
    return Record(UNKNOWN_TYPE, MANAGEMENT, UNKNOWN_TYPE_BODY.pack(kind)).to_bytes()


def stdout_buffers(request_id: int, content: Buffer) -> list[Buffer]:
    """STDOUT records of `content`, which is sliced without copying."""
    buffers: list[Buffer] = []
    view = memoryview(content)
    for start in range(0, len(view), MAX_CONTENT_LENGTH):
        piece = view[start : start + MAX_CONTENT_LENGTH]
        buffers.append(HEADER.pack(VERSION, STDOUT, request_id, len(piece), 0))
        buffers.append(piece)
    return buffers


class WholeRequest(NamedTuple):
    """A request of the Responder role without a body, of which everything has arrived."""

    request_id: int
    flags: int
    params: bytes
    """The stream of PARAMS."""


class RecordBuffer:
    """Splits received bytes into records."""

    def __init__(self) -> None:
        """Empty."""
        self._data = b""
        self._position = 0

    def __len__(self) -> int:
        """Number of bytes that have not been returned as part of a record."""
        return len(self._data) - self._position

    def add(self, received: bytes) -> None:
        """Append received bytes; allowed while `records` is being iterated."""
        self._data = self._data[self._position :] + received if self else received
        self._position = 0

    def whole_request(self) -> WholeRequest | None:
        """What is held, if that is one request as web servers send most of them: BEGIN_REQUEST, one PARAMS record, and
        the ends of PARAMS and STDIN. It is not taken out; `records` gives the same in pieces."""
        data = self._data
        if self._position or len(data) < WHOLE_REQUEST.size:
            return None
        (
            version, kind, request_id, length, padding, role, flags,
            params_version, params_kind, params_id, params_length, params_padding,
        ) = WHOLE_REQUEST.unpack_from(data)  # fmt: skip
        records = version, kind, length, padding, role, params_version, params_kind
        if records != WHOLE_REQUEST_RECORDS or request_id == MANAGEMENT or params_id != request_id:
            return None
        end = WHOLE_REQUEST.size + params_length
        if data[end + params_padding :] != end_of_input(request_id) or not params_length:
            return None
        return WholeRequest(request_id, flags, data[WHOLE_REQUEST.size : end])

    def clear(self) -> None:
        """Drop what is held."""
        self._data, self._position = b"", 0

    def records(self) -> Iterator[tuple[int, int, bytes]]:
        """Type, request id and content of every complete record; each is returned once.

        Raises:
            ProtocolError: a record is of another version of the protocol.
        """
        while (available := len(self)) >= HEADER_LENGTH:
            version, kind, request_id, length, padding = HEADER.unpack_from(self._data, self._position)
            if version != VERSION:
                raise ProtocolError(f"a record is of version {version}, not 1")
            if HEADER_LENGTH + length + padding > available:
                return
            start = self._position + HEADER_LENGTH
            self._position = start + length + padding
            content = self._data[start : start + length]
            if self._position > MAX_READ_LENGTH:  # else kept, and not counted, until more arrives
                self._data, self._position = self._data[self._position :], 0
            yield kind, request_id, content

    def holds(self, wanted: int, wanted_id: int) -> bool:
        """Whether a record of this type and request id is among those not yet returned."""
        position = self._position
        while len(self._data) - position >= HEADER_LENGTH:
            _, kind, request_id, length, padding = HEADER.unpack_from(self._data, position)
            if (kind, request_id) == (wanted, wanted_id):
                return True
            position += HEADER_LENGTH + length + padding
        return False
