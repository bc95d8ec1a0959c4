"""Shared color arithmetic against fractions and formulas in double precision."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from iipserve.sources.color import jfif_to_rgb, unpremultiply


def straight(color: int, opacity: int, full_scale: int) -> int:
    """The exact quotient, rounded half up, no higher than full scale."""
    if opacity == 0:
        return color
    return min(int(Fraction(color * full_scale, opacity) + Fraction(1, 2)), full_scale)


@pytest.mark.parametrize(("dtype", "full_scale"), [("uint8", 255), ("uint16", 1023), ("uint16", 65535)])
def test_integers_are_divided_exactly(dtype: str, full_scale: int) -> None:
    rng = np.random.default_rng(1)
    opacity = rng.integers(0, full_scale, (40, 50, 1), endpoint=True)
    colors = rng.integers(0, np.maximum(opacity, 1), (40, 50, 3), endpoint=True)
    pixels = np.concatenate((colors, opacity), axis=2).astype(dtype)
    kept = pixels.copy()
    result = unpremultiply(dtype, full_scale, 3)(pixels)
    expected = [
        [*(straight(color, int(pixel[3]), full_scale) for color in pixel[:3].tolist()), int(pixel[3])]
        for pixel in pixels.reshape(-1, 4)
    ]
    assert result.dtype == dtype
    assert result.reshape(-1, 4).tolist() == expected
    assert np.array_equal(pixels, kept)


@pytest.mark.parametrize(
    ("dtype", "full_scale", "pixel", "expected"),
    [
        pytest.param("float32", 1.0, (0.25, -0.5, 0.5), (0.5, -1.0, 0.5), id="floats are not clipped"),
        pytest.param("float32", 1.0, (0.25, 2.0, 0.0), (0.25, 2.0, 0.0), id="clear floats stay"),
        pytest.param("int16", 32767, (-8192, 30000, 16384), (-16384, 32767, 16384), id="signed"),
        pytest.param("uint32", 2**32 - 1, (2**31, 5, 2**32 - 1), (2**31, 5, 2**32 - 1), id="opaque of 32 bits"),
    ],
)  # fmt: skip
def test_other_types(
    dtype: str, full_scale: float, pixel: tuple[float, ...], expected: tuple[float, ...]
) -> None:
    result = unpremultiply(dtype, full_scale, 2)(np.array([[pixel]], dtype))
    assert result.dtype == dtype
    assert tuple(result[0, 0].tolist()) == expected


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_ycc_becomes_rgb(bits: int) -> None:
    full_scale, half = 2**bits - 1, 2 ** (bits - 1)
    dtype = np.uint8 if bits == 8 else np.uint16
    pixels = np.random.default_rng(2).integers(0, full_scale, (60, 70, 3), endpoint=True).astype(dtype)
    luma, blue, red = np.moveaxis(pixels.astype(np.float64), 2, 0)
    exact = np.stack(
        (
            luma + 1.402 * (red - half),
            luma - 0.344136 * (blue - half) - 0.714136 * (red - half),
            luma + 1.772 * (blue - half),
        ),
        axis=-1,
    )
    result = jfif_to_rgb(bits)(pixels)
    assert result.dtype == dtype
    assert np.abs(result - exact.clip(0, full_scale)).max() <= 0.5 + 2.0 ** (bits - 20)
