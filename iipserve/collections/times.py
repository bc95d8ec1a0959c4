"""Instants and intervals of time as STAC and OGC API Features write them, read strictly.

Sources: RFC 3339 section 5.6; OGC API - Features - Part 1 (17-069r4) section 7.15.4 and STAC API 1.0.0, Item Search:
`instant`, `start/end`, and `..` or nothing for an end that is open. Below the protocols an instant is a `datetime` in
UTC; in a store it is an integer, `microseconds`, which compares alike in every database.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

from iipserve.collections.values import Interval
from iipserve.errors import InvalidRequest

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
DAY = timedelta(days=1)
OPEN = ("", "..")
"""Ends of an interval that are open."""
MAX_SHOWN = 60
"""Characters of a request's text that a message repeats."""
_INSTANT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:([Zz])|([+-])(\d\d):(\d\d))", re.ASCII
)
_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)", re.ASCII)


def parse_instant(text: str) -> datetime:
    """Read a date and time with its zone, in UTC; digits below a microsecond are dropped.

    Raises:
        InvalidRequest: it is not RFC 3339, or no such time exists.
    """
    match = _INSTANT.fullmatch(text)
    if match is None:
        raise InvalidRequest(
            f"{shown(text)} is not a date and time of RFC 3339 with a zone, such as 2024-07-01T12:00:00Z"
        )
    try:
        return _instant(match)
    except (ValueError, OverflowError):
        raise InvalidRequest(f"{shown(text)} is not an existing date and time") from None


def _instant(match: re.Match[str]) -> datetime:
    year, month, day, hour, minute, second = map(int, match.groups()[:6])
    fraction, _, sign, zone_hours, zone_minutes = match.groups()[6:]
    zone = UTC if sign is None else _zone(sign, int(zone_hours), int(zone_minutes))
    # a leap second is the one after it (RFC 3339 section 5.6 allows it to end a minute)
    leap = timedelta(seconds=1) if second == 60 and minute == 59 else timedelta()
    microsecond = int(((fraction or "") + "000000")[:6])
    whole = datetime(year, month, day, hour, minute, second - leap.seconds, microsecond, zone)
    return (whole + leap).astimezone(UTC)


def _zone(sign: str, hours: int, minutes: int) -> timezone:
    if hours > 23 or minutes > 59:
        raise ValueError("a zone is less than a day")
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if sign == "-" else offset)


def parse_date(text: str) -> Interval:
    """Read a calendar date of RFC 3339: the day in UTC, to its last microsecond.

    Raises:
        InvalidRequest: it is not such a date.
    """
    match = _DATE.fullmatch(text)
    if match is None:
        raise InvalidRequest(f"{shown(text)} is not a date, such as 2024-07-01")
    try:
        start = datetime(*map(int, match.groups()), tzinfo=UTC)  # type: ignore[misc,arg-type]
        return Interval(start, start + (DAY - MICROSECOND))
    except (ValueError, OverflowError):
        raise InvalidRequest(f"{shown(text)} is not an existing date") from None


def parse_interval(text: str) -> Interval:
    """Read the parameter `datetime`: an instant, or two with a slash between them, of which one may be open.

    Raises:
        InvalidRequest: it is neither, both ends are open, or the end is before the start.
    """
    parts = text.split("/")
    if len(parts) == 1:
        instant = parse_instant(text)
        return Interval(instant, instant)
    if len(parts) != 2:
        raise InvalidRequest(
            f"datetime={shown(text)} has {len(parts)} parts; an interval has a start and an end"
        )
    start, end = (None if part in OPEN else parse_instant(part) for part in parts)
    if start is None and end is None:
        raise InvalidRequest(f"datetime={shown(text)} is open at both ends; leave it out for all times")
    if start is not None and end is not None and end < start:
        raise InvalidRequest(f"datetime={shown(text)} ends before it starts")
    return Interval(start, end)


def format_instant(instant: datetime) -> str:
    """RFC 3339 in UTC with `Z`, with as many digits of the second as it has."""
    text = instant.astimezone(UTC).replace(tzinfo=None).isoformat()
    return f"{text.rstrip('0') if '.' in text else text}Z"


def microseconds(instant: datetime) -> int:
    """Microseconds since 1970 in UTC, exact; negative before."""
    return (instant - EPOCH) // MICROSECOND


def from_microseconds(count: int) -> datetime:
    """The instant that is so many microseconds after 1970, in UTC."""
    return EPOCH + timedelta(microseconds=count)


def shown(text: str) -> str:
    """What came, for a message: in quotes, without control characters, and not longer than it helps."""
    short = text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 3] + "..."
    return "'" + "".join(character if character.isprintable() else "?" for character in short) + "'"
