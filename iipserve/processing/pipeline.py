"""Order and application of operations, and the bands that an encoder accepts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from iipserve.processing import Context, Operation, Pixels, Stage
from iipserve.processing.channels import ChannelGamma, Normalize, Opacity
from iipserve.processing.color import Bitonal, Grayscale, Twist
from iipserve.processing.colormap import Colormap
from iipserve.processing.compositing import WHITE, composited
from iipserve.processing.filters import Convolve, Hillshade
from iipserve.processing.histogram import Equalize
from iipserve.processing.icc import ToSRGB
from iipserve.processing.layout import has_alpha, packed, repeated, with_opacity
from iipserve.processing.stretching import GaussianStretch, StatisticsStretch
from iipserve.processing.terrain import Terrain
from iipserve.processing.tone import Brightness, Contrast, Gamma, Invert, Logarithm, SampleRange, Stretch
from iipserve.processing.transform import Mirror, Rotate
from iipserve.processing.transparency import Background, Transparency
from iipserve.processing.value_colormap import ValueColormap
from iipserve.processing.watermark import Watermark

ORDER: tuple[type[Operation], ...] = (
    Terrain, Transparency, SampleRange, Stretch, Normalize, StatisticsStretch,
    GaussianStretch, Hillshade, Twist, Gamma, ChannelGamma, Logarithm, Invert, Colormap, ValueColormap, Convolve, Contrast, Brightness,
    ToSRGB, Grayscale, Bitonal, Equalize, Mirror, Rotate, Opacity, Background, Watermark,
)  # fmt: skip
"""The canonical order of operations (iipsrv's), independent of the client's; scaling follows Brightness."""


def ordered(operations: Iterable[Operation]) -> tuple[Operation, ...]:
    """The operations in canonical order; of several of one type the last."""
    by_type = {type(operation): operation for operation in operations}
    if len(by_type) < 2:
        return tuple(by_type.values())
    return tuple(sorted(by_type.values(), key=lambda operation: ORDER.index(type(operation))))


def before_scaling(operations: Iterable[Operation]) -> tuple[Operation, ...]:
    """The operations of a display transform: stages RANGE and NORMALIZED."""
    return tuple(operation for operation in operations if operation.stage in (Stage.RANGE, Stage.NORMALIZED))


def transparency(operations: Iterable[Operation]) -> Transparency | None:
    """The operation that shows pixels without data as clear, or None."""
    return next((operation for operation in operations if isinstance(operation, Transparency)), None)


def terrain(operations: Iterable[Operation]) -> Terrain | None:
    """The operation that replaces heights by a function of them, or None."""
    return next((operation for operation in operations if isinstance(operation, Terrain)), None)


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
        return fit_bands(composited(pixels, WHITE), allowed)
    return repeated(pixels, 3)
