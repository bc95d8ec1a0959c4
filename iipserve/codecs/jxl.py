"""JPEG XL output of 8 and 16 bits, by libjxl at its fastest effort.

Without loss, samples are coded as they are, and an ICC profile says what they mean. With loss, JPEG XL
codes colors as the eye has them: a picture with a profile is converted to sRGB first, and read as sRGB.
"""

from __future__ import annotations

from functools import cache

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from iipserve.codecs import Encoder, Metadata
from iipserve.codecs.jxl_codestream import with_colors_stated
from iipserve.codecs.jxl_container import put_together, taken_apart
from iipserve.codecs.jxl_profile import is_whole
from iipserve.codecs.metadata import check_sides, chosen
from iipserve.plan import Encoding
from iipserve.processing import Pixels
from iipserve.processing.icc import ToSRGB
from iipserve.processing.layout import has_alpha

if not imagecodecs.JPEGXL.available:
    raise ModuleNotFoundError("imagecodecs was built without libjxl", name="imagecodecs._jpegxl")

MAX_SIDE = 1 << 18
"""Of level 5, which every reader knows (ISO/IEC 18181-1 annex M)."""
EFFORT = 1
LOSSLESS = 100
"""This quality, and any below 0."""
MAX_LOSS = 19.0
"""From a distance of 20 on, libjxl halves the picture and its opacity first, and readers enlarge it differently."""


def encode(pixels: Pixels, encoding: Encoding, metadata: Metadata) -> bytes:
    """The pixels as a JPEG XL file; `encoding.quality` -1 and 100 are lossless, others as `distance` says.

    Raises:
        InvalidSize: a side is longer than the format can express.
    """
    check_sides(pixels.shape, MAX_SIDE, "JPEG XL")
    wanted = chosen(metadata, encoding, 1 if pixels.shape[2] < 3 else 3, resolution_in_exif=True)
    icc = wanted.icc if wanted.icc and is_whole(wanted.icc) else None
    lossless = encoding.quality < 0 or encoding.quality >= LOSSLESS
    if icc and not lossless:
        pixels, icc = ToSRGB(icc)(pixels), None
    codestream, level = taken_apart(_coded(pixels, None if lossless else distance(encoding.quality)))
    if icc or pixels.dtype.itemsize > 1:
        codestream = with_colors_stated(codestream, icc)
    return put_together(codestream, level, wanted)


def distance(quality: int) -> float:
    """libjxl's measure of loss for a quality like JPEG's: 1 is hardly to be seen, and that of quality 90.

    It falls by 0.09 a step to 0.1 at 100, below 30 along a parabola from 25 at 0: libjxl's own
    JxlEncoderDistanceFromQuality, but never more than 19.
    """
    if quality >= 30:
        return 0.1 + (100 - quality) * 0.09
    return min(MAX_LOSS, 53 / 3000 * quality * quality - 23 / 20 * quality + 25)


def _coded(pixels: Pixels, loss: float | None) -> bytes:
    """The pixels as libjxl codes them; without loss when `loss` is None."""
    bands = pixels.shape[2]
    if loss is not None and pixels.dtype.itemsize > 1:
        pixels = _linear(pixels)
    samples = pixels[:, :, 0] if bands == 1 else pixels
    wish = {"lossless": True} if loss is None else {"distance": loss}
    return bytes(imagecodecs.jpegxl_encode(samples, effort=EFFORT, numthreads=1, **wish))


def _linear(pixels: Pixels) -> Pixels:
    """Pixels of sRGB in 16 bits as linear light, for which imagecodecs 2026.3 takes them; opacity as it is."""
    light = linear_light().take(pixels.astype(np.uint16, copy=False))
    if has_alpha(pixels.shape[2]):
        light[:, :, -1] = pixels[:, :, -1]
    return light


@cache
def linear_light() -> NDArray[np.uint16]:
    """The linear light of each sample of 16 bits (IEC 61966-2-1)."""
    value = np.arange(65536) / 65535
    light = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    table: NDArray[np.uint16] = np.rint(light * 65535).astype(np.uint16)
    return table


ENCODER = Encoder(
    name="jxl",
    extension="jxl",
    media_type="image/jxl",
    bands=frozenset({1, 2, 3, 4}),
    encode=encode,
    memory_factor=9,
    depths=frozenset({8, 16}),
)
