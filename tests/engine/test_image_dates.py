from __future__ import annotations

from datetime import UTC, datetime

import pytest

from iipserve.engine.image_dates import DateRules, compiled, parsed, period_of
from iipserve.errors import InvalidRequest

MTIME = datetime(2020, 2, 3, 4, 5, 6, tzinfo=UTC)
MTIME_NS = int(MTIME.timestamp()) * 1_000_000_000


def moment(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2024-01-31T10:15:00Z", moment(2024, 1, 31, 10, 15), None),
        ("2024-01-31T10:15:00.25Z", moment(2024, 1, 31, 10, 15, 0, 250000), None),
        ("2024-01-31T10:15:00+02:00", moment(2024, 1, 31, 8, 15), None),
        ("2024-01-31T10:15:00-0530", moment(2024, 1, 31, 15, 45), None),
        ("2024:01:31 10:15:09", moment(2024, 1, 31, 10, 15, 9), None),
        ("20240131", moment(2024, 1, 31), None),
        ("20240131T101509", moment(2024, 1, 31, 10, 15, 9), None),
        ("2024-02", moment(2024, 2, 1), moment(2024, 2, 29, 23, 59, 59)),
        ("2015", moment(2015, 1, 1), moment(2015, 12, 31, 23, 59, 59)),
    ],
)
def test_dates_of_metadata(text: str, start: datetime, end: datetime | None) -> None:
    period = parsed(text)
    assert period is not None
    assert (period.start, period.end) == (start, end or start)
    assert (period.moment is None) == (end is not None)


@pytest.mark.parametrize(
    "text", ["", "today", "2024-13-01", "2023-02-29", "0000:00:00 00:00:00", "12024-01-01", "²⁰²⁴"]
)
def test_other_texts_are_no_dates(text: str) -> None:
    assert parsed(text) is None


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("S2A_MSIL1C_20240131T101559_N0510.jp2", moment(2024, 1, 31, 10, 15, 59)),
        ("LC08_L1TP_193024_20210705_20210713_02_T1.tif", moment(2021, 7, 5)),
        ("ortho/2019-08-07/tile_2020_03_04.tif", moment(2020, 3, 4)),
        ("a_20231301_20231201.tif", moment(2023, 12, 1)),
    ],
)
def test_usual_names(name: str, start: datetime) -> None:
    period = period_of(name, {"date": "1999:01:01 00:00:00"}, MTIME_NS, DateRules())
    assert (period.start, period.origin) == (start, "name")


def test_order_of_what_is_believed() -> None:
    name = "2001/scene_20110102.tif"
    metadata = {
        "acquisitiondatetime": "2012-03-04T05:06:07",
        "day": "2013-01-01",
        "date": "2014:01:01 00:00:00",
    }
    rules = DateRules(given="2010", pattern=r"^%Y/", field="DAY")
    fewer = (rules, rules._replace(given=""), rules._replace(given="", pattern=""), DateRules())
    years = [period_of(name, metadata, MTIME_NS, rule).start.year for rule in fewer]
    assert years == [2010, 2001, 2013, 2012]
    assert period_of("scene.tif", {"date": metadata["date"]}, MTIME_NS, DateRules()).start.year == 2014
    assert period_of("scene.tif", {}, MTIME_NS, DateRules()).moment == MTIME


@pytest.mark.parametrize(
    ("pattern", "name", "start"),
    [
        (r"_%Y%j_", "mod_2024060_x.hdf", moment(2024, 2, 29)),
        (r"(?P<day>\d\d)\.(?P<month>\d\d)\.(?P<year>\d{4})", "31.12.2022.tif", moment(2022, 12, 31)),
        (r"%Y-%m-%d/%H%M%S", "2022-01-02/030405.tif", moment(2022, 1, 2, 3, 4, 5)),
    ],
)
def test_patterns(pattern: str, name: str, start: datetime) -> None:
    assert period_of(name, {}, MTIME_NS, DateRules(pattern=pattern)).start == start


def test_pattern_that_matches_no_date_is_passed_over() -> None:
    assert period_of("a_2024.tif", {}, MTIME_NS, DateRules(pattern="b_%Y")).origin == "file"
    assert period_of("99999999.tif", {}, MTIME_NS, DateRules(pattern="%Y%m%d")).origin == "file"


@pytest.mark.parametrize("pattern", ["(", "%m%d", "(?P<years>x)"])
def test_bad_patterns_are_refused(pattern: str) -> None:
    with pytest.raises(InvalidRequest, match=r"regular expression|year"):
        compiled(pattern)


def test_bad_given_date_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="'soon'"):
        period_of("a.tif", {}, MTIME_NS, DateRules(given="soon"))
