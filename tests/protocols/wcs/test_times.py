"""Times of coverages that have some, as the service file lists them."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest

pytest.importorskip("pyproj")
pytest.importorskip("lxml")

from iipserve.geo.ows.exceptions import OwsError
from iipserve.protocols.coverage_offerings import Offering, offering
from iipserve.protocols.wcs.times import check
from tests.protocols.wcs.services import COVERAGE_1_0, COVERAGE_1_1, COVERAGE_2_0, kvp, read
from tests.protocols.wmts.services import CATALOG, ENTRIES


def timed(positions: str) -> Offering:
    """A coverage with time positions."""
    (entry,) = [each for each in ENTRIES if each.layer.identifier == "degrees"]
    items = MappingProxyType({"wcs_timeposition": positions})
    return offering(replace(entry, layer=replace(entry.layer, metadata=items)), CATALOG.metadata)


POSITIONS = "2014-01-01,2015-06-15T12:00:00Z,2016-07-01/2016-07-31"
FOUND = [
    ("2014-01-01", True),
    ("20140101", True),
    ("2014", True),
    ("2014-01-01T00:00:00.000Z", True),
    ("2014-01-02", False),
    ("2015-06-15T12:00:00Z", True),
    ("2015-06-15T13:00:00Z", False),
    ("2016-07-20", True),
    ("2016-08-01", False),
    ("2014-06-01/2015-07-01", True),
    ("2014-06-01/2015-01-01", False),
    ("/2014-12-31", True),
    ("2017-01-01/", False),
    ("/", False),
    ("nothing", False),
    ("2014-01-01/nothing", False),
]


@pytest.mark.parametrize(("text", "is_there"), FOUND)
def test_times(text: str, is_there: bool) -> None:
    query = read(kvp(COVERAGE_1_0, time=text))
    if is_there:
        check(query, timed(POSITIONS))
        return
    with pytest.raises(OwsError) as caught:
        check(query, timed(POSITIONS))
    assert (caught.value.code, caught.value.locator) == ("InvalidParameterValue", "time")


SPELLED = [
    (kvp(COVERAGE_2_0, subset='time("2014-01-01")'), ("2014-01-01",)),
    (kvp(COVERAGE_2_0, subset='time("2014-01-01","2015-01-01")'), ("2014-01-01/2015-01-01",)),
    (kvp(COVERAGE_2_0, subset="phenomenonTime(*,2015-01-01)"), ("/2015-01-01",)),
    (kvp(COVERAGE_2_0, time="2014"), ("2014",)),
    (kvp(COVERAGE_1_1, timesequence="2014,2015-01-01/2016-01-01/P1D"), ("2014", "2015-01-01/2016-01-01")),
    (kvp(COVERAGE_1_0, time="2014,2015"), ("2014", "2015")),
    (kvp(COVERAGE_1_0), ()),
]


@pytest.mark.parametrize(("query", "expected"), SPELLED)
def test_times_in_every_version(query: str, expected: tuple[str, ...]) -> None:
    assert read(query).times == expected


FAULTS: list[tuple[dict[str, str], Any, str]] = [
    (COVERAGE_2_0 | {"SUBSET": "time(2020)"}, "InvalidSubsetting", "2020"),
    (COVERAGE_1_1 | {"TIMESEQUENCE": "2020"}, "InvalidParameterValue", "TimeSequence"),
]


@pytest.mark.parametrize(("fields", "code", "locator"), FAULTS)
def test_faults(fields: dict[str, str], code: str, locator: str) -> None:
    with pytest.raises(OwsError) as caught:
        check(read(kvp(fields)), timed(POSITIONS))
    assert (caught.value.code, caught.value.locator) == (code, locator)
