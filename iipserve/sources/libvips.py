"""libvips as this server uses it: set up once, pixels in and out, good reduction.

Importing this module sets libvips up for the whole process. No libvips image may be computed before the
process forks: its threads do not survive that.
"""

from __future__ import annotations

import re

import numpy as np
import pyvips

from iipserve.geometry import Size
from iipserve.processing import Pixels

LOADERS = ("Jpeg", "Png", "Webp", "Heif", "Nsgif", "Tiff", "Ppm", "Jxl")
"""Parts of libvips' class names; every other loader is blocked, ImageMagick, PDF and SVG among them."""


def _set_up() -> None:
    # a remembered operation would show a replaced file's old pixels, or another file under the same name
    pyvips.cache_set_max(0)
    # threads gain nothing on pictures of this size, and each costs memory; requests run in parallel
    pyvips.concurrency_set(1)
    pyvips.operation_block_set("VipsForeignLoad", True)
    for name in LOADERS:
        pyvips.operation_block_set(f"VipsForeignLoad{name}", False)


_set_up()


def library_version() -> str:
    """The version of libvips in use."""
    return ".".join(str(pyvips.version(part)) for part in range(3))


def knows(operation: str) -> bool:
    """Whether this libvips was built with an operation."""
    return bool(pyvips.type_find("VipsOperation", operation))


def reason(error: pyvips.Error) -> str:
    """What libvips said last, without names of files.

    Its messages are collected for the whole process: earlier lines may belong to another request.
    """
    lines = [line.strip() for line in error.detail.splitlines() if line.strip()]
    return re.sub(r"\S*/\S*", "file", lines[-1]) if lines else "no reason is known"


def from_pixels(pixels: Pixels) -> pyvips.Image:
    """An image that reads from 8-bit pixels, which stay where they are."""
    height, width, bands = pixels.shape
    return pyvips.Image.new_from_memory(pixels.data, width, height, bands, "uchar")


def to_pixels(image: pyvips.Image) -> Pixels:
    """The computed 8-bit pixels of an image.

    Raises:
        pyvips.Error: the file behind it cannot be decoded.
    """
    return np.frombuffer(image.write_to_memory(), np.uint8).reshape(image.height, image.width, image.bands)


def resized(image: pyvips.Image, size: Size, *, opaque: bool = False) -> pyvips.Image:
    """The image at exactly `size`: means of whole pixels where the ratio is whole, else Lanczos or bicubic.

    Args:
        image: 8-bit; the last of 2 or 4 bands is opacity, by which colors are weighed.
        size: wanted, larger or smaller than the image.
        opaque: opacity is full everywhere.
    """
    if (image.width, image.height) == (size.width, size.height):
        return image
    if image.bands not in (2, 4) or opaque:
        return _resampled(image, size)
    weighed = _resampled(image.premultiply(max_alpha=255), size)
    return weighed.unpremultiply(max_alpha=255).rint().cast("uchar")


def _resampled(image: pyvips.Image, size: Size) -> pyvips.Image:
    if image.width % size.width == 0 and image.height % size.height == 0:
        # neighboring tiles meet without a seam, as no pixel outside is looked at
        return image.shrink(image.width // size.width, image.height // size.height)
    across, down = size.width / image.width, size.height / image.height
    if across < 1 or down < 1:
        image = image.resize(min(across, 1.0), vscale=min(down, 1.0), kernel="lanczos3")
    return image if across <= 1 and down <= 1 else _enlarged(image, size)


def _enlarged(image: pyvips.Image, size: Size) -> pyvips.Image:
    """The image with one side or both longer, pixel centers on pixel centers.

    libvips' own `resize` moves and blurs the other side by half a pixel where only one grows (8.18).
    """
    across, down = size.width / image.width, size.height / image.height
    return image.affine(
        (across, 0, 0, down),
        interpolate=pyvips.Interpolate.new("bicubic"),
        oarea=(0, 0, size.width, size.height),
        odx=(across - 1) / 2,
        ody=(down - 1) / 2,
        extend="copy",
    )
