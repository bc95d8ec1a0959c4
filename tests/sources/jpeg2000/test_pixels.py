"""Conversion of planes of samples to pixels, without any file."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from iipserve.errors import DecodeError
from iipserve.image import ColorSpace
from iipserve.sources.jpeg2000.codestream import Component, Span
from iipserve.sources.jpeg2000.color import Channel, ChannelLayout
from iipserve.sources.jpeg2000.openjpeg import Plane
from iipserve.sources.jpeg2000.pixels import Window, to_pixels, with_neighbors

FULL = Component(8, False, 1, 1)
HALF = Component(8, False, 2, 2)


def layout(
    *numbers: int, bits: int = 8, space: ColorSpace = ColorSpace.GRAY, signed: bool = False
) -> ChannelLayout:
    """These components as bands."""
    return ChannelLayout(tuple(Channel(number, bits, signed) for number in numbers), space)


def planes(*samples: NDArray[np.int64]) -> list[Plane]:
    return [Plane(array.astype(np.int32), 8, False) for array in samples]


def row(*pixels: tuple[int, ...]) -> list[Plane]:
    """Planes of one row."""
    return planes(*(np.array([band]) for band in zip(*pixels, strict=True)))


def window(width: int) -> Window:
    return Window(Span(0, 0, width, 1), 0)


RAMP = np.arange(12).reshape(3, 4)
WINDOW = Window(Span(0, 0, 4, 3), 0)


def test_bands_follow_the_layout() -> None:
    pixels = to_pixels(planes(RAMP, RAMP + 50, RAMP + 100), [FULL] * 3, layout(2, 1, 0), WINDOW, WINDOW)
    assert (pixels.shape, pixels.dtype) == ((3, 4, 3), np.uint8)
    assert pixels.flags.c_contiguous
    assert np.array_equal(pixels, np.stack([RAMP + 100, RAMP + 50, RAMP], axis=-1))


@pytest.mark.parametrize("bits", range(1, 9))
def test_shallow_samples_fill_the_range(bits: int) -> None:
    most = (1 << bits) - 1
    pixels = to_pixels(row((0,), (most // 2,), (most,)), [FULL], layout(0, bits=bits), window(3), window(3))
    assert list(pixels.ravel()) == [0, int(most // 2 * 255 / most + 0.5), 255]


@pytest.mark.parametrize("bits", range(9, 17))
def test_deep_samples_keep_their_values(bits: int) -> None:
    most = (1 << bits) - 1
    pixels = to_pixels(row((0,), (most // 3,), (most,)), [FULL], layout(0, bits=bits), window(3), window(3))
    assert pixels.dtype == np.uint16
    assert list(pixels.ravel()) == [0, most // 3, most]


@pytest.mark.parametrize(("shallow", "deep"), [(1, 9), (8, 12), (8, 16), (15, 16)])
def test_bands_of_different_depth_share_the_range_of_the_deepest(shallow: int, deep: int) -> None:
    most, range_ = (1 << shallow) - 1, (1 << deep) - 1
    mixed = ChannelLayout((Channel(0, shallow, False), Channel(1, deep, False)), ColorSpace.GRAY, True)
    pixels = to_pixels(row((0, 5), (most // 2, 6), (most, 7)), [FULL] * 2, mixed, window(3), window(3))
    assert pixels[0, :, 0].tolist() == [0, int(most // 2 * range_ / most + 0.5), range_]
    assert pixels[0, :, 1].tolist() == [5, 6, 7]


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_signed_samples_are_moved_up(bits: int) -> None:
    half = 1 << bits - 1
    pixels = to_pixels(
        row((-half,), (0,), (half - 1,)), [FULL], layout(0, bits=bits, signed=True), window(3), window(3)
    )
    assert list(pixels.ravel()) == [0, half, 2 * half - 1]


def test_indices_are_looked_up_and_held_within_the_palette() -> None:
    colors = ChannelLayout(
        (Channel(0, 8, False, (10, 20, 30)), Channel(0, 12, False, (0, 4095, 7)), Channel(0, 8, True, (-128, 0, 127))),
        ColorSpace.SRGB,
    )  # fmt: skip
    pixels = to_pixels(row((0,), (1,), (2,), (3,), (255,)), [FULL], colors, window(5), window(5))
    assert pixels.dtype == np.uint16
    # 8 bits are spread over the range of 12
    spread = [round(value * 4095 / 255) for value in (10, 20, 30)]
    assert pixels[0, :, 0].tolist() == [*spread, spread[2], spread[2]]
    assert pixels[0, :, 1].tolist() == [0, 4095, 7, 7, 7]
    assert pixels[0, :, 2].tolist() == [0, round(128 * 4095 / 255), 4095, 4095, 4095]


@pytest.mark.parametrize("step", [2, 3, 4])
@pytest.mark.parametrize("reduce", [0, 1, 2])
@pytest.mark.parametrize(
    "area", [Span(0, 0, 37, 21), Span(8, 4, 24, 20), Span(20, 12, 37, 21), Span(28, 8, 32, 12)]
)
@pytest.mark.parametrize("start", [0, 1, 5])
def test_pixels_take_the_last_sample_that_is_not_behind_them(
    start: int, area: Span, reduce: int, step: int
) -> None:
    """Whatever part is wanted: the sample may belong to what is left of it or above."""
    image = Span(start, start, 37, 21)
    area = Span(max(start, area.left), max(start, area.top), area.right, area.bottom)
    component, part = Component(8, False, step, step), Window(area, reduce)
    whole = Window(image, reduce).samples(component)
    decoded = with_neighbors(part, [FULL, component], image)
    held = decoded.samples(component)
    assert image.left <= decoded.area.left <= area.left
    assert image.right >= decoded.area.right >= area.right
    samples = np.add.outer(np.arange(held.top, held.bottom) * 50, np.arange(held.left, held.right))
    pixels = to_pixels(planes(samples), [component], layout(0, bits=16), part, decoded)
    across = np.arange(-(-area.left // (1 << reduce)), -(-area.right // (1 << reduce)))
    down = np.arange(-(-area.top // (1 << reduce)), -(-area.bottom // (1 << reduce)))
    expected = np.add.outer(np.maximum(down // step, whole.top) * 50, np.maximum(across // step, whole.left))
    assert np.array_equal(pixels[:, :, 0], expected)


YCC = [
    pytest.param((0, 128, 128), (0, 0, 0), id="black"),
    pytest.param((255, 128, 128), (255, 255, 255), id="white"),
    pytest.param((76, 85, 255), (254, 0, 0), id="red"),
    pytest.param((150, 44, 21), (0, 255, 1), id="green"),
    pytest.param((29, 255, 107), (0, 0, 254), id="blue"),
]


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize(("ycc", "rgb"), YCC)
def test_ycc_becomes_rgb(ycc: tuple[int, int, int], rgb: tuple[int, int, int], bits: int) -> None:
    scale = 1 << bits - 8
    colors = ChannelLayout(layout(0, 1, 2, bits=bits).channels, ColorSpace.SRGB, is_ycc=True)
    pixels = to_pixels(row(tuple(value * scale for value in ycc)), [FULL] * 3, colors, window(1), window(1))
    # white of 8 bits is 1 / 256 below that of more
    assert np.abs(pixels.ravel() / scale - rgb).max() <= 1


@pytest.mark.parametrize(("bits", "most"), [(8, 255), (16, 65535)])
def test_opacity_is_divided_out(bits: int, most: int) -> None:
    channels = layout(0, 1, bits=bits).channels
    premultiplied = ChannelLayout(channels, ColorSpace.GRAY, True, premultiplied=True)
    stored = [(0, 0), (50, 100), (200, 200), (100, most), (most, most), (200, 100)]
    pixels = to_pixels(row(*stored), [FULL] * 2, premultiplied, window(6), window(6))
    assert pixels[0].tolist() == [
        [0, 0], [(most + 1) // 2, 100], [most, 200], [100, most], [most, most], [most, 100],
    ]  # fmt: skip


def test_lab_becomes_the_numbers_themselves() -> None:
    ranges = ((0.0, 100.0), (-128.0, 127.0), (-75.0, 125.0))
    lab = ChannelLayout(layout(0, 1, 2, 3).channels, ColorSpace.CIELAB, True, lab=ranges)
    pixels = to_pixels(
        row((0, 0, 0, 0), (255, 255, 255, 255), (51, 138, 51, 51)), [FULL] * 4, lab, window(3), window(3)
    )
    assert pixels.dtype == np.float32
    assert pixels[0] == pytest.approx(
        np.array([[0, -128, -75, 0], [100, 127, 125, 1], [20, 10, -35, 0.2]]), abs=1e-4
    )


def test_planes_of_the_wrong_size_are_an_error() -> None:
    with pytest.raises(DecodeError, match="4 x 3 samples"):
        to_pixels(planes(RAMP), [FULL], layout(0), Window(Span(0, 0, 5, 3), 0), Window(Span(0, 0, 5, 3), 0))
    with pytest.raises(DecodeError, match="1 of 3 components"):
        to_pixels(planes(RAMP), [FULL] * 3, layout(0, 1, 2), WINDOW, WINDOW)
    nothing = Window(Span(1, 1, 2, 2), 0)
    with pytest.raises(DecodeError, match="no samples"):
        to_pixels(planes(np.empty((0, 0))), [HALF], layout(0), nothing, nothing)
