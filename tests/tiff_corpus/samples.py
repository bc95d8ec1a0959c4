"""Kinds of samples: every type and depth, every compression that holds them."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from PIL import Image

from iipserve.image import ColorSpace
from tests.tiff_corpus.layout import (
    BLACK_IS_ZERO,
    CCITT3,
    CCITT4,
    CCITT_RLE,
    DEFLATE,
    JPEG,
    JPEG2000,
    LERC,
    REAL,
    RGB,
    SIGNED,
    UNSIGNED,
    WEBP,
    WHITE_IS_ZERO,
    YCBCR,
    Layout,
    Maker,
    Written,
    scenes,
    span,
    spread,
    whole,
)
from tests.tiff_corpus.tiff_writer import LONG, SHORT, Samples, packed_bits


def unsigned(bits: int, bands: int = 1, **options: Any) -> Maker:
    """Unsigned integers of any depth; those of less than 8 bits come out in 8."""
    photometric = RGB if bands > 2 and "photometric" not in options else BLACK_IS_ZERO
    layout = Layout(bits, **{"photometric": photometric} | options)

    def make(path: Path) -> Written:
        stored = whole(scenes(bands), bits)
        layout.write(path, stored)
        shown = [spread(level, bits) for level in stored]
        space = ColorSpace.SRGB if layout.photometric == RGB else ColorSpace.GRAY
        ranges = span(bands, 0, max(255, 2**bits - 1)) if bits <= 16 else ()
        return Written(shown, space, bits, ranges=ranges)

    return make


def typed(dtype: str, low: float, high: float, shown: str, bands: int = 1, **options: Any) -> Maker:
    """Samples from `low` to `high` in any type, which come out in `shown`."""
    kind = np.dtype(dtype)
    format = {"u": UNSIGNED, "i": SIGNED, "f": REAL}[kind.kind]
    layout = Layout(
        8 * kind.itemsize, format, **{"photometric": RGB if bands == 3 else BLACK_IS_ZERO} | options
    )

    def make(path: Path) -> Written:
        levels = [(low + level * (high - low)).astype(kind) for level in scenes(bands)]
        layout.write(path, levels)
        space = ColorSpace.SRGB if layout.photometric == RGB else ColorSpace.GRAY
        return Written([level.astype(shown) for level in levels], space, layout.bits)

    return make


def with_nan(path: Path) -> Written:
    """Floating point with holes."""
    levels = [level.astype(np.float32) for level in scenes(1)]
    for level in levels:
        level[: level.shape[0] // 8, : level.shape[1] // 8] = np.nan
        level[-3:, :2], level[-3:, 2:4] = np.inf, -np.inf
    Layout(32, REAL, compression=DEFLATE, predictor=3).write(path, levels)
    return Written(levels, bits=32)


def white_is_zero(bits: int) -> Maker:
    """Gray whose highest sample is black."""

    def make(path: Path) -> Written:
        stored = whole(scenes(1), bits)
        Layout(bits, photometric=WHITE_IS_ZERO, compression=DEFLATE).write(path, stored)
        shown = [spread(2**bits - 1 - level, bits) for level in stored]
        return Written(shown, bits=bits, ranges=span(1, 0, max(255, 2**bits - 1)))

    return make


def declared_range(path: Path) -> Written:
    """Gray of 16 bits that says where its black and white are."""
    levels = whole([level / 16 for level in scenes(1)], 16)
    Layout(16, fields={340: (SHORT, [100]), 341: (SHORT, [4000])}).write(path, levels)
    return Written(levels, bits=16, ranges=((100, 4000),))


def white_is_zero_real(path: Path) -> Written:
    """Floating point whose highest sample is black."""
    levels = [(level * 8 - 2).astype(np.float32) for level in scenes(1)]
    Layout(32, REAL, WHITE_IS_ZERO).write(path, levels)
    return Written([-level for level in levels], bits=32)


def white_is_zero_signed(path: Path) -> Written:
    """Signed integers whose highest sample is black, with a range."""
    levels = [np.rint(level * 9000 - 4000).astype(np.int16) for level in scenes(1)]
    fields = {340: (8, [-3000]), 341: (8, [4500])}
    Layout(16, SIGNED, WHITE_IS_ZERO, DEFLATE, 2, fields=fields).write(path, levels)
    return Written([~level for level in levels], bits=16, ranges=((-4501, 2999),))


def bits_reversed(path: Path) -> Written:
    """Black and white with the first pixel of a byte in its lowest bit."""
    stored = whole(scenes(1), 1)

    def encode(tile: Samples) -> bytes:
        return bytes(int(f"{value:08b}"[::-1], 2) for value in packed_bits(tile, 1))

    Layout(1, encode=encode, fields={266: (SHORT, [2])}).write(path, stored)
    return Written([spread(level, 1) for level in stored], bits=1, ranges=span(1, 0, 255))


# -- codecs of pictures ------------------------------------------------------------------------------


def encoded(
    compression: int, encode: Callable[[Samples], bytes], bits: int = 8, bands: int = 1, **options: Any
) -> Maker:
    """Unsigned integers, each tile packed without loss (or within `tolerance`) by an encoder of its own."""
    tolerance = options.pop("tolerance", 0)
    photometric = options.pop("photometric", RGB if bands > 2 else BLACK_IS_ZERO)
    layout = Layout(bits, photometric=photometric, compression=compression, encode=encode, **options)

    def make(path: Path) -> Written:
        stored = whole(scenes(bands), bits)
        layout.write(path, stored)
        space = ColorSpace.SRGB if bands > 2 else ColorSpace.GRAY
        shown = [spread(level, bits) for level in stored]
        ranges = span(bands, 0, max(255, 2**bits - 1))
        return Written(shown, space, bits, ranges=ranges, tolerance=tolerance)

    return make


def fax(compression: str) -> Callable[[Samples], bytes]:
    """Pillow's encoder of a fax code: the strip out of a file of one."""

    def encode(tile: Samples) -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(tile[:, :, 0].astype(bool)).save(buffer, "TIFF", compression=compression)
        buffer.seek(0)
        with Image.open(buffer) as image:
            tags = image.tag_v2  # type: ignore[attr-defined]
            (offset,), (count,) = tags[273], tags[279]
        return buffer.getvalue()[offset : offset + count]

    return encode


