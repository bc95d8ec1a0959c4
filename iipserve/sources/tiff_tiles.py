"""Decoders of TIFF tiles: everything that can be decided once is decided when the level is read.

A decoder takes a tile's bytes as stored and returns its pixels, of the whole tile (or, for JPEG and
JPEG 2000, of as much of it as was stored). It raises ValueError or RuntimeError on damaged bytes, and
looks at what these say of their size before it lets a codec make room for that.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from iipserve.errors import UnsupportedImage
from iipserve.sources import jpeg_stream
from iipserve.sources.jpeg_stream import ADOBE_RGB, JFIF, PLAIN_FRAMES, START, HeadReader
from iipserve.sources.tiff_structure import Alpha, Compression, Layout, Photometric

TilePixels: TypeAlias = NDArray[np.uint8]
TileDecoder: TypeAlias = Callable[[bytes], TilePixels]

COLORSPACES = {1: "GRAYSCALE", 2: "UNKNOWN", 3: "RGB", 4: "CMYK"}
"""What libjpeg is to take the components for, so that it leaves them as they are."""

# ITU-R BT.601 in full range, as JFIF has it
YCC_TO_RGB = np.array([[1, 1, 1], [0, -0.344136, 1.772], [1.402, -0.714136, 0]], np.float32)
YCC_OFFSET = np.array([0, 128, 128], np.float32)


class DamagedTile(ValueError):
    """The bytes are not the tile that the directory speaks of."""


def make_decoder(layout: Layout, tables: bytes) -> TileDecoder:
    """The decoder of a level's tiles.

    Args:
        layout: how they are stored.
        tables: JPEGTables, or nothing.

    Raises:
        UnsupportedImage: their compression is not read here.
    """
    make = DECODERS.get(layout.compression)
    if make is None:
        known = ", ".join(Compression(number).name.lower().replace("_", " ") for number in DECODERS)
        raise UnsupportedImage(f"TIFF compression {layout.compression}; these are read: {known}")
    decode = make(layout, tables)
    return straightened(decode) if layout.alpha is Alpha.PREMULTIPLIED else decode


def straightened(decode: TileDecoder) -> TileDecoder:
    """The decoder, with colors divided by their opacity."""

    def decode_straight(data: bytes) -> TilePixels:
        pixels = decode(data)
        alpha = pixels[:, :, -1:].astype(np.uint16)
        divisor = np.maximum(alpha, 1)
        colors = (pixels[:, :, :-1] * np.uint16(255) + divisor // 2) // divisor
        return np.concatenate((np.minimum(colors, 255).astype(np.uint8), pixels[:, :, -1:]), axis=2)

    return decode_straight


# -- codecs of bytes ---------------------------------------------------------------------------------


def _stored(layout: Layout, tables: bytes) -> TileDecoder:
    shape, size = _shape(layout), layout.tile_bytes

    def decode(data: bytes) -> TilePixels:
        if len(data) < size:
            raise DamagedTile(f"{len(data)} bytes of {size}")
        return np.frombuffer(data, np.uint8, size).reshape(shape)

    return decode


def _by_libtiff(layout: Layout, tables: bytes) -> TileDecoder:
    """A decoder on libtiff, which takes the tile for a TIFF file of one strip, and undoes the predictor.

    imagecodecs' own LZW decoder with its own predictor takes half as long again, the others a tenth.
    """
    shape = _shape(layout)
    before, after = _strip_header(layout)

    def decode(data: bytes) -> TilePixels:
        strip = b"".join((before, len(data).to_bytes(4, "little"), after, data))
        pixels: TilePixels = imagecodecs.tiff_decode(strip)
        return pixels.reshape(shape)

    return decode


def _strip_header(layout: Layout) -> tuple[bytes, bytes]:
    """What stands before and after the strip's length in a TIFF file of one strip (TIFF 6.0 section 2)."""
    samples, tile = layout.samples, layout.tile
    values = {
        256: tile.width, 257: tile.height, 259: layout.compression, 262: 2 if samples > 2 else 1,
        273: 0, 277: samples, 278: tile.height, 279: 0, 317: layout.predictor,
    }  # fmt: skip
    bits_at = 8 + 2 + 12 * (len(values) + 1) + 4
    values[273] = bits_at + 8
    entries = [struct.pack("<HHII", tag, 4, 1, value) for tag, value in values.items()]
    bits = struct.pack("<4H", 8, 8, 8, 8)
    # up to two values stand in the entry itself
    in_place = bits[:4] if samples < 3 else struct.pack("<I", bits_at)
    entries.insert(2, struct.pack("<HHI", 258, 3, samples) + in_place)
    header = struct.pack("<2sHIH", b"II", 42, 8, len(entries)) + b"".join(entries) + bytes(4) + bits
    split = 8 + 2 + 12 * (len(entries) - 1) - 4
    return header[:split], header[split + 4 :]


