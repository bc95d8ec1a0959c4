"""Makes pixels of planes of samples: palette, depth, subsampling, YCbCr, CIELAB, opacity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from iipserve.errors import DecodeError
from iipserve.geometry import Size, ceil_div
from iipserve.processing import Pixels
from iipserve.sources.color import jfif_to_rgb, unpremultiply
from iipserve.sources.jpeg2000.codestream import Component, Span
from iipserve.sources.jpeg2000.color import Channel, ChannelLayout
from iipserve.sources.jpeg2000.openjpeg import Plane


@dataclass(frozen=True, slots=True)
class Window:
    """The part of the image that planes hold."""

    area: Span
    """On the full-size reference grid."""
    reduce: int
    """Number of times the resolution was halved."""

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
    """Interleaved pixels of the window.

    Raises:
        DecodeError: the planes do not have the window's size.
    """
    if len(planes) != len(components):
        raise DecodeError(f"{len(planes)} of {len(components)} components were decoded")
    size, full_scale = window.size, layout.full_scale
    dtype = np.uint8 if full_scale < 256 else np.uint16
    pixels = np.empty((size.height, size.width, len(layout.channels)), dtype)
    for band, channel in enumerate(layout.channels):
        index = channel.component
        samples = _at_full_size(planes[index].samples, components[index], window)
        if samples.shape != pixels.shape[:2]:
            raise DecodeError(f"a component came out as {samples.shape[1]} x {samples.shape[0]} samples")
        pixels[:, :, band] = _spread(samples, channel, full_scale)
    if layout.is_ycc:
        pixels[:, :, :3] = jfif_to_rgb(full_scale.bit_length())(pixels[:, :, :3])
    if layout.premultiplied:
        pixels = unpremultiply(pixels.dtype.name, full_scale, pixels.shape[2] - 1)(pixels)
    return _lab(pixels, layout) if layout.lab else pixels


def _spread(samples: NDArray[np.int32], channel: Channel, full_scale: int) -> NDArray[np.int32]:
    """Samples from 0 to `full_scale`; OpenJPEG has clipped them to the range of the channel."""
    if channel.values:
        return _to_range(np.array(channel.values, np.int32), channel, full_scale).take(samples, mode="clip")
    return _to_range(samples, channel, full_scale)


def _to_range(samples: NDArray[np.int32], channel: Channel, full_scale: int) -> NDArray[np.int32]:
    if channel.signed:
        samples = samples + (1 << channel.bits - 1)
    maximum = (1 << channel.bits) - 1
    if maximum != full_scale:  # the product has at most 31 bits: 15 of the samples, 16 of the range
        samples = (samples * full_scale + maximum // 2) // maximum
    return samples


def _at_full_size(samples: NDArray[np.int32], component: Component, window: Window) -> NDArray[np.int32]:
    """Samples of a subsampled component, repeated so that each pixel has one."""
    if component.dx == component.dy == 1:
        return samples
    size, (left, top) = window.size, window.origin
    across = _nearest(size.width, left, window.area.left, component.dx, window.reduce, samples.shape[1])
    down = _nearest(size.height, top, window.area.top, component.dy, window.reduce, samples.shape[0])
    return samples.take(down, axis=0).take(across, axis=1)


def _nearest(
    count: int, start: int, area_start: int, step: int, reduce: int, available: int
) -> NDArray[np.intp]:
    """For each of `count` pixels from `start` on, the index of the last sample that is not beyond it."""
    if not available:
        raise DecodeError("a subsampled component holds no samples here")
    first = ceil_div(ceil_div(area_start, step), 1 << reduce)
    return np.clip(np.arange(start, start + count) // step - first, 0, available - 1)


def _lab(pixels: Pixels, layout: ChannelLayout) -> NDArray[np.float32]:
    """CIELAB as its own numbers; other bands from 0 to 1."""
    numbers = pixels.astype(np.float32)
    numbers *= np.float32(1 / layout.full_scale)
    for band, (lowest, highest) in enumerate(layout.lab):
        numbers[:, :, band] *= np.float32(highest - lowest)
        numbers[:, :, band] += np.float32(lowest)
    return numbers
