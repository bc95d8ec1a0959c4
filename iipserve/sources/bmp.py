"""BMP of Windows and OS/2 (Microsoft, "Bitmap Storage" and BITMAPV5HEADER)."""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import BmpImagePlugin

from iipserve.errors import DecodeError, UnsupportedImage
from iipserve.geometry import Size
from iipserve.image import ColorSpace, PhysicalResolution
from iipserve.sources import OpenFile, Source, SourceFormat, closed_on_error
from iipserve.sources.color import Samples
from iipserve.sources.rows import RowSource, check_single, plain_info, raster_rows

HEAD = 14 + 124 + 1024
"""Bytes of the longest headers and color table."""
CORE_HEADER, INFO_HEADER = 12, 40
RGB, RLE8, RLE4, BITFIELDS, ALPHA_BITFIELDS = 0, 1, 2, 3, 6
DEFAULT_MASKS = {16: (0x7C00, 0x03E0, 0x001F, 0), 32: (0xFF0000, 0xFF00, 0xFF, 0)}
"""Masks of red, green, blue and opacity by bits per pixel, where the file has none."""
MAX_RLE_AREA = 100_000_000
"""Pixels of a run-length coded image, which is unpacked in memory."""
MAX_RLE_BYTES = 200_000_000
RLE_ROWS = 1024


@dataclass(frozen=True, slots=True)
class Header:
    """What the headers say."""

    size: Size
    upwards: bool
    """The bottom row comes first."""
    bits: int
    """Per pixel."""
    compression: int
    start: int
    """Offset of the pixels in the file."""
    palette: NDArray[np.uint8]
    """RGB of each index; empty for more than 8 bits."""
    masks: tuple[int, int, int, int]
    """Bits of red, green, blue and opacity."""
    resolution: PhysicalResolution | None

    @property
    def row_length(self) -> int:
        """In bytes; rows end at multiples of four."""
        return (self.size.width * self.bits + 31) // 32 * 4

    @property
    def has_alpha(self) -> bool:
        """The last band is opacity."""
        return self.masks[3] != 0


def _open(file: OpenFile) -> Source:
    """The image of a file.

    Raises:
        UnsupportedImage: the header is damaged, or of a kind that is not supported.
    """
    with closed_on_error(file):
        check_single(file)
        header = read_header(os.pread(file.descriptor, HEAD, 0))
        bands = 4 if header.has_alpha else 3
        info = plain_info(
            file, "bmp", header.size, "uint8", ColorSpace.SRGB, ((0.0, 255.0),) * bands,
            bands=bands, bits=8, has_alpha=header.has_alpha, resolution=header.resolution,
        )  # fmt: skip
    return RowSource(file, info, lambda: _strips(file, header))


def read_header(data: bytes) -> Header:
    """The headers at the beginning of a file.

    Raises:
        UnsupportedImage: they are damaged, or of a kind that is not supported.
    """
    try:
        return _read_header(data)
    except (struct.error, ValueError) as error:
        raise UnsupportedImage("the BMP header is damaged") from error


