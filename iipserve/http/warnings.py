"""Warnings about answers that are less than what was asked for, as headers."""

from __future__ import annotations

from collections.abc import Sequence

MAX_LISTED = 5
"""Names in one warning; of others their number is stated."""
MAX_NAME = 80
"""Characters of a name in it."""


def warning(text: str) -> tuple[str, str]:
    """A Warning header (RFC 7234 section 5.5, code 199): miscellaneous, for people.

    Args:
        text: characters that such a header cannot have are replaced.
    """
    shown = "".join(each if " " <= each <= "~" and each not in '"\\' else "?" for each in text)
    return "Warning", f'199 iipserve "{shown}"'


def listed(names: Sequence[str]) -> str:
    """Names for a warning, the first ones if there are many."""
    shown = ", ".join(name[:MAX_NAME] for name in names[:MAX_LISTED])
    return shown if len(names) <= MAX_LISTED else f"{shown} and {len(names) - MAX_LISTED} more"
