"""Bands are fitted to what an encoder writes, opacity never silently dropped."""

from __future__ import annotations

import numpy as np
import pytest

from iipserve.processing import pipeline
from iipserve.processing.transform import Mirror, Rotate
from tests.images import gradient


@pytest.mark.parametrize(
    ("bands", "allowed", "result"),
    [
        (1, {1, 3}, 1), (2, {1, 3}, 1), (3, {1, 3}, 3), (4, {1, 3}, 3),
        (1, {1, 2, 3, 4}, 1), (2, {1, 2, 3, 4}, 2), (4, {1, 2, 3, 4}, 4),
        (1, {3, 4}, 3), (2, {3, 4}, 4), (2, {1, 3, 4}, 4), (2, {3}, 3), (4, {3}, 3),
    ],
)  # fmt: skip
def test_number_of_bands(bands: int, allowed: set[int], result: int) -> None:
    assert pipeline.fit_bands(gradient((20, 10), bands), allowed).shape == (10, 20, result)


def test_laid_on_white() -> None:
    picture = gradient((300, 200), 4)
    alpha = picture[..., 3:] / 255
    expected = picture[..., :3] * alpha + 255 * (1 - alpha)
    assert np.abs(pipeline.on_white(picture) - expected).max() <= 0.5 + 1e-9


def test_gray_becomes_three_equal_bands() -> None:
    gray = gradient((20, 10), 1)
    rgb = pipeline.fit_bands(gray, {3})
    assert all(np.array_equal(rgb[..., [band]], gray) for band in range(3))


def test_operations_follow_each_other() -> None:
    picture = gradient((20, 10))
    result = pipeline.apply((Mirror(), Rotate(90)), picture)
    np.testing.assert_array_equal(result, np.rot90(picture[:, ::-1], -1))
