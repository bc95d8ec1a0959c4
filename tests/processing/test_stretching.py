from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from iipserve.processing import Context
from iipserve.processing.statistics import Statistics, measure
from iipserve.processing.stretching import Ends, StatisticsStretch
from iipserve.processing.tone import SampleRange
from tests.processing.sample_formats import info


def ranges(operation: StatisticsStretch, pixels: NDArray[Any]) -> list[tuple[float, float]]:
    """What becomes black and white of each band."""
    image = info(pixels.dtype.name, pixels.shape[2])
    measured = Statistics(measure([pixels], image), pixels[..., 0].size, (0,) * 256, 0)
    found = operation.bound(Context(image, lambda: measured, ""))
    assert isinstance(found, SampleRange)
    assert [band for band, _, _ in found.ranges] == list(range(pixels.shape[2]))
    return [(low, high) for _, low, high in found.ranges]


def samples(dtype: str, bands: int = 3) -> NDArray[Any]:
    random = np.random.default_rng(5)
    return random.normal(90, 20, (60, 50, bands)).clip(0, 255).astype(dtype)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
def test_extremes_and_deviations_are_those_of_numpy(dtype: str) -> None:
    pixels = samples(dtype)
    flat = pixels.reshape(-1, 3).astype(float)
    ends = ranges(StatisticsStretch(Ends.EXTREMES), pixels)
    np.testing.assert_allclose(ends, np.stack([flat.min(axis=0), flat.max(axis=0)], axis=1))
    mean, deviation = flat.mean(axis=0), flat.std(axis=0)
    ends = ranges(StatisticsStretch(Ends.DEVIATION, 2.0, 1.5), pixels)
    np.testing.assert_allclose(
        ends, np.stack([mean - 2 * deviation, mean + 1.5 * deviation], axis=1), rtol=1e-5
    )


@pytest.mark.parametrize(("low", "high"), [(0, 0), (0.5, 0.5), (2, 10), (30, 45), (99, 0)])
def test_of_bytes_no_more_than_the_percentage_is_clipped(low: float, high: float) -> None:
    pixels = samples("uint8")
    for band, (dark, light) in enumerate(ranges(StatisticsStretch(Ends.PERCENT, low, high), pixels)):
        values, limit = pixels[..., band], pixels[..., band].size / 100
        assert (values < dark).sum() <= low * limit < (values <= dark).sum()
        assert (values > light).sum() <= high * limit + 1e-6
        assert (values >= light).sum() > high * limit - 1e-6
        assert (dark, light) == (int(dark), int(light))


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
@pytest.mark.parametrize(("low", "high"), [(0, 0), (0.5, 0.5), (2, 10), (30, 45)])
def test_of_other_samples_ends_are_percentiles_within_a_part_of_the_histogram(
    dtype: str, low: float, high: float
) -> None:
    pixels = samples(dtype) * np.array(7, dtype)
    for band, ends in enumerate(ranges(StatisticsStretch(Ends.PERCENT, low, high), pixels)):
        values = pixels[..., band].astype(float)
        part = (values.max() - values.min()) / 256
        # samples of 16 bits are seven apart here
        np.testing.assert_allclose(ends, np.percentile(values, [low, 100 - high]), atol=part + 7)


def test_a_band_without_samples_has_a_range() -> None:
    nothing = np.full((4, 4, 1), np.nan, np.float32)
    assert ranges(StatisticsStretch(Ends.PERCENT, 1, 1), nothing) == [(0.0, 0.0)]
    one = np.full((4, 4, 1), 9, np.uint8)
    assert ranges(StatisticsStretch(Ends.PERCENT, 1, 1), one) == [(9.0, 9.0)]
    floats = np.full((4, 4, 1), 9.5, np.float32)
    assert ranges(StatisticsStretch(Ends.PERCENT, 1, 1), floats) == [(9.5, 9.5)]
