"""What the samples of an image opened by libvips are, and what turns them into those this server hands out."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pyvips

from iipserve import libvips
from iipserve.errors import UnsupportedImage
from iipserve.image import LAB_RANGES, ColorSpace

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
"""By libvips' name of a sample type, the one that is handed out; complex numbers are not read."""
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
"""By libvips' interpretation. 0 of its CMYK is no ink: it inverts JPEGs."""

PNG_PALETTE = 3
"""Color type (PNG 3, section 11.2.1)."""
PNM_HEADER = re.compile(rb"P[2356]\s+(?:#.*\s+)*\d+\s+(?:#.*\s+)*\d+\s+(?:#.*\s+)*(\d+)\s")
"""Kind, width, height and highest sample of a PGM or PPM."""


@dataclass(frozen=True, slots=True)
class Samples:
    """The samples of an image as they are handed out."""

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
    """Lowest bits that libvips has added."""

    def of(self, image: pyvips.Image) -> pyvips.Image:
        """An image of the same file with these samples; nothing is computed yet."""
        if image.interpretation in ("labs", "labq"):
            image = image.colourspace("lab")
        if self.shift:
            image = image >> self.shift
        wanted = libvips.FORMATS[self.dtype]
        return image if image.format == wanted else image.cast(wanted)


def read_samples(image: pyvips.Image, head: bytes, *, has_alpha: bool | None = None) -> Samples:
    """What the samples of an opened image are.

    Args:
        image: as the loader gives it.
        head: the first bytes of the file.
        has_alpha: whether the last band is opacity; None where a band more than colors is always that.

    Raises:
        UnsupportedImage: they are of a kind that is not read.
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
    ranges = _ranges(image, dtype, bits, space, head)
    return Samples(dtype, bits, image.bands, space, has_alpha, ranges, shift)


def _refuse_others(image: pyvips.Image) -> None:
    if image.interpretation not in COLOR_SPACES:
        raise UnsupportedImage(
            f"the image's color space is {image.interpretation}; gray, RGB, CMYK and CIELAB are read"
        )
    if image.format not in TYPES:
        raise UnsupportedImage(f"the image has {image.format} numbers as samples; real ones are read")
    if image.interpretation == "lab" and image.format not in ("float", "double"):
        raise UnsupportedImage("the image's CIELAB samples are whole numbers, which libvips gets wrong")
    if image.bands > MAX_BANDS:
        raise UnsupportedImage(f"the image has {image.bands} bands; up to {MAX_BANDS} are read")


def _bits(image: pyvips.Image, head: bytes) -> int:
    """Bits per sample as stored; of a palette, those of its colors."""
    own = 8 * np.dtype(libvips.DTYPES[image.format]).itemsize
    if image.get_typeof("heif-primary"):
        # libvips moves 10 and 12 bits up to 16, which leaves white below the top of the range
        depth = number(image, "bits-per-sample", number(image, "heif-bitdepth", own))
        return depth if own == 16 and 8 < depth < 16 else own
    if head.startswith(b"\x89PNG") and len(head) > 25 and own == 8:
        depth, kind = head[24:26]  # IHDR is the first chunk
        return own if kind == PNG_PALETTE else min(depth, own)
    return own


def number(image: pyvips.Image, name: str, default: int) -> int:
    """A field of libvips that holds a whole number."""
    return int(image.get(name)) if image.get_typeof(name) == pyvips.GValue.gint_type else default


def _ranges(
    image: pyvips.Image, dtype: str, bits: int, space: ColorSpace, head: bytes
) -> tuple[tuple[float, float], ...]:
    """What is black and white in each band; nothing where nobody knows."""
    bands: int = image.bands
    if space is ColorSpace.CIELAB:
        return LAB_RANGES + ((0.0, 1.0),) * (bands - 3)
    if dtype not in ("uint8", "uint16"):
        return ()
    declared = PNM_HEADER.match(head)
    most = int(declared[1]) if declared else (1 << max(8, bits)) - 1
    return ((0.0, float(most)),) * bands
