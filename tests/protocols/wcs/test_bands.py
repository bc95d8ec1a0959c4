"""Bands by names, numbers and intervals."""

from __future__ import annotations

import pytest

pytest.importorskip("pyproj")
pytest.importorskip("lxml")

from iipserve.geo.ows.exceptions import OwsError
from iipserve.protocols.wcs.bands import MAX_BANDS, selected
from iipserve.protocols.wcs.query import BandRange, Family

NAMES = ["red", "Green", "_3", "near_infrared", "a_b", "b2"]
WRITTEN = ["red", "Green", "3", "near infrared", "a:b", "b2"]
ASKED = [
    ([], (0, 1, 2, 3, 4, 5)),
    ([("green", "")], (1,)),
    ([("near infrared", ""), ("NEAR_INFRARED", "")], (3, 3)),
    ([("1", ""), ("band4", ""), ("Band_5", "")], (0, 3, 4)),
    # a name goes before a number
    ([("3", ""), ("b2", "")], (2, 5)),
    ([("a", "b")], (4,)),
    ([("red", "_3")], (0, 1, 2)),
    ([("4", "4"), ("1", "2")], (3, 0, 1)),
]  # fmt: skip


@pytest.mark.parametrize(("ranges", "expected"), ASKED)
def test_bands(ranges: list[tuple[str, str]], expected: tuple[int, ...]) -> None:
    assert selected([BandRange(*each) for each in ranges], NAMES, Family.V2_0, WRITTEN) == expected


def test_every_second_band_of_an_interval() -> None:
    assert selected([BandRange("1", "6", 2)], NAMES, Family.V1_0) == (0, 2, 4)


@pytest.mark.parametrize(
    ("each", "code", "locator"),
    [
        (BandRange("blue"), "NoSuchField", "blue"),
        (BandRange("0"), "NoSuchField", "0"),
        (BandRange("7"), "NoSuchField", "7"),
        (BandRange("red", "blue"), "NoSuchField", "blue"),
        (BandRange("Green", "red"), "IllegalFieldSequence", "Green:red"),
    ],
)
def test_faults(each: BandRange, code: str, locator: str) -> None:
    with pytest.raises(OwsError) as caught:
        selected([each], NAMES, Family.V2_0, WRITTEN)
    assert (caught.value.code, caught.value.locator) == (code, locator)


def test_bands_are_counted_before_they_are_collected() -> None:
    many = [f"band{index + 1}" for index in range(60_000)]
    with pytest.raises(OwsError, match=f"more than {MAX_BANDS} bands"):
        selected([BandRange("1", "60000")] * 10_000, many, Family.V2_0)
