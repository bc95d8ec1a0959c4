"""PFM: floating point samples from bottom to top (netpbm manual, page pfm)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import numpy as np

from iipserve.errors import UnsupportedImage
from iipserve.geometry import Size
from iipserve.image import ColorSpace
from iipserve.sources import OpenFile, Source, SourceFormat, closed_on_error
from iipserve.sources.rows import RowSource, check_single, plain_info, raster_rows

MAX_HEADER = 4096
HEADER = re.compile(rb"P([Ff])\s+(\d{1,10})\s+(\d{1,10})\s+([-+.\deE]{1,30})\s")
"""Kind, width, height, and the scale, whose sign says the byte order."""


def _matches(head: bytes) -> bool:
    return re.match(rb"P[Ff]\s", head) is not None


def _open(file: OpenFile) -> Source:
    """The image of a file.

    Raises:
        UnsupportedImage: the header is damaged.
    """
    with closed_on_error(file):
        check_single(file)
        header = HEADER.match(os.pread(file.descriptor, MAX_HEADER, 0))
        if header is None:
            raise UnsupportedImage("the file has no complete PFM header: width, height and scale")
        size, is_color = Size(int(header[2]), int(header[3])), header[1] == b"F"
        space = ColorSpace.SRGB if is_color else ColorSpace.GRAY
        info = plain_info(file, "pfm", size, "float32", space, (), bands=space.bands, bits=32)
        dtype = "<f4" if header[4].startswith(b"-") else ">f4"
        start = header.end()

    def strips() -> Iterator[memoryview]:
        for data in raster_rows(file, start, size.width * space.bands * 4, size.height, upwards=True):
            yield np.frombuffer(data, dtype).astype(np.float32).data.cast("B")

    return RowSource(file, info, strips)


FORMAT = SourceFormat("pfm", _matches, _open, optional=True)
