"""TIME of collections: which of their images a time means, by the rule of each collection.

A time is as long as what is known of it: `2015` is a year, `2015-07-01` a day. Of lists and ranges every image counts that has
a time in them. A single time of which there is no image is an error, or that of another image, as the collection has it: the
nearest one, or the last one before.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from iipserve.geo.crs import quoted
from iipserve.geo.image_index import ImageIndex, Span
from iipserve.geo.ows.exceptions import OwsError
from iipserve.geo.time_extents import full_text, span_text
from iipserve.protocols.map_dimensions import CURRENT, INSTANT, MAX_VALUES, TIME
from iipserve.protocols.map_values import NO_FAULT

OPEN = ("", "..")
INSTANTS = timedelta(microseconds=1)
"""The shortest difference between two times that counts."""


class NoSuchTime(OwsError):
    """A collection has no image of a time that a request states, or it is no time."""

    def __init__(self, text: str) -> None:
        super().__init__(NO_FAULT, text, TIME)


class Chosen(NamedTuple):
    """The times that a request means."""

    spans: tuple[Span, ...]
    """None: all."""
    effective: str = ""
    """The time, or the first and the last one, of the images that are meant, as RFC 3339 writes them; empty for all."""
    note: str = ""
    """What counts instead of what the request states, for a header (06-042, C.4)."""
    passes: bool = False
    """It depends on the present time."""


def chosen(index: ImageIndex, text: str, now: datetime | None = None) -> Chosen:
    """The times that a request means.

    Args:
        index: of the collection.
        text: as the request states it: values and ranges, separated by commas; empty or `default` without any.
        now: the present time; None: that of the clock.

    Raises:
        NoSuchTime: there is no image of a value, or it is none.
        StoreUnavailable: the store does not answer.
    """
    text = text.strip()
    known = index.times() if text or index.time_rule.default != "all" else ()
    if not text or text.lower() == "default":
        found = _default(index, known)
        if not found.spans:
            return found
        note = f"99 Default value used: time={found.effective} ISO8601"
        return found._replace(note=note)
    parts = [part.strip() for part in text.split(",")]
    if len(parts) > MAX_VALUES:
        raise NoSuchTime(f"time states {len(parts)} values; {MAX_VALUES} at most are read")
    now = now or datetime.now(UTC)
    spans, nearest = [], False
    for part in parts:
        span, is_other = _span(part, index, known, now)
        spans.append(span)
        nearest = nearest or is_other
    found = Chosen(tuple(spans), effective(known, spans))
    if nearest:
        found = found._replace(note=f"99 Nearest value used: time={found.effective} ISO8601")
    return found._replace(passes=CURRENT in text.lower() and any(_start(span) > now for span in known))


def _default(index: ImageIndex, known: Sequence[Span]) -> Chosen:
    text = index.time_rule.default
    if text == "all" or not known:
        return Chosen(())
    if text == "newest":
        newest = max(known, key=_end)
        return Chosen((newest,), span_text(newest))
    span = parsed(text)
    return Chosen((span,), effective(known, [span])) if span else Chosen(())


def _span(text: str, index: ImageIndex, known: Sequence[Span], now: datetime) -> tuple[Span, bool]:
    """The span that one value means, and whether it is that of another time than the one stated."""
    if text.lower() == CURRENT:
        past = [span for span in known if _start(span) <= now]
        if not past:
            raise NoSuchTime(f"{quoted(index.name)} has no image up to the present time")
        return max(past, key=_end), False
    span = parsed(text)
    if span is None:
        raise NoSuchTime(
            f"time {quoted(text)} is no time; write one as 2015-07-01 or 2015-07-01T00:00:00Z/2016-07-01"
        )
    if any(span.meets(each) for each in known):
        return span, False
    other = None if "/" in text else _other(span, index, known)
    if other is None:
        raise NoSuchTime(f"time {quoted(text)} is not a value of {quoted(index.name)}{_known_text(known)}")
    return other, True


def _other(span: Span, index: ImageIndex, known: Sequence[Span]) -> Span | None:
    """The time that counts in place of one of which there is no image."""
    rule, start = index.time_rule, _start(span)
    if rule.match == "nearest":
        candidates = list(known)
    elif rule.match == "before":
        candidates = [each for each in known if _end(each) < start]
    else:
        return None
    if not candidates:
        return None
    # of two at the same distance the later one
    found = min(candidates, key=lambda each: (_distance(each, span), -_end(each).timestamp()))
    limit = rule.tolerance
    return found if limit is None or _distance(found, span).total_seconds() <= limit else None


def _distance(one: Span, other: Span) -> timedelta:
    return max(_start(one) - _end(other), _start(other) - _end(one), timedelta())


def _known_text(known: Sequence[Span]) -> str:
    if not known:
        return ", which has no times"
    return f", which has times from {full_text(_start(known[0]))} to {full_text(max(map(_end, known)))}"


def effective(known: Sequence[Span], spans: Sequence[Span]) -> str:
    """The time, or the first and the last one, of images whose times meet one of the spans."""
    met = [each for each in known if any(each.meets(span) for span in spans)]
    if not met:
        return ""
    return span_text(Span(min(map(_start, met)), max(map(_end, met))))


def _start(span: Span) -> datetime:
    return span.start or datetime.min.replace(tzinfo=UTC)


def _end(span: Span) -> datetime:
    return span.end or datetime.max.replace(tzinfo=UTC)


# -- values ----------------------------------------------------------------------------------------


def parsed(text: str) -> Span | None:
    """The time from the first to the last instant of a value, or of `first/last` or `first/last/step`; None of what is none."""
    parts = [part.strip() for part in text.split("/")]
    if len(parts) == 1:
        return _value(parts[0])
    if len(parts) > 3 or all(part in OPEN for part in parts[:2]):
        return None
    ends = [Span(None, None) if part in OPEN else _value(part) for part in parts[:2]]
    if ends[0] is None or ends[1] is None:
        return None
    span = Span(ends[0].start, ends[1].end)
    return None if span.start and span.end and span.end < span.start else span


def _value(text: str) -> Span | None:
    match = INSTANT.fullmatch(text)
    if match is None:
        return _with_zone(text)
    known = [float(part) for part in match.groups() if part is not None]
    numbers = [int(part) for part in known[:5]]
    seconds = known[5] if len(known) > 5 else None
    try:
        start = datetime(*(numbers + [1, 1, 1][len(numbers) :])[: max(3, len(numbers))], tzinfo=UTC)  # type: ignore[misc, arg-type]
        if seconds is not None:
            start += timedelta(seconds=seconds)
            length = timedelta(seconds=1) if seconds.is_integer() and "." not in text else INSTANTS
            return Span(start, start + length - INSTANTS)
        return Span(start, _next(start, len(numbers)) - INSTANTS)
    except (ValueError, OverflowError):
        return None


def _next(start: datetime, parts: int) -> datetime:
    """The beginning of the next year, month, day, hour or minute."""
    if parts == 1:
        return start.replace(year=start.year + 1)
    if parts == 2:
        return start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)
    return start + (timedelta(days=1), timedelta(hours=1), timedelta(minutes=1))[parts - 3]


def _with_zone(text: str) -> Span | None:
    """An instant with another offset than that of UTC."""
    try:
        found = datetime.fromisoformat(text)
        return None if found.tzinfo is None else Span(found.astimezone(UTC), found.astimezone(UTC))
    except (ValueError, OverflowError):
        return None
