"""Users and groups as settings and options write them: by name, or by number."""

from __future__ import annotations

import grp

NO_ID = 2**32 - 1
"""No user and no group: to the system calls it means to leave them as they are (setresuid(2), chown(2))."""


def id_number(text: str) -> int | None:
    """The id that the text is; None for a name, and for numbers that are no ids."""
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(NO_ID)) or int(text) >= NO_ID:
        return None
    return int(text)


def group_number(text: str) -> int:
    """The id of a group.

    Raises:
        ValueError: there is no such group.
    """
    number = id_number(text)
    if number is not None:
        return number
    try:
        return grp.getgrnam(text).gr_gid
    except KeyError:
        raise ValueError(f"there is no group {text!r}") from None
