"""Which channel is color, opacity or something else, and its depth: from the boxes and components of a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from iipserve.containers import icc
from iipserve.errors import UnsupportedImage
from iipserve.image import ColorSpace
from iipserve.sources.jpeg2000.boxes import (
    CIELAB,
    COLOR,
    OPACITY,
    PREMULTIPLIED_OPACITY,
    Boxes,
    ColorSpecification,
    LabRange,
    MappedChannel,
)
from iipserve.sources.jpeg2000.boxes import Channel as Line
from iipserve.sources.jpeg2000.codestream import Component

MAX_BITS = 16
MAX_CHANNELS = 1000

CMYK, SRGB, GRAY, SYCC, ESYCC = 12, 16, 17, 18, 24
SPACES = {
    GRAY: ColorSpace.GRAY,
    SRGB: ColorSpace.SRGB,
    SYCC: ColorSpace.SRGB,
    ESYCC: ColorSpace.SRGB,
    CMYK: ColorSpace.CMYK,
    CIELAB: ColorSpace.CIELAB,
}
"""By number of an enumerated color space (15444-1 I.5.3.3, 15444-2 M.11.7.3.1). 0 of CMYK is no ink, as in `ColorSpace`."""
OTHER_SPACES = {
    0: "bi-level",
    1: "YCbCr(1)",
    3: "YCbCr(2)",
    4: "YCbCr(3)",
    9: "PhotoYCC",
    11: "CMY",
    13: "YCCK",
    15: "bi-level(2)",
    19: "CIEJab",
    20: "e-sRGB",
    21: "ROMM-RGB",
    22: "YPbPr(1125/60)",
    23: "YPbPr(1250/50)",
}
PROFILE_SPACES = {
    icc.GRAY: ColorSpace.GRAY,
    icc.RGB: ColorSpace.SRGB,
    icc.CMYK: ColorSpace.CMYK,
    icc.LAB: ColorSpace.CIELAB,
}
"""By the data color space of an ICC profile."""
SPACES_BY_COUNT = {1: ColorSpace.GRAY, 2: ColorSpace.GRAY, 3: ColorSpace.SRGB, 4: ColorSpace.SRGB}
"""By number of components, if the file names no color space."""


class Channel(NamedTuple):
    """One band of the pixels."""

    component: int
    """Index of the component it is made of."""
    bits: int
    signed: bool
    values: tuple[int, ...] = ()
    """By index, if the component holds indices into a palette."""


@dataclass(frozen=True, slots=True)
class ChannelLayout:
    """How bands are made of components."""

    channels: tuple[Channel, ...]
    """In the order of the bands: colors, others, then opacity."""
    color_space: ColorSpace
    has_alpha: bool = False
    premultiplied: bool = False
    is_ycc: bool = False
    lab: tuple[tuple[float, float], ...] = ()
    """Of CIELAB: lowest and highest value of each band."""
    icc: bytes | None = None
    """The profile that describes these colors."""

    @property
    def bits(self) -> int:
        """Of the deepest channel."""
        return max(channel.bits for channel in self.channels)

    @property
    def full_scale(self) -> int:
        """The highest sample of all bands as integers; shallow ones are spread over the range of 8 bits."""
        return (1 << max(8, self.bits)) - 1

    @property
    def dtype(self) -> str:
        """numpy name of the output samples; CIELAB is output as its own numbers."""
        if self.color_space is ColorSpace.CIELAB:
            return "float32"
        return "uint8" if self.bits <= 8 else "uint16"

    @property
    def is_reversible(self) -> bool:
        """The samples of the file follow from output samples: they were at most shifted and spread."""
        kinds = {(channel.bits, channel.signed) for channel in self.channels}
        in_order = all(channel.component == index for index, channel in enumerate(self.channels))
        converted = self.is_ycc or self.premultiplied or self.lab or self.has_palette
        return len(kinds) == 1 and in_order and not converted

    @property
    def has_palette(self) -> bool:
        """Samples are indices, which cannot be averaged: smaller resolutions are useless."""
        return any(channel.values for channel in self.channels)


def channel_layout(components: Sequence[Component], boxes: Boxes) -> ChannelLayout:
    """Find colors and opacity among the components.

    Raises:
        UnsupportedImage: the image is of a kind that is not supported.
    """
    channels = _channels(components, boxes)
    _check(channels)
    color = _color_specification(len(channels), boxes)
    parts = _defined(channels, boxes) or _assumed(len(channels), _space(color))
    space = _color_space(len(parts.colors), _space(color))
    is_lab = space is ColorSpace.CIELAB
    return ChannelLayout(
        channels=tuple(channels[index] for index in (*parts.colors, *parts.others, *parts.opacity)),
        color_space=space,
        has_alpha=bool(parts.opacity),
        premultiplied=parts.premultiplied,
        is_ycc=_is_ycc([components[channels[index].component] for index in parts.colors], space, color),
        lab=_lab_ranges([channels[index] for index in parts.colors], color) if is_lab else (),
        # CIELAB values need no profile, and it would not describe what is made of them
        icc=color.icc if _space(color) is space and not is_lab else None,
    )


def _channels(components: Sequence[Component], boxes: Boxes) -> list[Channel]:
    """The components, or the channels that palette and component mapping make of them.

    Raises:
        UnsupportedImage: the mapping names components or columns that do not exist.
    """
    if not (boxes.palette and boxes.mapping):
        return [
            Channel(index, component.bits, component.signed) for index, component in enumerate(components)
        ]
    channels = []
    for index, column in _mapping(components, boxes):
        if index >= len(components) or (column is not None and column >= len(boxes.palette)):
            raise UnsupportedImage("the image's palette is for components that it does not have")
        kind = components[index] if column is None else boxes.palette[column]
        values = () if column is None else boxes.palette[column].values
        channels.append(Channel(index, kind.bits, kind.signed, values))
    return channels


def _mapping(components: Sequence[Component], boxes: Boxes) -> Sequence[MappedChannel]:
    """What each channel is made of.

    Writers of a single component get it wrong: where only some columns of the palette are used, OpenJPEG takes all of
    them in order (opj_jp2_check_color), and so does this.
    """
    columns = range(len(boxes.palette))
    used = {(component, column or 0) for component, column in boxes.mapping}
    if len(components) == 1 and used < {(0, column) for column in columns}:
        return [MappedChannel(0, column) for column in columns]
    return boxes.mapping


def _check(channels: Sequence[Channel]) -> None:
    bits = max(channel.bits for channel in channels)
    if bits > MAX_BITS:
        raise UnsupportedImage(f"the image has {bits} bits per sample; at most {MAX_BITS} are supported")
    if len(channels) > MAX_CHANNELS:
        raise UnsupportedImage(
            f"the image has {len(channels)} components; at most {MAX_CHANNELS} are supported"
        )


# -- color space -----------------------------------------------------------------------------------


def _color_specification(count: int, boxes: Boxes) -> ColorSpecification:
    """The first that is known and has no more colors than there are channels.

    Raises:
        UnsupportedImage: none is known.
    """
    known = [(color, space) for color in boxes.colors if (space := _space(color)) is not None]
    fitting = [color for color, space in known if space.bands <= count]
    for color in (*fitting, *(color for color, _ in known)):
        return color
    for color in boxes.colors:
        if color.number is not None:
            name = OTHER_SPACES.get(color.number, f"number {color.number}")
            raise UnsupportedImage(
                f"the image's color space is {name}; gray, sRGB, sYCC, e-sYCC, CMYK and CIELab are supported"
            )
    return ColorSpecification()


def _space(color: ColorSpecification) -> ColorSpace | None:
    """The color space of a number or a profile, if it is known."""
    if color.number is not None:
        return SPACES.get(color.number)
    return PROFILE_SPACES.get(icc.color_space(color.icc))


def _color_space(colors: int, declared: ColorSpace | None) -> ColorSpace:
    """The declared color space, if there are enough colors; else one that fits their number."""
    if declared is not None and colors >= declared.bands:
        return declared
    return ColorSpace.SRGB if colors == ColorSpace.SRGB.bands else ColorSpace.GRAY


# -- meaning of channels ---------------------------------------------------------------------------


class _Parts(NamedTuple):
    """Indices of channels by their meaning."""

    colors: Sequence[int]
    others: Sequence[int] = ()
    """Neither colors nor opacity."""
    opacity: Sequence[int] = ()
    """At most one."""
    premultiplied: bool = False


def _defined(channels: Sequence[Channel], boxes: Boxes) -> _Parts | None:
    """Meanings from the Channel Definition box; None if it names no color that exists."""
    usable = [line for line in boxes.channels if line.component < len(channels)]
    kinds = {line.component: line.kind for line in usable}
    colors = [index for index in _reordered(len(channels), usable) if kinds.get(index) == COLOR]
    if not colors:
        return None
    transparent = sorted(
        (line.association, line.component, line.kind)
        for line in usable
        if line.kind in (OPACITY, PREMULTIPLIED_OPACITY)
    )[:1]  # opacity of the whole image comes before that of a single color
    opacity = [component for _, component, _ in transparent]
    known = {*colors, *opacity}
    others = [index for index in range(len(channels)) if index not in known]
    return _Parts(colors, others, opacity, any(kind == PREMULTIPLIED_OPACITY for _, _, kind in transparent))


def _reordered(count: int, lines: Sequence[Line]) -> list[int]:
    """All channels in the order of their colors.

    Each line of the Channel Definition box exchanges two channels, as in OpenJPEG (opj_jp2_apply_cdef): the order is
    the same also where lines contradict each other.
    """
    order = list(range(count))
    for line in lines:
        if line.kind == COLOR and 1 <= line.association <= count:
            place, target = order.index(line.component), line.association - 1
            order[place], order[target] = order[target], order[place]
    return order


def _assumed(count: int, declared: ColorSpace | None) -> _Parts:
    """Colors first; one channel more than gray or RGB has is opacity, as in files of all known writers."""
    colors = (declared or SPACES_BY_COUNT.get(count, ColorSpace.GRAY)).bands
    if count == colors + 1 and count in (2, 4):
        return _Parts(range(colors), opacity=[colors])
    return _Parts(range(count))


def _is_ycc(colors: Sequence[Component], space: ColorSpace, color: ColorSpecification) -> bool:
    """Whether the colors are luma and chroma: by declaration, or because only the chroma is subsampled."""
    if space is not ColorSpace.SRGB:
        return False
    luma, *chroma = colors[:3]
    halved = luma.dx == luma.dy == 1 and all(component.dx > 1 for component in chroma)
    return color.number in (SYCC, ESYCC) or halved


def _lab_ranges(colors: Sequence[Channel], color: ColorSpecification) -> tuple[tuple[float, float], ...]:
    """L*, a* and b* of the lowest and the highest sample."""
    ranges = []
    for index, channel in enumerate(colors[:3]):
        maximum, half = (1 << channel.bits) - 1, 1 << channel.bits - 1
        if color.number != CIELAB:  # of a profile (ICC.1 6.3.4.2)
            extent, offset = (100.0, 0.0) if index == 0 else (255.0, 128 / 255 * maximum)
        elif color.lab:
            extent, offset = color.lab[index]
        else:  # 15444-2 M.11.7.4.1
            extent, offset = (LabRange(100, 0), LabRange(170, half), LabRange(200, half * 3 // 4))[index]
        lowest = -offset * extent / maximum
        ranges.append((lowest, lowest + extent))
    return tuple(ranges)
