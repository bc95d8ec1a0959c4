"""Modified Huffman run lengths of images of 1 bit (TIFF 6.0, 10), compressed by GDAL: no codec in Python writes them."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from iipserve.containers import tags
from iipserve.containers.ifd import Reader, read_chain
from iipserve.coverage_formats.gdal import anywhere, memory_file


def compressed(block: NDArray[Any]) -> bytes:
    """A strip or tile compressed.

    Args:
        block: samples 0 and 1, of shape (rows, width, 1).
    """
    rows, width, _ = block.shape
    with memory_file() as file:
        profile = {"width": width, "height": rows, "count": 1, "dtype": "uint8", "blockysize": rows}
        with file.open(
            driver="GTiff", nbits=1, compress="CCITTRLE", transform=anywhere(), **profile
        ) as dataset:
            dataset.write(block[:, :, 0], 1)
        body = bytes(file.getbuffer())
    directory = next(read_chain(Reader.of_block(body)))
    start = directory.integer(tags.STRIP_OFFSETS, 0)
    return body[start : start + directory.integer(tags.STRIP_BYTE_COUNTS, 0)]
