"""JPEG 2000 output by OpenJPEG, in a JP2 file (ISO/IEC 15444-1 annex I) with opacity and metadata."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable

import imagecodecs

from iipserve.codecs import Encoder, Metadata, Output, Shape
from iipserve.codecs.jp2_codestream import MAX_SIDE, codestream
from iipserve.codecs.metadata import check_sides, select
from iipserve.containers.boxes import pack
from iipserve.formats import Format
from iipserve.geometry import Size
from iipserve.image import PhysicalResolution
from iipserve.plan import Encoding
from iipserve.processing import Pixels
from iipserve.processing.layout import color_bands, has_alpha

if not imagecodecs.JPEG2K.available:
    raise ModuleNotFoundError("imagecodecs was built without OpenJPEG", name="imagecodecs._jpeg2k")

START = b"\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x14ftypjp2 \0\0\0\0jp2 "
"""Signature and file type box."""
ENUMERATED = {1: 17, 3: 16}
"""EnumCS of gray and of sRGB, by number of color bands (table I.10)."""
XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
"""XMP specification part 3, section 1.1.4."""
EXIF_UUID = b"JpgTiffExif->JP2"
"""As Adobe and ExifTool write it."""


def encode(pixels: Pixels, encoding: Encoding, metadata: Metadata) -> bytes:
    """Encode the pixels as a JP2 file; `encoding.quality` -1 and 100 are lossless, others give a `signal_to_noise`.

    Raises:
        InvalidSize: a side is longer than the format can express.
    """
    height, width, bands = pixels.shape
    output = io.BytesIO()
    encode_rows((pixels,), (height, width, bands), encoding, metadata, output)
    return output.getvalue()


def encode_rows(
    strips: Iterable[Pixels], shape: Shape, encoding: Encoding, metadata: Metadata, output: Output
) -> None:
    """Write a file like that of `encode`, one row of tiles at a time.

    Raises:
        InvalidSize: a side is longer than the format can express.
    """
    check_sides(shape, MAX_SIDE, "JPEG 2000")
    height, width, bands = shape
    selected = select(metadata, encoding, color_bands(bands))
    # a box without a length reaches to the end of the file
    output.write(START + _header(width, height, bands, selected) + _metadata(selected) + b"\0\0\0\0jp2c")
    for piece in codestream(strips, Size(width, height), encoding.quality, mixes=bands >= 3):
        output.write(piece)


def _header(width: int, height: int, bands: int, metadata: Metadata) -> bytes:
    """The JP2 header box (section I.5.3)."""
    colors = color_bands(bands)
    parts = [pack(b"ihdr", struct.pack(">IIHBBBB", height, width, bands, 7, 7, 0, 0))]
    if metadata.icc:
        parts.append(pack(b"colr", b"\x02\0\0" + metadata.icc))
    else:
        parts.append(pack(b"colr", b"\x01\0\0" + struct.pack(">I", ENUMERATED[colors])))
    if has_alpha(bands):
        # the colors in order, then opacity of the whole image (section I.5.3.6)
        channels = [(band, 0, band + 1) for band in range(colors)] + [(colors, 1, 0)]
        parts.append(
            pack(b"cdef", struct.pack(">H", bands) + b"".join(struct.pack(">3H", *each) for each in channels))
        )
    if metadata.resolution:
        parts.append(pack(b"res ", pack(b"resc", _resolution(metadata.resolution))))
    return pack(b"jp2h", b"".join(parts))


def _resolution(resolution: PhysicalResolution) -> bytes:
    """Pixels per metre down and across, as fractions of 16 bits with powers of ten (section I.5.3.7.1)."""
    fractions, exponents = b"", b""
    for value in (resolution.y, resolution.x):
        exponent = 0
        while value > 65535:
            value, exponent = value / 10, exponent + 1
        while value < 6553 and exponent > -100:
            value, exponent = value * 10, exponent - 1
        fractions += struct.pack(">HH", round(value), 1)
        exponents += struct.pack(">b", exponent)
    return fractions + exponents


def _metadata(metadata: Metadata) -> bytes:
    """XMP and Exif in UUID boxes (section I.7.2)."""
    contents = ((XMP_UUID, metadata.xmp), (EXIF_UUID, metadata.exif))
    return b"".join(pack(b"uuid", uuid + content) for uuid, content in contents if content)


ENCODER = Encoder(
    Format(
        name="jp2",
        extension="jp2",
        media_type="image/jp2",
        bands=frozenset({1, 2, 3, 4}),
        quality_range=(-1, 100),
        max_side=MAX_SIDE,
        position=21,
    ),
    encode=encode,
    memory_factor=3,
    encode_rows=encode_rows,
    library=imagecodecs.jpeg2k_version,
)
