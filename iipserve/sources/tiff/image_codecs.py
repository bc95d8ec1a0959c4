"""TIFF tiles that are images of their own: JPEG, WebP and JPEG 2000, decoded or passed through."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import imagecodecs
import numpy as np

from iipserve.containers.ifd import Directory
from iipserve.containers.jpeg import COMMON_FRAMES, START, icc_segments
from iipserve.containers.tags import Compression, Photometric
from iipserve.containers.webp import read_size
from iipserve.errors import UnsupportedImage
from iipserve.sources.color import Samples, jfif_to_rgb
from iipserve.sources.tiff import jpeg_stream
from iipserve.sources.tiff.jpeg_stream import ADOBE_RGB, JFIF
from iipserve.sources.tiff.layout import EIGHT_BITS, Layout

TileDecoder: TypeAlias = Callable[[bytes], Samples]
"""Returns C-contiguous samples."""

COLORSPACES = {1: "GRAYSCALE", 2: "UNKNOWN", 3: "RGB", 4: "CMYK"}
"""By number of components: libjpeg's color space, with which it does not convert them."""
ROWS_BELOW = 16
"""Rows that are decoded below those wanted, as subsampled colors are interpolated with the next: a row of blocks."""
MAX_SIDE = 65535
"""Rows of a JPEG stream."""
VECTOR = 32
"""Bytes that AVX2 instructions write at once."""


class DamagedTile(ValueError):
    """The bytes are not a tile as the directory describes it."""


# -- JPEG --------------------------------------------------------------------------------------------


class JpegDecoder:
    """The decoder of JPEG tiles (TIFF Technical Note 2). Safe for many threads."""

    def __init__(self, layout: Layout, tables: bytes) -> None:
        """Prepare for the tiles of a level; `tables` is the field JPEGTables, or empty.

        Raises:
            UnsupportedImage: JPEG has no samples of this type.
        """
        samples, bits = layout.stored_bands, layout.type.bits
        if samples not in COLORSPACES or layout.type.kind != "u" or not 8 <= bits <= 16:
            raise UnsupportedImage(f"TIFF with JPEG compression of {samples} bands of {bits} bits")
        self._splicer = JpegSplicer(layout, tables, None)
        self._samples, self._type = samples, layout.type

    def __call__(self, data: bytes) -> Samples:
        """The whole tile.

        Raises:
            DamagedStream, DamagedTile: it is not as the directory describes it.
        """
        return self.top(data, MAX_SIDE)

    def top(self, data: bytes, rows: int) -> Samples:
        """At least the first `rows` rows of a tile that has as many. The rest is not decoded where that is possible.

        Raises:
            DamagedStream, DamagedTile: as all of the tile.
        """
        head, is_ycc, _ = self._splicer.read_head(data)
        if head.precision != self._type.bits:
            raise DamagedTile(f"{head.precision} bits instead of {self._type.bits}")
        height = head.height
        if head.one_scan and rows + ROWS_BELOW < height:
            height = rows + ROWS_BELOW
            data = jpeg_stream.with_height(data, head, height)
        out = _misaligned((height, head.width, self._samples), self._type.stored)
        # gray images have two dimensions in imagecodecs
        target = out[:, :, 0] if self._samples == 1 else out
        stream = jpeg_stream.without_segments(data, head.foreign, self._splicer.prefixes[is_ycc])
        kept = COLORSPACES[self._samples]
        colorspace = "YCbCr" if is_ycc else kept
        imagecodecs.jpeg8_decode(stream, colorspace=colorspace, outcolorspace=kept, out=target)
        return out


