"""WebP output, by libwebp at its fastest method."""

from __future__ import annotations

from iipserve.codecs import NO_METADATA, Encoder, Metadata
from iipserve.codecs.libwebp import MAX_SIDE, compress
from iipserve.codecs.metadata import check_sides, select
from iipserve.codecs.riff import with_metadata
from iipserve.formats import Format
from iipserve.plan import Encoding
from iipserve.processing import Pixels


def encode(pixels: Pixels, encoding: Encoding, metadata: Metadata) -> bytes:
    """The pixels as a WebP file; `encoding.quality` -1 is lossless. Gray becomes RGB, WebP has no other.

    Raises:
        InvalidSize: a side is longer than the format can express.
    """
    check_sides(pixels.shape, MAX_SIDE, "WebP")
    height, width, _ = pixels.shape
    body = compress(pixels, encoding.quality)
    wanted = select(metadata, encoding, 3, resolution_in_exif=True)
    return body if wanted is NO_METADATA else with_metadata(body, width, height, wanted)


ENCODER = Encoder(
    Format(
        name="webp",
        extension="webp",
        media_type="image/webp",
        bands=frozenset({1, 2, 3, 4}),
        quality_setting="webp_quality",
        quality_range=(-1, 100),
        lossless_zero=True,
        tile_command="WTL",
        position=2,
    ),
    encode=encode,
    memory_factor=6,
)
