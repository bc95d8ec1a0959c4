"""Times of many images as documents list them (WMS 1.3.0 06-042, annex C.2: values, and `first/last/step`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice

from iipserve.geo.image_index import Span

MIN_FOLDED = 4
"""Times at equal distances that are written as one range."""
MAX_ENTRIES = 200
"""Of a list; more times become one range."""
DAY = timedelta(days=1)
FINEST = "PT1S"
"""The step of a range of times at any distances."""


def time_text(instant: datetime) -> str:
    """An instant as ISO 8601 writes it: a day, if it begins with it."""
    instant = instant.astimezone(UTC)
    if (instant.hour, instant.minute, instant.second, instant.microsecond) == (0, 0, 0, 0):
        return f"{instant.year:04}-{instant.month:02}-{instant.day:02}"
    return full_text(instant)


def full_text(instant: datetime) -> str:
    """An instant as RFC 3339 writes it, in UTC."""
    instant = instant.astimezone(UTC)
    text = f"{instant.year:04}-{instant:%m-%dT%H:%M:%S}"
    return f"{text}.{instant.microsecond:06}".rstrip("0") + "Z" if instant.microsecond else f"{text}Z"


def span_text(span: Span) -> str:
    """A time or an interval as RFC 3339 writes it; an open end is `..`."""
    ends = ["" if end is None else full_text(end) for end in span]
    return (
        ends[0]
        if span.start is not None and span.start == span.end
        else "/".join(end or ".." for end in ends)
    )


def extent_text(spans: Sequence[Span]) -> str:
    """All times as the extent of a dimension: lists are folded into ranges where they are regular, or long.

    Args:
        spans: with both ends, in order, each once.
    """
    if not spans:
        return ""
    entries = list(islice(_entries(spans), MAX_ENTRIES + 1))
    if len(entries) <= MAX_ENTRIES:
        return ",".join(entries)
    last = max(span.end for span in spans if span.end)
    assert spans[0].start is not None
    return f"{time_text(spans[0].start)}/{time_text(last)}/{FINEST}"


def _entries(spans: Sequence[Span]) -> Iterator[str]:
    index = 0
    while index < len(spans):
        start, end = spans[index]
        assert start is not None
        assert end is not None
        if start != end:
            yield f"{time_text(start)}/{time_text(end)}/{FINEST}"
            index += 1
            continue
        count, step = _run(spans, index)
        if count >= MIN_FOLDED:
            final = spans[index + count - 1].start
            assert final is not None
            yield f"{time_text(start)}/{time_text(final)}/{step}"
            index += count
        else:
            yield time_text(start)
            index += 1


def _run(spans: Sequence[Span], first: int) -> tuple[int, str]:
    """How many times from one on are at equal distances, and the distance as a duration of ISO 8601."""
    start = spans[first].start
    following = spans[first + 1].start if first + 1 < len(spans) else None
    if start is None or following is None:
        return 1, ""
    months = _months(start, following)
    distance = following - start
    count = 1
    while first + count < len(spans):
        here, there = spans[first + count - 1].start, spans[first + count]
        if here is None or there.start is None or there.start != there.end:
            break
        if (_months(here, there.start) != months) if months else (there.start - here != distance):
            break
        count += 1
    return count, _duration(distance, months)


def _months(first: datetime, second: datetime) -> int:
    """The months between two times at the same place of a month; 0 for others."""
    months = (second.year - first.year) * 12 + second.month - first.month
    return (
        months
        if months > 0 and first.day <= 28 and first.replace(year=second.year, month=second.month) == second
        else 0
    )


def _duration(distance: timedelta, months: int) -> str:
    if months:
        return f"P{months // 12}Y" if months % 12 == 0 else f"P{months}M"
    days, rest = divmod(distance, DAY)
    if not rest:
        return f"P{days}D"
    seconds = distance.total_seconds()
    return f"PT{seconds:.6f}".rstrip("0").rstrip(".") + "S"
