"""Mirroring and quarter turns."""

from __future__ import annotations

import numpy as np
import pytest

from iipserve.geometry import Size
from iipserve.processing.transform import Mirror, Rotate

PIXELS = np.array([[[1], [2], [3]], [[4], [5], [6]]], np.uint8)


@pytest.mark.parametrize(
    ("degrees", "expected"),
    [
        (90, [[4, 1], [5, 2], [6, 3]]),
        (180, [[6, 5, 4], [3, 2, 1]]),
        (270, [[3, 6], [2, 5], [1, 4]]),
    ],
)
def test_rotation_is_clockwise(degrees: int, expected: list[list[int]]) -> None:
    turned = Rotate(degrees)(PIXELS)
    assert turned[..., 0].tolist() == expected
    assert turned.flags.c_contiguous
    assert Rotate(degrees).output_size(Size(3, 2)) == Size(turned.shape[1], turned.shape[0])


def test_mirror_exchanges_left_and_right() -> None:
    assert Mirror()(PIXELS)[..., 0].tolist() == [[3, 2, 1], [6, 5, 4]]
