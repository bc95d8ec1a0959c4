"""Selects the metadata of an image that one output file carries."""

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
        metadata: all metadata of the image.
        encoding: requests the profile, the other metadata, both or neither.
        colors: color bands of the output, 1 or 3. A profile for any other number is left out: readers
            reject it or show wrong colors.
        resolution_in_exif: the format has no other field for the resolution, so an Exif block is created if the
            image has none.
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


def check_sides(shape: tuple[int, ...], maximum: int, format: str) -> None:
    """Check that no side of an image of `shape` is longer than the format can express.

    Raises:
        InvalidSize: a side is longer than `maximum` pixels.
    """
    height, width = shape[:2]
    if max(width, height) > maximum:
        raise InvalidSize(
            f"{format} images have at most {maximum} pixels per side; this one would have {width} x {height}"
        )
