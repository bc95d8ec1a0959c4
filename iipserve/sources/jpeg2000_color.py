"""How components become pixels: which is which, their depth, subsampling and YCC.

8-bit gray and RGB, each with or without opacity. Other kinds are refused with the reason in
`channel_layout`, the one place to let more in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from iipserve.errors import DecodeError, UnsupportedImage
from iipserve.geometry import Size, ceil_div
from iipserve.processing import Pixels
from iipserve.sources.jpeg2000_boxes import COLOR, OPACITY, PREMULTIPLIED_OPACITY, Boxes
from iipserve.sources.jpeg2000_codestream import Component, Span
from iipserve.sources.openjpeg import Plane

SRGB, GRAY, SYCC = 16, 17, 18
READABLE_SPACES = frozenset((SRGB, GRAY, SYCC))
"""Enumerated color spaces (15444-1 I.5.3.3)."""
OTHER_SPACES = {0: "bi-level", 9: "PhotoYCC", 11: "CMY", 12: "CMYK", 13: "YCCK", 14: "CIELab", 15: "bi-level"}
PROFILE_COLORS = {b"GRAY": 1, b"RGB ": 3}
"""Colors by the data color space of an ICC profile (ICC.1 7.2.6)."""


@dataclass(frozen=True, slots=True)
class ChannelLayout:
    """Which component goes where."""

    order: tuple[int, ...]
    """Components in the order of the bands: colors, then opacity."""
    has_alpha: bool
    is_ycc: bool = False
    premultiplied: bool = False


def channel_layout(components: Sequence[Component], boxes: Boxes) -> ChannelLayout:
    """Find colors and opacity among the components.

    Raises:
        UnsupportedImage: a kind of image this server does not read.
    """
    _refuse_others(components, boxes)
    count = len(components)
    if count not in (1, 2, 3, 4):
        raise UnsupportedImage(
            f"The image has {count} components; gray and RGB with or without opacity are read"
        )
    colors = [0, 1, 2] if count > 2 else [0]
    opacity = [count - 1] if count in (2, 4) else []
    premultiplied = False
    if boxes.channels:
        colors, opacity, premultiplied = _defined_channels(boxes, count)
    _check_profile(boxes.icc, len(colors))
    return ChannelLayout(
        (*colors, *opacity), bool(opacity), _is_ycc([components[i] for i in colors], boxes), premultiplied
    )


def _refuse_others(components: Sequence[Component], boxes: Boxes) -> None:
    bits = max(component.bits for component in components)
    if bits > 8:
        raise UnsupportedImage(f"The image has {bits} bits per sample; up to 8 are read")
    if boxes.has_palette:
        raise UnsupportedImage("The image has a palette; gray and RGB are read")
    number = boxes.color_number
    if number is not None and number not in READABLE_SPACES:
        name = OTHER_SPACES.get(number, f"number {number}")
        raise UnsupportedImage(f"The image's color space is {name}; gray, sRGB and sYCC are read")


def _defined_channels(boxes: Boxes, count: int) -> tuple[list[int], list[int], bool]:
    """Colors in order, opacity, and whether it is multiplied in, from the Channel Definition box."""
    usable = [channel for channel in boxes.channels if channel.component < count]
    colors = [c.component for c in sorted(usable, key=lambda c: c.association) if c.kind == COLOR]
    opacity = [c.component for c in usable if c.kind in (OPACITY, PREMULTIPLIED_OPACITY)]
    if len(colors) not in (1, 3) or len(opacity) > 1:
        raise UnsupportedImage(
            f"The image has {len(colors)} colors and {len(opacity)} opacity channels; gray and RGB with or without opacity are read"
        )
    return colors, opacity, any(c.kind == PREMULTIPLIED_OPACITY for c in usable)


def _check_profile(icc: bytes | None, colors: int) -> None:
    if icc is None:
        return
    space = icc[16:20]
    if PROFILE_COLORS.get(space) != colors:
        raise UnsupportedImage(
            f"The image has {colors} colors and an ICC profile for {space.decode('latin-1').strip()!r}; gray and RGB are read"
        )


def _is_ycc(colors: Sequence[Component], boxes: Boxes) -> bool:
    """Whether the colors are luma and chroma: declared, or to be seen by subsampled chroma alone."""
    if len(colors) != 3:
        return False
    luma, *chroma = colors
    halved = luma.dx == luma.dy == 1 and all(component.dx > 1 for component in chroma)
    return boxes.color_number == SYCC or halved


# -- pixels ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Window:
    """What part of the image the planes hold."""

    area: Span
    """On the full-size reference grid."""
    reduce: int
    """How often the resolution was halved."""

    @property
    def origin(self) -> tuple[int, int]:
        """Left and top on the reduced reference grid."""
        return ceil_div(self.area.left, 1 << self.reduce), ceil_div(self.area.top, 1 << self.reduce)

    @property
    def size(self) -> Size:
        """Extent in pixels of the reduced image."""
        left, top = self.origin
        return Size(
            ceil_div(self.area.right, 1 << self.reduce) - left,
            ceil_div(self.area.bottom, 1 << self.reduce) - top,
        )


def to_pixels(
    planes: Sequence[Plane], components: Sequence[Component], layout: ChannelLayout, window: Window
) -> Pixels:
    """Interleaved 8-bit pixels of the window.

    Raises:
        DecodeError: the planes do not have the window's size.
    """
    if len(planes) != len(components):
        raise DecodeError(f"{len(planes)} of {len(components)} components were decoded")
    size = window.size
    pixels = np.empty((size.height, size.width, len(layout.order)), np.uint8)
    for band, number in enumerate(layout.order):
        samples = _at_full_size(planes[number].samples, components[number], window)
        if samples.shape != pixels.shape[:2]:
            raise DecodeError(f"A component came out as {samples.shape[1]} x {samples.shape[0]} samples")
        pixels[:, :, band] = _to_8_bits(samples, components[number])
    if layout.is_ycc:
        pixels[:, :, :3] = _ycc_to_rgb(pixels)
    if layout.premultiplied:
        _divide_by_opacity(pixels)
    return pixels


def _to_8_bits(samples: NDArray[np.int32], component: Component) -> NDArray[np.int32]:
    """Samples from 0 to 255; OpenJPEG has clipped them to their own range."""
    if component.signed:
        samples = samples + (1 << component.bits - 1)
    if component.bits < 8:
        most = (1 << component.bits) - 1
        samples = (samples * 255 + most // 2) // most
    return samples


def _at_full_size(samples: NDArray[np.int32], component: Component, window: Window) -> NDArray[np.int32]:
    """Samples of a subsampled component repeated, so that there is one for every pixel."""
    if component.dx == component.dy == 1:
        return samples
    size, (left, top) = window.size, window.origin
    across = _nearest(size.width, left, window.area.left, component.dx, window.reduce, samples.shape[1])
    down = _nearest(size.height, top, window.area.top, component.dy, window.reduce, samples.shape[0])
    return samples.take(down, axis=0).take(across, axis=1)


def _nearest(
    count: int, start: int, area_start: int, step: int, reduce: int, available: int
) -> NDArray[np.intp]:
    """For each of `count` pixels from `start` on, the index of the sample that lies on it or before it."""
    if not available:
        raise DecodeError("A subsampled component holds no samples here")
    first = ceil_div(ceil_div(area_start, step), 1 << reduce)
    return np.clip(np.arange(start, start + count) // step - first, 0, available - 1)


def _ycc_to_rgb(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """sYCC to sRGB (IEC 61966-2-1 Annex F)."""
    luma, blue, red = np.moveaxis(pixels[:, :, :3].astype(np.float32), 2, 0)
    blue -= 128
    red -= 128
    colors = np.stack(
        (luma + 1.402 * red, luma - 0.344136 * blue - 0.714136 * red, luma + 1.772 * blue), axis=-1
    )
    rounded: NDArray[np.uint8] = np.clip(np.rint(colors), 0, 255).astype(np.uint8)
    return rounded


def _divide_by_opacity(pixels: NDArray[np.uint8]) -> None:
    """Undo, in place, the multiplication of colors by opacity."""
    opacity = np.maximum(pixels[:, :, -1:], 1).astype(np.uint32)
    colors = (pixels[:, :, :-1] * np.uint32(255) + opacity // 2) // opacity
    pixels[:, :, :-1] = np.minimum(colors, 255)
