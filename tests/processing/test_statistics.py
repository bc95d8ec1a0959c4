"""Statistics, compared with numpy's functions on whole arrays and with appendix A's figures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from iipserve.image import ColorSpace
from iipserve.processing.statistics import NOTHING, BandStatistics, brightness, measure, measured_ranges, otsu
from tests.images import pyramid
from tests.processing.sample_formats import info, kind, random_pixels


def appendix_source() -> NDArray[np.uint8]:
    """The picture that the description of iipsrv has its figures from."""
    y, x = np.mgrid[0:700, 0:1000]
    return np.stack((255 * x // 1000, 255 * y // 700, (x + y) % 256), axis=-1).astype(np.uint8)


def test_histogram_and_threshold_of_the_appendix() -> None:
    smallest = appendix_source()[::4, ::4]
    assert smallest.shape == (175, 250, 3)
    histogram = brightness(smallest)
    filled = np.flatnonzero(histogram)
    # its own reduction averaged: ends and threshold are those of the mean of 4 x 4 pixels
    averaged = brightness(pyramid(appendix_source())[-1])
    assert (np.flatnonzero(averaged)[0], np.flatnonzero(averaged)[-1]) == (1, 239)
    assert otsu(averaged) == 126
    assert abs(otsu(histogram) - 126) <= 1
    assert filled[0] <= 1


@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_brightness_is_the_rounded_mean_of_the_colors(bands: int) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (600, 500, bands)).astype(np.uint8)
    colors = pixels[..., : {1: 1, 2: 1, 3: 3, 4: 3}[bands]].astype(int)
    expected = np.bincount((colors.mean(axis=2) + 0.5).astype(int).ravel(), minlength=256)
    assert brightness(pixels) == tuple(expected)


def best_split(histogram: list[int]) -> int:
    """The first n with the greatest distance between the two classes, by definition."""
    total, best, found = sum(histogram), 0.0, 0
    for n in range(256):
        below, above = histogram[: n + 1], histogram[n + 1 :]
        if not sum(below) or not sum(above):
            continue
        mean_below = sum(i * c for i, c in enumerate(below)) / sum(below)
        mean_above = sum((i + n + 1) * c for i, c in enumerate(above)) / sum(above)
        between = sum(below) * sum(above) * (mean_below - mean_above) ** 2 / total**2
        if between > best * (1 + 1e-6):
            best, found = between, n
    return found


@pytest.mark.parametrize("seed", range(5))
def test_otsu(seed: int) -> None:
    random = np.random.default_rng(seed)
    values = np.concatenate((random.normal(60, 15, 3000), random.normal(170 + 5 * seed, 25, 2000))).clip(
        0, 255
    )
    histogram = np.bincount(values.astype(int), minlength=256).tolist()
    assert abs(otsu(histogram) - best_split(histogram)) <= 1


@pytest.mark.parametrize("value", [0, 100, 255])
def test_one_brightness_has_no_threshold(value: int) -> None:
    assert otsu([0] * value + [50] + [0] * (255 - value)) == 0


def test_nothing_has_no_threshold() -> None:
    assert otsu([0] * 256) == 0


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "int32", "uint32", "float32"])
def test_statistics_over_several_arrays(dtype: str) -> None:
    of = kind(dtype, 2)
    arrays = [random_pixels((700, 400, 2), of, 1), random_pixels((3, 5, 2), of, 2)]
    found = measure(arrays, info(dtype, 2))
    for band, statistics in enumerate(found):
        samples = np.concatenate([array[..., band].ravel() for array in arrays]).astype(np.float64)
        samples = samples[np.isfinite(samples)]
        ends = (0, 256) if dtype == "uint8" else (samples.min(), samples.max())
        expected, _ = np.histogram(samples, bins=256, range=ends)
        assert (statistics.minimum, statistics.maximum) == (samples.min(), samples.max())
        assert statistics.mean == pytest.approx(samples.mean())
        assert statistics.deviation == pytest.approx(samples.std())
        assert sum(statistics.histogram) == samples.size
        # a sample on the edge of a bin may be counted on either side
        assert np.abs(np.cumsum(statistics.histogram) - np.cumsum(expected)).max() <= samples.size * 1e-3


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "int32"])
def test_one_value(dtype: str) -> None:
    (found,) = measure([np.full((4, 4, 1), 7, dtype)], info(dtype, 1))
    assert (found.minimum, found.maximum, found.mean, found.deviation) == (7, 7, 7, 0)
    assert sum(found.histogram) == 16
    assert found.histogram[7 if dtype == "uint8" else 0] == 16


def test_a_band_without_a_number() -> None:
    pixels = np.stack((np.full((4, 4), np.nan), np.full((4, 4), -np.inf), np.ones((4, 4))), axis=-1)
    found = measure([pixels.astype(np.float32)], info("float32", 3))
    assert found[:2] == (NOTHING, NOTHING)
    assert found[2].maximum == 1


def band(minimum: float, maximum: float) -> BandStatistics:
    return BandStatistics(minimum, maximum, minimum, 0.0, (1,) + (0,) * 255)


RANGES: dict[str, tuple[Any, list[BandStatistics], tuple[tuple[float, float], ...]]] = {
    "floats from 0 to 1": (info("float32", 3), [band(0.1, 0.4)] * 3, ((0, 1),) * 3),
    "floats beyond": (info("float32", 3), [band(0.1, 0.4), band(-2, 0), band(0, 7)], ((-2, 7),) * 3),
    "integers": (info("int32", 1), [band(0, 1)], ((0, 1),)),
    "opacity up to 1": (info("float32", 2, alpha=True), [band(5, 7), band(0, 1)], ((5, 7), (0, 1))),
    "opacity as colors": (info("float32", 2, alpha=True), [band(5, 200), band(0, 180)], ((5, 200), (0, 200))),
    "opacity beyond colors": (
        info("uint32", 2, alpha=True),
        [band(5, 90), band(0, 180)],
        ((5, 90), (0, 255)),
    ),
    "opacity of the type": (
        info("uint32", 2, alpha=True),
        [band(5, 90), band(0, 2**32 - 1)],
        ((5, 90), (0, 2**32 - 1)),
    ),
    "opacity of signed": (info("int16", 2, alpha=True), [band(-5, 9), band(0, 30000)], ((-5, 9), (0, 32767))),
    "inks": (info("float32", 4, space=ColorSpace.CMYK), [band(0, 200)] * 4, ((0, 255),) * 4),
    "signed inks": (info("int16", 4, space=ColorSpace.CMYK), [band(-7, 9)] * 4, ((-32768, 32767),) * 4),
    "no number in a band": (info("float32", 2), [NOTHING, band(5, 7)], ((5, 7),) * 2),
    "no number at all": (info("float32", 1), [NOTHING], ((0, 1),)),
    "cielab": (info("float32", 3, space=ColorSpace.CIELAB), [band(-90, 90)] * 3, ((0, 1),) * 3),
}


@pytest.mark.parametrize(("about", "bands", "expected"), RANGES.values(), ids=RANGES)
def test_ranges_to_show(about: Any, bands: list[BandStatistics], expected: Any) -> None:
    assert measured_ranges(bands, about) == expected
