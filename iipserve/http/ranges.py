"""Requests for a part of a file (RFC 9110 section 14)."""

from __future__ import annotations

import re
from typing import NamedTuple

from iipserve.errors import RangeNotSatisfiable
from iipserve.http import Request, http_date

RANGE = re.compile(r"bytes[ \t]*=[ \t]*(?:([0-9]{1,19})-([0-9]{0,19})|-([0-9]{1,19}))[ \t]*", re.IGNORECASE)
"""A single range: from an offset, or the last bytes. Others are ignored, as section 14.2 allows."""


class ByteRange(NamedTuple):
    """A part of a file."""

    start: int
    """Offset of the first byte."""
    stop: int
    """Offset after the last byte."""

    def content_range(self, length: int) -> str:
        """The value of Content-Range (section 14.4) for a file of this length."""
        return f"bytes {self.start}-{self.stop - 1}/{length}"


def requested_range(request: Request, length: int, etag: str, modified: int | None) -> ByteRange | None:
    """The part that a request is for; None for all of the file.

    Args:
        request: what is asked.
        length: of the file, in bytes.
        etag: its entity tag, which is strong, without quotes.
        modified: time of its last change, in seconds since 1970.

    Raises:
        RangeNotSatisfiable: the file has no such part.
    """
    match = RANGE.fullmatch(request.environ.get("HTTP_RANGE", ""))
    if match is None or request.method != "GET" or not _is_current(request, etag, modified):
        return None
    first, last, count = match.groups()
    if count is not None:
        start, stop = max(0, length - int(count)), length
    else:
        start, stop = int(first), min(length, int(last) + 1) if last else length
        if last and int(last) < int(first):
            return None
    if start >= length or start >= stop:
        raise RangeNotSatisfiable(length)
    return ByteRange(start, stop)


def _is_current(request: Request, etag: str, modified: int | None) -> bool:
    """Whether the file is the one of which the client has other parts (If-Range, section 13.1.5)."""
    stated = request.environ.get("HTTP_IF_RANGE")
    if stated is None:
        return True
    return stated.strip() == f'"{etag}"' or (modified is not None and stated.strip() == http_date(modified))
