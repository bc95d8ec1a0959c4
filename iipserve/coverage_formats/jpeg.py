"""JPEG: pictures of 8 bits, whose samples are changed a little."""

from __future__ import annotations

from collections.abc import Iterator

import imagecodecs
import numpy as np

from iipserve.codecs.libjpeg import MAX_SIDE, compress
from iipserve.coverage_formats import CoverageFormat, Raster, Strips

DEFAULT_QUALITY = 75
BANDS = (1, 3)


def refusal(raster: Raster) -> str | None:
    """Why a raster is not written as JPEG, or None."""
    if raster.dtype != np.uint8:
        return f"JPEG holds unsigned samples of 8 bits, these are {raster.dtype.name}; ask for image/tiff"
    if raster.bands not in BANDS:
        return f"JPEG holds 1 or 3 bands, these are {raster.bands}; ask for 1 or 3 of them, or for image/png"
    if raster.description.palette and raster.bands == 1:
        return "JPEG would change samples of a color table to others; ask for image/png"
    if max(raster.size) > MAX_SIDE:
        return f"JPEG has at most {MAX_SIDE} pixels per side; ask for image/tiff"
    return None


def pieces(raster: Raster, strips: Strips) -> Iterator[bytes]:
    """The file, in one piece."""
    pixels = np.concatenate(list(strips))
    yield compress(pixels, raster.encoding.quality or DEFAULT_QUALITY, "JPEG")


COVERAGE_FORMAT = CoverageFormat(
    name="jpeg",
    title="JPEG",
    media_type="image/jpeg",
    extension="jpg",
    refusal=refusal,
    pieces=pieces,
    held=lambda raster: 3 * raster.raw_length,
    media_types=("image/jpg",),
    names=("jpeg",),
    position=30,
    library=imagecodecs.jpeg8_version,
)
