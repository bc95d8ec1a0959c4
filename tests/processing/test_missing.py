"""Missing data: which samples they are, and that they count nowhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from iipserve.processing.missing import missing_pixels
from iipserve.processing.statistics import extremes, measure
from tests.processing.sample_formats import info

CASES: list[Any] = [
    pytest.param("int16", 1, (-9999,), [[-9999], [5]], [True, False], id="one band"),
    pytest.param("uint8", 3, (0, 0, 0), [[0, 0, 0], [0, 0, 7]], [True, False], id="all bands of a pixel"),
    pytest.param("float32", 3, (), [[np.nan, 1, 2], [3, 4, 5]], [True, False], id="NaN in one band"),
    pytest.param(
        "float32", 1, (-3.4028234663852886e38,), [[-3.4028235e38], [0]], [True, False], id="rounded"
    ),
    pytest.param("uint16", 1, (7,), [[6], [8]], None, id="nothing"),
]


@pytest.mark.parametrize(("dtype", "bands", "nodata", "pixels", "expected"), CASES)
def test_missing_pixels(
    dtype: str, bands: int, nodata: tuple[float, ...], pixels: Any, expected: list[bool] | None
) -> None:
    found = missing_pixels(np.array([pixels], dtype), info(dtype, bands, nodata=nodata))
    assert (found if found is None else found[0].tolist()) == expected


@pytest.mark.parametrize("dtype", ["int16", "int32", "float32"])
def test_statistics_leave_missing_samples_out(dtype: str) -> None:
    values = np.arange(100, 200).astype(dtype).reshape(10, 10, 1)
    gaps = np.where(values % 3 == 0, np.array(-9999, dtype), values)
    present = values[values % 3 != 0].astype(float)
    about = info(dtype, 1, nodata=(-9999.0,))
    (found,) = measure([gaps], about)
    assert (found.minimum, found.maximum) == (present.min(), present.max())
    assert found.mean == pytest.approx(present.mean())
    assert found.deviation == pytest.approx(present.std())
    assert sum(found.histogram) == present.size
    assert extremes(gaps, about) == [(present.min(), present.max())]
