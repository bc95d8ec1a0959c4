"""Which component is which, and how samples become pixels, without any file."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from iipserve.errors import DecodeError, UnsupportedImage
from iipserve.geometry import Size
from iipserve.sources.jpeg2000_boxes import Boxes, Channel
from iipserve.sources.jpeg2000_codestream import Component, Span
from iipserve.sources.jpeg2000_color import ChannelLayout, Window, channel_layout, to_pixels
from iipserve.sources.openjpeg import Plane

FULL = Component(8, False, 1, 1)
HALF = Component(8, False, 2, 2)


def profile(space: bytes) -> bytes:
    """As much of an ICC profile as is looked at."""
    return bytes(16) + space + bytes(200)


LAYOUTS = [
    pytest.param([FULL], Boxes(), ChannelLayout((0,), False), id="gray"),
    pytest.param([FULL] * 2, Boxes(), ChannelLayout((0, 1), True), id="two components"),
    pytest.param([FULL] * 3, Boxes(), ChannelLayout((0, 1, 2), False), id="RGB"),
    pytest.param([FULL] * 4, Boxes(color_number=16), ChannelLayout((0, 1, 2, 3), True), id="four components"),
    pytest.param([FULL] * 3, Boxes(icc=profile(b"RGB ")), ChannelLayout((0, 1, 2), False), id="ICC for RGB"),
    pytest.param([FULL] * 3, Boxes(color_number=18), ChannelLayout((0, 1, 2), False, is_ycc=True), id="sYCC"),
    pytest.param([FULL, HALF, HALF], Boxes(), ChannelLayout((0, 1, 2), False, is_ycc=True), id="halved chroma"),
    pytest.param([HALF] * 3, Boxes(), ChannelLayout((0, 1, 2), False), id="everything halved"),
    pytest.param(
        [FULL] * 3, Boxes(channels=[Channel(0, 0, 3), Channel(1, 0, 2), Channel(2, 0, 1)]),
        ChannelLayout((2, 1, 0), False), id="BGR",
    ),
    pytest.param(
        [FULL] * 4, Boxes(channels=[Channel(0, 1, 0), Channel(1, 0, 1), Channel(2, 0, 2), Channel(3, 0, 3)]),
        ChannelLayout((1, 2, 3, 0), True), id="opacity first",
    ),
    pytest.param(
        [FULL] * 2, Boxes(channels=[Channel(0, 0, 1), Channel(1, 2, 0)]),
        ChannelLayout((0, 1), True, premultiplied=True), id="premultiplied",
    ),
    pytest.param(
        [FULL] * 5, None, "5 components", id="five components",
    ),
    pytest.param([FULL, Component(12, False, 1, 1)], None, "12 bits per sample", id="12 bits"),
    pytest.param([FULL], Boxes(has_palette=True), "palette", id="palette"),
    pytest.param([FULL] * 4, Boxes(color_number=12), "color space is CMYK", id="CMYK"),
    pytest.param([FULL] * 3, Boxes(color_number=14), "color space is CIELab", id="CIELab"),
    pytest.param([FULL] * 3, Boxes(color_number=21), "number 21", id="another space"),
    pytest.param([FULL] * 4, Boxes(icc=profile(b"CMYK")), "'CMYK'", id="ICC for CMYK"),
    pytest.param([FULL] * 3, Boxes(channels=[Channel(0, 0, 1), Channel(1, 0, 2), Channel(2, 1, 0)]), "2 colors", id="two colors"),
    pytest.param([FULL] * 3, Boxes(channels=[Channel(9, 0, 1)]), "0 colors", id="channels of other components"),
]  # fmt: skip


@pytest.mark.parametrize(("components", "boxes", "expected"), LAYOUTS)
def test_layouts(components: list[Component], boxes: Boxes | None, expected: ChannelLayout | str) -> None:
    if isinstance(expected, ChannelLayout):
        assert channel_layout(components, boxes or Boxes()) == expected
        return
    with pytest.raises(UnsupportedImage, match=expected):
        channel_layout(components, boxes or Boxes())


def planes(*samples: NDArray[np.int64]) -> list[Plane]:
    return [Plane(array.astype(np.int32), 8, False) for array in samples]


RAMP = np.arange(12).reshape(3, 4)
WINDOW = Window(Span(0, 0, 4, 3), 0)


def test_bands_follow_the_layout() -> None:
    pixels = to_pixels(
        planes(RAMP, RAMP + 50, RAMP + 100), [FULL] * 3, ChannelLayout((2, 1, 0), False), WINDOW
    )
    assert pixels.shape == (3, 4, 3)
    assert pixels.flags.c_contiguous
    assert np.array_equal(pixels, np.stack([RAMP + 100, RAMP + 50, RAMP], axis=-1))


@pytest.mark.parametrize("bits", range(1, 9))
def test_shallow_samples_fill_the_range(bits: int) -> None:
    most = (1 << bits) - 1
    samples = np.array([[0, most // 2, most]])
    pixels = to_pixels(
        planes(samples),
        [Component(bits, False, 1, 1)],
        ChannelLayout((0,), False),
        Window(Span(0, 0, 3, 1), 0),
    )
    assert list(pixels.ravel()) == [0, int(most // 2 * 255 / most + 0.5), 255]


def test_signed_samples_are_moved_up() -> None:
    pixels = to_pixels(
        planes(np.array([[-128, 0, 127]])), [Component(8, True, 1, 1)], ChannelLayout((0,), False),
        Window(Span(0, 0, 3, 1), 0),
    )  # fmt: skip
    assert list(pixels.ravel()) == [0, 128, 255]


@pytest.mark.parametrize("reduce", [0, 1, 2])
@pytest.mark.parametrize("area", [Span(0, 0, 37, 21), Span(8, 4, 24, 21), Span(5, 3, 37, 20)])
def test_halved_components_lie_where_they_should(area: Span, reduce: int) -> None:
    """Every pixel takes the sample at half its place, counted on the whole image's grid."""
    window = Window(area, reduce)
    across = np.arange(-(-area.left // (1 << reduce)), -(-area.right // (1 << reduce)))
    down = np.arange(-(-area.top // (1 << reduce)), -(-area.bottom // (1 << reduce)))

    def extent(start: int, stop: int) -> NDArray[np.int64]:
        first, last = -(-start // 2), -(-stop // 2)
        return np.arange(-(-first // (1 << reduce)), -(-last // (1 << reduce)))

    held_x, held_y = extent(area.left, area.right), extent(area.top, area.bottom)
    samples = held_y[:, None] * 10 + held_x[None, :]
    pixels = to_pixels(planes(samples), [HALF], ChannelLayout((0,), False), window)
    assert window.size == Size(len(across), len(down))
    expected = (
        np.clip(down // 2, held_y[0], held_y[-1])[:, None] * 10
        + np.clip(across // 2, held_x[0], held_x[-1])[None, :]
    )
    assert np.array_equal(pixels[:, :, 0], expected)


YCC = [
    pytest.param((0, 128, 128), (0, 0, 0), id="black"),
    pytest.param((255, 128, 128), (255, 255, 255), id="white"),
    pytest.param((76, 85, 255), (254, 0, 0), id="red"),
    pytest.param((150, 44, 21), (0, 255, 1), id="green"),
    pytest.param((29, 255, 107), (0, 0, 254), id="blue"),
]


@pytest.mark.parametrize(("ycc", "rgb"), YCC)
def test_ycc_becomes_rgb(ycc: tuple[int, int, int], rgb: tuple[int, int, int]) -> None:
    pixels = to_pixels(
        planes(*(np.array([[value]]) for value in ycc)), [FULL] * 3, ChannelLayout((0, 1, 2), False, is_ycc=True),
        Window(Span(0, 0, 1, 1), 0),
    )  # fmt: skip
    assert np.abs(pixels.ravel().astype(int) - rgb).max() <= 1


def test_opacity_is_divided_out() -> None:
    pixels = to_pixels(
        planes(np.array([[0, 50, 200, 100]]), np.array([[0, 100, 200, 255]])), [FULL] * 2,
        ChannelLayout((0, 1), True, premultiplied=True), Window(Span(0, 0, 4, 1), 0),
    )  # fmt: skip
    assert pixels.tolist() == [[[0, 0], [128, 100], [255, 200], [100, 255]]]


def test_planes_of_the_wrong_size_are_an_error() -> None:
    with pytest.raises(DecodeError, match="4 x 3 samples"):
        to_pixels(planes(RAMP), [FULL], ChannelLayout((0,), False), Window(Span(0, 0, 5, 3), 0))
    with pytest.raises(DecodeError, match="1 of 3 components"):
        to_pixels(planes(RAMP), [FULL] * 3, ChannelLayout((0, 1, 2), False), WINDOW)
    with pytest.raises(DecodeError, match="no samples"):
        to_pixels(planes(np.empty((0, 0))), [HALF], ChannelLayout((0,), False), WINDOW)
