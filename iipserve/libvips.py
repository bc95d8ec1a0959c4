"""Access to libvips: set-up, conversion from and to pixels, resizing, rotation.

Importing this module configures libvips for the whole process. The rest of the package imports pyvips from here only,
so that nothing uses it unconfigured. No libvips image may be computed before the process forks, as libvips' threads do
not survive a fork.
"""

from __future__ import annotations

import math
import re
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from iipserve.geometry import Size
from iipserve.native_libraries import load_before_libvips

load_before_libvips()

import pyvips as pyvips  # noqa: E402 (exported)

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
"""libvips' names of sample types by numpy's."""
DTYPES = {name: dtype for dtype, name in FORMATS.items()}
MIN_WEIGHT = 1e-6
"""Share of present samples in a mean, below which it is missing too."""
OPAQUE = {"uchar": 255, "ushort": 65535}
"""The sample of full opacity."""

LOADERS = ("Jpeg", "Png", "Webp", "Heif", "Nsgif", "Tiff", "Jxl")
"""Parts of libvips' class names. All other loaders are blocked, including ImageMagick, PDF and SVG."""
NO_METADATA = {"keep": "none"} if (pyvips.version(0), pyvips.version(1)) >= (8, 15) else {"strip": True}
"""Arguments of its encoders, to embed none."""


def _set_up() -> None:
    # a cached operation would return the old pixels of a replaced file
    pyvips.cache_set_max(0)
    # requests run in parallel: more threads each gain nothing on images of this size, and cost memory
    pyvips.concurrency_set(1)
    pyvips.operation_block_set("VipsForeignLoad", True)
    for module in (pyvips, pyvips.error, pyvips.gvalue, pyvips.vimage):
        module._to_string = _lenient_text
    for name in LOADERS:
        pyvips.operation_block_set(f"VipsForeignLoad{name}", False)


def library_version() -> str:
    """The version of libvips in use."""
    return ".".join(str(pyvips.version(part)) for part in range(3))


def knows(operation: str) -> bool:
    """Whether this libvips has an operation."""
    return bool(pyvips.type_find("VipsOperation", operation))


