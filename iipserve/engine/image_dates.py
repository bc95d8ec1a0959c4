"""When an image was taken: as its name, its metadata or its file say."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from iipserve.errors import InvalidRequest

ACQUISITION_FIELDS = (
    "datetime_original", "acquisitiondatetime", "acquisition_datetime", "acquisition_date", "acquisitiondate", "date_acquired",
    "sensing_time", "datatake_sensing_start", "start_datetime", "date_obs", "date-obs", "time",
)  # fmt: skip
"""Items of metadata that say when an image was taken, as programs call them, in lower case, in the order of preference."""
CHANGE_FIELDS = ("date", "tifftag_datetime")
"""Those that may say when it was processed."""
DIRECTIVES = {
    "%Y": r"(?P<year>\d{4})", "%m": r"(?P<month>\d{2})", "%d": r"(?P<day>\d{2})", "%j": r"(?P<yearday>\d{3})",
    "%H": r"(?P<hour>\d{2})", "%M": r"(?P<minute>\d{2})", "%S": r"(?P<second>\d{2})",
}  # fmt: skip
"""What patterns may say for groups of a regular expression, as `strftime` does."""
USUAL_NAME = re.compile(
    r"(?<!\d)(?P<year>(?:19|20)\d\d)(?P<mark>[-_.]?)(?P<month>0[1-9]|1[0-2])(?P=mark)(?P<day>0[1-9]|[12]\d|3[01])"
    r"(?:[Tt_-]?(?P<hour>[01]\d|2[0-3])[-_:.]?(?P<minute>[0-5]\d)[-_:.]?(?P<second>[0-5]\d))?(?!\d)",
    re.ASCII,
)
"""A date in a name, with the time or without: `S2A_20240131T101559`, `2024-01-31`."""
TEXTS = tuple(
    re.compile(text, re.ASCII)
    for text in (
        r"(?P<year>\d{4})",
        r"(?P<year>\d{4})[-:/]?(?P<month>\d{2})",
        r"(?P<year>\d{4})(?P<mark>[-:/]?)(?P<month>\d{2})(?P=mark)(?P<day>\d{2})"
        r"(?:[T ]?(?P<hour>\d{2}):?(?P<minute>\d{2})(?::?(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?)?"
        r"\s*(?P<zone>Z|UTC|[-+]\d{2}:?\d{2})?",
    )
)
"""Dates of metadata: of ISO 8601, Exif and TIFF, with or without the time, and parts of it. No zone is UTC."""


class Period(NamedTuple):
    """When an image was taken."""

    start: datetime
    """UTC."""
    end: datetime
    """UTC; equal to `start` if the moment is known, or the day: then it is its beginning."""
    origin: str = ""
    """What says so: `pattern`, `field`, `metadata`, `name`, `file`; `given`."""

    @property
    def moment(self) -> datetime | None:
        """The moment; None of a month or a year."""
        return self.start if self.start == self.end else None


class DateRules(NamedTuple):
    """How dates of images are found; what is empty is not used."""

    given: str = ""
    """The date of all images."""
    pattern: str = ""
    """A regular expression for the path of an image, with the groups `year`, `month`, `day`, `hour`, `minute`, `second`
    or the directives of `DIRECTIVES`. For administrators: clients do not state patterns."""
    field: str = ""
    """An item of metadata."""


NO_RULES = DateRules()


def period_of(name: str, metadata: Mapping[str, str], mtime_ns: int, rules: DateRules) -> Period:
    """When an image was taken.

    Args:
        name: identifier of the image.
        metadata: by names in lower case.
        mtime_ns: time of the last change of its file, in nanoseconds since 1970: the last resort.
        rules: if they give a date, or are for other images only, the next possibility is tried.

    Raises:
        InvalidRequest: a rule cannot be understood.
    """
    return next(_found(name, metadata, mtime_ns, rules))


def _found(name: str, metadata: Mapping[str, str], mtime_ns: int, rules: DateRules) -> Iterator[Period]:
    if rules.given:
        period = parsed(rules.given)
        if period is None:
            raise InvalidRequest(f"{rules.given!r} is not a date; write one as 2024-01-31T10:15:00Z")
        yield period._replace(origin="given")
    if rules.pattern and (match := compiled(rules.pattern).search(name)):
        yield from _usable(match, "pattern")
    if rules.field:
        yield from _of_fields(metadata, (rules.field.lower(),), "field")
    yield from _of_fields(metadata, ACQUISITION_FIELDS, "metadata")
    for match in USUAL_NAME.finditer(name.rpartition("/")[2]):
        yield from _usable(match, "name")
    yield from _of_fields(metadata, CHANGE_FIELDS, "metadata")
    changed = datetime.fromtimestamp(mtime_ns // 1_000_000_000, UTC)
    yield Period(changed, changed, "file")


def compiled(pattern: str) -> re.Pattern[str]:
    """The regular expression of a pattern.

    Raises:
        InvalidRequest: it is none, or has no group `year`.
    """
    text = pattern
    for directive, group in DIRECTIVES.items():
        text = text.replace(directive, group)
    try:
        expression = re.compile(text, re.ASCII)
    except re.error as error:
        raise InvalidRequest(f"{pattern!r} is not a regular expression: {error}") from error
    if "year" not in expression.groupindex:
        raise InvalidRequest(f"{pattern!r} does not say where the year is; write %Y or (?P<year>...)")
    return expression


def parsed(text: str) -> Period | None:
    """When a text of metadata says; None if it is no date."""
    for form in TEXTS:
        if match := form.fullmatch(text.strip()):
            return next(_usable(match, ""), None)
    return None


def _of_fields(metadata: Mapping[str, str], names: tuple[str, ...], origin: str) -> Iterator[Period]:
    for name in names:
        period = parsed(metadata.get(name, ""))
        if period is not None:
            yield period._replace(origin=origin)


def _usable(match: re.Match[str], origin: str) -> Iterator[Period]:
    """What a match says, if there is such a date."""
    with suppress(ValueError, OverflowError):
        yield _period(match.groupdict())._replace(origin=origin)


def _period(groups: Mapping[str, str | None]) -> Period:
    """The period of the groups of a match. Raises `ValueError` where there is no such date."""
    number = {name: int(text) for name, text in groups.items() if text and text.isdigit()}
    year, month = number["year"], number.get("month")
    if "yearday" in number:
        first = datetime(year, 1, 1, tzinfo=UTC) + timedelta(days=number["yearday"] - 1)
        year, month, number["day"] = first.year, first.month, first.day
    if month is None:
        return Period(datetime(year, 1, 1, tzinfo=UTC), _end_of(year, 12))
    if "day" not in number:
        return Period(datetime(year, month, 1, tzinfo=UTC), _end_of(year, month))
    hour, minute, second = (number.get(name, 0) for name in ("hour", "minute", "second"))
    microsecond = int((groups.get("fraction") or "0").ljust(6, "0")[:6])
    moment = datetime(year, month, number["day"], hour, minute, second, microsecond, UTC) - _offset(
        groups.get("zone")
    )
    return Period(moment, moment)


def _end_of(year: int, month: int) -> datetime:
    return datetime(year, month, calendar.monthrange(year, month)[1], 23, 59, 59, tzinfo=UTC)


def _offset(zone: str | None) -> timedelta:
    """By how much the time of a zone is ahead of UTC."""
    if zone is None or zone[0] not in "+-":
        return timedelta()
    offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
    return -offset if zone[0] == "-" else offset
