"""Which times of a collection a request means."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from iipserve.geo.image_index import Span, TimeRule
from iipserve.protocols.collection_times import Chosen, NoSuchTime, chosen, parsed


def instant(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type]


MICROSECOND = timedelta(microseconds=1)
VALUES = [
    ("2015", instant(2015, 1, 1), instant(2016, 1, 1) - MICROSECOND),
    ("2015-12", instant(2015, 12, 1), instant(2016, 1, 1) - MICROSECOND),
    ("201502", instant(2015, 2, 1), instant(2015, 3, 1) - MICROSECOND),
    ("20150701", instant(2015, 7, 1), instant(2015, 7, 2) - MICROSECOND),
    ("2015-07-01T12", instant(2015, 7, 1, 12), instant(2015, 7, 1, 13) - MICROSECOND),
    ("2015-07-01T12:30Z", instant(2015, 7, 1, 12, 30), instant(2015, 7, 1, 12, 31) - MICROSECOND),
    ("2015-07-01T12:30:15Z", instant(2015, 7, 1, 12, 30, 15), instant(2015, 7, 1, 12, 30, 16) - MICROSECOND),
    ("2015-07-01T00:00:00.000Z", instant(2015, 7, 1), instant(2015, 7, 1)),
    ("2015-07-01T02:00:00+02:00", instant(2015, 7, 1), instant(2015, 7, 1)),
    ("2015-07/2016", instant(2015, 7, 1), instant(2017, 1, 1) - MICROSECOND),
    ("2015-07-01/..", instant(2015, 7, 1), None),
    ("/2015", None, instant(2016, 1, 1) - MICROSECOND),
    ("2014/2016/P1Y", instant(2014, 1, 1), instant(2017, 1, 1) - MICROSECOND),
]


@pytest.mark.parametrize(("text", "start", "end"), VALUES, ids=[text for text, _, _ in VALUES])
def test_a_value_is_all_that_is_known_of_it(text: str, start: datetime, end: datetime) -> None:
    assert parsed(text) == Span(start, end)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "../..",
        "/",
        "2016/2015",
        "2015-13",
        "2015-02-30",
        "0000",
        "9999-99",
        "1/2/3/4",
        "noon",
        "2015-07-01T25",
        "٢٠١٥",
    ],
)
def test_what_is_no_time(text: str) -> None:
    assert parsed(text) is None


@dataclass
class Index:
    """The times of a collection alone."""

    spans: tuple[Span, ...]
    time_rule: TimeRule
    name: str = "aerial"

    def times(self) -> tuple[Span, ...]:
        return self.spans


def choose(text: str, rule: TimeRule, *years: int, now: datetime | None = None) -> Chosen:
    index: Any = Index(tuple(Span(instant(year, 7, 1), instant(year, 7, 1)) for year in years), rule)
    return chosen(index, text, now)


YEARS = (2014, 2015, 2016)
NEAREST, BEFORE = TimeRule("nearest"), TimeRule("before")


@pytest.mark.parametrize(
    ("text", "rule", "year"),
    [
        pytest.param("2000", NEAREST, 2014, id="before all"),
        pytest.param("2100", NEAREST, 2016, id="after all"),
        pytest.param("2014-12-31T00:00:00.0Z", NEAREST, 2015, id="the later one is nearer by a day"),
        pytest.param("2015-12-31T00:00:00.0Z", NEAREST, 2016, id="the later of two at one distance"),
        pytest.param("2016-06-30", BEFORE, 2015, id="the last before"),
        pytest.param("2100", BEFORE, 2016, id="the last of all"),
    ],
)
def test_another_time_counts_by_the_rule(text: str, rule: TimeRule, year: int) -> None:
    found = choose(text, rule, *YEARS)
    assert found.effective == f"{year}-07-01T00:00:00Z"
    assert found.note == f"99 Nearest value used: time={year}-07-01T00:00:00Z ISO8601"


def test_ranges_have_no_nearest_time() -> None:
    with pytest.raises(NoSuchTime):
        choose("2010/2011", NEAREST, *YEARS)


def test_current_is_the_newest_up_to_now() -> None:
    now = instant(2015, 12, 1)
    found = choose("current", TimeRule(), *YEARS, now=now)
    assert (found.effective, found.passes) == ("2015-07-01T00:00:00Z", True)
    assert not choose("current", TimeRule(), *YEARS, now=instant(2017, 1, 1)).passes
    with pytest.raises(NoSuchTime):
        choose("current", TimeRule(), *YEARS, now=instant(2000, 1, 1))


def test_a_default_may_be_an_interval() -> None:
    found = choose("", TimeRule(default="2014/2015"), *YEARS)
    assert found.effective == "2014-07-01T00:00:00Z/2015-07-01T00:00:00Z"
    assert choose("", TimeRule(), *YEARS) == Chosen(())


def test_a_collection_without_times_has_none_to_ask_for() -> None:
    assert choose("", TimeRule(default="newest")) == Chosen(())
    with pytest.raises(NoSuchTime, match="has no times"):
        choose("2015", NEAREST)