def _packbits(layout: Layout, tables: bytes) -> TileDecoder:
    shape, size = _shape(layout), layout.tile_bytes

    def decode(data: bytes) -> TilePixels:
        # stops when the room of the exact length is full
        unpacked = imagecodecs.packbits_decode(data, out=size)
        if len(unpacked) != size:
            raise DamagedTile("fewer pixels than the tile has")
        return np.frombuffer(unpacked, np.uint8).reshape(shape)

    return decode


# -- JPEG --------------------------------------------------------------------------------------------


def _jpeg(layout: Layout, tables: bytes) -> TileDecoder:
    splicer = JpegSplicer.of(layout, tables, None)
    kept = COLORSPACES[layout.samples]
    colorspace = "YCbCr" if layout.photometric == Photometric.YCBCR else kept

    def decode(data: bytes) -> TilePixels:
        head = splicer.heads.read(data)
        _check_size(layout, head.width, head.height, head.components)
        out: TilePixels = np.empty((head.height, head.width, layout.samples), np.uint8)
        # a gray picture has two dimensions there
        target = out[:, :, 0] if layout.samples == 1 else out
        stream = splicer.prefix + jpeg_stream.without_segments(data, head.foreign)
        imagecodecs.jpeg8_decode(stream, colorspace=colorspace, outcolorspace=kept, out=target)
        return out

    return decode


@dataclass(frozen=True, slots=True)
class JpegSplicer:
    """Makes complete JPEG files of a level's tiles."""

    layout: Layout
    prefix: bytes
    """Start marker, color mark and tables."""
    profiled_prefix: bytes | None
    """The same with the ICC profile; None where that cannot be embedded."""
    has_tables: bool
    heads: HeadReader

    @classmethod
    def of(cls, layout: Layout, tables: bytes, icc: bytes | None) -> JpegSplicer:
        """Prepare the bytes that all tiles of a level begin with."""
        mark = ADOBE_RGB if layout.samples == 4 or layout.photometric == Photometric.RGB else JFIF
        segments = jpeg_stream.table_segments(tables)
        profile = jpeg_stream.icc_segments(icc or b"")
        profiled = None if profile is None else START + mark + profile + segments
        return cls(layout, START + mark + segments, profiled, b"\xff\xdb" in segments, HeadReader())

    def finish(self, data: bytes, *, profile: bool) -> bytes | None:
        """The tile as a file that any viewer shows in its true colors, or None.

        Raises:
            DamagedStream, DamagedTile: it is no JPEG stream, or not of the tile's size and bands.
        """
        prefix = self.profiled_prefix if profile else self.prefix
        head = self.heads.read(data)
        _check_size(self.layout, head.width, head.height, head.components)
        whole = (head.width, head.height) == (self.layout.tile.width, self.layout.tile.height)
        plain = head.frame in PLAIN_FRAMES and head.precision == 8
        if prefix is None or not (whole and plain and (head.has_tables or self.has_tables)):
            return None
        return prefix + jpeg_stream.without_segments(data, head.foreign)


# -- WebP and JPEG 2000 --------------------------------------------------------------------------------


def _webp(layout: Layout, tables: bytes) -> TileDecoder:
    if layout.samples < 3:
        raise UnsupportedImage("TIFF with WebP compression of gray")

    def decode(data: bytes) -> TilePixels:
        # compares the sizes before it decodes
        out: TilePixels = np.empty(_shape(layout), np.uint8)
        imagecodecs.webp_decode(data, hasalpha=layout.samples == 4, out=out)
        return out

    return decode


