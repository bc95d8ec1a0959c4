"""Gray and black-and-white."""

from __future__ import annotations

import numpy as np
import pytest

from iipserve.processing.color import Bitonal, Grayscale
from tests.images import gradient


def test_gray_is_rec_601_luma() -> None:
    picture = gradient((200, 100))
    luma = picture @ np.array([0.299, 0.587, 0.114])
    gray = Grayscale()(picture)
    assert gray.shape == (100, 200, 1)
    assert np.abs(gray[..., 0] - luma).max() <= 1


@pytest.mark.parametrize("color", [(0, 0, 0), (255, 255, 255), (77, 77, 77)])
def test_neutral_color_keeps_its_value(color: tuple[int, int, int]) -> None:
    gray = Grayscale()(np.array([[color]], np.uint8))
    assert abs(int(gray[0, 0, 0]) - color[0]) <= 1


def test_opacity_is_kept() -> None:
    picture = gradient((64, 64), 4)
    np.testing.assert_array_equal(Grayscale()(picture)[..., 1], picture[..., 3])
    np.testing.assert_array_equal(Bitonal()(picture)[..., 1], picture[..., 3])


def test_gray_stays() -> None:
    picture = gradient((64, 64), 1)
    assert Grayscale()(picture) is picture


def test_bitonal_splits_at_the_threshold() -> None:
    ramp = np.arange(256, dtype=np.uint8).reshape(1, 256, 1)
    assert Bitonal(100)(ramp)[0, :, 0].tolist() == [0] * 100 + [255] * 156
