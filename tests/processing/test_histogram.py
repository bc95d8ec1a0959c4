"""Equalization by the histogram of the image."""

from __future__ import annotations

import math

import numpy as np
import pytest

from iipserve.processing.histogram import Equalize, equalizing
from tests.processing.sample_formats import context, ramp


def computed(histogram: list[int]) -> list[int]:
    """iipsrv's table, value by value."""
    f = np.float32
    cdf, total = [], f(0)
    for count in histogram:
        total = f(total + f(count))
        cdf.append(total)
    first = f(next(value for value, count in zip(cdf, histogram, strict=True) if count) / total)
    scale = f(f(255) / total)
    return [max(0, math.floor(float(f(scale * f(value - first))) + 0.5)) for value in cdf]


HISTOGRAMS = {
    "random": np.random.default_rng(1).integers(0, 900, 256).tolist(),
    "dark": [5000, 300, 20] + [0] * 253,
    "one value": [0] * 100 + [65536] + [0] * 155,
    "two pixels": [0, 1] + [0] * 253 + [1],
    "of many": [0] * 10 + [300_000] * 246,
}


@pytest.mark.parametrize("histogram", HISTOGRAMS.values(), ids=HISTOGRAMS)
def test_table_by_the_formula(histogram: list[int]) -> None:
    assert list(equalizing(histogram)) == computed(histogram)


def test_even_brightness_stays() -> None:
    assert all(abs(value - index) <= 1 for index, value in enumerate(equalizing([64] * 256)))


def test_nothing_measured_changes_nothing() -> None:
    assert equalizing([0] * 256) == tuple(range(256))


def test_bound_to_the_image() -> None:
    histogram = HISTOGRAMS["random"]
    assert Equalize().bound(context(brightness=tuple(histogram))) == Equalize(tuple(computed(histogram)))
    known = Equalize(tuple(range(256)))
    assert known.bound(context()) is known


TABLE = tuple(255 - value for value in range(256))


@pytest.mark.parametrize("bands", [1, 3])
def test_every_color_band_is_looked_up(bands: int) -> None:
    pixels = np.repeat(ramp(), bands, axis=2)
    np.testing.assert_array_equal(Equalize(TABLE)(pixels), 255 - pixels)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("bands", [2, 4])
def test_opacity_is_kept(bands: int, dtype: str) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (9, 9, bands)).astype(dtype)
    before = pixels.copy()
    result = Equalize(TABLE)(pixels)
    np.testing.assert_array_equal(result[..., -1], pixels[..., -1])
    np.testing.assert_array_equal(pixels, before)
    assert result.dtype == pixels.dtype


def test_16_bits_by_the_upper_8() -> None:
    result = Equalize(TABLE)(ramp("uint16"))[0, :, 0]
    assert result.tolist() == [(255 - (value >> 8)) * 257 for value in range(65536)]
