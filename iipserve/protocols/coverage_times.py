"""Times of coverages: which time positions of the service file agree with what requests ask for."""

from __future__ import annotations

import re

TIME = re.compile(
    r"(\d{4})(?:-?(\d\d)(?:-?(\d\d)(?:[T ](\d\d)(?::?(\d\d)(?::?(\d\d)(?:\.(\d{1,9}))?)?)?)?)?)?(?:Z|[+]00:?00)?",
    re.ASCII,
)
"""A time of ISO 8601 in UTC: a year, or down to fractions of a second, with separators and without."""
DIGITS = 23
"""Of a time with nine digits of fractions of a second."""


def agrees(position: str, text: str) -> bool:
    """Whether a time position of the service file, or a period there, has a moment that a request asks for."""
    own, asked = _span(position), _span(text)
    return own is not None and asked is not None and own[0] <= asked[1] and asked[0] <= own[1]


def _span(text: str) -> tuple[str, str] | None:
    """The first and the last moment of a time or a period, as digits that can be compared; None of what is none."""
    low, separator, rest = text.partition("/")
    high = rest.partition("/")[0] if separator else low
    if not (low.strip() or high.strip()):
        return None
    start, end = _digits(low, "0"), _digits(high, "9")
    return None if start is None or end is None else (start, end)


def _digits(text: str, filler: str) -> str | None:
    """The digits of a time, filled up; an open end is the first or the last moment."""
    match = TIME.fullmatch(text.strip())
    if match is None and text.strip():
        return None
    return "".join(filter(None, match.groups() if match else ())).ljust(DIGITS, filler)
