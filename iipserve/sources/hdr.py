"""Radiance HDR: colors in floating point with a shared exponent (Radiance file formats, G. Ward)."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from iipserve.errors import DecodeError, UnsupportedImage
from iipserve.geometry import Size
from iipserve.image import ColorSpace
from iipserve.sources import OpenFile, Source, SourceFormat, closed_on_error
from iipserve.sources.rows import RowSource, check_single, plain_info
from iipserve.sources.spool import check_room, room

MAX_HEADER = 64 * 1024
MAX_AREA = 40_000_000
"""Pixels of an image, whose file is read into memory."""
STRIP_ROWS = 64
RESOLUTION = re.compile(rb"([-+])([XY]) (\d{1,7}) ([-+])([XY]) (\d{1,7})\n")
SIGNATURES = (b"#?RADIANCE", b"#?RGBE")


@dataclass(frozen=True, slots=True)
class Header:
    """What the header says."""

    size: Size
    stored: tuple[int, int]
    """Number of scan lines, and pixels in each."""
    by_columns: bool
    """Scan lines are columns."""
    flips: tuple[bool, bool]
    """The order of rows, and that of columns, is reversed."""
    start: int
    """Offset of the pixels."""


def _open(file: OpenFile) -> Source:
    """The image of a file.

    Raises:
        UnsupportedImage: the header is damaged, or of a kind that is not supported.
    """
    with closed_on_error(file):
        check_single(file)
        header = read_header(os.pread(file.descriptor, MAX_HEADER, 0))
        _check_coding(file, header)
        info = plain_info(file, "hdr", header.size, "float32", ColorSpace.SRGB, (), bands=3, bits=32)
    return RowSource(file, info, lambda: _strips(file, header))


def read_header(data: bytes) -> Header:
    """The header at the beginning of a file.

    Raises:
        UnsupportedImage: it is damaged, or of a kind that is not supported.
    """
    end = data.find(b"\n\n") + 2
    found = RESOLUTION.match(data, end) if end > 1 else None
    if found is None or found[2] == found[5]:
        raise UnsupportedImage("the Radiance HDR header is damaged")
    if b"FORMAT=32-bit_rle_xyze" in data[:end]:
        raise UnsupportedImage("Radiance HDR with XYZ colors is not supported; with RGB colors it is")
    signs = {found[2]: found[1], found[5]: found[4]}
    lines, length = int(found[3]), int(found[6])
    by_columns = found[2] == b"X"
    size = Size(lines, length) if by_columns else Size(length, lines)
    if size.area == 0 or size.area > MAX_AREA:
        raise UnsupportedImage(
            f"the image has {size.width} x {size.height} pixels; Radiance HDR of 1 to {MAX_AREA} is supported"
        )
    # +Y means that Y, which increases upwards, increases in the file
    flips = signs[b"Y"] == b"+", signs[b"X"] == b"-"
    return Header(size, (lines, length), by_columns, flips, found.end())


def _check_coding(file: OpenFile, header: Header) -> None:
    """Refuse the older run-length coding, which libraries without support for it read as pixels."""
    lines, length = header.stored
    is_new = os.pread(file.descriptor, 4, header.start) == _start_of_runs(length)
    if not is_new and file.version.length - header.start > 4 * lines * length:
        raise UnsupportedImage("the Radiance HDR file is longer than its pixels")
    if not is_new and file.version.length - header.start < 4 * lines * length:
        raise UnsupportedImage(
            "the Radiance HDR file is cut off, or in the older run-length coding of before 1991"
        )


def _start_of_runs(length: int) -> bytes:
    """The first bytes of a run-length coded scan line of `length` pixels."""
    return bytes((2, 2, length >> 8 & 255, length & 255))


def _strips(file: OpenFile, header: Header) -> Iterator[memoryview]:
    pixels = _pixels(file, header)
    if header.by_columns:
        pixels = pixels.transpose(1, 0, 2)
    rows, columns = (-1 if flip else 1 for flip in header.flips)
    upright = pixels[::rows, ::columns]
    for top in range(0, len(upright), STRIP_ROWS):
        yield np.ascontiguousarray(upright[top : top + STRIP_ROWS]).data.cast("B")


def _pixels(file: OpenFile, header: Header) -> NDArray[np.float32]:
    """All scan lines, outside the heap.

    Raises:
        DecodeError: they are damaged.
        ImageUnavailable: there is no room for them.
    """
    lines, length = header.stored
    maximum = lines * (4 + 8 * length)  # a byte of a run for each sample
    data = os.pread(file.descriptor, min(maximum, file.version.length - header.start), header.start)
    is_coded = data[:4] == _start_of_runs(length)
    with room(), tempfile.TemporaryFile() as temporary:
        check_room(12 * lines * length)
        temporary.truncate(12 * lines * length)
        pixels = np.memmap(temporary, np.float32, "r+", shape=(lines, length, 3))
    try:
        imagecodecs.rgbe_decode(data, header=False, rle=is_coded, out=pixels)
    except (imagecodecs.RgbeError, ValueError) as error:
        raise DecodeError("the pixels of the Radiance HDR file are damaged") from error
    return pixels


FORMAT = SourceFormat("hdr", lambda head: head.startswith(SIGNATURES), _open, optional=True)
