"""JPEG 2000 in a JP2 file with its place as GeoJP2 (ISO/IEC 15444-1 annex I; GeoJP2 1.0.3), without loss unless a quality is asked."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import imagecodecs

from iipserve.codecs.jp2 import ENUMERATED, START
from iipserve.codecs.jp2_codestream import LOSSLESS, MAX_SIDE, TILE, codestream
from iipserve.containers import tags
from iipserve.containers.boxes import pack
from iipserve.containers.field_types import FieldType
from iipserve.containers.ifd_writer import file_length, integers, pack_file
from iipserve.coverage_formats import CoverageFormat, Raster, Strips
from iipserve.coverage_formats.geo_keys import ORDER, place_fields, refusal_of_system

GEOTIFF = bytes.fromhex("b14bf8bd083d4b43a5ae8cd7d5a6ce03")
"""The UUID of GeoJP2."""
DEPTHS = {"uint8": 7, "uint16": 15, "int16": 0x80 | 15}
"""BPC of the image header: bits less one, and a flag of signed samples (table I.6)."""
MAX_BANDS = 64
MEMORY_FACTOR = 10
"""Times the samples of a tile that OpenJPEG takes, as integers of 32 bits."""
OPACITY, UNSPECIFIED = (1, 0), (65535, 65535)
"""Type and association of channels that are no colors (table I.16)."""


def refusal(raster: Raster) -> str | None:
    """Why a raster is not written as JPEG 2000, or None."""
    if raster.dtype.name not in DEPTHS:
        return f"JPEG 2000 is written of samples of {', '.join(DEPTHS)}, these are {raster.dtype.name}; ask for image/tiff"
    if raster.bands > MAX_BANDS:
        return f"JPEG 2000 is written with up to {MAX_BANDS} bands, not {raster.bands}; ask for some of them"
    if max(raster.size) > MAX_SIDE:
        return f"JPEG 2000 has at most {MAX_SIDE} pixels per side; ask for image/tiff"
    return refusal_of_system(raster.grid.crs)


def pieces(raster: Raster, strips: Strips) -> Iterator[bytes]:
    """The file from beginning to end, one row of tiles at a time."""
    # a box without a length reaches to the end of the file
    yield START + _header(raster) + _place(raster) + b"\0\0\0\0jp2c"
    is_mixed = raster.description.is_rgb and raster.bands >= 3
    yield from codestream(strips, raster.size, raster.encoding.quality or LOSSLESS, mixes=is_mixed)


def _header(raster: Raster) -> bytes:
    """The JP2 header box (section I.5.3)."""
    width, height = raster.size
    depth, palette = DEPTHS[raster.dtype.name], _has_palette(raster)
    colors = 3 if palette or (raster.description.is_rgb and raster.bands >= 3) else 1
    parts = [
        pack(b"ihdr", struct.pack(">IIHBBBB", height, width, raster.bands, depth, 7, 0, 0)),
        pack(b"colr", b"\x01\0\0" + struct.pack(">I", ENUMERATED[colors])),
    ]
    if palette:
        parts += _palette(raster)
    elif raster.bands > colors:
        parts.append(_channels(raster, colors))
    return pack(b"jp2h", b"".join(parts))


def _has_palette(raster: Raster) -> bool:
    return bool(raster.description.palette) and raster.bands == 1 and raster.dtype.name == "uint8"


def _palette(raster: Raster) -> list[bytes]:
    """Palette and component mapping box: red, green and blue of 8 bits by the first band (sections I.5.3.4 and 5)."""
    colors = raster.description.palette[: 256 * 3]
    mapping = b"".join(struct.pack(">HBB", 0, 1, column) for column in range(3))
    return [
        pack(b"pclr", struct.pack(">HB", len(colors) // 3, 3) + b"\7\7\7" + colors),
        pack(b"cmap", mapping),
    ]


def _channels(raster: Raster, colors: int) -> bytes:
    """The channel definition box (section I.5.3.6)."""
    opacity = raster.description.opacity
    channels = [(band, 0, band + 1) for band in range(colors)]
    channels += [
        (band, *(OPACITY if band == opacity else UNSPECIFIED)) for band in range(colors, raster.bands)
    ]
    content = b"".join(struct.pack(">3H", *channel) for channel in channels)
    return pack(b"cdef", struct.pack(">H", raster.bands) + content)


def _place(raster: Raster) -> bytes:
    """A GeoTIFF of one pixel with the place of the image; nothing in pixel space."""
    fields = [
        *(
            integers(ORDER, tag, FieldType.SHORT, value)
            for tag, value in (
                (tags.IMAGE_WIDTH, 1),
                (tags.IMAGE_LENGTH, 1),
                (tags.BITS_PER_SAMPLE, 8),
                (tags.COMPRESSION, tags.Compression.NONE),
                (tags.PHOTOMETRIC, tags.Photometric.BLACK_IS_ZERO),
                (tags.SAMPLES_PER_PIXEL, 1),
                (tags.ROWS_PER_STRIP, 1),
                (tags.STRIP_BYTE_COUNTS, 1),
            )
        ),
        *place_fields(raster.grid),
    ]
    if not raster.is_placed:
        return b""
    pixel = integers(ORDER, tags.STRIP_OFFSETS, FieldType.LONG, 0)
    pixel = integers(ORDER, tags.STRIP_OFFSETS, FieldType.LONG, file_length((*fields, pixel)))
    return pack(b"uuid", GEOTIFF + pack_file(ORDER, (*fields, pixel)) + b"\0")


COVERAGE_FORMAT = CoverageFormat(
    name="jp2",
    title="JPEG2000",
    media_type="image/jp2",
    extension="jp2",
    refusal=refusal,
    pieces=pieces,
    held=lambda raster: (raster.size.width + MEMORY_FACTOR * TILE) * TILE * raster.bands * 4,
    media_types=("image/jpeg2000", "image/x-jp2"),
    names=("jp2openjpeg", "jpeg 2000", "jp2000"),
    position=40,
    library=imagecodecs.jpeg2k_version,
)
