"""JPEG output: baseline, 4:2:0, by libjpeg-turbo."""

from __future__ import annotations

import imagecodecs

from iipserve.codecs import NO_METADATA, Encoder, Metadata
from iipserve.codecs.jpeg_markers import read_file_frame, with_height, with_metadata
from iipserve.codecs.jpeg_transform import cut
from iipserve.codecs.libjpeg import MAX_SIDE, compress
from iipserve.codecs.metadata import select
from iipserve.formats import Format
from iipserve.geometry import Size
from iipserve.plan import Encoding
from iipserve.processing import Pixels

MAX_CROP_SIDE = 8192
"""Pixels. Larger files are not cropped, because the transform holds all coefficients in memory."""


def encode(pixels: Pixels, encoding: Encoding, metadata: Metadata) -> bytes:
    """Encode the pixels as a JPEG file.

    Raises:
        InvalidSize: a side is longer than libjpeg allows.
    """
    body = compress(pixels, encoding.quality, "JPEG")
    selected = select(metadata, encoding, pixels.shape[2])
    return body if selected is NO_METADATA else with_metadata(body, selected)


def crop(body: bytes, size: Size) -> bytes | None:
    """Crop a JPEG file losslessly to its top left `size`; None if that is impossible."""
    frame = read_file_frame(body)
    if frame is None or max(frame.width, frame.height) > MAX_CROP_SIDE:
        return None
    if not size.fits_in(Size(frame.width, frame.height)):
        return None
    if size == Size(frame.width, frame.height):
        return body
    if size.width == frame.width and frame.one_scan:
        return with_height(body, frame, size.height)
    return cut(body, size)


ENCODER = Encoder(
    Format(
        name="jpeg",
        extension="jpg",
        media_type="image/jpeg",
        bands=frozenset({1, 3}),
        spellings=("jpeg",),
        quality_setting="jpeg_quality",
        quality_range=(1, 100),
        tile_command="JTL",
        max_side=MAX_SIDE,
        position=0,
    ),
    encode=encode,
    crop=crop,
    library=imagecodecs.jpeg8_version,
    quick=True,
)
