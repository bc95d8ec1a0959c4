"""Conditional requests (RFC 9110 section 13)."""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from iipserve.http import Request

ENTITY_TAG = re.compile(r'(W/)?"([^"]*)"')


def has_condition(request: Request) -> bool:
    """Whether the client states a condition."""
    environ = request.environ
    return (
        "HTTP_IF_NONE_MATCH" in environ
        or "HTTP_IF_MODIFIED_SINCE" in environ
        or "HTTP_IF_MATCH" in environ
        or "HTTP_IF_UNMODIFIED_SINCE" in environ
    )


def evaluated(request: Request, etag: str, modified: int | None) -> HTTPStatus | None:
    """304 or 412 by the client's conditions, in the order of RFC 9110 section 13.2.2; None to answer in full.

    Args:
        request: the conditions.
        etag: the current entity tag, which is strong, without quotes.
        modified: time of the last change, in seconds since 1970; None if it is not known.
    """
    reads = request.method in ("GET", "HEAD")
    if _has_failed(request, etag, modified):
        return HTTPStatus.PRECONDITION_FAILED
    tags = request.environ.get("HTTP_IF_NONE_MATCH")
    if tags is not None:
        if not _lists(tags, etag, weakly=True):
            return None
        return HTTPStatus.NOT_MODIFIED if reads else HTTPStatus.PRECONDITION_FAILED
    since = _seconds(request.environ.get("HTTP_IF_MODIFIED_SINCE"))
    unchanged = reads and since is not None and modified is not None and modified <= since
    return HTTPStatus.NOT_MODIFIED if unchanged else None


def _has_failed(request: Request, etag: str, modified: int | None) -> bool:
    """Whether If-Match does not hold, or, without it, If-Unmodified-Since."""
    tags = request.environ.get("HTTP_IF_MATCH")
    if tags is not None:
        return not _lists(tags, etag, weakly=False)
    since = _seconds(request.environ.get("HTTP_IF_UNMODIFIED_SINCE"))
    return since is not None and modified is not None and modified > since


def _lists(header: str, etag: str, *, weakly: bool) -> bool:
    """Whether a header names the entity tag, by weak or strong comparison (section 8.8.3.2)."""
    if header.strip() == "*":
        return True
    return any(tag == etag and (weakly or not weak) for weak, tag in ENTITY_TAG.findall(header))


def _seconds(date: str | None) -> int | None:
    """An HTTP date as seconds since 1970; None for one that cannot be read, which is to be ignored."""
    try:
        return None if date is None else int(parsedate_to_datetime(date).timestamp())
    except (ValueError, TypeError, OverflowError):
        return None