def text(data: bytes) -> str:
    """Text of a file, whose encoding is not known: UTF-8, else Latin-1."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _lenient_text(pointer: Any) -> str:
    """Replaces the function with which pyvips makes strings, and which fails for what is not UTF-8.

    Names and values of metadata, and even messages of errors, have text of the file in them.
    """
    value = "NULL" if pointer == pyvips.ffi.NULL else pyvips.ffi.string(pointer)
    return text(value) if isinstance(value, bytes) else value


def allow(operation: str, loader: str) -> bool:
    """Allow a loader that is blocked at first, by the part of its class name; whether this libvips has it."""
    pyvips.operation_block_set(f"VipsForeignLoad{loader}", False)
    return knows(operation)


def reason(error: pyvips.Error) -> str:
    """The last line of libvips' error buffer, without file names.

    The buffer is shared by the whole process: earlier lines may belong to other requests.
    """
    lines = [line.strip() for line in error.detail.splitlines() if line.strip()]
    return re.sub(r"\S*/\S*", "file", lines[-1]) if lines else "no reason given"


def from_pixels(pixels: Pixels) -> pyvips.Image:
    """An image that reads from pixels without a copy; keep them until it is computed."""
    height, width, bands = pixels.shape
    return pyvips.Image.new_from_memory(pixels.data, width, height, bands, FORMATS[pixels.dtype.name])


def to_pixels(image: pyvips.Image) -> Pixels:
    """Compute the pixels of an image, in its own sample type.

    Raises:
        pyvips.Error: the file it reads cannot be decoded.
    """
    samples = np.frombuffer(image.write_to_memory(), DTYPES[image.format])
    return samples.reshape(image.height, image.width, image.bands)


def resized(image: pyvips.Image, size: Size, *, alpha: bool = False) -> pyvips.Image:
    """Resize an image: means of whole pixels for integer ratios, otherwise Lanczos (smaller) or bicubic (larger).

    Args:
        image: of any sample type.
        size: of the result, larger or smaller.
        alpha: whether the last band is opacity by which colors of 8 or 16 bits are weighted; False if it is full.
    """
    if (image.width, image.height) == (size.width, size.height):
        return image
    if image.format in ("uint", "int"):
        # libvips interpolates 32-bit integers coarsely and clips the upper half of unsigned ones (8.14 to 8.18)
        return _resampled(image.cast("double"), size).rint().cast(image.format)
    maximum = OPAQUE.get(image.format)
    if not alpha or maximum is None:
        return _resampled(image, size)
    weighted = _resampled(image.premultiply(max_alpha=maximum), size)
    return weighted.unpremultiply(max_alpha=maximum).rint().cast(image.format)


def resized_around_gaps(image: pyvips.Image, size: Size, nodata: tuple[float, ...]) -> pyvips.Image:
    """Resize an image whose samples may be missing: the means of those that are there.

    Args:
        image: of any sample type.
        size: of the result.
        nodata: the sample of each of the first bands that stands for missing data; NaN always does.
    """
    if (image.width, image.height) == (size.width, size.height):
        return image
    bands = [
        _band_around_gaps(image[band], size, nodata[band] if band < len(nodata) else None)
        for band in range(image.bands)
    ]
    return bands[0].bandjoin(bands[1:]) if len(bands) > 1 else bands[0]


def _band_around_gaps(band: pyvips.Image, size: Size, nodata: float | None) -> pyvips.Image:
    present, gap = band.relational(band, "equal"), math.nan
    if nodata is not None and not math.isnan(nodata):
        present, gap = present & (band != nodata), nodata
    weight = _averaged(present.cast("double") / 255, size)
    total = _averaged(present.ifthenelse(band, 0).cast("double"), size)
    mean = total / weight
    if band.format not in ("float", "double"):
        mean = mean.rint()
    return (weight > MIN_WEIGHT).ifthenelse(mean, gap).cast(band.format)


def _averaged(image: pyvips.Image, size: Size) -> pyvips.Image:
    """An image resized without negative weights."""
    if image.width % size.width == 0 and image.height % size.height == 0:
        return image.shrink(image.width // size.width, image.height // size.height)
    across, down = size.width / image.width, size.height / image.height
    return image.resize(across, vscale=down, kernel="linear")


def _resampled(image: pyvips.Image, size: Size) -> pyvips.Image:
    if image.width % size.width == 0 and image.height % size.height == 0:
        # reads no pixel outside the image, so neighboring tiles join without a seam
        return image.shrink(image.width // size.width, image.height // size.height)
    across, down = size.width / image.width, size.height / image.height
    if across < 1 or down < 1:
        if image.format in ("ushort", "short"):
            # libvips rounds the weights of 16-bit samples, which shifts even areas by up to 0.2 % (8.18)
            return _resampled(image.cast("float"), size).rint().cast(image.format)
        image = image.resize(min(across, 1.0), vscale=min(down, 1.0), kernel="lanczos3")
    return image if across <= 1 and down <= 1 else _enlarged(image, size)


def _enlarged(image: pyvips.Image, size: Size) -> pyvips.Image:
    """Enlarge one side or both, pixel centers aligned.

    libvips' own `resize` shifts and blurs the other side by half a pixel if only one grows (8.18).
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


def rotated(image: pyvips.Image, degrees: float, size: Size) -> pyvips.Image:
    """Rotate an image clockwise about its center, in a frame with the same center; bicubic.

    Args:
        image: of 8 or 16 bits; its last band is opacity, by which colors are weighted.
        degrees: any angle.
        size: of the frame, which is transparent where the image does not cover it.
    """
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    maximum = OPAQUE[image.format]
    weighted = image.premultiply(max_alpha=maximum).affine(
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
    return weighted.unpremultiply(max_alpha=maximum).rint().cast(image.format)


_set_up()
