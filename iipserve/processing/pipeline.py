"""Order and application of operations, and the bands that an encoder accepts."""

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
"""The canonical order of operations (iipsrv's), independent of the client's; scaling follows Contrast."""


def ordered(operations: Iterable[Operation]) -> tuple[Operation, ...]:
    """The operations in canonical order; of several of one type the last."""
    by_type = {type(operation): operation for operation in operations}
    return tuple(sorted(by_type.values(), key=lambda operation: ORDER.index(type(operation))))


def before_scaling(operations: Iterable[Operation]) -> tuple[Operation, ...]:
    """The operations of a display transform: stages RANGE and NORMALIZED."""
    return tuple(operation for operation in operations if operation.stage is not Stage.DISPLAY)


def after_scaling(operations: Iterable[Operation]) -> tuple[Operation, ...]:
    """The operations on display pixels, applied after scaling."""
    return tuple(operation for operation in operations if operation.stage is Stage.DISPLAY)


def bound(operations: Iterable[Operation], context: Context) -> tuple[Operation, ...]:
    """Bind the operations to the image's data; omit those that no longer apply.

    Conversion by the image's ICC profile does not apply after an operation that makes colors of its own.
    """
    kept: list[Operation] = []
    described = True
    for operation in operations:
        if described or not operation.needs_profile:
            kept.append(operation.bound(context))
        described = described and operation.keeps_profile
    return tuple(kept)


def apply(operations: Sequence[Operation], pixels: Pixels) -> Pixels:
    """Apply the operations one after the other."""
    for operation in operations:
        pixels = operation(pixels)
    return pixels


def fit_bands(pixels: Pixels, allowed: Collection[int]) -> Pixels:
    """Convert pixels to a number of bands that an encoder writes.

    Opacity is kept if the encoder writes it, otherwise the image is composited over white; gray becomes RGB if the
    encoder has no gray.

    Args:
        pixels: display pixels: 1 gray, 2 gray and opacity, 3 RGB or 4 RGB and opacity; 8 or 16 bits.
        allowed: numbers of bands the encoder writes; contains 3, or 1 and 3.

    Returns:
        Contiguous pixels, as encoders need them.
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
    """Composite pixels of 8 or 16 bits, the last band opacity, over white; correctly rounded."""
    colors, bits = pixels.shape[2] - 1, 8 * pixels.itemsize
    maximum = (1 << bits) - 1
    if (pixels[..., -1] == maximum).all():
        return first_bands(pixels, colors)
    wide = np.uint16 if bits == 8 else np.uint32
    opacity: NDArray[Any] = pixels[..., -1].astype(wide)
    white = (maximum - opacity) * wide(maximum)
    result = np.empty((*pixels.shape[:2], colors), pixels.dtype)
    for band in range(colors):
        mixed: NDArray[Any] = pixels[..., band].astype(wide)
        mixed *= opacity
        mixed += white
        np.copyto(result[..., band], _divided(mixed, bits), casting="unsafe")
    return result


def _divided(products: NDArray[Any], bits: int) -> NDArray[Any]:
    """Divide products of two `bits`-bit integers by the maximum of such, rounded to nearest; overwrites them."""
    products += products.dtype.type(1 << (bits - 1))
    products += products >> bits
    products >>= bits
    return products
