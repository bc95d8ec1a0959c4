"""Small files of enormous images."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from pathlib import Path

import imagecodecs
import numpy as np
import pyvips

from iipserve import libvips
from tests.broken_files import tags, tiff

PIECE = bytes(1 << 20)
ADLER_MODULUS = 65521
ADAM7 = ((8, 8), (8, 8), (4, 8), (4, 4), (2, 4), (2, 2), (1, 2))
"""Columns and rows by which each pass of an interlaced PNG is reduced."""


def packed_zeros(length: int) -> bytes:
    """As many bytes of 0, in zlib's format (RFC 1950): the same packed piece over and over."""
    packer, last = (zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS) for _ in range(2))
    piece = packer.compress(PIECE) + packer.flush(zlib.Z_FULL_FLUSH)
    rest = last.compress(bytes(length % len(PIECE))) + last.flush()
    checksum = struct.pack(">HH", length % ADLER_MODULUS, 1)
    return b"\x78\x01" + piece * (length // len(PIECE)) + rest + checksum


def png_chunk(kind: bytes, content: bytes) -> bytes:
    """A chunk of a PNG file."""
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(content, zlib.crc32(kind)))
    )


def black_png(side: int, *, interlaced: bool, further: Iterable[bytes] = ()) -> bytes:
    """A black PNG of 1 bit, with further chunks before its pixels."""
    if interlaced:
        length = sum(-(-side // down) * (1 + -(-side // (8 * across))) for across, down in ADAM7)
    else:
        length = side * (1 + -(-side // 8))
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, interlaced)
    chunks = [(b"IHDR", header), (b"IDAT", packed_zeros(length)), (b"IEND", b"")]
    first, *others = (png_chunk(*chunk) for chunk in chunks)
    return b"\x89PNG\r\n\x1a\n" + first + b"".join(further) + b"".join(others)


def packed_text(length: int) -> bytes:
    """A chunk with a compressed text of zeros."""
    return png_chunk(b"zTXt", b"Comment\0\0" + packed_zeros(length))


def progressive_jpeg(side: int) -> bytes:
    """A progressive JPEG whose header declares this size; its data end early."""
    stream = bytearray(_picture().jpegsave_buffer(interlace=True, subsample_mode="off"))
    struct.pack_into(">HH", stream, stream.index(b"\xff\xc2") + 5, side, side)
    return bytes(stream)


def webp(side: int) -> bytes:
    """A lossless WebP whose header declares this size; its data end early."""
    stream = bytearray(_picture().webpsave_buffer(lossless=True, **libvips.NO_METADATA))
    at = stream.index(b"VP8L") + 9
    flags = int.from_bytes(stream[at : at + 4], "little") >> 28
    stream[at : at + 4] = (flags << 28 | (side - 1) << 14 | (side - 1)).to_bytes(4, "little")
    return bytes(stream)


def untiled_jpeg2000(side: int) -> bytes:
    """A JPEG 2000 codestream of one tile, whose header declares this size (15444-1, A.5.1); its data end early."""
    pixels = np.random.default_rng(5).integers(0, 256, (64, 64, 3), np.uint8)
    stream = bytearray(imagecodecs.jpeg2k_encode(pixels, level=0, codecformat="J2K"))
    at = stream.index(b"\xff\x51")
    for offset in (6, 22):
        struct.pack_into(">II", stream, at + offset, side, side)
    return bytes(stream)


def one_tile(side: int) -> bytes:
    """A TIFF of one tile of four bands."""
    data = packed_zeros(side * side * 4)
    entries = tags(side, side, side, len(data)) | {258: 8, 259: 8, 262: 1, 277: 4}
    return tiff(entries, data)


def make_bombs(folder: Path) -> None:
    """Write one file of each kind."""
    for name, content in {
        "interlaced.png": black_png(80_000, interlaced=True),
        "plain.png": black_png(80_000, interlaced=False),
        "progressive.jpg": progressive_jpeg(20_000),
        "large.webp": webp(16_383),
        "tile.tif": one_tile(8192),
        "untiled.j2k": untiled_jpeg2000(20_000),
        "texts.png": black_png(64, interlaced=False, further=[packed_text(4 << 20)] * 900),
    }.items():
        (folder / name).write_bytes(content)


def _picture() -> pyvips.Image:
    pixels = np.random.default_rng(5).integers(0, 256, (64, 64, 3), np.uint8)
    return pyvips.Image.new_from_array(pixels)
