"""AVIF output, by libavif at its fastest speed."""

from __future__ import annotations

import logging
from functools import cache

import imagecodecs
import numpy as np

from iipserve.codecs import NO_METADATA, Encoder, Metadata
from iipserve.codecs.avif_container import with_metadata
from iipserve.codecs.metadata import check_sides, select
from iipserve.codecs.pixels import with_colors
from iipserve.errors import UnsupportedEncoding
from iipserve.formats import Format, Scheme
from iipserve.plan import Encoding
from iipserve.processing import Pixels
from iipserve.processing.layout import color_bands

log = logging.getLogger(__name__)

MAX_SIDE = 32768
"""Pixels. Longer sides can be written, but libavif does not read them by default."""
SPEED = 10
LOSSLESS = 100
"""Level of imagecodecs."""
LAYOUT = imagecodecs.AVIF.PIXEL_FORMAT
CODECS = ("auto", "aom", "rav1e", "svt")
"""Values of `Encoding.scheme`; a codec that the library lacks is replaced by `auto`."""


def encode(pixels: Pixels, encoding: Encoding, metadata: Metadata) -> bytes:
    """Encode the pixels as an AVIF file; `encoding.quality` -1 is lossless.

    Color is 4:2:0, lossless color 4:4:4, gray has no chroma; alpha is always lossless.

    Raises:
        UnsupportedEncoding: `encoding.scheme` names no codec.
        InvalidSize: a side is longer than the format can express.
    """
    check_sides(pixels.shape, MAX_SIDE, "AVIF")
    codec = available_codec(encoding.scheme or "auto")
    bands = pixels.shape[2]
    samples, layout, level = _layout(pixels, encoding.quality)
    body = bytes(
        imagecodecs.avif_encode(
            samples, level=level, speed=SPEED, pixelformat=layout, codec=codec, numthreads=1
        )
    )
    selected = select(metadata, encoding, color_bands(bands), resolution_in_exif=True)
    return body if selected is NO_METADATA else with_metadata(body, selected)


def _layout(pixels: Pixels, quality: int) -> tuple[Pixels, int, int]:
    """The samples, the chroma subsampling and the level to pass to imagecodecs."""
    gray = pixels.shape[2] < 3
    if quality < 0:
        samples = pixels[:, :, 0] if pixels.shape[2] == 1 else pixels
        return samples, LAYOUT.YUV400 if gray else LAYOUT.YUV444, LOSSLESS
    # imagecodecs 2026.3 encodes gray arrays losslessly at every level: lossy gray is passed as color whose
    # chroma is dropped; level 100 would be lossless
    return with_colors(pixels), LAYOUT.YUV400 if gray else LAYOUT.YUV420, min(quality, LOSSLESS - 1)


@cache
def available_codec(scheme: str) -> str:
    """The codec to use for `scheme` with this build of libavif.

    Raises:
        UnsupportedEncoding: `scheme` names no codec.
    """
    if has_codec(scheme):
        return scheme
    log.warning("AVIF_CODEC: %s has no encoder %s; another one is used", imagecodecs.avif_version(), scheme)
    return "auto"


def has_codec(scheme: str) -> bool:
    """Whether this build of libavif has a codec.

    Raises:
        UnsupportedEncoding: `scheme` names no codec.
    """
    if scheme not in CODECS:
        raise UnsupportedEncoding(
            f"AVIF codec {scheme!r} is unknown; the known codecs are {', '.join(CODECS)}"
        )
    try:
        imagecodecs.avif_encode(np.zeros((16, 16, 3), np.uint8), level=50, speed=SPEED, codec=scheme)
    except imagecodecs.AvifError:
        return False
    return True


ENCODER = Encoder(
    Format(
        name="avif",
        extension="avif",
        media_type="image/avif",
        bands=frozenset({1, 2, 3, 4}),
        quality_setting="avif_quality",
        schemes=tuple(Scheme(codec, (-1, 100)) for codec in CODECS),
        scheme_setting="avif_codec",
        tile_command="ATL",
        max_side=MAX_SIDE,
        position=3,
    ),
    encode=encode,
    memory_factor=6,
    library=imagecodecs.avif_version,
)
