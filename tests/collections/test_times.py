"""Instants and intervals of RFC 3339, against its examples and Python's own reading of ISO 8601."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iipserve.collections.times import (
    format_instant,
    from_microseconds,
    microseconds,
    parse_date,
    parse_instant,
    parse_interval,
)
from iipserve.errors import InvalidRequest

INSTANTS = {
    "1985-04-12T23:20:50.52Z": (1985, 4, 12, 23, 20, 50, 520_000),
    "1996-12-19T16:39:57-08:00": (1996, 12, 20, 0, 39, 57),
    "1990-12-31T23:59:60Z": (1991, 1, 1),
    "1937-01-01T12:00:27.87+00:20": (1937, 1, 1, 11, 40, 27, 870_000),
    "1985-04-12t23:20:50z": (1985, 4, 12, 23, 20, 50),
    "2019-10-12T07:20:50.01234567890123456789Z": (2019, 10, 12, 7, 20, 50, 12_345),
    "2020-02-29T00:00:00-00:00": (2020, 2, 29),
}
"""Of RFC 3339 section 5.8, and others that its grammar has."""

NO_INSTANTS = [
    "", "now", "2020", "2020-01-01", "2020-01-01T00:00:00", "2020-01-01T00:00Z", "2020-01-01 00:00:00Z",
    "2020-13-01T00:00:00Z", "2020-02-30T00:00:00Z", "2020-01-01T24:00:00Z", "2020-01-01T00:60:00Z",
    "2020-01-01T00:00:61Z", "2020-01-01T00:00:60Z", "2020-01-01T00:00:00+0100", "2020-01-01T00:00:00+24:00",
    "2020-01-01T00:00:00,5Z", "2020-01-01T00:00:00.Z", "20-01-01T00:00:00Z", "02020-01-01T00:00:00Z",
    "2020-01-01T00:00:00Z\n", " 2020-01-01T00:00:00Z", "\u0662020-01-01T00:00:00Z", "0000-01-01T00:00:00Z",
    "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59",
]  # fmt: skip


@pytest.mark.parametrize("text", INSTANTS)
def test_an_instant_is_read_in_utc(text: str) -> None:
    assert parse_instant(text) == datetime(*INSTANTS[text], tzinfo=UTC)  # type: ignore[misc,arg-type]


@pytest.mark.parametrize("text", NO_INSTANTS)
def test_what_is_not_an_instant_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        parse_instant(text)


A, B = "2020-01-01T00:00:00Z", "2021-01-01T00:00:00+01:00"


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        (A, A, A),
        (f"{A}/{B}", A, B),
        (f"../{B}", None, B),
        (f"/{B}", None, B),
        (f"{A}/..", A, None),
        (f"{A}/", A, None),
    ],
)
def test_an_interval_may_be_open_at_one_end(text: str, start: str | None, end: str | None) -> None:
    assert parse_interval(text) == tuple(each and parse_instant(each) for each in (start, end))


@pytest.mark.parametrize(
    "text", ["../..", "/", "", f"{B}/{A}", f"{A}/{A}/{B}", f"{A}/{B}/", "2020-01-01T00:00:00/..", f"{A}/x"]
)
def test_what_is_not_an_interval_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        parse_interval(text)


def test_a_date_is_a_day_in_utc() -> None:
    start, end = parse_date("2020-02-29")
    assert (start, end) == (
        datetime(2020, 2, 29, tzinfo=UTC),
        datetime(2020, 2, 29, 23, 59, 59, 999_999, tzinfo=UTC),
    )
    for text in ("2021-02-29", "2020-2-9", "2020-01-01T00:00:00Z", "9999-12-32"):
        with pytest.raises(InvalidRequest):
            parse_date(text)


@given(st.datetimes(timezones=st.just(UTC)))
def test_written_instants_are_read_again(instant: datetime) -> None:
    assert (
        parse_instant(format_instant(instant)) == instant == datetime.fromisoformat(format_instant(instant))
    )
    assert from_microseconds(microseconds(instant)) == instant


def test_a_message_repeats_no_control_characters() -> None:
    with pytest.raises(InvalidRequest, match=r"'a\?b'"):
        parse_instant("a\x1bb")
