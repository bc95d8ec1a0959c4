"""The meaning of components, without any file."""

from __future__ import annotations

from typing import Any

import pytest

from iipserve.errors import UnsupportedImage
from iipserve.image import ColorSpace
from iipserve.sources.jpeg2000.boxes import Boxes, LabRange, MappedChannel, PaletteColumn
from iipserve.sources.jpeg2000.boxes import Channel as Line
from iipserve.sources.jpeg2000.boxes import ColorSpecification as Named
from iipserve.sources.jpeg2000.codestream import Component
from iipserve.sources.jpeg2000.color import Channel, ChannelLayout, channel_layout

GRAY, SRGB, CIELAB, CMYK = ColorSpace.GRAY, ColorSpace.SRGB, ColorSpace.CIELAB, ColorSpace.CMYK
FULL = Component(8, False, 1, 1)
HALF = Component(8, False, 2, 2)
DEEP = Component(12, False, 1, 1)


def profile(space: bytes) -> bytes:
    """The part of an ICC profile that is read."""
    return bytes(16) + space + bytes(200)


def bands(*numbers: int, bits: int = 8) -> tuple[Channel, ...]:
    """Channels of these components."""
    return tuple(Channel(number, bits, False) for number in numbers)


def lines(*kinds: tuple[int, int]) -> list[Line]:
    """Channel definitions in order: kind and association."""
    return [Line(number, *kind) for number, kind in enumerate(kinds)]


RGB_TABLE = tuple(PaletteColumn(8, False, (10 * column, 200)) for column in range(3))
IN_ORDER = tuple(MappedChannel(0, column) for column in range(3))
LOOKED_UP = tuple(Channel(0, 8, False, (10 * column, 200)) for column in range(3))

