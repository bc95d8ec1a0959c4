"""Encodes pixels by libwebp, for WebP files and for strips of TIFF files."""

from __future__ import annotations

import imagecodecs

from iipserve.codecs.pixels import with_colors
from iipserve.processing import Pixels

MAX_SIDE = 16382
"""Pixels. A file has 14 bits for each side (RFC 9649 section 2.5); imagecodecs refuses the highest value."""


def compress(pixels: Pixels, quality: int) -> bytes:
    """A WebP file without metadata, of pixels with 1 to 4 bands; quality -1 is lossless."""
    # imagecodecs 2026.3 writes near-lossless without `lossless=False`; at method 0 the level of a lossless
    # file only costs time
    lossless = quality < 0
    level = 0 if lossless else min(quality, 100)
    colors = with_colors(pixels)
    return bytes(imagecodecs.webp_encode(colors, level=level, lossless=lossless, method=0))
