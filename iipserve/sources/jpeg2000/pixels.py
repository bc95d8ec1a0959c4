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
    """A part of the image at one resolution."""

    area: Span
    """On the full-size pixel grid."""
    reduce: int
    """Number of times the resolution was halved."""

    @property
    def origin(self) -> tuple[int, int]:
        """Left and top in pixels of the reduced image."""
        return ceil_div(self.area.left, 1 << self.reduce), ceil_div(self.area.top, 1 << self.reduce)

    @property
    def size(self) -> Size:
        """Extent in pixels of the reduced image."""
        left, top = self.origin
        return Size(
            ceil_div(self.area.right, 1 << self.reduce) - left,
            ceil_div(self.area.bottom, 1 << self.reduce) - top,
        )

    def samples(self, component: Component) -> Span:
        """The samples of a component, at this resolution, that are inside."""
        (left, top, right, bottom), dx, dy, reduce = self.area, component.dx, component.dy, self.reduce
        return Span(
            _sample_at(left, dx, reduce), _sample_at(top, dy, reduce),
            _sample_at(right, dx, reduce), _sample_at(bottom, dy, reduce),
        )  # fmt: skip


def _sample_at(position: int, step: int, reduce: int) -> int:
    """The index of the first sample at or after a position on the full-size pixel grid (15444-1 B-12 and B-15)."""
    return ceil_div(ceil_div(position, step), 1 << reduce)


def with_neighbors(window: Window, components: Sequence[Component], image: Span) -> Window:
    """The window grown so that it holds the sample of each component that each of its pixels takes.

    A pixel of a subsampled component takes the sample at its place or the last before it; those before the image's
    first sample take this one.
    """
    left, top, right, bottom = window.area
    whole, (x, y), size = Window(image, window.reduce), window.origin, window.size
    for component in components:
        if component.dx == component.dy == 1:
            continue
        first_x, first_y, _, _ = whole.samples(component)
        across, down = component.dx << window.reduce, component.dy << window.reduce
        left = min(left, max(first_x, x // component.dx) * across)
        top = min(top, max(first_y, y // component.dy) * down)
        right = max(right, max(first_x, (x + size.width - 1) // component.dx) * across + 1)
        bottom = max(bottom, max(first_y, (y + size.height - 1) // component.dy) * down + 1)
    return Window(Span(left, top, right, bottom), window.reduce)


def to_pixels(
    planes: Sequence[Plane],
    components: Sequence[Component],
    layout: ChannelLayout,
    window: Window,
    decoded: Window,
) -> Pixels:
    """Interleaved pixels of the window.

    Args:
        planes: the samples that are inside `decoded`.
        components: one for each plane.
        layout: what to make of them.
        window: wanted.
        decoded: `window` with its neighbors.

    Raises:
        DecodeError: the planes do not have the size of `decoded`.
    """
    if len(planes) != len(components):
        raise DecodeError(f"{len(planes)} of {len(components)} components were decoded")
    size, full_scale = window.size, layout.full_scale
    dtype = np.uint8 if full_scale < 256 else np.uint16
    pixels = np.empty((size.height, size.width, len(layout.channels)), dtype)
    for band, channel in enumerate(layout.channels):
        index = channel.component
        samples = _for_each_pixel(planes[index].samples, components[index], window, decoded)
        pixels[:, :, band] = _spread(samples, channel, full_scale)
    return _converted(pixels, layout)


def _converted(pixels: Pixels, layout: ChannelLayout) -> Pixels:
    """Stored colors as output ones; changes the pixels."""
    if layout.is_ycc:
        pixels[:, :, :3] = jfif_to_rgb(layout.full_scale.bit_length())(pixels[:, :, :3])
    if layout.premultiplied:
        pixels = unpremultiply(pixels.dtype.name, layout.full_scale, pixels.shape[2] - 1)(pixels)
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


def as_stored(pixels: Pixels, layout: ChannelLayout) -> Pixels:
    """Output samples as the file has them, of a layout that is reversible."""
    channel, full_scale = layout.channels[0], layout.full_scale
    maximum = (1 << channel.bits) - 1
    samples = pixels.astype(np.int32)
    if maximum != full_scale:
        samples = (samples * maximum + full_scale // 2) // full_scale
    if channel.signed:
        samples -= 1 << channel.bits - 1
    return samples.astype(stored_dtype(layout))


def stored_dtype(layout: ChannelLayout) -> str:
    """numpy name of the smallest type of the samples as the file has them, of a layout that is reversible."""
    return f"{'int' if layout.channels[0].signed else 'uint'}{8 if layout.bits <= 8 else 16}"


def _for_each_pixel(
    samples: NDArray[np.int32], component: Component, window: Window, decoded: Window
) -> NDArray[np.int32]:
    """Samples of one component, of which those of a subsampled one are repeated."""
    held = decoded.samples(component)
    if samples.shape != (held.bottom - held.top, held.right - held.left):
        raise DecodeError(f"a component came out as {samples.shape[1]} x {samples.shape[0]} samples")
    if not samples.size:
        raise DecodeError("a subsampled component holds no samples here")
    (x, y), size = window.origin, window.size
    if component.dx == component.dy == 1:
        return samples[y - held.top :, x - held.left :][: size.height, : size.width]
    across = np.clip(np.arange(x, x + size.width) // component.dx - held.left, 0, samples.shape[1] - 1)
    down = np.clip(np.arange(y, y + size.height) // component.dy - held.top, 0, samples.shape[0] - 1)
    return samples.take(down, axis=0).take(across, axis=1)


def _lab(pixels: Pixels, layout: ChannelLayout) -> NDArray[np.float32]:
    """CIELAB as its own numbers; other bands from 0 to 1."""
    numbers = pixels.astype(np.float32)
    numbers *= np.float32(1 / layout.full_scale)
    for band, (lowest, highest) in enumerate(layout.lab):
        numbers[:, :, band] *= np.float32(highest - lowest)
        numbers[:, :, band] += np.float32(lowest)
    return numbers


def averaged(pixels: Pixels, finer: Window, window: Window) -> Pixels:
    """Pixels of a window from those of the same area at a higher resolution: means of those that one covers."""
    for axis, (start, first, count) in enumerate(
        zip(finer.origin[::-1], window.origin[::-1], (window.size.height, window.size.width), strict=True)
    ):
        edges = (np.arange(first, first + count) << window.reduce - finer.reduce) - start
        edges[0] = 0
        sums = np.add.reduceat(pixels.astype(np.float32), edges, axis=axis)
        counts = np.diff(edges, append=pixels.shape[axis])
        means = sums / np.expand_dims(counts, tuple(other for other in range(3) if other != axis))
        pixels = means if pixels.dtype.kind == "f" else np.rint(means).astype(pixels.dtype)
    return pixels
