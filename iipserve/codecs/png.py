"""PNG output of 8 and 16 bits: chunks and filters written here, compressed by ISA-L (level 1) or libdeflate (2 to 9).

At level 1, with one vectorized filter and one fast compressor, a tile takes a quarter of libpng's time. libdeflate
needs all data at once, so images that arrive in strips are compressed by zlib instead.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, cast

import imagecodecs
import isal
import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from iipserve.codecs import NO_METADATA, Encoder, Metadata, Output, Shape
from iipserve.codecs.metadata import check_sides, select
from iipserve.codecs.pixels import regrouped, sample_bytes, with_bits
from iipserve.codecs.png_chunks import MAX_NUMBER, chunk, metadata_chunks
from iipserve.containers.png import SIGNATURE
from iipserve.formats import Format
from iipserve.plan import Encoding
from iipserve.processing import Pixels
from iipserve.processing.layout import color_bands

COLOR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
"""Bands -> color type of IHDR (PNG specification section 11.2.1)."""
END = chunk(b"IEND", b"")
BLOCK_BYTES = 1 << 20
"""Approximate size of the blocks of rows in which large images are filtered."""
ADAPTIVE_ROWS = 256
"""Rows whose filters are chosen together."""
MAX_STREAM_LEVEL = 6
"""Of zlib; higher levels take twice as long for 1 % less."""
NONE, SUB, UP = 0, 1, 2
"""Filter types (section 9.2)."""


def encode(pixels: Pixels, encoding: Encoding, metadata: Metadata) -> bytes:
    """Encode the pixels as a PNG file; `encoding.quality` is the compression level, 0 stores.

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
    """Write an image that arrives in strips, with the pixels of `encode`, holding one strip at a time.

    Raises:
        InvalidSize: a side is longer than the format can express.
    """
    bits, strips = with_bits(strips)
    for part in _start(shape, bits, encoding, metadata):
        output.write(part)
    for data in compressed_rows(strips, shape, encoding.quality):
        output.write(chunk(b"IDAT", data))
    output.write(END)


def _start(shape: Shape, bits: int, encoding: Encoding, metadata: Metadata) -> list[bytes]:
    """The signature and the chunks before the pixels."""
    check_sides(shape, MAX_NUMBER, "PNG")
    height, width, bands = shape
    selected = select(metadata, encoding, color_bands(bands))
    header = struct.pack(">IIBBBBB", width, height, bits, COLOR_TYPES[bands], 0, 0, 0)
    parts = [SIGNATURE, chunk(b"IHDR", header)]
    if selected is not NO_METADATA:
        parts.append(metadata_chunks(selected, texts=encoding.metadata))
    return parts


def _compressed(pixels: Pixels, level: int) -> Iterator[bytes | memoryview]:
    """The zlib stream of the filtered rows, in parts that fit into chunks."""
    height, width, bands = pixels.shape
    if level < 2 and pixels.nbytes > BLOCK_BYTES:
        yield from compressed_rows((pixels,), (height, width, bands), level)
        return
    filtered = _filtered(sample_bytes(pixels, ">"), None, _pixel_bytes(pixels), level)
    if level >= 2:
        # libdeflate is faster and smaller than zlib at every level
        # imagecodecs takes any buffer, although its annotations say bytes
        compressed = imagecodecs.deflate_encode(cast("bytes", filtered), level=min(level, 9))
        yield from _split(memoryview(compressed))
    else:
        compress = isal_zlib.compress if level == 1 else zlib.compress
        yield compress(filtered.data, max(level, 0))


def _pixel_bytes(pixels: Pixels) -> int:
    """Bytes per pixel, the distance of the filter "sub" (section 9.2)."""
    return int(pixels.shape[2] * pixels.dtype.itemsize)


def _split(data: memoryview) -> Iterator[memoryview]:
    for start in range(0, len(data), MAX_NUMBER):
        yield data[start : start + MAX_NUMBER]


def compressed_rows(strips: Iterable[Pixels], shape: Shape, level: int) -> Iterator[bytes]:
    """The zlib stream of the filtered rows of an image that arrives in strips, holding one block of rows at a time."""
    bits, strips = with_bits(strips)
    stream = _compressor(level)
    length, above = shape[1] * shape[2] * bits // 8, None
    for block in regrouped(strips, max(1, BLOCK_BYTES // length)):
        rows = sample_bytes(block, ">")
        if data := stream.compress(_filtered(rows, above, _pixel_bytes(block), level).data):
            yield data
        above = rows[-1:].copy()
    yield stream.flush()


def _compressor(level: int) -> Any:
    """A zlib compressor that takes its input in parts."""
    return isal_zlib.compressobj(1) if level == 1 else zlib.compressobj(min(max(level, 0), MAX_STREAM_LEVEL))


def _filtered(rows: Pixels, above: Pixels | None, distance: int, level: int) -> NDArray[np.uint8]:
    """Filtered rows, each preceded by its filter type: none at level 0, sub at 1, otherwise sub or up.

    Args:
        rows: the samples as bytes, shape (height, bytes per row).
        above: the row before them; None at the top of the image, whose first row is not filtered by "up".
        distance: bytes per pixel.
        level: compression level.
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
    """Replace "sub" by "up" in the rows in which its differences are smaller (section 12.7).

    Args:
        result: filtered rows.
        rows: the same rows unfiltered, preceded by the row above.
    """
    up = np.subtract(rows[1:], rows[:-1])
    better = _weight(up) < _weight(result[:, 1:])
    result[better, 0] = UP
    result[better, 1:] = up[better]


def _weight(differences: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Sum of the absolute differences of each row."""
    return np.minimum(differences, np.negative(differences)).sum(axis=1, dtype=np.uint64)


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
    library=lambda: f"isal {isal.__version__}, {imagecodecs.deflate_version()}",
)
