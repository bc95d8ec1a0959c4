"""Mirroring, quarter turns, and any other."""

from __future__ import annotations

import numpy as np
import pytest

from iipserve.geometry import Size
from iipserve.processing import Operation
from iipserve.processing.transform import Mirror, Rotate
from tests.images import gradient, smooth

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


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_pixels_are_moved_whole(bands: int, dtype: str) -> None:
    picture = gradient((33, 21), bands).astype(dtype)
    for degrees in (90, 180, 270):
        np.testing.assert_array_equal(Rotate(degrees)(picture), np.rot90(picture, -degrees // 90))
    mirrored = Mirror()(picture)
    np.testing.assert_array_equal(mirrored, picture[:, ::-1])
    assert mirrored.flags.c_contiguous
    assert mirrored.dtype == picture.dtype


# -- any angle ---------------------------------------------------------------------------------------

ANGLES = [1, 10, 22.5, 45, 89.9, 137, 180.5, 260, 300.5, 359]


@pytest.mark.parametrize("degrees", ANGLES)
@pytest.mark.parametrize("bands", [1, 3])
def test_every_pixel_is_where_it_belongs(degrees: float, bands: int) -> None:
    width, height = 120, 90
    picture = smooth((width, height), bands)
    turned = Rotate(degrees)(picture)
    assert turned.shape[2] == bands + 1
    x, y, inside = origins(turned.shape[1], turned.shape[0], width, height, degrees)
    exact = interpolated(picture, x[inside], y[inside])
    assert np.abs(turned[inside][:, :bands] - exact).max() <= 2
    assert (turned[inside][:, bands] == 255).all()


def origins(
    width: int, height: int, from_width: int, from_height: int, degrees: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where the pixels of a frame come from, and which of them from well inside; middle on middle."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    x -= (width - 1) / 2
    y -= (height - 1) / 2
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    from_x = cosine * x + sine * y + (from_width - 1) / 2
    from_y = cosine * y - sine * x + (from_height - 1) / 2
    inside = (from_x > 2) & (from_x < from_width - 3) & (from_y > 2) & (from_y < from_height - 3)
    return from_x, from_y, inside


def interpolated(picture: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    across, down = (x - left)[:, np.newaxis], (y - top)[:, np.newaxis]
    upper = picture[top, left] * (1 - across) + picture[top, left + 1] * across
    lower = picture[top + 1, left] * (1 - across) + picture[top + 1, left + 1] * across
    return upper * (1 - down) + lower * down


@pytest.mark.parametrize("degrees", ANGLES)
@pytest.mark.parametrize("size", [Size(100, 60), Size(1, 1), Size(1, 300), Size(2000, 1)])
def test_frame_is_the_smallest(degrees: float, size: Size) -> None:
    corners = np.array([[0, 0], [size.width, 0], [0, size.height], [size.width, size.height]], float)
    angle = np.radians(degrees)
    across = corners @ [np.cos(angle), -np.sin(angle)]
    down = corners @ [np.sin(angle), np.cos(angle)]
    frame = Rotate(degrees).output_size(size)
    assert abs(frame.width - np.ptp(across)) <= 0.5 + 1e-9 or frame.width == 1
    assert abs(frame.height - np.ptp(down)) <= 0.5 + 1e-9 or frame.height == 1
    turned = Rotate(degrees)(np.zeros((size.height, size.width, 1), np.uint8))
    assert (turned.shape[1], turned.shape[0]) == (frame.width, frame.height)


def test_corners_are_clear() -> None:
    turned = Rotate(45)(np.full((100, 100, 3), 200, np.uint8))
    assert turned[0, 0].tolist() == turned[-1, 0].tolist() == [0, 0, 0, 0]
    assert turned[70, 70].tolist() == [200, 200, 200, 255]


def test_colors_are_weighed_by_opacity() -> None:
    picture = np.zeros((60, 60, 4), np.uint8)
    picture[:, :30] = (200, 100, 50, 255)
    picture[:, 30:] = (0, 255, 255, 0)
    turned = Rotate(30)(picture)
    seen = turned[turned[..., 3] > 30][:, :3].astype(int)
    assert np.abs(seen - [200, 100, 50]).max() <= 2


@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_16_bits_stay_16(bands: int) -> None:
    small = smooth((50, 40), bands)
    turned = Rotate(33)(small.astype(np.uint16) * 257)
    assert turned.dtype == np.uint16
    expected = Rotate(33)(small)
    opaque = expected[..., -1] > 250
    assert np.abs(turned[opaque] / 257 - expected[opaque]).max() <= 1.5


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 7, 3), (7, 1, 1), (1, 1, 1)])
@pytest.mark.parametrize("operation", [Mirror(), Rotate(90), Rotate(180), Rotate(270)], ids=repr)
def test_steps_between_pixels_are_usual_ones(operation: Operation, shape: tuple[int, int, int]) -> None:
    """Of one row or column, too: encoders look at them."""
    turned = operation(np.zeros(shape, np.uint8))
    assert turned.strides == np.empty(turned.shape, np.uint8).strides