def _misaligned(shape: tuple[int, int, int], kind: np.dtype[Any]) -> Samples:
    """An array whose address is 16 bytes off a multiple of 32.

    If rows begin at such multiples, libjpeg-turbo's AVX2 code bypasses the processor's caches: a tile of 256 x 256 RGB
    takes 145 us to decode instead of 90, and the next reader has to fetch it from memory.
    """
    length = math.prod(shape) * kind.itemsize
    room = np.empty(length + VECTOR, np.uint8)
    start = (VECTOR // 2 - room.__array_interface__["data"][0]) % VECTOR
    return room[start : start + length].view(kind).reshape(shape)


MARKER = 2
"""Bytes of a marker."""
SCAN_START = 5
"""Bytes of a scan header up to the number of its components (B.2.3)."""


class TileHead(NamedTuple):
    """What the head of a JPEG tile says, as the directory completes it."""

    head: jpeg_stream.Head
    is_ycc: bool
    """The three components are YCbCr: as the tile proves itself, or else by the photometric."""
    is_plain: bool
    """A whole tile that every viewer shows, once its tables precede it."""


class KnownHead(NamedTuple):
    """What was parsed of a tile, for those whose heads differ in their Huffman tables alone: GDAL writes optimal ones for
    each tile of a COG."""

    beginning: bytes
    """The stream up to the tables that follow the frame header."""
    scan: bytes
    """The first bytes of the scan header, as far as `found` depends on them."""
    found: TileHead


class JpegSplicer:
    """Makes complete JPEG files of the tiles of a level. Safe for many threads."""

    def __init__(self, layout: Layout, tables: bytes, icc: bytes | None) -> None:
        """Prepare the bytes that files of all tiles begin with."""
        segments, profile = jpeg_stream.table_segments(tables), icc_segments(icc or b"")
        photometric, bands = layout.bands.photometric, layout.stored_bands
        marks = JFIF if bands < 3 else ADOBE_RGB, JFIF

        def prefixes(profile: bytes) -> tuple[bytes, bytes]:
            other, ycc = (START + mark + profile + segments for mark in marks)
            return other, ycc

        self._layout = layout
        self._declared_ycc = bands == 3 and photometric == Photometric.YCBCR
        self._is_certain = bands != 3 or photometric not in (Photometric.RGB, Photometric.YCBCR)
        """Tiles cannot prove another color space."""
        self.prefixes = prefixes(b"")
        """Start marker, color marker and tables, of other colors and of YCbCr."""
        self._profiled_prefixes = None if profile is None else prefixes(profile)
        """The same with the ICC profile; None if that cannot be embedded."""
        self._has_tables = b"\xff\xdb" in segments
        self._known: KnownHead | None = None
        """Of the tile before."""

    def read_head(self, data: bytes) -> TileHead:
        """The head of a tile, at little cost if only its Huffman tables differ from those of the tile before.

        Raises:
            DamagedStream, DamagedTile: it is not a JPEG stream, or not of the tile's size and bands.
        """
        known = self._known
        if known is not None and data.startswith(known.beginning):
            scan = jpeg_stream.after_huffman_tables(data, len(known.beginning))
            if data.startswith(known.scan, scan):
                found, head = known.found, known.found.head
                if scan + MARKER != head.length:
                    found = found._replace(head=head._replace(length=scan + MARKER))
                jpeg_stream.check_end(data, scan + MARKER)
                return found
        found = self._read_head(data)
        self._known = _known_head(data, found)
        return found

    def splice(self, data: bytes, *, profile: bool) -> bytes | None:
        """The tile as a JPEG file that any viewer shows in the right colors, or None if that cannot be made.

        Raises:
            DamagedStream, DamagedTile: as `read_head`.
        """
        head, is_ycc, is_plain = self.read_head(data)
        prefixes = self._profiled_prefixes if profile else self.prefixes
        if prefixes is None or not is_plain:
            return None
        return jpeg_stream.without_segments(data, head.foreign, prefixes[is_ycc])

    def _read_head(self, data: bytes) -> TileHead:
        head, layout = jpeg_stream.read_head(data), self._layout
        _check_size(layout, head.width, head.height, head.components)
        is_ycc = self._declared_ycc if self._is_certain or head.is_ycc is None else head.is_ycc
        whole = (head.width, head.height) == layout.tile
        plain = head.frame in COMMON_FRAMES and head.precision == 8 and (head.has_tables or self._has_tables)
        return TileHead(head, is_ycc, whole and plain)


def _known_head(data: bytes, found: TileHead) -> KnownHead:
    """What of a tile others have to begin with, and what has to follow their tables."""
    scan = found.head.length - MARKER
    frame = found.head.frame_start
    stop = frame + MARKER + int.from_bytes(data[frame + 2 : frame + 4], "big")
    beginning = stop if jpeg_stream.after_huffman_tables(data, stop) == scan else scan
    return KnownHead(data[:beginning], data[scan : scan + SCAN_START], found)


# -- WebP ----------------------------------------------------------------------------------------------


def webp(layout: Layout, directory: Directory) -> TileDecoder:
    """The decoder of WebP tiles.

    Raises:
        UnsupportedImage: WebP has no samples of this type.
    """
    if layout.stored_bands not in (3, 4) or layout.type != EIGHT_BITS:
        raise UnsupportedImage("TIFF with WebP compression of other samples than RGB in 8 bits")
    shape = layout.shape

    def decode(data: bytes) -> Samples:
        # checks the size before it decodes
        out: Samples = np.empty(shape, np.uint8)
        imagecodecs.webp_decode(data, hasalpha=shape[2] == 4, out=out)
        return out

    return decode


def checked_webp(layout: Layout, data: bytes) -> bytes:
    """The stored tile, which is a complete WebP file.

    Raises:
        DamagedTile: it is not, or not of the tile's size.
    """
    if read_size(data) != (layout.tile.width, layout.tile.height):
        raise DamagedTile(f"not a WebP file of {layout.tile.width} x {layout.tile.height} pixels")
    return data


# -- JPEG 2000 -----------------------------------------------------------------------------------------

CODESTREAM = b"\xff\x4f\xff\x51"
"""Start of a JPEG 2000 codestream and its SIZ segment (ITU-T T.800 annex A)."""
CODING_STYLE = b"\xff\x52"


def jpeg2000(layout: Layout, directory: Directory) -> TileDecoder:
    """The decoder of JPEG 2000 tiles.

    Raises:
        UnsupportedImage: samples of this type are not supported.
    """
    if layout.type.kind == "f" or not 8 <= layout.type.bits <= 16:
        raise UnsupportedImage(f"TIFF with JPEG 2000 compression of samples of {layout.type.bits} bits")
    kind, to_rgb = layout.type.stored, jfif_to_rgb(layout.type.bits)
    aperio = layout.compression == Compression.APERIO_YCBCR and layout.stored_bands == 3

    def decode(data: bytes) -> Samples:
        start = data.find(CODESTREAM)
        width, height, components = _codestream_size(data, start)
        _check_size(layout, width, height, components)
        pixels: Samples = imagecodecs.jpeg2k_decode(data)
        if pixels.dtype != kind:
            raise DamagedTile("samples of another depth")
        pixels = pixels.reshape(height, width, components)
        if layout.ycc_components or (aperio and not _transforms(data, start)):
            return to_rgb(pixels)
        return pixels

    return decode


def _codestream_size(data: bytes, start: int) -> tuple[int, int, int]:
    """Width, height and number of components in the header of a codestream."""
    if start < 0 or len(data) < start + 42:
        raise DamagedTile("not a JPEG 2000 codestream")
    right, bottom, left, top = struct.unpack_from(">4I", data, start + 8)
    (components,) = struct.unpack_from(">H", data, start + 40)
    return right - left, bottom - top, components


def _transforms(data: bytes, start: int) -> bool:
    """Whether the codestream has a multiple component transform, so that its components are RGB."""
    offset = data.find(CODING_STYLE, start)
    return 0 <= offset < len(data) - 8 and data[offset + 8] == 1


# -- shared ------------------------------------------------------------------------------------------


def _check_size(layout: Layout, width: int, height: int, components: int) -> None:
    """Check that a stream has the tile's bands, and is not larger; some writers clip tiles at the edges."""
    if not (0 < width <= layout.tile.width and 0 < height <= layout.tile.height):
        raise DamagedTile(
            f"{width} x {height} pixels in a tile of {layout.tile.width} x {layout.tile.height}"
        )
    if components != layout.stored_bands:
        raise DamagedTile(f"{components} bands instead of {layout.stored_bands}")
