"""The chunked transfer coding of HTTP/1.1 (RFC 9112, section 7.1), read strictly."""

from __future__ import annotations

import re
from collections.abc import Iterator
from http import HTTPStatus

from iipserve.transport.http_head import FIELD, TEXT, Refused

MAX_LINE = 256
"""Bytes of the line before a chunk, with its extensions, which are ignored."""
MAX_TRAILER = 8190
"""Bytes of the fields after the last chunk, which are ignored."""
SIZE = re.compile(rf"([0-9A-Fa-f]{{1,16}})(?:[ \t]*+;{TEXT})?")


class ChunkReader:
    """Takes a body in chunks from the beginning of a buffer, as it arrives."""

    def __init__(self) -> None:
        """At the beginning of a body."""
        self.ended = False
        self._left = 0
        """Bytes of the present chunk still to come."""
        self._in_chunk = False
        self._in_trailer = False
        self._trailer_length = 0

    def read(self, data: bytearray) -> Iterator[bytes]:
        """Remove what belongs to the body from `data`, and yield its content in pieces.

        Raises:
            Refused: the coding is broken.
        """
        while not self.ended:
            if self._left:
                if not data:
                    return
                piece = bytes(data[: self._left])
                del data[: self._left]
                self._left -= len(piece)
                yield piece
            elif not self._read_line(data):
                return

    def _read_line(self, data: bytearray) -> bool:
        """Read the line at the beginning of `data`; False if it is not complete."""
        maximum = MAX_TRAILER if self._in_trailer else MAX_LINE
        end = data.find(b"\r\n", 0, maximum + 2)
        if end < 0:
            if len(data) > maximum or b"\n" in data:
                raise _broken()
            return False
        line = data[:end].decode("latin-1")
        del data[: end + 2]
        if self._in_trailer:
            self._read_trailer(line)
        elif self._in_chunk:
            if line:
                raise _broken()
            self._in_chunk = False
        else:
            self._read_size(line)
        return True

    def _read_size(self, line: str) -> None:
        match = SIZE.fullmatch(line)
        if match is None:
            raise _broken()
        self._left = int(match[1], 16)
        self._in_chunk, self._in_trailer = bool(self._left), not self._left

    def _read_trailer(self, line: str) -> None:
        self._trailer_length += len(line)
        if (line and not FIELD.fullmatch(line)) or self._trailer_length > MAX_TRAILER:
            raise _broken()
        self.ended = not line


def _broken() -> Refused:
    return Refused(HTTPStatus.BAD_REQUEST, "the request is not valid HTTP: its chunks are malformed")
