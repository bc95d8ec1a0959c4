"""From pixels as read to pixels as encoded."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from iipserve.processing import Operation, Pixels
from iipserve.processing.color import Bitonal, Grayscale, Twist
from iipserve.processing.colormap import Colormap
from iipserve.processing.filters import Convolve, Hillshade
from iipserve.processing.histogram import Equalize
from iipserve.processing.profile import ToSRGB
from iipserve.processing.tone import Contrast, Gamma, Invert, Logarithm, SampleRange, Stretch
from iipserve.processing.transform import Mirror, Rotate
from iipserve.processing.watermark import Watermark

ORDER: tuple[type[Operation], ...] = (
    SampleRange, Stretch,
    Hillshade, Twist, Gamma, Logarithm, Invert, Colormap, Convolve, Contrast,
    ToSRGB, Grayscale, Bitonal, Equalize, Mirror, Rotate, Watermark,
)  # fmt: skip
"""The canonical order of operations (iipsrv's), whatever the client's; scaling comes after Contrast."""


def ordered(operations: Iterable[Operation]) -> tuple[Operation, ...]:
    """The operations in canonical order; of several of one kind the last."""
    by_kind = {type(operation): operation for operation in operations}
    return tuple(sorted(by_kind.values(), key=lambda operation: ORDER.index(type(operation))))


def apply(operations: Sequence[Operation], pixels: Pixels) -> Pixels:
    """The pixels after all operations, one after the other."""
    for operation in operations:
        pixels = operation(pixels)
    return pixels


def fit_bands(pixels: Pixels, allowed: Collection[int]) -> Pixels:
    """The pixels with a number of bands that an encoder writes.

    Alpha is kept where the encoder has any place for it, otherwise the picture is laid on white; gray
    becomes RGB where the encoder has no gray.

    Args:
        pixels: 1 gray, 2 gray and alpha, 3 RGB or 4 RGB and alpha; uint8.
        allowed: numbers of bands the encoder writes; holds 3 or both 1 and 3.
    """
    bands = pixels.shape[2]
    if bands in allowed:
        return pixels
    if bands == 2 and 4 in allowed:
        return pixels[..., [0, 0, 0, 1]]
    if bands in (2, 4):
        return fit_bands(on_white(pixels), allowed)
    return np.repeat(pixels, 3, axis=2)


def on_white(pixels: Pixels) -> Pixels:
    """The last band, opacity, used up by laying the others on white; 8 bits, correctly rounded."""
    alpha = pixels[..., -1:].astype(np.uint16)
    color = pixels[..., :-1].astype(np.uint16)
    color *= alpha
    color += (255 - alpha) * np.uint16(255)
    return _divided_by_255(color)


def _divided_by_255(products: NDArray[np.uint16]) -> Pixels:
    """`products / 255` to the nearest, for products up to 65025, without a division."""
    wide = products.astype(np.uint32) + 128
    return ((wide + (wide >> 8)) >> 8).astype(np.uint8)
