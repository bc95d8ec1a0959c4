"""Resampled pixels against sums in floating point over every pixel, weighted by distance or covered area, and opacity."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from iipserve.engine.resampling import RESAMPLERS, margin
from iipserve.plan import Resampling

BILINEAR, CUBIC, AVERAGE, MODE, NEAREST = (
    Resampling.BILINEAR, Resampling.CUBIC, Resampling.AVERAGE, Resampling.MODE, Resampling.NEAREST,
)  # fmt: skip


def triangle(distance: NDArray[Any]) -> NDArray[Any]:
    return np.maximum(0, 1 - np.abs(distance))


def keys(distance: NDArray[Any]) -> NDArray[Any]:
    """The cubic convolution kernel (Keys 1981, equation 15)."""
    d = np.abs(distance)
    near, far = 1.5 * d**3 - 2.5 * d**2 + 1, -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2
    return np.select([d <= 1, d < 2], [near, far], 0.0)


def covered(start: float, stop: float, length: int) -> NDArray[Any]:
    """How much of each pixel is between two places."""
    edges = np.arange(length)
    return np.clip(np.minimum(stop, edges + 1) - np.maximum(start, edges), 0, None)


def weights(resampling: Resampling, place: float, reach: float, length: int) -> NDArray[Any]:
    """The weight of each pixel of a row; those beyond its ends count as the last ones."""
    if resampling is AVERAGE:
        return covered(max(0, place - reach), min(length, place + reach), length)
    kernel = {BILINEAR: triangle, CUBIC: keys}[resampling]
    beyond = 4
    each = kernel(np.arange(-beyond, length + beyond) + 0.5 - place)
    each[beyond] += each[:beyond].sum()
    each[-beyond - 1] += each[-beyond:].sum()
    return each[beyond:-beyond]


def reference(
    window: NDArray[Any], x: float, y: float, resampling: Resampling, reach: tuple[float, float]
) -> tuple[NDArray[Any], float]:
    """Color and opacity, from 0 to 1, of one place."""
    height, width, bands = window.shape
    maximum = np.iinfo(window.dtype).max
    weight = np.outer(weights(resampling, y, reach[1], height), weights(resampling, x, reach[0], width))
    weight /= weight.sum()
    if bands in (1, 3):
        return np.einsum("ij,ijk->k", weight, window), 1.0
    opacity = weight * window[..., -1] / maximum
    total = opacity.sum()
    return np.einsum("ij,ijk->k", opacity, window[..., :-1].astype(float)) / (total or 1), float(total)


def pictures(bands: int, dtype: str) -> NDArray[Any]:
    maximum = np.iinfo(dtype).max
    picture = np.random.default_rng(bands).integers(0, maximum + 1, (9, 11, bands)).astype(dtype)
    if bands in (2, 4):
        picture[..., -1] = np.where(picture[..., -1] > maximum // 3, maximum, 0)
    return picture


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("bands", [1, 2, 3, 4])
@pytest.mark.parametrize("resampling", [BILINEAR, CUBIC, AVERAGE], ids=lambda each: each.value)
def test_means_of_weighted_pixels(resampling: Resampling, bands: int, dtype: str) -> None:
    window, reach = pictures(bands, dtype), (0.9, 0.7)
    rows, columns = np.mgrid[0.05:9:0.31, 0.03:11:0.37]
    # places that are exact in 1/256 of a pixel, to which they are rounded
    rows, columns = np.rint(rows * 256) / 256, np.rint(columns * 256) / 256
    if resampling is AVERAGE:
        reach = (230 / 256, 179 / 256)
    found = RESAMPLERS[resampling](window, columns, rows, reach).astype(float)
    maximum = np.iinfo(dtype).max
    tolerance = 1.01 if dtype == "uint8" else 40
    for place in np.ndindex(columns.shape):
        color, opacity = reference(window, columns[place], rows[place], resampling, reach)
        if bands in (2, 4):
            assert abs(found[place][-1] - np.clip(opacity, 0, 1) * maximum) <= tolerance
        if opacity > 0.1:
            shown = found[place][: len(color)]
            assert np.abs(shown - np.clip(color, 0, maximum)).max() <= tolerance / min(opacity, 1)


@pytest.mark.parametrize("resampling", [BILINEAR, CUBIC, AVERAGE, MODE], ids=lambda each: each.value)
def test_clear_pixels_lend_no_color(resampling: Resampling) -> None:
    """A sentinel next to data never shows: what is not clear has the color of the data."""
    window = np.zeros((12, 12, 4), np.uint8)
    window[:, :, :3] = (255, 0, 255)
    window[3:9, 3:9] = (10, 120, 30, 255)
    rows, columns = np.mgrid[1:11:0.13, 1:11:0.17]
    found = RESAMPLERS[resampling](window, columns, rows, (0.8, 0.8))
    assert {0, 255} <= set(found[..., 3].ravel().tolist())
    assert np.abs(found[found[..., 3] > 0][:, :3].astype(int) - (10, 120, 30)).max() <= 1


@settings(max_examples=40, deadline=None)
@given(
    resampling=st.sampled_from(list(Resampling)),
    bands=st.integers(1, 4),
    x=st.integers(0, 6),
    y=st.integers(0, 5),
    shift=st.floats(0, 1),
)
def test_pixels_do_not_depend_on_the_window(
    resampling: Resampling, bands: int, x: int, y: int, shift: float
) -> None:
    """The same places in a larger window, with opacity or without, show the same."""
    reach = (0.9, 0.8)
    picture = np.random.default_rng(5).integers(0, 256, (40, 50, bands), dtype=np.uint8)
    if bands in (2, 4):
        picture[..., -1] = np.where(picture[..., -1] > 80, 255, 0)
    across, down = margin(resampling, reach)
    rows, columns = np.mgrid[20:23:0.29, 22:27:0.41] + shift
    found = RESAMPLERS[resampling](picture, columns.copy(), rows.copy(), reach)
    top, left = 20 - down - y, 22 - across - x
    part = np.ascontiguousarray(picture[top : 25 + down, left : 29 + across])
    cut = RESAMPLERS[resampling](part, columns - left, rows - top, reach)
    np.testing.assert_array_equal(cut, found)


@pytest.mark.parametrize("resampling", [BILINEAR, CUBIC, AVERAGE, NEAREST, MODE], ids=lambda each: each.value)
def test_opaque_pixels_are_as_without_opacity(resampling: Resampling) -> None:
    picture = np.random.default_rng(5).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    opaque = np.concatenate([picture, np.full((20, 20, 1), 255, np.uint8)], axis=2)
    opaque[:3, :3, 3] = 0
    rows, columns = np.mgrid[6:14:0.3, 6:14:0.3]
    plain = RESAMPLERS[resampling](picture, columns.copy(), rows.copy(), (0.7, 0.7))
    found = RESAMPLERS[resampling](opaque, columns.copy(), rows.copy(), (0.7, 0.7))
    np.testing.assert_array_equal(found[..., :3], plain)
    assert (found[..., 3] == 255).all()


def test_mode_is_the_most_frequent_of_four_by_four() -> None:
    picture = np.random.default_rng(2).choice([1, 5, 9], (40, 40, 1)).astype(np.uint8)
    rows, columns = np.mgrid[2:38:4, 2:38:4].astype(float)
    found = RESAMPLERS[MODE](picture, columns, rows, (2.0, 2.0))
    for place in np.ndindex(columns.shape):
        x, y = int(columns[place]), int(rows[place])
        counts = Counter(picture[y - 2 : y + 2, x - 2 : x + 2].ravel().tolist())
        assert counts[int(found[place][0])] == max(counts.values())