LAYOUTS = [
    pytest.param([FULL], Boxes(), ChannelLayout(bands(0), GRAY), id="gray"),
    pytest.param([FULL] * 2, Boxes(), ChannelLayout(bands(0, 1), GRAY, True), id="two components"),
    pytest.param([FULL] * 3, Boxes(), ChannelLayout(bands(0, 1, 2), SRGB), id="RGB"),
    pytest.param([FULL] * 4, Boxes(colors=[Named(16)]), ChannelLayout(bands(0, 1, 2, 3), SRGB, True), id="four components"),
    pytest.param([FULL] * 5, Boxes(), ChannelLayout(bands(0, 1, 2, 3, 4), GRAY), id="five components"),
    pytest.param([FULL] * 5, Boxes(colors=[Named(16)]), ChannelLayout(bands(0, 1, 2, 3, 4), SRGB), id="RGB and two more"),
    pytest.param([FULL] * 3, Boxes(colors=[Named(17)]), ChannelLayout(bands(0, 1, 2), GRAY), id="gray and two more"),
    pytest.param([FULL] * 2, Boxes(colors=[Named(16)]), ChannelLayout(bands(0, 1), GRAY), id="too few for RGB"),
    pytest.param([DEEP] * 3, Boxes(colors=[Named(16)]), ChannelLayout(bands(0, 1, 2, bits=12), SRGB), id="12 bits"),
    pytest.param(
        [FULL, DEEP], Boxes(), ChannelLayout((Channel(0, 8, False), Channel(1, 12, False)), GRAY, True), id="8 and 12 bits",
    ),
    pytest.param(
        [Component(16, True, 1, 1)], Boxes(), ChannelLayout((Channel(0, 16, True),), GRAY), id="signed",
    ),
    pytest.param(
        [FULL] * 3, Boxes(colors=[Named(icc=profile(b"RGB "))]), ChannelLayout(bands(0, 1, 2), SRGB, icc=profile(b"RGB ")), id="ICC for RGB",
    ),
    pytest.param([FULL], Boxes(colors=[Named(icc=profile(b"GRAY"))]), ChannelLayout(bands(0), GRAY, icc=profile(b"GRAY")), id="ICC for gray"),
    pytest.param([FULL], Boxes(colors=[Named(icc=profile(b"RGB "))]), ChannelLayout(bands(0), GRAY), id="ICC for other colors"),
    pytest.param([FULL] * 3, Boxes(colors=[Named(icc=profile(b"XCLR"))]), ChannelLayout(bands(0, 1, 2), SRGB), id="ICC for unknown colors"),
    pytest.param(
        [FULL] * 4, Boxes(colors=[Named(icc=profile(b"CMYK"))]), ChannelLayout(bands(0, 1, 2, 3), CMYK, icc=profile(b"CMYK")), id="ICC for CMYK",
    ),
    pytest.param([FULL] * 4, Boxes(colors=[Named(12)]), ChannelLayout(bands(0, 1, 2, 3), CMYK), id="CMYK"),
    pytest.param([FULL] * 5, Boxes(colors=[Named(12)]), ChannelLayout(bands(0, 1, 2, 3, 4), CMYK), id="CMYK and one more"),
    pytest.param(
        [FULL] * 5, Boxes(colors=[Named(12)], channels=lines((0, 1), (0, 2), (0, 3), (0, 4), (1, 0))),
        ChannelLayout(bands(0, 1, 2, 3, 4), CMYK, True), id="CMYK and opacity",
    ),
    pytest.param(
        [FULL] * 3, Boxes(colors=[Named(16), Named(icc=profile(b"CMYK"))]), ChannelLayout(bands(0, 1, 2), SRGB), id="number before profile",
    ),
    pytest.param([FULL] * 3, Boxes(colors=[Named(18)]), ChannelLayout(bands(0, 1, 2), SRGB, is_ycc=True), id="sYCC"),
    pytest.param([FULL, HALF, HALF], Boxes(), ChannelLayout(bands(0, 1, 2), SRGB, is_ycc=True), id="halved chroma"),
    pytest.param([HALF] * 3, Boxes(), ChannelLayout(bands(0, 1, 2), SRGB), id="everything halved"),
    pytest.param([FULL] * 3, Boxes(channels=lines((0, 3), (0, 2), (0, 1))), ChannelLayout(bands(2, 1, 0), SRGB), id="BGR"),
    pytest.param(
        [FULL] * 4, Boxes(channels=lines((1, 0), (0, 1), (0, 2), (0, 3))), ChannelLayout(bands(1, 2, 3, 0), SRGB, True),
        id="opacity first",
    ),
    pytest.param(
        [FULL] * 2, Boxes(channels=lines((0, 1), (2, 0))), ChannelLayout(bands(0, 1), GRAY, True, premultiplied=True),
        id="premultiplied",
    ),
    pytest.param(
        [FULL] * 5, Boxes(channels=lines((1, 2), (0, 1), (1, 0), (0, 2), (0, 3))),
        ChannelLayout(bands(1, 3, 4, 0, 2), SRGB, True), id="opacity of one color, and of all",
    ),
    pytest.param(
        [FULL] * 5, Boxes(channels=lines((65535, 65535), (0, 1), (0, 2), (0, 3), (1, 0))),
        ChannelLayout(bands(1, 2, 3, 0, 4), SRGB, True), id="a further band",
    ),
    pytest.param([FULL] * 4, Boxes(channels=lines((0, 1), (0, 2), (0, 3), (0, 4))), ChannelLayout(bands(0, 1, 2, 3), GRAY), id="four colors"),
    pytest.param([FULL] * 3, Boxes(channels=lines((0, 1), (0, 2), (1, 0))), ChannelLayout(bands(0, 1, 2), GRAY, True), id="two colors"),
    pytest.param([FULL] * 3, Boxes(channels=[Line(9, 0, 1)]), ChannelLayout(bands(0, 1, 2), SRGB), id="channels of other components"),
    pytest.param([FULL], Boxes(palette=RGB_TABLE, mapping=IN_ORDER), ChannelLayout(LOOKED_UP, SRGB), id="palette"),
    pytest.param(
        [FULL] * 2, Boxes(palette=RGB_TABLE, mapping=(*IN_ORDER, MappedChannel(1, None))),
        ChannelLayout((*LOOKED_UP, Channel(1, 8, False)), SRGB, True), id="palette and opacity",
    ),
    pytest.param(
        [Component(24, False, 1, 1)], Boxes(palette=RGB_TABLE, mapping=IN_ORDER), ChannelLayout(LOOKED_UP, SRGB),
        id="palette with deep indices",
    ),
    pytest.param([Component(17, False, 1, 1)], None, "17 bits per sample; at most 16", id="17 bits"),
    pytest.param([FULL], Boxes(palette=(PaletteColumn(20, False, (1,)),), mapping=IN_ORDER[:1]), "20 bits per sample", id="palette of 20 bits"),
    pytest.param([FULL], Boxes(palette=RGB_TABLE, mapping=(MappedChannel(0, 3),)), "palette is for components", id="palette without the column"),
    pytest.param([FULL], Boxes(palette=RGB_TABLE, mapping=(MappedChannel(1, 0),)), "palette is for components", id="palette without the component"),
    pytest.param([FULL] * 1001, None, "1001 components; at most 1000", id="too many components"),
    pytest.param([FULL] * 3, Boxes(colors=[Named(9)]), "color space is PhotoYCC", id="PhotoYCC"),
    pytest.param([FULL] * 3, Boxes(colors=[Named(21)]), "color space is ROMM-RGB", id="another space"),
    pytest.param([FULL] * 3, Boxes(colors=[Named(99)]), "color space is number 99", id="an unknown space"),
    pytest.param(
        [FULL] * 3, Boxes(colors=[Named(icc=profile(b"RGB ")), Named(20)]), ChannelLayout(bands(0, 1, 2), SRGB, icc=profile(b"RGB ")),
        id="profile before an unknown space",
    ),
    pytest.param(
        [FULL] * 3, Boxes(colors=[Named(21), Named(icc=profile(b"RGB ")), Named(18)]),
        ChannelLayout(bands(0, 1, 2), SRGB, icc=profile(b"RGB ")), id="unknown space before a profile",
    ),
    pytest.param(
        [FULL] * 3, Boxes(colors=[Named(icc=profile(b"XCLR")), Named(18)]), ChannelLayout(bands(0, 1, 2), SRGB, is_ycc=True),
        id="unknown profile before sYCC",
    ),
    pytest.param(
        [FULL], Boxes(colors=[Named(16), Named(icc=profile(b"GRAY"))]), ChannelLayout(bands(0), GRAY, icc=profile(b"GRAY")),
        id="too many colors before a profile",
    ),
    pytest.param([FULL] * 3, Boxes(colors=[Named(24)]), ChannelLayout(bands(0, 1, 2), SRGB, is_ycc=True), id="e-sYCC"),
    pytest.param([FULL], Boxes(palette=RGB_TABLE), ChannelLayout(bands(0), GRAY), id="palette without a mapping"),
    pytest.param([FULL], Boxes(palette=RGB_TABLE, mapping=(MappedChannel(0, None),) * 3), ChannelLayout(LOOKED_UP, SRGB), id="palette that is not used"),
    pytest.param([FULL], Boxes(palette=RGB_TABLE, mapping=(MappedChannel(0, 0),)), ChannelLayout(LOOKED_UP, SRGB), id="palette of which one column is used"),
    pytest.param([FULL] * 3, Boxes(channels=lines((0, 0), (0, 1), (0, 2))), ChannelLayout(bands(1, 2, 0), SRGB), id="associations from 0"),
]  # fmt: skip


