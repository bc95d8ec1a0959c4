"""Compression of TIFF strips: by imagecodecs, deflate at level 1 by ISA-L.

imagecodecs takes any buffer, although its annotations say bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import cast

import imagecodecs
from isal import isal_zlib

from iipserve.codecs.libwebp import MAX_SIDE as WEBP_MAX_SIDE
from iipserve.codecs.libwebp import compress as compress_webp
from iipserve.containers import tags
from iipserve.errors import UnsupportedEncoding
from iipserve.processing import Pixels


@dataclass(frozen=True, slots=True)
class Compression:
    """A compression of strips."""

    scheme: tags.Compression
    """Value of the Compression field."""
    compress: Callable[[Pixels, int], bytes | memoryview]
    """(rows of pixels, quality) -> strip."""
    quality_range: tuple[int, int] = (0, 0)
    """Minimum and maximum quality or level."""
    predicts: bool = False
    """Strips are differenced horizontally first (TIFF 6.0 section 14)."""
    max_side: int = 2**31 - 1
    """Pixels."""
    max_bits: int = 16
    """Per sample."""
    quality_setting: str = ""
    """Field of `Config` for its quality if TIFF_QUALITY is not set; empty for level 1."""


def _store(rows: Pixels, quality: int) -> memoryview:
    return rows.data.cast("B")


def _compress_lzw(rows: Pixels, quality: int) -> bytes:
    return bytes(imagecodecs.lzw_encode(cast("bytes", rows)))


def _compress_deflate(rows: Pixels, quality: int) -> bytes:
    if quality == 1:
        # a quarter of libdeflate's time, and hardly larger
        return bytes(isal_zlib.compress(rows.data, 1))
    return bytes(imagecodecs.deflate_encode(cast("bytes", rows), level=min(max(quality, 0), 9)))


def _compress_zstd(rows: Pixels, quality: int) -> bytes:
    return bytes(imagecodecs.zstd_encode(cast("bytes", rows), level=min(max(quality, 1), 19)))


def _compress_jpeg(rows: Pixels, quality: int) -> bytes:
    """A complete JPEG file with its own tables; with alpha, the bands are encoded without color conversion."""
    bands = rows.shape[2]
    level = min(max(quality, 1), 100)
    if bands == 3:
        return bytes(imagecodecs.jpeg8_encode(rows, level=level, subsampling="420"))
    if bands == 1:
        return bytes(imagecodecs.jpeg8_encode(rows[:, :, 0], level=level))
    return bytes(imagecodecs.jpeg8_encode(rows, level=level, colorspace="UNKNOWN", outcolorspace="UNKNOWN"))


def _compress_webp(rows: Pixels, quality: int) -> bytes:
    return compress_webp(rows, min(max(quality, 0), 100))


COMPRESSIONS: Mapping[str, Compression] = MappingProxyType(
    {
        "none": Compression(tags.Compression.NONE, _store),
        "lzw": Compression(tags.Compression.LZW, _compress_lzw, predicts=True),
        "deflate": Compression(tags.Compression.ADOBE_DEFLATE, _compress_deflate, (1, 9), predicts=True),
        "jpeg": Compression(
            tags.Compression.JPEG,
            _compress_jpeg,
            (1, 100),
            max_side=65500,
            max_bits=8,
            quality_setting="jpeg_quality",
        ),
        "webp": Compression(
            tags.Compression.WEBP,
            _compress_webp,
            (0, 100),
            max_side=WEBP_MAX_SIDE,
            max_bits=8,
            quality_setting="jpeg_quality",
        ),
        "zstd": Compression(tags.Compression.ZSTD, _compress_zstd, (1, 19), predicts=True),
    }
)


def compression_for(scheme: str, bits: int) -> Compression:
    """The compression named `scheme`.

    Raises:
        UnsupportedEncoding: the name is unknown, or the compression does not hold `bits` bits per sample.
    """
    compression = COMPRESSIONS.get(scheme)
    if compression is None:
        raise UnsupportedEncoding(
            f"TIFF compression {scheme!r} is unknown; the known ones are {', '.join(COMPRESSIONS)}"
        )
    if bits > compression.max_bits:
        fitting = (name for name, known in COMPRESSIONS.items() if bits <= known.max_bits)
        raise UnsupportedEncoding(
            f"TIFF compression {scheme!r} holds {compression.max_bits} bits per sample; "
            f"for {bits} use one of {', '.join(fitting)}"
        )
    return compression
