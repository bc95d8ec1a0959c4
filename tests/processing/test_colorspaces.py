"""CIELAB and CMYK become sRGB, and operations see the result."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from iipserve.image import ColorSpace
from iipserve.processing.color import Twist
from iipserve.processing.colormap import Colormap
from iipserve.processing.tone import Invert, SampleRange
from tests.processing import formulas
from tests.processing.sample_formats import displayed, kind


def lab_pixels(dtype: str) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Samples, and L*, a*, b* as iipsrv reads them."""
    random = np.random.default_rng(3)
    shape = (20, 20)
    if dtype == "float32":
        lab = np.stack((random.uniform(0, 100, shape), *random.uniform(-90, 90, (2, *shape))), axis=-1)
        return lab.astype(np.float32), lab
    top = 255 if dtype == "uint8" else 65535
    pixels = random.integers(0, top + 1, (*shape, 3)).astype(dtype)
    pixels[0, :5] = np.array([[0, 0, 0], [top, 0, 0], [top // 20, 0, 0], [top // 2, 0, 0], [top, top, top]])
    signed = pixels.view(dtype[1:]).astype(np.float64)
    lab = np.stack((pixels[..., 0] / 2.55, signed[..., 1], signed[..., 2]), axis=-1)
    if dtype == "uint16":
        lab = np.stack(
            (pixels[..., 0] // 2 / 327.67, *(np.floor(signed[..., band] / 256) for band in (1, 2))), axis=-1
        )
    return pixels, lab


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize(("bits", "tolerance"), [(8, 1), (16, 3)])
def test_cielab(dtype: str, bits: int, tolerance: int) -> None:
    pixels, lab = lab_pixels(dtype)
    expected = np.array([[formulas.lab_to_srgb(*pixel) for pixel in row] for row in lab]) * ((1 << bits) - 1)
    result = displayed(kind(dtype, 3, space=ColorSpace.CIELAB), (), pixels, bits)
    assert np.abs(result.astype(np.float64) - np.floor(expected)).max() <= tolerance


def test_operations_on_cielab_work_on_rgb() -> None:
    pixels, _ = lab_pixels("uint8")
    of = kind("uint8", 3, space=ColorSpace.CIELAB)
    plain = displayed(of, (), pixels).astype(int)
    inverted = displayed(of, (Invert(),), pixels).astype(int)
    assert np.abs(inverted - (255 - plain)).max() <= 1
    darker = displayed(of, (SampleRange(((None, 0.0, 2.0),)),), pixels).astype(int)
    assert np.abs(darker - plain / 2).max() <= 1
    mixed = displayed(of, (Twist(((0, 1), (1,), (0, 0, 1))),), pixels)
    np.testing.assert_array_equal(mixed, plain[..., [1, 0, 2]])
    colored = displayed(of, (Colormap("red"),), pixels)
    np.testing.assert_array_equal(colored[..., 0], plain[..., 0])


def test_cielab_without_a_number_is_black() -> None:
    pixels = np.full((2, 2, 3), np.nan, np.float32)
    assert not displayed(kind("float32", 3, space=ColorSpace.CIELAB), (), pixels).any()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "float32"])
@pytest.mark.parametrize("alpha", [False, True])
def test_cmyk_without_a_profile(dtype: str, alpha: bool) -> None:
    inks = np.random.default_rng(4).integers(0, 256, (16, 16, 4 + alpha))
    scale = {"uint8": 1, "uint16": 257, "uint32": 16843009, "float32": 1 / 255}[dtype]
    pixels = (inks * scale).astype(dtype)
    of = kind(dtype, 4 + alpha, space=ColorSpace.CMYK, alpha=alpha)
    expected = np.floor((255 - inks[..., :3]) * (255 - inks[..., 3:4]) / 255 + 0.5)
    result = displayed(of, (), pixels)
    np.testing.assert_array_equal(result[..., :3], expected)
    if alpha:
        np.testing.assert_array_equal(result[..., 3], inks[..., 4])
    inverted = displayed(kind("uint8", 3), (Invert(),), expected.astype(np.uint8))
    np.testing.assert_array_equal(displayed(of, (Invert(),), pixels)[..., :3], inverted)
    doubled = displayed(of, (SampleRange(((None, 0.0, 0.5),)),), pixels)
    np.testing.assert_array_equal(doubled[..., :3], np.minimum(2 * expected, 255))
