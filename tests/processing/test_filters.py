"""Convolution and hillshade, compared with other ways to compute them."""

from __future__ import annotations

import numpy as np
import pytest
import pyvips

from iipserve import libvips
from iipserve.processing.display import display_transform
from iipserve.processing.filters import KERNELS, Convolve, Hillshade
from tests.images import smooth
from tests.processing.sample_formats import kind


@pytest.mark.parametrize("name", KERNELS)
def test_kernels_as_libvips_applies_them(name: str) -> None:
    kernel = KERNELS[name]
    picture = np.random.default_rng(1).integers(0, 256, (30, 40, 3)).astype(np.uint8)
    to_display = display_transform(kind("uint8", 3), (Convolve(kernel),))
    assert to_display is not None
    total = sum(sum(row) for row in kernel)
    matrix = pyvips.Image.new_from_array([list(row) for row in kernel], scale=total if total > 0 else 1)
    # libvips repeats the last pixels, too
    exact = libvips.to_pixels(libvips.from_pixels(picture.astype(np.float32)).conv(matrix, precision="float"))
    assert np.abs(to_display(picture) - np.clip(exact, 0, 255)).max() <= 1.001


def test_names_of_kernels() -> None:
    assert list(KERNELS) == ["sobel", "prewitt", "scharr", "laplace", "gaussian", "sharpen", "emboss"]
    assert all(len(kernel) == len(row) == 3 for kernel in KERNELS.values() for row in kernel)


@pytest.mark.parametrize("side", [1, 3, 5])
@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 7, 3), (6, 1, 2), (2, 2, 4)])
def test_small_pictures(side: int, shape: tuple[int, int, int]) -> None:
    picture = np.random.default_rng(2).random(shape, np.float32)
    kernel = tuple((1.0,) * side for _ in range(side))
    padded = np.pad(picture, ((side // 2,) * 2, (side // 2,) * 2, (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side), axis=(0, 1))
    np.testing.assert_allclose(Convolve(kernel)(picture), windows.mean(axis=(-1, -2)), rtol=1e-6)
    assert Convolve(kernel).apron == side // 2


def test_memory_may_hold_band_after_band() -> None:
    planes = np.random.default_rng(3).random((3, 9, 8), np.float32)
    apart = planes.transpose(1, 2, 0)
    convolve = Convolve(KERNELS["emboss"])
    np.testing.assert_array_equal(convolve(apart), convolve(np.ascontiguousarray(apart)))


def test_a_kernel_of_zeros_is_black() -> None:
    to_display = display_transform(kind("uint8", 1), (Convolve(((0.0,) * 3,) * 3),))
    assert to_display is not None
    assert not to_display(smooth((9, 9), 1)).any()


@pytest.mark.parametrize(
    ("horizontal", "vertical", "expected"),
    [
        (0, 0, (0, 1, 0)),
        (90, 0, (1, 0, 0)),
        (180, 0, (0, -1, 0)),
        (270, 0, (-1, 0, 0)),
        (0, 90, (0, 0.707, -0.707)),
    ],
)
def test_direction_of_the_light(horizontal: int, vertical: int, expected: tuple[float, float, float]) -> None:
    np.testing.assert_allclose(Hillshade(horizontal, vertical).light(), expected, atol=1e-3)


def test_a_surface_that_faces_away_is_black() -> None:
    towards = np.array([[[0.5, 0, 0.5], [0.5, 1, 0.5], [0.5, 0.5, 0.5]]], np.float32)
    assert Hillshade(0, 0)(towards)[0, :, 0].tolist() == pytest.approx([0.5, 0, 0])
