"""JPEG XL output of 8 bits per sample, by libjxl at its fastest effort.

Colors are always sRGB: an image with another ICC profile is converted, with loss or without, and carries no
profile. imagecodecs cannot embed one, and lossy JPEG XL converts colors anyway (XYB, ISO/IEC 18181-1).
"""

from __future__ import annotations

from functools import lru_cache

import imagecodecs
import numpy as np

from iipserve.codecs import Encoder, Metadata
from iipserve.codecs.jxl_container import with_metadata
from iipserve.codecs.metadata import check_sides, select
from iipserve.formats import Format
from iipserve.plan import Encoding
from iipserve.processing import Pixels
from iipserve.processing.icc import ToSRGB
from iipserve.processing.layout import color_bands

if not imagecodecs.JPEGXL.available:
    raise ModuleNotFoundError("imagecodecs was built without libjxl", name="imagecodecs._jpegxl")

MAX_SIDE = 1 << 18
"""Pixels: the limit of level 5, which every reader supports (ISO/IEC 18181-1 annex M)."""
MAX_LOSSY_PIXELS = 1 << 21
"""Larger images are lossless: libjxl takes 17 times the memory of the pixels with loss, and 3 times without (0.11)."""
EFFORT = 1
LOSSLESS = 100
"""This quality, and any below 0."""
HALVES_FROM_10 = imagecodecs.jpegxl_version() >= "libjxl 0.12"
MAX_DISTANCE = 9.9 if HALVES_FROM_10 else 19.0
"""From a distance of 20 on (10 since libjxl 0.12), libjxl halves the image and its opacity, and readers enlarge
it differently."""


def encode(pixels: Pixels, encoding: Encoding, metadata: Metadata) -> bytes:
    """Encode the pixels as a JPEG XL file; `encoding.quality` -1 and 100 are lossless, others give a `distance`.

    Images of more than `MAX_LOSSY_PIXELS` are lossless at every quality.

    Raises:
        InvalidSize: a side is longer than the format can express.
    """
    check_sides(pixels.shape, MAX_SIDE, "JPEG XL")
    bands = pixels.shape[2]
    colors = color_bands(bands)
    selected = select(metadata, encoding, colors, resolution_in_exif=True)
    if selected.icc and not is_srgb(selected.icc, colors):
        pixels = ToSRGB(selected.icc)(pixels)
    height, width, _ = pixels.shape
    lossless = not 0 <= encoding.quality < LOSSLESS or height * width > MAX_LOSSY_PIXELS
    options = {"lossless": True} if lossless else {"distance": distance(encoding.quality)}
    samples = pixels[:, :, 0] if bands == 1 else pixels
    body = bytes(imagecodecs.jpegxl_encode(samples, effort=EFFORT, numthreads=1, **options))
    return with_metadata(body, selected)


def distance(quality: int) -> float:
    """libjxl's measure of loss for a quality in JPEG's scale: 1, hardly visible, is that of quality 90.

    It falls by 0.09 a step to 0.1 at 100, below 30 along a parabola from 25 at 0: libjxl's own
    JxlEncoderDistanceFromQuality, limited to `MAX_DISTANCE`.
    """
    if quality >= 30:
        return 0.1 + (100 - quality) * 0.09
    return min(MAX_DISTANCE, 53 / 3000 * quality * quality - 23 / 20 * quality + 25)


@lru_cache(maxsize=8)
def is_srgb(icc: bytes, colors: int) -> bool:
    """Whether conversion would change no sample by more than 1, so that lossless output stays lossless.

    True for a damaged profile too: it cannot be used for conversion.

    Args:
        icc: the profile.
        colors: its color bands, 1 or 3.
    """
    levels = np.arange(0, 256, 15, dtype=np.uint8)
    samples = np.stack(np.meshgrid(*[levels] * colors), axis=-1).reshape(1, -1, colors)
    return bool(np.abs(ToSRGB(icc)(samples).astype(int) - samples).max() <= 1)


ENCODER = Encoder(
    Format(
        name="jxl",
        extension="jxl",
        media_type="image/jxl",
        bands=frozenset({1, 2, 3, 4}),
        quality_setting="jxl_quality",
        quality_range=(-1, 100),
        tile_command="XTL",
        max_side=MAX_SIDE,
        position=5,
    ),
    encode=encode,
    memory_factor=3,
    small_pixels=MAX_LOSSY_PIXELS,
    small_memory_factor=17,
    library=imagecodecs.jpegxl_version,
)
