"""Pixels as a bare WebP picture: a file of its own, or a strip of a TIFF file."""

from __future__ import annotations

import imagecodecs

from iipserve.codecs.pixels import with_colors
from iipserve.processing import Pixels

MAX_SIDE = 16383
"""Pixels; RFC 9649 section 2.5: 14 bits for each side."""


def compress(pixels: Pixels, quality: int) -> bytes:
    """A WebP file without metadata, of pixels with any number of bands up to 4; quality -1 is lossless."""
    # imagecodecs 2026.3 writes near-lossless unless told `lossless=False`; at method 0 the level of a
    # lossless file only costs time
    lossless = quality < 0
    level = 0 if lossless else min(quality, 100)
    colors = with_colors(pixels)
    return bytes(imagecodecs.webp_encode(colors, level=level, lossless=lossless, method=0))
