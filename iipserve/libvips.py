"""libvips as this server uses it: set up once, pixels in and out, good reduction.

Importing this module sets libvips up for the whole process. No libvips image may be computed before the
process forks: its threads do not survive that.
"""

from __future__ import annotations

import math
import re
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from iipserve.geometry import Size
from iipserve.native_libraries import load_before_libvips

load_before_libvips()

import pyvips  # noqa: E402

Pixels: TypeAlias = NDArray[np.generic]
"""As in `iipserve.processing`: shape (height, width, bands), C-contiguous."""

FORMATS = {
    "uint8": "uchar",
    "uint16": "ushort",
    "int8": "char",
    "int16": "short",
    "uint32": "uint",
    "int32": "int",
    "float32": "float",
    "float64": "double",
}
"""libvips' names of sample types, by numpy's."""
DTYPES = {name: dtype for dtype, name in FORMATS.items()}
OPAQUE = {"uchar": 255, "ushort": 65535}
"""The value of full opacity."""

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
    """An image that reads from pixels, which stay where they are."""
    height, width, bands = pixels.shape
    return pyvips.Image.new_from_memory(pixels.data, width, height, bands, FORMATS[pixels.dtype.name])


def to_pixels(image: pyvips.Image) -> Pixels:
    """The computed pixels of an image, in its own sample type.

    Raises:
        pyvips.Error: the file behind it cannot be decoded.
    """
    samples = np.frombuffer(image.write_to_memory(), DTYPES[image.format])
    return samples.reshape(image.height, image.width, image.bands)


def resized(image: pyvips.Image, size: Size, *, alpha: bool = False) -> pyvips.Image:
    """The image at exactly `size`: means of whole pixels where the ratio is whole, else Lanczos or bicubic.

    Args:
        image: of any sample type.
        size: wanted, larger or smaller than the image.
        alpha: the last band is opacity, not full everywhere, by which colors of 8 or 16 bits are weighed.
    """
    if (image.width, image.height) == (size.width, size.height):
        return image
    if image.format in ("uint", "int"):
        # libvips' interpolation is coarse with them, and cuts off the upper half of unsigned ones (8.14 to 8.18)
        return _resampled(image.cast("double"), size).rint().cast(image.format)
    most = OPAQUE.get(image.format)
    if not alpha or most is None:
        return _resampled(image, size)
    weighed = _resampled(image.premultiply(max_alpha=most), size)
    return weighed.unpremultiply(max_alpha=most).rint().cast(image.format)


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


def turned(image: pyvips.Image, degrees: float, size: Size) -> pyvips.Image:
    """The image turned clockwise about its middle, in a frame of `size` around the same middle; bicubic.

    Args:
        image: of 8 or 16 bits; its last band is opacity, by which colors are weighed.
        degrees: any.
        size: of the frame; what the image does not cover is clear.
    """
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    most = OPAQUE[image.format]
    weighed = image.premultiply(max_alpha=most).affine(
        (cosine, -sine, sine, cosine),
        interpolate=pyvips.Interpolate.new("bicubic"),
        oarea=(0, 0, size.width, size.height),
        idx=-(image.width - 1) / 2,
        idy=-(image.height - 1) / 2,
        odx=(size.width - 1) / 2,
        ody=(size.height - 1) / 2,
        extend="background",
        premultiplied=True,
    )
    return weighed.unpremultiply(max_alpha=most).rint().cast(image.format)
