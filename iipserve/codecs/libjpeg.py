"""JPEG streams by libjpeg-turbo, for JPEG files and for PDF."""

from __future__ import annotations

import imagecodecs

from iipserve.codecs.metadata import check_sides
from iipserve.processing import Pixels

MAX_SIDE = 65500
"""libjpeg's JPEG_MAX_DIMENSION, in pixels."""


def compress(pixels: Pixels, quality: int, format: str) -> bytes:
    """Encode pixels of 1 or 3 bands: baseline, with chroma subsampled at every quality (4:2:0) as in iipsrv.

    Args:
        pixels: of 8 bits.
        quality: 1 to 100; others become the nearest of these.
        format: for the message.

    Raises:
        InvalidSize: a side is longer than libjpeg allows.
    """
    check_sides(pixels.shape, MAX_SIDE, format)
    samples = pixels if pixels.shape[2] == 3 else pixels[:, :, 0]
    quality = min(max(quality, 1), 100)
    return bytes(imagecodecs.jpeg8_encode(samples, level=quality, subsampling="420"))
