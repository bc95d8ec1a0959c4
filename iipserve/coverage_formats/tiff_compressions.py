"""Compressions and predictors of GeoTIFF, for samples of any type (TIFF 6.0, 9, 13 and 14; Adobe Technical Note 3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias, cast

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from iipserve.codecs.tiff_compressions import COMPRESSIONS as PICTURES
from iipserve.containers.tags import Compression
from iipserve.coverage_formats import huffman

Block: TypeAlias = NDArray[Any]
"""Samples of a strip or tile, of shape (rows, width, bands), in one piece of memory."""

NO_PREDICTOR, HORIZONTAL, FLOATING_POINT = 1, 2, 3
PREDICTORS = {
    "": NO_PREDICTOR,
    "none": NO_PREDICTOR,
    "horizontal": HORIZONTAL,
    "floatingpoint": FLOATING_POINT,
}
"""Word of a request -> value of the field Predictor."""
DEFAULT_JPEG_QUALITY = 75
MCU_ROWS = 16
"""Of the units of a JPEG stream with half the chroma (TIFF Technical Note 2)."""


class Scheme(NamedTuple):
    """A compression of strips and tiles."""

    number: Compression
    """Value of the field Compression."""
    compress: Callable[[Block, int], bytes | memoryview]
    """(samples, JPEG quality) -> compressed."""
    predicts: bool = False
    """A predictor may precede it."""
    rows_unit: int = 1
    """Strips have a multiple of so many rows."""


def _of_pictures(name: str, quality: int) -> Callable[[Block, int], bytes | memoryview]:
    """A compression of bytes that pictures are compressed with too, at one level."""
    compress = PICTURES[name].compress
    return lambda block, _: compress(block.view(np.uint8), quality)


def _packed(block: Block, quality: int) -> bytes:
    """Each row by itself, as PackBits demands (TIFF 6.0, 9)."""
    rows = block.view(np.uint8).reshape(block.shape[0], -1)
    return b"".join(bytes(imagecodecs.packbits_encode(cast("bytes", row))) for row in rows)


def _jpeg(block: Block, quality: int) -> bytes | memoryview:
    return PICTURES["jpeg"].compress(block, quality or DEFAULT_JPEG_QUALITY)


SCHEMES: Mapping[str, Scheme] = {
    "none": Scheme(Compression.NONE, _of_pictures("none", 0)),
    "huffman": Scheme(Compression.CCITT_RLE, lambda block, _: huffman.compressed(block)),
    "packbits": Scheme(Compression.PACKBITS, _packed),
    "lzw": Scheme(Compression.LZW, _of_pictures("lzw", 0), predicts=True),
    "jpeg": Scheme(Compression.JPEG, _jpeg, rows_unit=MCU_ROWS),
    "deflate": Scheme(Compression.ADOBE_DEFLATE, _of_pictures("deflate", 1), predicts=True),
    "zstd": Scheme(Compression.ZSTD, _of_pictures("zstd", 1), predicts=True),
}
"""By the words of requests."""


def predicted(block: Block, predictor: int) -> Block:
    """Samples before they are compressed."""
    if predictor == HORIZONTAL:
        return _differences(block.view(f"u{block.dtype.itemsize}"))
    if predictor == FLOATING_POINT:
        return _byte_differences(block)
    return block


def _differences(block: Block) -> Block:
    """Each sample except those of the first column minus that to its left, modulo its range (TIFF 6.0, 14)."""
    result = np.empty_like(block)
    result[:, 0] = block[:, 0]
    np.subtract(block[:, 1:], block[:, :-1], out=result[:, 1:])
    return result


def _byte_differences(block: Block) -> Block:
    """Of each row first the highest bytes of all samples, then the next; each minus that of the pixel before."""
    rows, width, bands = block.shape
    itemsize = block.dtype.itemsize
    samples = block.astype(block.dtype.newbyteorder(">"), copy=False).view(np.uint8)
    planes = samples.reshape(rows, width * bands, itemsize).swapaxes(1, 2).reshape(rows, -1)
    result = planes.copy()
    np.subtract(planes[:, bands:], planes[:, :-bands], out=result[:, bands:])
    return result
