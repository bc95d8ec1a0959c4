"""Identifiers of collections and items: whatever an address can name and a name can be."""

from __future__ import annotations

from typing import Any

from iipserve.errors import InvalidRequest

MAX_LENGTH = 256
"""Characters, of 4 bytes each at most."""


def checked(identifier: Any, of: str = "the item") -> str:
    """An identifier that addresses can name.

    Args:
        identifier: what came.
        of: whose it is, for messages.

    Raises:
        InvalidRequest: it is no text, empty, too long, `.` or `..`, begins or ends with white space, or has slashes,
            control characters or others that are not printable.
    """
    if not isinstance(identifier, str):
        raise InvalidRequest(f"the id of {of} is {identifier!r:.80}; a text is needed")
    if not 1 <= len(identifier) <= MAX_LENGTH:
        raise InvalidRequest(f"the id of {of} has {len(identifier)} characters; 1 to {MAX_LENGTH} are needed")
    if "/" in identifier or "\\" in identifier or identifier in (".", ".."):
        raise InvalidRequest(
            f"the id of {of} is {identifier!r}; no address can name it, as it is '.' or '..' or has a slash or backslash"
        )
    if identifier != identifier.strip() or not all(c.isprintable() for c in identifier):
        raise InvalidRequest(
            f"the id of {of} is {identifier!r}; it may not begin or end with a space, nor have control characters"
        )
    return identifier
