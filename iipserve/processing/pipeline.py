"""From pixels as read to pixels as encoded."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from iipserve.processing import Context, Operation, Pixels, Stage
from iipserve.processing.color import Bitonal, Grayscale, Twist
from iipserve.processing.colormap import Colormap
from iipserve.processing.filters import Convolve, Hillshade
from iipserve.processing.histogram import Equalize
from iipserve.processing.icc import ToSRGB
from iipserve.processing.layout import first_bands, has_alpha, packed, repeated, with_opacity
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


def before_scaling(operations: Iterable[Operation]) -> tuple[Operation, ...]:
    """Those that take part in developing: of the stages RANGE and NORMALIZED."""
    return tuple(operation for operation in operations if operation.stage is not Stage.DISPLAY)


def after_scaling(operations: Iterable[Operation]) -> tuple[Operation, ...]:
    """Those that change finished pixels, after scaling."""
    return tuple(operation for operation in operations if operation.stage is Stage.DISPLAY)


def bound(operations: Iterable[Operation], context: Context) -> tuple[Operation, ...]:
    """The operations with what they need of the image; those that came to be without sense are left out.

    A conversion by the image's ICC profile has none where an operation before it made colors of its own.
    """
    kept: list[Operation] = []
    described = True
    for operation in operations:
        if described or not operation.needs_profile:
            kept.append(operation.bound(context))
        described = described and operation.keeps_profile
    return tuple(kept)


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
        pixels: 1 gray, 2 gray and alpha, 3 RGB or 4 RGB and alpha; 8 or 16 bits.
        allowed: numbers of bands the encoder writes; holds 3 or both 1 and 3.

    Returns:
        Pixels that lie one behind the other, as encoders want them.
    """
    bands = pixels.shape[2]
    if bands in allowed:
        return packed(pixels)
    if bands == 2 and 4 in allowed:
        return with_opacity(repeated(pixels, 3), pixels[..., 1])
    if has_alpha(bands):
        return fit_bands(on_white(pixels), allowed)
    return repeated(pixels, 3)


def on_white(pixels: Pixels) -> Pixels:
    """The last band, opacity, used up by laying the others on white; 8 or 16 bits, correctly rounded."""
    colors, bits = pixels.shape[2] - 1, 8 * pixels.itemsize
    most = (1 << bits) - 1
    if (pixels[..., -1] == most).all():
        return first_bands(pixels, colors)
    wide = np.uint16 if bits == 8 else np.uint32
    opacity: NDArray[Any] = pixels[..., -1].astype(wide)
    paper = (most - opacity) * wide(most)
    result = np.empty((*pixels.shape[:2], colors), pixels.dtype)
    for band in range(colors):
        mixed: NDArray[Any] = pixels[..., band].astype(wide)
        mixed *= opacity
        mixed += paper
        np.copyto(result[..., band], _divided(mixed, bits), casting="unsafe")
    return result


def _divided(products: NDArray[Any], bits: int) -> NDArray[Any]:
    """Products of two numbers of so many bits, divided by the highest of these, to the nearest; uses them up."""
    products += products.dtype.type(1 << (bits - 1))
    products += products >> bits
    products >>= bits
    return products
