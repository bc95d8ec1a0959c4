"""Sample types of images opened by libvips, and their conversion to output samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from iipserve import libvips
from iipserve.errors import UnsupportedImage
from iipserve.image import LAB_RANGES, ColorSpace
from iipserve.libvips import pyvips

MAX_BANDS = 1000

TYPES = {
    "uchar": "uint8",
    "char": "int16",
    "ushort": "uint16",
    "short": "int16",
    "uint": "uint32",
    "int": "int32",
    "float": "float32",
    "double": "float32",
}
"""Output type by libvips' name of a sample type; complex numbers are not supported."""
COLOR_SPACES = {
    "b-w": ColorSpace.GRAY,
    "grey16": ColorSpace.GRAY,
    "multiband": ColorSpace.GRAY,
    "srgb": ColorSpace.SRGB,
    "rgb16": ColorSpace.SRGB,
    "rgb": ColorSpace.SRGB,
    "scrgb": ColorSpace.SRGB,
    "cmyk": ColorSpace.CMYK,
    "lab": ColorSpace.CIELAB,
    "labs": ColorSpace.CIELAB,
    "labq": ColorSpace.CIELAB,
}
"""By libvips' interpretation. 0 of its CMYK is no ink, as it inverts JPEGs."""

PNG_PALETTE = 3
"""Color type (PNG 3, section 11.2.1)."""


@dataclass(frozen=True, slots=True)
class Samples:
    """The output samples of an image."""

    dtype: str
    """As `ImageInfo.dtype`."""
    bits: int
    """As stored."""
    bands: int
    color_space: ColorSpace
    has_alpha: bool
    ranges: tuple[tuple[float, float], ...]
    """As `ImageInfo.band_ranges`."""
    shift: int = 0
    """Number of low bits that libvips has added."""

    def of(self, image: pyvips.Image) -> pyvips.Image:
        """The image converted to these samples, lazily."""
        if image.interpretation in ("labs", "labq"):
            image = image.colourspace("lab")
        if self.shift:
            image = image >> self.shift
        wanted = libvips.FORMATS[self.dtype]
        return image if image.format == wanted else image.cast(wanted)


def read_samples(image: pyvips.Image, head: bytes, *, has_alpha: bool | None = None) -> Samples:
    """The output samples of an opened image.

    Args:
        image: from the loader.
        head: the first bytes of the file.
        has_alpha: whether the last band is opacity; None if one band more than colors always is.

    Raises:
        UnsupportedImage: samples of this kind are not supported.
    """
    _refuse_others(image)
    space = COLOR_SPACES[image.interpretation]
    if image.bands < space.bands:
        space = ColorSpace.GRAY
    bits = _bits(image, head)
    shift = 16 - bits if image.format == "ushort" else 0
    dtype = "float32" if space is ColorSpace.CIELAB else TYPES[image.format]
    if has_alpha is None:
        has_alpha = image.interpretation != "multiband" and image.bands == space.bands + 1
    ranges = _ranges(image, dtype, bits, space)
    return Samples(dtype, bits, image.bands, space, has_alpha, ranges, shift)


def _refuse_others(image: pyvips.Image) -> None:
    if image.interpretation not in COLOR_SPACES:
        raise UnsupportedImage(
            f"the image's color space is {image.interpretation}; gray, RGB, CMYK and CIELAB are supported"
        )
    if image.format not in TYPES:
        raise UnsupportedImage(f"the image has {image.format} samples; real numbers are supported")
    if image.interpretation == "lab" and image.format not in ("float", "double"):
        raise UnsupportedImage("the image's CIELAB samples are integers, which libvips converts wrongly")
    if image.bands > MAX_BANDS:
        raise UnsupportedImage(f"the image has {image.bands} bands; at most {MAX_BANDS} are supported")


def _bits(image: pyvips.Image, head: bytes) -> int:
    """Bits per sample as stored; of a palette image, those of its colors."""
    own = 8 * np.dtype(libvips.DTYPES[image.format]).itemsize
    if image.get_typeof("heif-primary"):
        # libvips shifts 10 and 12 bits up to 16, which leaves white below the top of the range
        depth = integer(image, "bits-per-sample", integer(image, "heif-bitdepth", own))
        return depth if own == 16 and 8 < depth < 16 else own
    if head.startswith(b"\x89PNG") and len(head) > 25 and own == 8:
        depth, kind = head[24:26]  # IHDR is the first chunk
        return own if kind == PNG_PALETTE else min(depth, own)
    return own


def integer(image: pyvips.Image, name: str, default: int) -> int:
    """A metadata field of integer type."""
    return int(image.get(name)) if image.get_typeof(name) == pyvips.GValue.gint_type else default


def _ranges(image: pyvips.Image, dtype: str, bits: int, space: ColorSpace) -> tuple[tuple[float, float], ...]:
    """Black and white of each band; empty if the type has none."""
    bands: int = image.bands
    if space is ColorSpace.CIELAB:
        return LAB_RANGES + ((0.0, 1.0),) * (bands - 3)
    if dtype not in ("uint8", "uint16"):
        return ()
    maximum = (1 << max(8, bits)) - 1
    return ((0.0, float(maximum)),) * bands
