"""JPEG 2000 codestreams by OpenJPEG, one row of tiles at a time (ISO/IEC 15444-1 annex A).

OpenJPEG takes ten times the pixels' memory to encode a codestream. So each tile is encoded as a codestream of its own, of
which the tile-parts are joined: tiles are coded independently of each other, and those that start at multiples of 1024
pixels are divided into the same code-blocks as if they started at 0 (annex B).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import imagecodecs
import numpy as np

from iipserve.codecs.pixels import regrouped
from iipserve.geometry import Size
from iipserve.processing import Pixels

TILE = 1024
MAX_SIDE = 200_000
"""Pixels, so that the index of a tile has 16 bits."""
LOSSLESS = 100
"""This quality, and any below 0."""
TINY = 1024
"""Pixels up to which a tile is lossless: OpenJPEG would drop whole components of one."""


class Codestream(NamedTuple):
    """A codestream of one tile with one tile-part (ISO/IEC 15444-1 annex A)."""

    size: bytes
    """From the start to the end of the SIZ segment."""
    coding: bytes
    """The other segments of the main header."""
    part: bytes
    """The tile-part, from its SOT marker on."""


def codestream(strips: Iterable[Pixels], size: Size, quality: int, *, mixes: bool) -> Iterator[bytes]:
    """The codestream of an image that arrives in strips, from beginning to end.

    Args:
        strips: samples of up to 16 bits.
        size: of the image, with sides of up to `MAX_SIDE`.
        quality: `LOSSLESS`, and below 0: no loss; others give a `signal_to_noise`.
        mixes: the first three bands are red, green and blue, and coded as luminance and color.
    """
    coding = b""
    for index, tile in enumerate(_tiles(strips)):
        stream = _codestream(tile, quality, mixes)
        if not index:
            coding = stream.coding
            yield _resized(stream.size, size.width, size.height) + coding
        yield _renumbered(stream.part, index, b"" if stream.coding == coding else stream.coding)
    yield b"\xff\xd9"


def _tiles(strips: Iterable[Pixels]) -> Iterator[Pixels]:
    """The tiles of an image, row by row."""
    for row in regrouped(strips, TILE):
        for left in range(0, row.shape[1], TILE):
            yield np.ascontiguousarray(row[:, left : left + TILE])


def _codestream(pixels: Pixels, quality: int, mixes: bool) -> Codestream:
    height, width, bands = pixels.shape
    lossless = quality < 0 or quality >= LOSSLESS or height * width <= TINY
    body = bytes(
        imagecodecs.jpeg2k_encode(
            pixels[:, :, 0] if bands == 1 else pixels,
            level=0 if lossless else signal_to_noise(quality),
            codecformat="j2k",
            reversible=lossless,
            mct=mixes,
            # of few pixels and many bands it would guess otherwise
            planar=False,
            numthreads=1,
        )
    )
    coding, part = 4 + int.from_bytes(body[4:6], "big"), body.index(b"\xff\x90")
    return Codestream(body[:coding], body[coding:part], body[part:-2])


def _resized(size: bytes, width: int, height: int) -> bytes:
    """The SIZ segment with another size of the image, and that of its tiles (section A.5.1)."""
    return size[:8] + struct.pack(">8I", width, height, 0, 0, TILE, TILE, 0, 0) + size[40:]


def _renumbered(part: bytes, index: int, coding: bytes) -> bytes:
    """A tile-part with another tile index, and its own segments where the main header's differ (section A.4.2)."""
    length = len(part) + len(coding)
    return b"".join((part[:4], struct.pack(">HI", index, length), part[10:12], coding, part[12:]))


def signal_to_noise(quality: int) -> int:
    """Peak signal-to-noise ratio, in dB, for a quality in JPEG's scale: 30 at 0, 45 at 75, where loss is hard to see."""
    return 30 + quality // 5
