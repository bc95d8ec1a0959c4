"""What of an image's metadata goes into one output file: the encoding's wish and the pixels' fitness."""

from __future__ import annotations

from dataclasses import replace

from iipserve.codecs import NO_METADATA, Metadata
from iipserve.containers import exif, icc
from iipserve.errors import InvalidSize
from iipserve.plan import Encoding

COLOR_SPACES = {1: icc.GRAY, 3: icc.RGB}
"""Data color space of a profile by number of color bands."""


def select(
    metadata: Metadata, encoding: Encoding, colors: int, *, resolution_in_exif: bool = False
) -> Metadata:
    """The part of `metadata` that the encoding asks for and the pixels can carry.

    Args:
        metadata: everything known of the image.
        encoding: asks for the profile, for the rest, or for neither.
        colors: color bands as written, 1 or 3. A profile for any other number is left out: readers
            refuse it, or show wrong colors.
        resolution_in_exif: the format has no other place for the resolution: Exif is made where there is none.
    """
    describes = icc.color_space(metadata.icc) == COLOR_SPACES[colors]
    profile = metadata.icc if encoding.profile and describes else None
    if not encoding.metadata:
        return Metadata(icc=profile) if profile else NO_METADATA
    block = metadata.exif
    if block is None and resolution_in_exif and metadata.resolution:
        block = exif.EMPTY
    dots = metadata.resolution.per_inch if metadata.resolution else None
    return replace(metadata, icc=profile, exif=block and exif.normalized(block, dots))


def check_sides(shape: tuple[int, ...], longest: int, format: str) -> None:
    """Return if neither side of a picture of `shape` is longer than the format can express.

    Raises:
        InvalidSize: a side is longer than `longest` pixels.
    """
    height, width = shape[:2]
    if max(width, height) > longest:
        raise InvalidSize(
            f"{format} images have at most {longest} pixels a side; this one would have {width} x {height}"
        )
