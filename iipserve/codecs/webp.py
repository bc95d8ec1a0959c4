"""WebP output, by libwebp at its fastest method."""

from __future__ import annotations

import imagecodecs

from iipserve.codecs import NO_METADATA, Encoder, Metadata
from iipserve.codecs.bands import with_colors
from iipserve.codecs.embedding import check_sides, chosen
from iipserve.codecs.riff import with_metadata
from iipserve.plan import Encoding
from iipserve.processing import Pixels

MAX_SIDE = 16383
"""RFC 9649 section 2.5: 14 bits for each side."""


def encode(pixels: Pixels, encoding: Encoding, metadata: Metadata) -> bytes:
    """The pixels as a WebP file; `encoding.quality` -1 is lossless. Gray becomes RGB, WebP has no other.

    Raises:
        InvalidSize: a side is longer than the format can express.
    """
    check_sides(pixels, MAX_SIDE, "WebP")
    height, width, _ = pixels.shape
    body = compress(pixels, encoding.quality)
    wanted = chosen(metadata, encoding, 3)
    return body if wanted is NO_METADATA else with_metadata(body, width, height, wanted)


def compress(pixels: Pixels, quality: int) -> bytes:
    """A WebP file without metadata, of pixels with any number of bands up to 4; quality -1 is lossless."""
    # imagecodecs 2026.3 writes near-lossless unless told `lossless=False`; at method 0 the level of a
    # lossless file only costs time
    lossless = quality < 0
    level = 0 if lossless else min(quality, 100)
    colors = with_colors(pixels)
    return bytes(imagecodecs.webp_encode(colors, level=level, lossless=lossless, method=0))


ENCODER = Encoder(
    name="webp",
    extension="webp",
    media_type="image/webp",
    bands=frozenset({1, 2, 3, 4}),
    encode=encode,
)
