"""Puts JPEG 2000 files together box by box (ISO/IEC 15444-1 Annex I): what no library writes.

Only the codestream comes from an encoder: OpenJPEG, through imagecodecs, or through glymur where there are tiles.
"""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from iipserve.sources.jpeg2000.openjpeg_library import glymur

Samples = NDArray[Any]

SIGNATURE = b"\0\0\0\x0cjP  \r\n\x87\n"
CMYK, CIELAB, SRGB, GRAY, SYCC, ROMM_RGB, ESYCC = 12, 14, 16, 17, 18, 21, 24
"""Enumerated color spaces."""
COLOR, OPACITY, PREMULTIPLIED, UNSPECIFIED = 0, 1, 2, 65535
"""Kinds of a channel."""


def box(kind: bytes, content: bytes) -> bytes:
    """A box with a length of 4 bytes."""
    return struct.pack(">I4s", 8 + len(content), kind) + content


def codestream(pixels: Samples, bits: int, **options: Any) -> bytes:
    """A lossless codestream of samples of any depth; `options` of `imagecodecs.jpeg2k_encode`."""
    options = {"codecformat": "j2k", "reversible": True, "mct": False, "bitspersample": bits, **options}
    return bytes(imagecodecs.jpeg2k_encode(pixels if pixels.shape[2] > 1 else pixels[:, :, 0], **options))


def tiled_codestream(pixels: Samples, tile: tuple[int, int]) -> bytes:
    """A lossless codestream of 8 or 16 bits in tiles (width, height)."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.j2k"
        glymur.Jp2k(path, data=pixels if pixels.shape[2] > 1 else pixels[:, :, 0], tilesize=tile[::-1])
        return path.read_bytes()


def enumerated(number: int, parameters: Sequence[int] = ()) -> bytes:
    """Color Specification by a number."""
    return box(b"colr", struct.pack(f">BBBI{len(parameters)}I", 1, 0, 0, number, *parameters))


def profiled(icc: bytes, method: int = 2) -> bytes:
    """Color Specification by an ICC profile."""
    return box(b"colr", struct.pack(">BBB", method, 0, 0) + icc)


def channels(*lines: tuple[int, int, int]) -> bytes:
    """Channel Definition: (channel, kind, association) each."""
    return box(
        b"cdef", struct.pack(">H", len(lines)) + b"".join(struct.pack(">HHH", *line) for line in lines)
    )


def palette(table: Samples, bits: int) -> bytes:
    """Palette and Component Mapping: `table` of shape (entries, channels), all of the first component."""
    entries, columns = table.shape
    width = "B" if bits <= 8 else ">u2"
    content = (
        struct.pack(">HB", entries, columns) + bytes([bits - 1] * columns) + table.astype(width).tobytes()
    )
    lines = b"".join(struct.pack(">HBB", 0, 1, column) for column in range(columns))
    return box(b"pclr", content) + box(b"cmap", lines)


def write_boxes(path: Path | str, stream: bytes, *header: bytes) -> None:
    """Write a JP2 file of a codestream with these boxes in its header."""
    (right, bottom, left, top), (count,) = (
        struct.unpack_from(">4I", stream, 8),
        struct.unpack_from(">H", stream, 40),
    )
    depths = {stream[42 + 3 * number] for number in range(count)}
    depth = depths.pop() if len(depths) == 1 else 255
    ihdr = struct.pack(">IIHBBBB", bottom - top, right - left, count, depth, 7, 0, 0)
    bpcc = box(b"bpcc", bytes(stream[42 + 3 * number] for number in range(count))) if depth == 255 else b""
    parts = (
        SIGNATURE,
        box(b"ftyp", b"jp2 \0\0\0\0jp2 "),
        box(b"jp2h", box(b"ihdr", ihdr) + bpcc + b"".join(header)),
        box(b"jp2c", stream),
    )
    Path(path).write_bytes(b"".join(parts))


def write_picture(path: Path | str, pixels: Samples, bits: int, *header: bytes) -> None:
    """Write samples losslessly into a JP2 file with these boxes."""
    write_boxes(path, codestream(np.ascontiguousarray(pixels), bits), *header)
