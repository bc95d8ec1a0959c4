"""PNG output of 8 and 16 bits: our own chunks and filters, compressed by ISA-L (level 1) or libdeflate (2 to 9).

At level 1 a tile costs a quarter of what libpng takes: one vectorized filter, one fast compressor. libdeflate
takes everything at once; pictures that come in strips are compressed by zlib in its place.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, cast

import imagecodecs
import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from iipserve.codecs import NO_METADATA, Encoder, Metadata, Output, Shape
from iipserve.codecs.metadata import check_sides, select
from iipserve.codecs.pixels import regrouped, sample_bytes, with_bits
from iipserve.codecs.png_chunks import MAX_NUMBER, chunk, metadata_chunks
from iipserve.formats import Format
from iipserve.plan import Encoding
from iipserve.processing import Pixels
from iipserve.processing.layout import color_bands

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
"""Bands -> color type of IHDR (PNG specification section 11.2.1)."""
END = chunk(b"IEND", b"")
BAND_BYTES = 1 << 20
"""Large images are filtered in bands of rows of about this many bytes."""
ADAPTIVE_ROWS = 256
"""Rows whose filters are chosen at once."""
MAX_STREAM_LEVEL = 6
"""Of zlib; beyond, it takes twice as long for a hundredth less."""
NONE, SUB, UP = 0, 1, 2
"""Filter types (section 9.2)."""


def encode(pixels: Pixels, encoding: Encoding, metadata: Metadata) -> bytes:
    """The pixels as a PNG file; `encoding.quality` is the compression level, 0 stores.

    Raises:
        InvalidSize: a side is longer than the format can express.
    """
    height, width, bands = pixels.shape
    parts = _start((height, width, bands), pixels.dtype.itemsize * 8, encoding, metadata)
    parts += [chunk(b"IDAT", data) for data in _compressed(pixels, encoding.quality)]
    return b"".join((*parts, END))


def encode_rows(
    strips: Iterable[Pixels], shape: Shape, encoding: Encoding, metadata: Metadata, output: Output
) -> None:
    """Write the picture that comes in strips as `encode` does, holding one strip at a time.

    Raises:
        InvalidSize: a side is longer than the format can express.
    """
    bits, strips = with_bits(strips)
    for part in _start(shape, bits, encoding, metadata):
        output.write(part)
    for data in _streamed(strips, shape, encoding.quality):
        output.write(chunk(b"IDAT", data))
    output.write(END)


def _start(shape: Shape, bits: int, encoding: Encoding, metadata: Metadata) -> list[bytes]:
    """What stands before the pixels."""
    check_sides(shape, MAX_NUMBER, "PNG")
    height, width, bands = shape
    wanted = select(metadata, encoding, color_bands(bands))
    header = struct.pack(">IIBBBBB", width, height, bits, COLOR_TYPES[bands], 0, 0, 0)
    parts = [SIGNATURE, chunk(b"IHDR", header)]
    if wanted is not NO_METADATA:
        parts.append(metadata_chunks(wanted, texts=encoding.metadata))
    return parts


def _compressed(pixels: Pixels, level: int) -> Iterator[bytes | memoryview]:
    """The zlib stream of the filtered rows, in pieces that fit into chunks."""
    height, width, bands = pixels.shape
    if level < 2 and pixels.nbytes > BAND_BYTES:
        yield from _streamed((pixels,), (height, width, bands), level)
        return
    filtered = _filtered(sample_bytes(pixels, ">"), None, _pixel_bytes(pixels), level)
    if level >= 2:
        # libdeflate is faster than zlib at every level, and tighter
        compressed = imagecodecs.deflate_encode(cast("bytes", filtered), level=min(level, 9))
        yield from _split(memoryview(compressed))
    else:
        compress = isal_zlib.compress if level == 1 else zlib.compress
        yield compress(filtered.data, max(level, 0))


def _pixel_bytes(pixels: Pixels) -> int:
    """The distance that "sub" looks back (section 9.2): bytes of a whole pixel."""
    bands: int = pixels.shape[2]
    return bands * pixels.dtype.itemsize


def _split(data: memoryview) -> Iterator[memoryview]:
    for start in range(0, len(data), MAX_NUMBER):
        yield data[start : start + MAX_NUMBER]


def _streamed(strips: Iterable[Pixels], shape: Shape, level: int) -> Iterator[bytes]:
    """As `_compressed`, holding only one band of filtered rows at a time."""
    bits, strips = with_bits(strips)
    stream = _compressor(level)
    length, above = shape[1] * shape[2] * bits // 8, None
    for band in regrouped(strips, max(1, BAND_BYTES // length)):
        rows = sample_bytes(band, ">")
        if piece := stream.compress(_filtered(rows, above, _pixel_bytes(band), level).data):
            yield piece
        above = rows[-1:].copy()
    yield stream.flush()


def _compressor(level: int) -> Any:
    """A zlib stream that takes its input in pieces."""
    return isal_zlib.compressobj(1) if level == 1 else zlib.compressobj(min(max(level, 0), MAX_STREAM_LEVEL))


def _filtered(rows: Pixels, above: Pixels | None, distance: int, level: int) -> NDArray[np.uint8]:
    """Rows, each behind its filter type: none at level 0, sub at 1, else sub or up.

    Args:
        rows: the samples as bytes, of shape (height, bytes of a row).
        above: the row before them, None at the top of the picture, where none is filtered by it.
        distance: bytes of each pixel.
        level: of compression.
    """
    result = np.empty((rows.shape[0], 1 + rows.shape[1]), np.uint8)
    result[:, 0] = NONE if level <= 0 else SUB
    if level <= 0:
        result[:, 1:] = rows
        return result
    result[:, 1 : 1 + distance] = rows[:, :distance]
    np.subtract(rows[:, distance:], rows[:, :-distance], out=result[:, 1 + distance :])
    if level > 1:
        if above is not None:
            _choose_up(result[:1], np.concatenate((above, rows[:1])))
        for first in range(1, rows.shape[0], ADAPTIVE_ROWS):
            last = min(first + ADAPTIVE_ROWS, rows.shape[0])
            _choose_up(result[first:last], rows[first - 1 : last])
    return result


def _choose_up(result: NDArray[np.uint8], rows: Pixels) -> None:
    """Replace "sub" by "up" in the rows where its differences are smaller (section 12.7).

    Args:
        result: filtered rows.
        rows: the same rows as they are, with the one above in front.
    """
    up = np.subtract(rows[1:], rows[:-1])
    better = _weight(up) < _weight(result[:, 1:])
    result[better, 0] = UP
    result[better, 1:] = up[better]


def _weight(differences: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Sum of the absolute differences of each row."""
    weights: NDArray[np.uint64] = np.minimum(differences, np.negative(differences)).sum(
        axis=1, dtype=np.uint64
    )
    return weights


ENCODER = Encoder(
    Format(
        name="png",
        extension="png",
        media_type="image/png",
        bands=frozenset({1, 2, 3, 4}),
        depths=frozenset({8, 16}),
        quality_setting="png_quality",
        quality_range=(0, 9),
        tile_command="PTL",
        position=1,
    ),
    encode=encode,
    memory_factor=3,
    encode_rows=encode_rows,
)
