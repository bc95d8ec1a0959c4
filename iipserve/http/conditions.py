"""Conditional requests (RFC 9110 section 13)."""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import NamedTuple

from iipserve.errors import PreconditionFailed
from iipserve.http import Request

ENTITY_TAG = re.compile(r'(W/)?"([^"]*)"')
STATE_END = "."
"""In entity tags of resources that clients change: what follows differs between representations of one state."""


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


class Conditions(NamedTuple):
    """If-Match and If-None-Match of a request that changes something, for whoever knows the state that is changed.

    The entity tag of a representation is the state of its resource, then `STATE_END` and what differs between
    representations (RFC 9110 section 8.8.3.3); tags are compared here up to there, so that each representation names the
    state that a client has seen.
    """

    match: str | None = None
    """The header, None without one."""
    none_match: str | None = None

    @classmethod
    def of(cls, request: Request) -> Conditions:
        """Those of a request."""
        return cls(request.environ.get("HTTP_IF_MATCH"), request.environ.get("HTTP_IF_NONE_MATCH"))

    def check(self, state: str | None) -> None:
        """See that they hold (RFC 9110 section 13.2.2).

        Args:
            state: of the resource; None where there is none yet.

        Raises:
            PreconditionFailed: they do not.
        """
        if self.match is not None and not _names(self.match, state, weakly=False):
            raise PreconditionFailed("the resource is not in the state that If-Match names; read it again")
        if self.none_match is not None and _names(self.none_match, state, weakly=True):
            raise PreconditionFailed("the resource is in a state that If-None-Match excludes")


def _names(header: str, state: str | None, *, weakly: bool) -> bool:
    if state is None:
        return False
    if header.strip() == "*":
        return True
    return any(
        tag.partition(STATE_END)[0] == state and (weakly or not weak)
        for weak, tag in ENTITY_TAG.findall(header)
    )