def _read_header(data: bytes) -> Header:
    start, length = struct.unpack_from("<II", data, 10)
    if length == CORE_HEADER:
        width, height, _, bits = struct.unpack_from("<HhHH", data, 18)
        compression, across, down, colors, entry = RGB, 0, 0, 0, 3
    elif length >= INFO_HEADER:
        width, height, _, bits, compression = struct.unpack_from("<iiHHI", data, 18)
        across, down, colors = struct.unpack_from("<iiI", data, 38)
        entry = 4
    else:
        raise UnsupportedImage(f"the BMP header has {length} bytes; 12 and 40 or more are supported")
    _check_kind(bits, compression)
    if width <= 0 or height == 0:
        raise UnsupportedImage("the BMP image has no pixels")
    table = 14 + length
    masks = _masks(data, bits, compression, length)
    if compression in (BITFIELDS, ALPHA_BITFIELDS) and length == INFO_HEADER:
        table += 16 if compression == ALPHA_BITFIELDS else 12
    palette = np.empty((0, 3), np.uint8)
    if bits <= 8:
        count = min(colors or 1 << bits, 1 << bits, (start - table) // entry)
        stored = np.frombuffer(data, np.uint8, max(count, 0) * entry, table).reshape(-1, entry)
        palette = np.ascontiguousarray(stored[:, 2::-1])
    resolution = PhysicalResolution(float(across), float(down)) if min(across, down) > 0 else None
    size = Size(width, abs(height))
    return Header(size, height > 0, bits, compression, start, palette, masks, resolution)


def _check_kind(bits: int, compression: int) -> None:
    allowed = {
        RGB: (1, 2, 4, 8, 16, 24, 32), RLE8: (8,), RLE4: (4,), BITFIELDS: (16, 32), ALPHA_BITFIELDS: (16, 32)
    }  # fmt: skip
    if bits not in allowed.get(compression, ()):
        raise UnsupportedImage(
            f"BMP of {bits} bits per pixel with compression {compression} is not supported; "
            "uncompressed ones, run-length coding and bit fields are"
        )


def _masks(data: bytes, bits: int, compression: int, length: int) -> tuple[int, int, int, int]:
    if compression not in (BITFIELDS, ALPHA_BITFIELDS):
        return DEFAULT_MASKS.get(bits, (0, 0, 0, 0))
    has_alpha = length >= INFO_HEADER + 16 or compression == ALPHA_BITFIELDS
    red, green, blue, alpha = struct.unpack_from("<4I", data, 14 + INFO_HEADER)
    return red, green, blue, alpha if has_alpha else 0


# -- pixels ----------------------------------------------------------------------------------------


def _strips(file: OpenFile, header: Header) -> Iterator[memoryview]:
    if header.compression in (RLE8, RLE4):
        for top in _unpacked(file, header):
            yield _colors(top, header).data.cast("B")
        return
    pixels = _pixels_of(header)
    rows = raster_rows(file, header.start, header.row_length, header.size.height, upwards=header.upwards)
    for data in rows:
        stored = np.frombuffer(data, np.uint8).reshape(-1, header.row_length)
        yield np.ascontiguousarray(pixels(stored)).data.cast("B")


def _pixels_of(header: Header) -> Callable[[Samples], Samples]:
    """What makes pixels of rows as stored."""
    if header.bits <= 8:
        return lambda stored: _colors(_indices(stored, header), header)
    if header.bits == 24:
        return lambda stored: stored[:, : 3 * header.size.width].reshape(len(stored), -1, 3)[:, :, ::-1]
    return lambda stored: _fields(stored, header)


def _indices(stored: Samples, header: Header) -> Samples:
    if header.bits == 8:
        return stored[:, : header.size.width]
    count = 8 // header.bits
    shifts = np.arange(8 - header.bits, -1, -header.bits, dtype=np.uint8)
    parts = stored[:, :, np.newaxis] >> shifts & ((1 << header.bits) - 1)
    return parts.reshape(len(stored), stored.shape[1] * count)[:, : header.size.width]


def _colors(indices: Samples, header: Header) -> Samples:
    if indices.max() >= len(header.palette):
        raise DecodeError(f"a pixel has color {indices.max()} of a table of {len(header.palette)}")
    return header.palette[indices]


def _fields(stored: Samples, header: Header) -> Samples:
    """Bands that are bits of a number of 16 or 32 bits."""
    numbers = stored.view(f"<u{header.bits // 8}")[:, : header.size.width].astype(np.uint32)
    masks = header.masks if header.has_alpha else header.masks[:3]
    return np.stack([_band(numbers, mask) for mask in masks], axis=2)


def _band(numbers: Samples, mask: int) -> Samples:
    if mask == 0:
        return np.zeros(numbers.shape, np.uint8)
    shift = (mask & -mask).bit_length() - 1
    maximum = mask >> shift
    values = (numbers & np.uint32(mask)) >> np.uint32(shift)
    return ((values.astype(np.uint64) * 255 + maximum // 2) // maximum).astype(np.uint8)


def _unpacked(file: OpenFile, header: Header) -> Iterator[Samples]:
    """Indices of a run-length coded image, some rows at a time, by Pillow.

    Raises:
        DecodeError: it is damaged, or too large to be unpacked in memory.
    """
    if header.size.area > MAX_RLE_AREA or file.version.length > MAX_RLE_BYTES:
        raise DecodeError(f"run-length coded BMP of more than {MAX_RLE_AREA} pixels is not unpacked")
    data = os.pread(file.descriptor, file.version.length, 0)
    try:
        # the class by itself decodes without the limit that `Image.open` sets
        with BmpImagePlugin.BmpImageFile(io.BytesIO(data)) as image:
            image.load()
            indices = np.asarray(image).astype(np.uint8, copy=False)
    except (OSError, ValueError, SyntaxError, EOFError, struct.error) as error:
        raise DecodeError(f"the run-length coding is damaged ({type(error).__name__})") from error
    for top in range(0, header.size.height, RLE_ROWS):
        yield indices[top : top + RLE_ROWS]


FORMAT = SourceFormat(
    "bmp", lambda head: head.startswith(b"BM") and head[15:18] == b"\0\0\0", _open, optional=True
)
