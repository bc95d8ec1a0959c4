"""Scaling against plain means, Pillow, and what must not change."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from PIL import Image

from iipserve.engine import scaling
from iipserve.engine.scaling import scale, scale_in_strips
from iipserve.geometry import Size
from tests.images import Picture, gradient, smooth

SIZES = [(1, 1), (1, 9), (7, 1), (2, 3), (64, 64), (63, 64), (100, 75), (101, 33), (200, 150), (331, 260)]


@pytest.mark.parametrize("bands", [1, 2, 3, 4])
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("source", [(1, 1), (1, 40), (50, 1), (100, 75), (97, 131)], ids=str)
def test_the_size_is_exact_and_a_plain_picture_stays_plain(
    source: tuple[int, int], size: tuple[int, int], bands: int
) -> None:
    plain = np.full((source[1], source[0], bands), 77, np.uint8)
    scaled = scale(plain, Size(*size))
    assert scaled.shape == (size[1], size[0], bands)
    assert scaled.dtype == np.uint8
    assert scaled.flags.c_contiguous
    assert np.abs(scaled.astype(int) - 77).max() <= (1 if bands in (2, 4) else 0)


@pytest.mark.parametrize(("across", "down"), [(2, 2), (3, 3), (4, 2), (8, 8), (1, 5)])
@pytest.mark.parametrize("bands", [1, 3])
def test_whole_ratios_average(across: int, down: int, bands: int) -> None:
    picture = gradient((40 * across, 30 * down), bands)
    means = picture.reshape(30, down, 40, across, bands).mean(axis=(1, 3))
    assert np.abs(scale(picture, Size(40, 30)) - means).max() < 1.5  # rounded once for each axis


def test_tiles_scaled_by_a_whole_ratio_meet_without_a_seam() -> None:
    picture = gradient((512, 256))
    whole = scale(picture, Size(256, 128))
    halves = [scale(picture[:, x : x + 256], Size(128, 128)) for x in (0, 256)]
    assert np.array_equal(np.hstack(halves), whole)


@pytest.mark.parametrize("size", [(67, 50), (151, 113), (199, 149)], ids=str)
def test_other_reductions_agree_with_pillow(size: tuple[int, int]) -> None:
    picture = smooth((200, 150))
    expected = np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS)).astype(int)
    assert np.abs(scale(picture, Size(*size)) - expected).max() <= 2


def test_a_detailed_picture_agrees_with_pillow_on_the_whole() -> None:
    picture = np.random.default_rng(2).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    picture = scale(picture, Size(800, 600))
    expected = np.asarray(Image.fromarray(picture).resize((333, 250), Image.Resampling.LANCZOS)).astype(float)
    difference = scale(picture, Size(333, 250)) - expected
    assert np.sqrt((difference**2).mean()) < 4


@pytest.mark.parametrize("size", [(400, 300), (333, 251)], ids=str)
def test_enlargements_agree_with_pillow(size: tuple[int, int]) -> None:
    picture = smooth((100, 75))
    expected = np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC)).astype(int)
    assert np.abs(scale(picture, Size(*size)) - expected).max() <= 4


@pytest.mark.parametrize("size", [(128, 128), (100, 90), (200, 171)], ids=str)
def test_a_checkerboard_becomes_gray(size: tuple[int, int]) -> None:
    board: Picture = (np.indices((256, 256)).sum(axis=0) % 2 * 255).astype(np.uint8)[:, :, None]
    inside = scale(board, Size(*size))[3:-3, 3:-3].astype(int)
    assert np.abs(inside - 127.5).max() <= 6


def test_a_size_it_has_already_changes_nothing() -> None:
    picture = gradient((50, 40), 4)
    assert np.array_equal(scale(picture, Size(50, 40)), picture)


@pytest.mark.parametrize("size", [(50, 50), (37, 41), (150, 140)], ids=str)
@pytest.mark.parametrize("bands", [2, 4])
def test_clear_pixels_contribute_no_color(size: tuple[int, int], bands: int) -> None:
    picture = np.zeros((100, 100, bands), np.uint8)
    picture[:, 33:67] = 255  # white and opaque between black and clear
    scaled = scale(picture, Size(*size)).astype(int)
    visible = scaled[:, :, -1] > 8
    assert visible.any()
    assert not visible.all()
    assert scaled[visible][:, :-1].min() >= 250


@pytest.mark.parametrize("bands", [2, 4])
def test_full_opacity_stays_full(bands: int) -> None:
    picture = gradient((100, 100), bands)
    picture[:, :, -1] = 255
    scaled = scale(picture, Size(37, 63))
    assert (scaled[:, :, -1] == 255).all()
    assert np.array_equal(scaled[:, :, :1], scale(picture[:, :, :1], Size(37, 63)))


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (50, 40), (99, 81)], ids=str)
def test_nearest_repeats_and_drops_pixels(size: tuple[int, int]) -> None:
    picture = gradient((50, 40))
    width, height = size
    expected = [[picture[y * 40 // height, x * 50 // width] for x in range(width)] for y in range(height)]
    scaled = scale(picture, Size(*size), nearest=True)
    assert scaled.flags.c_contiguous
    assert np.array_equal(scaled, np.array(expected))


def test_views_of_larger_pictures_are_read_as_they_look() -> None:
    picture = gradient((200, 100))
    view = picture[10:90:2, 20:180]
    assert np.array_equal(scale(view, Size(80, 20)), scale(view.copy(), Size(80, 20)))


@pytest.mark.parametrize("size", [Size(70, 93), Size(70, 180), Size(70, 60)])
def test_side_that_stays_is_not_touched(size: Size) -> None:
    edge = np.zeros((90, 70, 1), np.uint8)
    edge[:, 35:] = 255
    np.testing.assert_array_equal(scale(edge, size), np.broadcast_to(edge[:1], (size.height, 70, 1)))


@pytest.mark.parametrize("size", [Size(140, 45), Size(35, 180), Size(100, 60)])
def test_one_side_longer_and_the_other_shorter(size: Size) -> None:
    picture = smooth((70, 90))
    expected = np.asarray(
        Image.fromarray(picture).resize((size.width, size.height), Image.Resampling.BICUBIC)
    )
    assert np.abs(scale(picture, size).astype(int) - expected).max() <= 3


@pytest.mark.parametrize("sample", [1, 777, 12345, 65535])
@pytest.mark.parametrize("bands", [1, 3, 4])
def test_even_areas_of_16_bits_stay_even(bands: int, sample: int) -> None:
    pixels = np.full((70, 90, bands), sample, np.uint16)
    for size in (Size(37, 29), Size(89, 69), Size(91, 71), Size(45, 35), Size(37, 80)):
        assert (scale(pixels, size) == sample).all()


FORMS = [
    ((75, 100), 3, np.uint8, (40, 30)),
    ((64, 65), 4, np.uint8, (33, 20)),
    ((64, 64), 1, np.uint16, (33, 20)),
    ((64, 64), 2, np.uint16, (128, 200)),
    ((40, 40), 4, np.uint8, (20, 20)),
]
"""Height and width, bands, type, and size of the result."""


@pytest.mark.parametrize("forms", [FORMS, FORMS[:1]], ids=["several", "one"])
def test_pictures_scaled_one_after_the_other_do_not_mix(
    forms: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is kept of earlier calls changes nothing, in any order and in many threads."""
    monkeypatch.setattr(scaling, "MAX_KEPT", 3)
    monkeypatch.setattr(scaling, "MAX_USES", 5)
    random = np.random.default_rng(1)
    pictures = []
    for number in range(60):
        shape, bands, type, size = forms[number % len(forms)]
        picture = random.integers(0, np.iinfo(type).max, (*shape, bands), type, endpoint=True)
        if number % 3 == 0:
            picture[..., -1] = np.iinfo(type).max
        pictures.append((picture, Size(*size)))
    expected = [np.concatenate(list(scale_in_strips(*one, one[1].height))) for one in pictures]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda one: scale(*one), pictures))
    assert all(np.array_equal(one, other) for one, other in zip(expected, found, strict=True))
    assert len(scaling._idle) <= scaling.MAX_KEPT
