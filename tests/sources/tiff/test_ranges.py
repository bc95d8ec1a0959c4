"""Ranges of samples: declared, full, inverted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.contracts.source import open_source
from tests.sources.tiff.files import TILED, noise, source_of
from tests.tiff_corpus.layout import (
    BLACK_IS_ZERO,
    RGB,
    WHITE_IS_ZERO,
    Layout,
    span,
)
from tests.tiff_corpus.tiff_writer import (
    DOUBLE,
    LONG,
    SHORT,
    SIGNED_SHORT,
)

S_MIN, S_MAX = 340, 341
RANGES: list[Any] = [
    pytest.param("u1", 1, {}, span(1, 0, 255), id="8 bits"),
    pytest.param("u2", 3, {}, span(3, 0, 65535), id="16 bits"),
    pytest.param("u4", 1, {}, (), id="32 bits"),
    pytest.param("i2", 1, {}, (), id="signed"),
    pytest.param("f4", 3, {}, (), id="floating point"),
    pytest.param(
        "u2", 3, {S_MAX: (SHORT, [10, 20, 30])}, ((0, 10), (0, 20), (0, 30)), id="maximum of each band"
    ),
    pytest.param("u2", 3, {S_MIN: (SHORT, [100])}, span(3, 100, 65535), id="minimum of all"),
    pytest.param(
        "f4", 1, {S_MIN: (DOUBLE, [-1.5]), S_MAX: (DOUBLE, [2.5])}, ((-1.5, 2.5),), id="of floating point"
    ),
    pytest.param("f4", 1, {S_MAX: (DOUBLE, [2.5])}, (), id="half a range of floating point"),
    pytest.param("f4", 1, {S_MIN: (DOUBLE, [5]), S_MAX: (DOUBLE, [2.5])}, (), id="the wrong way round"),
    pytest.param(
        "i2", 1, {S_MIN: (SIGNED_SHORT, [-9]), S_MAX: (SIGNED_SHORT, [9])}, ((-9, 9),), id="of signed"
    ),
    pytest.param(
        "u4", 1, {S_MIN: (LONG, [7]), S_MAX: (LONG, [4_000_000_000])}, ((7, 4e9),), id="of 32 bits"
    ),
    pytest.param(
        "u1", 4, {S_MAX: (SHORT, [1, 2, 3, 4])}, ((0, 1), (0, 2), (0, 3), (0, 255)), id="not of opacity"
    ),
    pytest.param(
        "f4", 4, {S_MIN: (DOUBLE, [0]), S_MAX: (DOUBLE, [9])}, span(4, 0, 9), id="opacity of floats"
    ),
]  # fmt: skip


@pytest.mark.parametrize(("dtype", "bands", "fields", "expected"), RANGES)
def test_ranges(
    tmp_path: Path, dtype: str, bands: int, fields: dict[int, Any], expected: tuple[Any, ...]
) -> None:
    photometric = RGB if bands > 2 else BLACK_IS_ZERO
    extra = (2,) if bands == 4 else ()
    source = source_of(
        tmp_path / "a.tif", noise(bands, dtype), photometric=photometric, extra=extra, fields=fields
    )
    assert source.info.band_ranges == expected


def test_ranges_of_few_bits_are_those_of_8(tmp_path: Path) -> None:
    pixels = noise(1) >> 4
    Layout(4, fields={S_MIN: (SHORT, [3]), S_MAX: (SHORT, [12])}).write(tmp_path / "a.tif", [pixels])
    assert open_source(TILED, tmp_path / "a.tif").info.band_ranges == ((51, 204),)


def test_ranges_turn_with_white_is_zero(tmp_path: Path) -> None:
    fields = {S_MIN: (SHORT, [100]), S_MAX: (SHORT, [4000])}
    source = source_of(tmp_path / "a.tif", noise(1, "u2"), photometric=WHITE_IS_ZERO, fields=fields)
    assert source.info.band_ranges == ((61535, 65435),)


@pytest.mark.parametrize(("photometric", "bits"), [(3, 8), (8, 8)], ids=["palette", "CIELAB"])
def test_ranges_of_other_colors_do_not_count(tmp_path: Path, photometric: int, bits: int) -> None:
    fields = {S_MAX: (SHORT, [99]), 320: (SHORT, list(range(768)))}
    pixels = noise(1 if photometric == 3 else 3)
    source = source_of(tmp_path / "a.tif", pixels, photometric=photometric, fields=fields)
    assert source.info.band_ranges == span(3, 0, 255)