def webp_as_it_is(layout: Layout, data: bytes) -> bytes:
    """The tile, which is a WebP file.

    Raises:
        DamagedTile: it is none, or not of the tile's size.
    """
    size = _webp_size(data)
    if size != (layout.tile.width, layout.tile.height):
        raise DamagedTile(f"{size} pixels in a tile of {layout.tile.width} x {layout.tile.height}")
    return data


def _webp_size(data: bytes) -> tuple[int, int]:
    """Width and height in the header of a WebP file (RFC 9649 sections 2.5 to 2.7)."""
    if len(data) < 30 or data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        raise DamagedTile("no WebP file")
    match data[12:16]:
        case b"VP8 ":
            width, height = struct.unpack_from("<HH", data, 26)
            return width & 0x3FFF, height & 0x3FFF
        case b"VP8L":
            (bits,) = struct.unpack_from("<I", data, 21)
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8X":
            return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    raise DamagedTile("no WebP picture")


CODESTREAM = b"\xff\x4f\xff\x51"
"""Start of a JPEG 2000 codestream and its SIZ segment (ITU-T T.800 annex A)."""
CODING_STYLE = b"\xff\x52"


def _jpeg2000(layout: Layout, tables: bytes) -> TileDecoder:
    aperio = layout.compression == Compression.APERIO_YCBCR and layout.samples == 3

    def decode(data: bytes) -> TilePixels:
        start = data.find(CODESTREAM)
        width, height, components = _codestream_size(data, start)
        _check_size(layout, width, height, components)
        pixels: TilePixels = imagecodecs.jpeg2k_decode(data)
        if pixels.dtype != np.uint8:
            raise DamagedTile("samples of another depth")
        pixels = pixels.reshape(height, width, components)
        if layout.ycc_components or (aperio and not _transforms(data, start)):
            return _rgb_of_ycc(pixels)
        return pixels

    return decode


def _codestream_size(data: bytes, start: int) -> tuple[int, int, int]:
    """Width, height and components that a codestream says it has."""
    if start < 0 or len(data) < start + 42:
        raise DamagedTile("no JPEG 2000 codestream")
    right, bottom, left, top = struct.unpack_from(">4I", data, start + 8)
    (components,) = struct.unpack_from(">H", data, start + 40)
    return right - left, bottom - top, components


def _transforms(data: bytes, start: int) -> bool:
    """Whether the codestream transforms its first three components itself: then they are RGB."""
    at = data.find(CODING_STYLE, start)
    return 0 <= at < len(data) - 8 and data[at + 8] == 1


def _rgb_of_ycc(pixels: TilePixels) -> TilePixels:
    colors = (pixels.astype(np.float32) - YCC_OFFSET) @ YCC_TO_RGB
    np.clip(np.rint(colors, out=colors), 0, 255, out=colors)
    return colors.astype(np.uint8)


# -- shared ------------------------------------------------------------------------------------------


def _shape(layout: Layout) -> tuple[int, int, int]:
    return layout.tile.height, layout.tile.width, layout.samples


def _check_size(layout: Layout, width: int, height: int, components: int) -> None:
    """A stream may be smaller than the tile (some writers cut edge tiles), never larger or of other bands."""
    if not (0 < width <= layout.tile.width and 0 < height <= layout.tile.height):
        raise DamagedTile(
            f"{width} x {height} pixels in a tile of {layout.tile.width} x {layout.tile.height}"
        )
    if components != layout.samples:
        raise DamagedTile(f"{components} bands instead of {layout.samples}")


DECODERS: Mapping[int, Callable[[Layout, bytes], TileDecoder]] = {
    Compression.NONE: _stored,
    Compression.LZW: _by_libtiff,
    Compression.ADOBE_DEFLATE: _by_libtiff,
    Compression.DEFLATE: _by_libtiff,
    Compression.ZSTD: _by_libtiff,
    Compression.PACKBITS: _packbits,
    Compression.JPEG: _jpeg,
    Compression.WEBP: _webp,
    Compression.APERIO_YCBCR: _jpeg2000,
    Compression.JPEG2000_LOSSY: _jpeg2000,
    Compression.APERIO_RGB: _jpeg2000,
    Compression.JPEG2000: _jpeg2000,
}
"""By the number of the compression: (layout, JPEGTables) -> decoder."""
