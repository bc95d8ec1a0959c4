"""Gray, black-and-white, and mixed bands."""

from __future__ import annotations

import numpy as np
import pytest

from iipserve.processing.color import Bitonal, Grayscale, Twist
from iipserve.processing.display import display_transform
from tests.images import gradient
from tests.processing.sample_formats import context, info, kind


def test_gray_is_rec_601_luma() -> None:
    picture = gradient((200, 100))
    luma = picture @ np.array([0.299, 0.587, 0.114])
    gray = Grayscale()(picture)
    assert gray.shape == (100, 200, 1)
    assert np.abs(gray[..., 0] - luma).max() <= 1


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_gray_by_the_formula(dtype: str) -> None:
    top = 256 if dtype == "uint8" else 65536
    picture = np.random.default_rng(1).integers(0, top, (30, 30, 3)).astype(dtype)
    picture[0, 0] = top - 1
    expected = [
        [(1254097 * int(r) + 2462056 * int(g) + 478151 * int(b)) >> 22 for r, g, b in row] for row in picture
    ]
    gray = Grayscale()(picture)
    assert gray.dtype == picture.dtype
    np.testing.assert_array_equal(gray[..., 0], expected)


@pytest.mark.parametrize("color", [(0, 0, 0), (255, 255, 255), (77, 77, 77)])
def test_neutral_color_keeps_its_value(color: tuple[int, int, int]) -> None:
    gray = Grayscale()(np.array([[color]], np.uint8))
    assert abs(int(gray[0, 0, 0]) - color[0]) <= 1


@pytest.mark.parametrize("bands", [2, 4])
def test_opacity_is_kept(bands: int) -> None:
    picture = gradient((64, 64), bands)
    np.testing.assert_array_equal(Grayscale()(picture)[..., 1], picture[..., -1])
    np.testing.assert_array_equal(Bitonal(90)(picture)[..., 1], picture[..., -1])


def test_gray_stays() -> None:
    picture = gradient((64, 64), 1)
    assert Grayscale()(picture) is picture


def test_bitonal_splits_at_the_threshold() -> None:
    ramp = np.arange(256, dtype=np.uint8).reshape(1, 256, 1)
    assert Bitonal(100)(ramp)[0, :, 0].tolist() == [0] * 100 + [255] * 156


def test_bitonal_of_16_bits() -> None:
    ramp = np.arange(65536).astype(np.uint16).reshape(1, -1, 1)
    result = Bitonal(100)(ramp)
    assert result.dtype == np.uint16
    assert result[0, :, 0].tolist() == [0] * 25600 + [65535] * (65536 - 25600)


def test_the_threshold_is_otsu_s_unless_it_is_said() -> None:
    measured = context(brightness=(1,) * 256, threshold=77)
    assert Bitonal().bound(measured) == Bitonal(77)
    assert Bitonal(0).bound(measured) == Bitonal(0)


def test_black_and_white_is_left_as_it_is() -> None:
    bound = Bitonal().bound(context(info("uint8", 1, bits=1)))
    two = np.array([[[0], [255], [255]]], np.uint8)
    np.testing.assert_array_equal(bound(two), two)


# appendix A of the description of iipsrv
def test_bands_are_exchanged_exactly() -> None:
    picture = gradient((50, 40))
    to_display = display_transform(kind("uint8", 3), (Twist(((0, 0, 1), (0, 1, 0), (1, 0, 0))),))
    assert to_display is not None
    np.testing.assert_array_equal(to_display(picture), picture[..., ::-1])


def test_a_row_makes_one_band() -> None:
    to_display = display_transform(kind("uint8", 3), (Twist(((0.3, 0.3, 0.4),)),))
    assert to_display is not None
    assert to_display(gradient((50, 40))).shape == (40, 50, 1)


def test_twist_does_not_change_its_argument() -> None:
    samples = np.random.default_rng(2).random((5, 5, 3), np.float32)
    before = samples.copy()
    result = Twist(((1,), (0, 1), (0, 0, 1)))(samples)
    np.testing.assert_array_equal(result, before)
    result[...] = 0
    np.testing.assert_array_equal(samples, before)


def test_rows_nobody_sees_cost_nothing() -> None:
    assert Twist(((1.0,),) * 5000)(np.zeros((2, 2, 1), np.float32)).shape == (2, 2, 3)
    assert Twist(((1.0, 0.5),)).bands_used(200) == 2
    assert Twist(((1.0,) * 9,)).bands_used(4) == 4
