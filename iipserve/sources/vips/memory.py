"""Memory that libvips' loaders hold until the last row of an image is decoded, known from the file's header."""

from __future__ import annotations

import numpy as np

from iipserve import libvips
from iipserve.containers import jpeg
from iipserve.containers.boxes import Read
from iipserve.libvips import pyvips

PNG_INTERLACE = 28
"""Offset of the interlace method in a file (PNG 3, section 11.2.1); 0 is none."""
WEBP_PIXEL = 8
"""Bytes of a pixel while WebP is decoded (libwebp 1.5: at most 7.9, also of animations)."""
GIF_PIXEL = 8
"""The same of GIF (libnsgif: at most 7.5, of frames that the earlier one is restored after)."""
HEIF_PIXEL = 12
"""The same of HEIF, without two copies of the output (libheif 1.20: 13 to 28 together)."""
JXL_PIXEL = 4
"""The same of JPEG XL (libjxl 0.11: 7 together)."""


def unpacking_memory(loader: str, image: pyvips.Image, head: bytes, read: Read) -> int:
    """Bytes that are held at most while an image is decoded from top to bottom, besides a few rows.

    Args:
        loader: that opened it.
        image: opened.
        head: the first bytes of the file.
        read: reads the file.
    """
    pixels = image.width * image.height
    output = image.bands * np.dtype(libvips.DTYPES.get(image.format, "float64")).itemsize
    match loader:
        case "pngload":
            return pixels * output if head[PNG_INTERLACE : PNG_INTERLACE + 1] > b"\0" else 0
        case "jpegload":
            return jpeg.coefficient_bytes(read)
        case "webpload":
            return pixels * WEBP_PIXEL
        case "gifload":
            return pixels * GIF_PIXEL
        case "heifload":
            return pixels * (HEIF_PIXEL + 2 * output)
        case "jxlload":
            return pixels * (JXL_PIXEL + 2 * output)
    return 0
