"""Request bodies: how much of one is read, and where it is kept until the request is complete."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from io import BufferedRandom, BytesIO
from typing import BinaryIO

from iipserve.http import Body
from iipserve.leader import hand_over

MAX_DRAINED_LENGTH = 65536
"""Bytes of an unwanted body that are read and dropped before the request is answered."""
MAX_MEMORY_LENGTH = 65536
"""Bytes of a body kept in memory, as many as of a head: any number of clients may be sending at once."""
BUFFER_LENGTH = 8192
"""Bytes of a body on the disk that may not have been written yet; Python 3.14 would keep 128 KiB."""
MAX_DIGITS = 20
"""Digits of a declared length that are read; more digits exceed every limit anyway."""
TOO_LONG = f"the request body is longer than {MAX_DRAINED_LENGTH} bytes; no body is expected here"
NOT_STORED = "the request body cannot be stored now; try again later"


def declared_length(environ: Mapping[str, str]) -> int | None:
    """CONTENT_LENGTH in bytes (RFC 3875 section 4.1.2); None if it is missing, empty or not a number.

    Only a hint over FastCGI: a filter of the web server may change the body (Apache's mod_deflate), and a
    chunked request has none.
    """
    text = environ.get("CONTENT_LENGTH", "")
    if not text.isascii() or not text.isdigit():
        return None
    return int(text.lstrip("0")[:MAX_DIGITS] or "0")


def oversized(length: int) -> Body:
    """A body that is too long to be read: empty, with its declared length."""
    return Body(BytesIO(), length)


class NotStored(Exception):
    """The disk is full, or there is no folder for temporary files."""


class BodyBuffer:
    """Collects a body piece by piece, in memory or in an unnamed file below TMPDIR."""

    def __init__(self, limit: int) -> None:
        """Keep at most `limit` bytes; with 0 the body is unwanted, and its bytes are only counted."""
        self.limit = limit
        self.length = 0
        """Bytes received, at most `maximum` + 1."""
        self.maximum = limit or MAX_DRAINED_LENGTH
        """Bytes after which no more is read."""
        self._file: BinaryIO = BytesIO()

    @property
    def is_too_long(self) -> bool:
        """Whether more than `maximum` bytes have arrived; the rest need not be added."""
        return self.length > self.maximum

    def add(self, content: bytes) -> None:
        """Append a piece. Hands over before it writes to the disk.

        Raises:
            NotStored: the disk is full.
        """
        content = content[: self.maximum + 1 - self.length]
        self.length += len(content)
        if self.limit:
            with _disk():
                if self.length > MAX_MEMORY_LENGTH:
                    hand_over()
                    self._move_to_disk()
                self._file.write(content)

    def _move_to_disk(self) -> None:
        if isinstance(memory := self._file, BytesIO):
            file = tempfile.TemporaryFile("w+b", 0, prefix="iipserve-body-")  # noqa: SIM115  # `close` closes it
            self._file = BufferedRandom(file, BUFFER_LENGTH)
            self._file.write(memory.getbuffer())

    def memory(self) -> int:
        """Bytes that are kept in memory."""
        return self.length if self.limit and self.length <= MAX_MEMORY_LENGTH else 0

    def body(self) -> Body | None:
        """The collected body; None if it is unwanted.

        Raises:
            NotStored: the disk is full.
        """
        if not self.limit:
            return None
        with _disk():
            self._file.seek(0)
        return Body(self._file, self.length)

    def close(self) -> None:
        """Discard the body; may be called twice."""
        with contextlib.suppress(OSError):  # the last bytes may not fit on a full disk
            self._file.close()


@contextlib.contextmanager
def _disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise NotStored(error.strerror) from error
