"""libvips: pixels in and out, and reduction, against numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from iipserve import libvips
from iipserve.geometry import Size

TYPES = list(libvips.FORMATS)


def noise(dtype: str, shape: tuple[int, int, int]) -> NDArray[Any]:
    """Samples over the whole range of a type."""
    rng = np.random.default_rng(3)
    if np.dtype(dtype).kind == "f":
        return rng.normal(0, 1e3, shape).astype(dtype)
    range_ = np.iinfo(dtype)
    return rng.integers(range_.min, range_.max, shape, dtype=dtype, endpoint=True)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("bands", [1, 2, 3, 4, 7])
def test_pixels_go_in_and_out_unchanged(dtype: str, bands: int) -> None:
    pixels = noise(dtype, (20, 30, bands))
    image = libvips.from_pixels(pixels)
    assert (image.width, image.height, image.bands) == (30, 20, bands)
    back = libvips.to_pixels(image)
    assert back.dtype == pixels.dtype
    assert np.array_equal(back, pixels)


@pytest.mark.parametrize("dtype", TYPES)
def test_a_part_comes_out_as_a_slice(dtype: str) -> None:
    pixels = noise(dtype, (20, 30, 3))
    assert np.array_equal(
        libvips.to_pixels(libvips.from_pixels(pixels).crop(3, 5, 11, 7)), pixels[5:12, 3:14]
    )


def reduced(pixels: NDArray[Any], size: Size, *, alpha: bool = False) -> NDArray[Any]:
    return libvips.to_pixels(libvips.resized(libvips.from_pixels(pixels), size, alpha=alpha))


@pytest.mark.parametrize("dtype", TYPES)
def test_a_whole_ratio_takes_means_in_every_type(dtype: str) -> None:
    pixels = noise(dtype, (40, 60, 3))
    means = pixels.astype(np.float64).reshape(20, 2, 30, 2, 3).mean(axis=(1, 3))
    result = reduced(pixels, Size(30, 20))
    assert result.dtype == pixels.dtype
    # rounded once for each axis, and numbers below 0 upward
    tolerance = {"f": 1e-3, "u": 1, "i": 2}[np.dtype(dtype).kind]
    assert np.abs(result.astype(np.float64) - means).max() <= tolerance


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("size", [Size(17, 13), Size(60, 13), Size(90, 70), Size(1, 1)], ids=str)
def test_any_size_of_an_even_picture_is_even(dtype: str, size: Size) -> None:
    pixels = np.full((40, 60, 4), 77, dtype)
    result = reduced(pixels, size)
    assert result.shape == (size.height, size.width, 4)
    assert np.abs(result.astype(np.float64) - 77).max() <= 1


@pytest.mark.parametrize("dtype", [name for name in TYPES if np.dtype(name).kind != "f"])
@pytest.mark.parametrize("size", [Size(17, 13), Size(90, 70)], ids=str)
def test_no_type_is_cut_off(dtype: str, size: Size) -> None:
    """As the same numbers in floating point, within the steps of libvips' tables."""
    range_ = np.iinfo(dtype)
    pixels = noise(dtype, (40, 60, 2))
    exact = reduced(pixels.astype(np.float64), size).clip(range_.min, range_.max)
    apart = np.abs(reduced(pixels, size).astype(np.float64) - exact).max()
    assert apart <= 4 + 0.02 * range_.max


@pytest.mark.parametrize(("dtype", "most"), [("uint8", 255), ("uint16", 65535)])
def test_colors_are_weighed_by_their_opacity(dtype: str, most: int) -> None:
    pixels = np.zeros((40, 60, 2), dtype)
    pixels[:, 0::2] = [most // 2, most]
    pixels[:, 1::2] = [most, 0]  # invisible, and as if it were not there
    result = reduced(pixels, Size(30, 20), alpha=True).astype(np.int64)
    assert np.abs(result[:, :, 0] - most // 2).max() <= 1
    assert np.abs(result[:, :, 1] - most / 2).max() <= 1


def test_holes_of_floating_point_do_not_spread_further_than_they_reach() -> None:
    pixels = np.ones((40, 60, 1), np.float32)
    pixels[0, 0] = np.nan
    result = reduced(pixels, Size(30, 20))
    assert np.isnan(result[0, 0])
    assert np.array_equal(result[1:, 1:], np.ones((19, 29, 1)))