@pytest.mark.parametrize(("components", "boxes", "expected"), LAYOUTS)
def test_layouts(components: list[Component], boxes: Boxes | None, expected: ChannelLayout | str) -> None:
    if isinstance(expected, ChannelLayout):
        assert channel_layout(components, boxes or Boxes()) == expected
        return
    with pytest.raises(UnsupportedImage, match=expected):
        channel_layout(components, boxes or Boxes())


LABS = [
    # 8 bits as the standard has them: a* is -85 to 85 around 128, b* -75 to 125 around 96
    pytest.param(Boxes(colors=[Named(14)]), [(0, 100), (-128 * 170 / 255, 127 * 170 / 255), (-96 * 200 / 255, 159 * 200 / 255)], id="own"),
    pytest.param(
        Boxes(colors=[Named(14, lab=(LabRange(100, 0), LabRange(255, 128), LabRange(510, 0)))]), [(0, 100), (-128, 127), (0, 510)],
        id="given",
    ),
    pytest.param(Boxes(colors=[Named(icc=profile(b"Lab "))]), [(0, 100), (-128, 127), (-128, 127)], id="of a profile"),
]  # fmt: skip


@pytest.mark.parametrize(("boxes", "ranges"), LABS)
def test_lab_ranges(boxes: Boxes, ranges: list[tuple[float, float]]) -> None:
    layout = channel_layout([FULL] * 3, boxes)
    assert (layout.color_space, layout.dtype, layout.bits) == (CIELAB, "float32", 8)
    assert layout.icc is None
    for found, expected in zip(layout.lab, ranges, strict=True):
        assert found == pytest.approx(expected)


TYPES = [
    pytest.param([1], ("uint8", 1, 255), id="1 bit"),
    pytest.param([8], ("uint8", 8, 255), id="8 bits"),
    pytest.param([9], ("uint16", 9, 511), id="9 bits"),
    pytest.param([16], ("uint16", 16, 65535), id="16 bits"),
    pytest.param([8, 8, 8, 12], ("uint16", 12, 4095), id="8 and 12 bits"),
]


@pytest.mark.parametrize(("depths", "expected"), TYPES)
def test_types(depths: list[int], expected: tuple[Any, ...]) -> None:
    layout = channel_layout([Component(bits, False, 1, 1) for bits in depths], Boxes())
    assert (layout.dtype, layout.bits, layout.full_scale) == expected
