"""Missing data: samples that represent no value, in images that declare one (GDAL_NODATA), and NaN.

They count in no statistics and in no mean of several pixels, and are clear where the image has opacity.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from iipserve.image import ImageInfo
from iipserve.processing import Operation, Pixels

Mask: TypeAlias = NDArray[np.bool_]


def may_miss(info: ImageInfo) -> bool:
    """Whether samples of an image can be missing."""
    return bool(info.nodata) or info.dtype == "float32"


def is_opaque(info: ImageInfo, operations: Iterable[Operation]) -> bool:
    """Whether no pixel of an image that is shown with these operations can be clear, as far as its file alone tells."""
    adds_opacity = any(operation.adds_opacity for operation in operations)
    return not (info.has_alpha or may_miss(info) or adds_opacity)


def representable(nodata: Sequence[float], info: ImageInfo) -> tuple[float, ...]:
    """Samples declared to stand for missing data, as `ImageInfo.nodata`: one for each color band of an image.

    Args:
        nodata: one for each color band, or one for all of them.
        info: of the image.

    Returns:
        Nothing if their number is another, or if a sample of the image's type cannot have one of them.
    """
    every = tuple(nodata) * info.color_bands if len(nodata) == 1 else tuple(nodata)
    if len(every) != info.color_bands or not all(_is_representable(sample, info.dtype) for sample in every):
        return ()
    return every


def _is_representable(sample: float, dtype: str) -> bool:
    if dtype.startswith("float"):
        return True
    limits = np.iinfo(dtype)
    return sample.is_integer() and limits.min <= sample <= limits.max


def missing_samples(samples: NDArray[Any], nodata: float | None) -> Mask:
    """Which samples of one band are missing, of the same shape.

    Args:
        samples: of one band, in the units of the file.
        nodata: the sample that represents missing data, or None.
    """
    missing: Mask = np.isnan(samples) if samples.dtype.kind == "f" else np.zeros(samples.shape, np.bool_)
    return missing if nodata is None else missing | _equals(samples, nodata)


def _equals(samples: NDArray[Any], nodata: float) -> Mask:
    """Which samples are a value, as their type has it."""
    with np.errstate(over="ignore"):
        return np.equal(samples, np.array(nodata).astype(samples.dtype))


def missing_pixels(pixels: Pixels, info: ImageInfo) -> Mask | None:
    """Which pixels have no color, shape (height, width); None if all have one.

    A pixel has none if all of its color bands are missing, or if one of them is NaN.
    """
    if not may_miss(info):
        return None
    colors: NDArray[Any] = pixels[..., : info.color_bands]
    missing: Mask = np.zeros(pixels.shape[:2], np.bool_)
    if info.nodata:
        missing = np.logical_and.reduce(
            [_equals(colors[..., band], nodata) for band, nodata in enumerate(info.nodata)]
        )
    if colors.dtype.kind == "f":
        missing |= np.logical_or.reduce([np.isnan(colors[..., band]) for band in range(colors.shape[2])])
    return missing if missing.any() else None