def lerc(dtype: str, bands: int, packing: int = 0) -> Maker:
    """Limited error raster compression without error, packed once more by deflate (1) or zstd (2)."""
    kind = np.dtype(dtype)
    packers: Mapping[int, Callable[[bytes], bytes]] = {
        0: bytes,
        1: lambda data: bytes(imagecodecs.zlib_encode(data)),
        2: lambda data: bytes(imagecodecs.zstd_encode(data)),
    }

    def encode(tile: Samples) -> bytes:
        return packers[packing](bytes(imagecodecs.lerc_encode(tile if bands > 1 else tile[:, :, 0], level=0)))

    fields = {50674: (LONG, [4, packing])}
    if kind.kind == "f":
        return typed(dtype, 0, 1, dtype, bands, compression=LERC, encode=encode, fields=fields)
    return encoded(LERC, encode, 8 * kind.itemsize, bands, fields=fields)


def jpeg(bits: int, bands: int) -> Maker:
    """JPEG, baseline of 8 bits or extended of 12."""

    def encode(tile: Samples) -> bytes:
        if bands == 1:
            return bytes(imagecodecs.jpeg8_encode(tile[:, :, 0], level=99, bitspersample=bits))
        return bytes(
            imagecodecs.jpeg8_encode(
                tile,
                level=99,
                bitspersample=bits,
                colorspace="RGB",
                outcolorspace="YCbCr",
                subsampling=(1, 1),
            )
        )

    photometric = YCBCR if bands == 3 else BLACK_IS_ZERO
    return encoded(JPEG, encode, bits, bands, photometric=photometric, tolerance=5 << bits - 8)


def jpeg2000(tile: Samples, bits: int = 8) -> bytes:
    """A codestream without loss."""
    pixels = tile if tile.shape[2] > 1 else tile[:, :, 0]
    return bytes(
        imagecodecs.jpeg2k_encode(pixels, level=0, codecformat="j2k", reversible=True, bitspersample=bits)
    )


CODED: Mapping[str, Maker] = {
    "ccitt-rle": encoded(CCITT_RLE, fax("tiff_ccitt"), 1),
    "ccitt-group3": encoded(CCITT3, fax("group3"), 1),
    "ccitt-group4": encoded(CCITT4, fax("group4"), 1),
    "lerc-rgb8": lerc("u1", 3),
    "lerc-gray16-deflate": lerc("u2", 1, packing=1),
    "lerc-float-zstd": lerc("f4", 1, packing=2),
    "jpeg-gray8": jpeg(8, 1),
    "jpeg-rgb8": jpeg(8, 3),
    "jpeg-gray12": jpeg(12, 1),
    "jpeg-rgb12": jpeg(12, 3),
    "jpeg2000-gray12": encoded(JPEG2000, lambda tile: jpeg2000(tile, 12), 12),
    "jpeg2000-rgb16": encoded(JPEG2000, lambda tile: jpeg2000(tile, 16), 16, 3),
    "webp-rgb8": encoded(WEBP, lambda tile: bytes(imagecodecs.webp_encode(tile, lossless=True)), 8, 3),
}
"""By name: one compression each that works on pictures."""
