"""Times as documents list them: lists folded into ranges."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from iipserve.geo.image_index import Span
from iipserve.geo.time_extents import MAX_ENTRIES, extent_text, span_text


def at(*parts: int) -> Span:
    instant = datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type]
    return Span(instant, instant)


def days(start: Span, *numbers: float) -> list[Span]:
    assert start.start is not None
    return [Span(start.start + timedelta(days=n), start.start + timedelta(days=n)) for n in numbers]


FIRST = at(2015, 1, 1)
EXTENTS = [
    pytest.param([], "", id="none"),
    pytest.param([at(2015, 7, 1)], "2015-07-01", id="a day"),
    pytest.param([at(2015, 7, 1, 12, 30, 15)], "2015-07-01T12:30:15Z", id="an instant"),
    pytest.param(days(FIRST, 0, 1, 3), "2015-01-01,2015-01-02,2015-01-04", id="a list"),
    pytest.param(days(FIRST, 0, 1, 2, 3, 4), "2015-01-01/2015-01-05/P1D", id="days"),
    pytest.param(days(FIRST, 0, 16, 32, 48, 50), "2015-01-01/2015-02-18/P16D,2015-02-20", id="a range and a time"),
    pytest.param(days(FIRST, 0, 0.25, 0.5, 0.75), "2015-01-01/2015-01-01T18:00:00Z/PT21600S", id="hours"),
    pytest.param([at(year, 7, 1) for year in range(2010, 2016)], "2010-07-01/2015-07-01/P1Y", id="years"),
    pytest.param([at(2015, month, 28) for month in range(1, 13)], "2015-01-28/2015-12-28/P1M", id="months"),
    pytest.param(
        [Span(FIRST.start, at(2015, 2, 1).start), at(2015, 3, 1)], "2015-01-01/2015-02-01/PT1S,2015-03-01", id="a period"
    ),
    pytest.param(days(FIRST, *(n * n for n in range(MAX_ENTRIES + 1))), "2015-01-01/2124-07-08/PT1S", id="too many"),
]  # fmt: skip


@pytest.mark.parametrize(("spans", "text"), EXTENTS)
def test_times_are_listed(spans: list[Span], text: str) -> None:
    assert extent_text(spans) == text


def test_spans_are_written_as_rfc_3339_has_them() -> None:
    assert span_text(FIRST) == "2015-01-01T00:00:00Z"
    assert span_text(Span(FIRST.start, None)) == "2015-01-01T00:00:00Z/.."
    fraction = datetime(2015, 1, 1, microsecond=250_000, tzinfo=UTC)
    assert span_text(Span(fraction, fraction)) == "2015-01-01T00:00:00.25Z"
