from __future__ import annotations

from typing import Any

import pytest

from iipserve.diagnosis.findings import findings
from iipserve.diagnosis.values import Examination, ExaminedLevel, Severity
from iipserve.geometry import Size
from iipserve.image import LevelStorage
from tests.viewer.catalog import image

TILE = Size(256, 256)
FULL, HALF, QUARTER = (8000, 6000), (4000, 3000), (2000, 1500)
PYRAMID = (FULL, HALF, QUARTER, (1000, 750), (500, 375), (250, 187))
RANGES = {"band_ranges": ((0.0, 255.0),) * 3}


def stored(**changes: Any) -> LevelStorage:
    return LevelStorage("jpeg", TILE, is_tiled=True, units=100, mean_bytes=20_000)._replace(**changes)


def examined(
    *sizes: tuple[int, int], storage: LevelStorage | None = None, overview: int = 200_000, **facts: Any
) -> Examination:
    level = ExaminedLevel(storage or stored(), TILE.area, 2.0)
    info = image("a.tif", *(sizes or PYRAMID), **(RANGES | facts))
    return Examination(info, 1.0, (level,) * len(info.levels), overview)


def grave(examination: Examination) -> set[str]:
    return {
        each.subject
        for each in findings(examination)
        if each.severity in (Severity.SLOW, Severity.BROKEN) and each.converts
    }


def test_nothing_is_wrong_with_a_pyramid_of_tiles() -> None:
    assert findings(examined()) == ()


@pytest.mark.parametrize(
    ("examination", "subjects"),
    [
        pytest.param(examined(FULL, overview=48_000_000), {"pyramid"}, id="one size"),
        pytest.param(examined(FULL, (1000, 750), (250, 187)), {"pyramid"}, id="a step of eight"),
        pytest.param(examined(FULL, QUARTER, (500, 375)), set(), id="steps of four"),
        pytest.param(examined(storage=stored(unit=Size(8000, 16), is_tiled=False)), {"tiles"}, id="strips"),
        pytest.param(examined(storage=stored(unit=Size(2048, 2048))), {"tiles"}, id="large tiles"),
        pytest.param(examined(storage=stored(unit=Size(64, 64))), {"tiles"}, id="small tiles"),
        pytest.param(examined(storage=stored(planes=3)), {"bands"}, id="planes"),
        pytest.param(
            examined((500, 400), storage=stored(unit=Size(500, 400), is_tiled=False)),
            set(),
            id="a small image needs no tiles",
        ),
    ],
)
def test_structure(examination: Examination, subjects: set[str]) -> None:
    assert grave(examination) == subjects


def test_each_slow_level_is_one_finding() -> None:
    slow = ExaminedLevel(stored(compression="jpeg 2000"), TILE.area, 80.0)
    examination = examined()._replace(levels=(slow,) * len(PYRAMID))
    (finding,) = findings(examination)
    assert "80 ms" in finding.text
    assert "(jpeg 2000)" in finding.text


def test_a_damaged_level_comes_first() -> None:
    broken = ExaminedLevel(stored(), TILE.area, None, "tile 3,2 is damaged")
    examination = examined(FULL, HALF, overview=12_000_000)
    found = findings(examination._replace(levels=(examination.levels[0], broken)))
    assert [each.severity for each in found] == [Severity.BROKEN, Severity.SLOW]
    assert "level 1 cannot be shown: tile 3,2 is damaged" in found[0].text


def test_notes_do_not_ask_for_another_file() -> None:
    facts = {"band_ranges": (), "dtype": "float32", "bits": 32, "icc": b"x" * 100_000}
    found = findings(examined(**facts))
    assert [each.subject for each in found] == ["samples", "profile"]
    assert not any(each.converts for each in found)


def test_what_is_passed_through_is_good() -> None:
    (finding,) = findings(examined()._replace(passes_as="jpeg"))
    assert finding.severity is Severity.GOOD
