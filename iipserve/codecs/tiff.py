"""TIFF output: one image in strips, of 8 or 16 bits (TIFF 6.0)."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from iipserve import __version__
from iipserve.codecs import Encoder, Metadata, Output, Shape
from iipserve.codecs.bands import sample_bytes, with_colors
from iipserve.codecs.ifd import (
    EXIF_POINTER,
    GPS_POINTER,
    Entry,
    Exif,
    FieldType,
    directory,
    numbers,
    rationals,
    read_exif,
    text,
)
from iipserve.codecs.metadata import check_sides, chosen
from iipserve.codecs.strips import regrouped, with_bits
from iipserve.codecs.tiff_compressions import JPEG_TAG, Compression, compression_for
from iipserve.errors import TooLarge
from iipserve.geometry import ceil_div
from iipserve.plan import Encoding
from iipserve.processing import Pixels
from iipserve.processing.layout import has_alpha

STRIP_BYTES = 1 << 19
"""Pixels of about this many bytes make one strip."""
MCU_ROWS = 16
"""Strips of JPEG hold whole rows of its 16 x 16 units (TIFF technical note 2)."""
HEADER_LENGTH = 8
MAX_LENGTH = 2**32 - 1
"""Bytes that offsets of four bytes reach."""

SHORT, LONG, BYTE, UNDEFINED = FieldType.SHORT, FieldType.LONG, FieldType.BYTE, FieldType.UNDEFINED
MIN_IS_BLACK, RGB, YCBCR = 1, 2, 6
UNASSOCIATED_ALPHA, INCH, HORIZONTAL_PREDICTOR = 2, 2, 2
TEXT_TAGS: Mapping[str, int] = MappingProxyType(
    {
        "title": 269,
        "description": 270,
        "make": 271,
        "model": 272,
        "date": 306,
        "creator": 315,
        "rights": 33432,
    }
)
"""IIP object name -> tag."""
DATE = re.compile(r"\d{4}:\d\d:\d\d \d\d:\d\d:\d\d")
"""The only form that DateTime may have (TIFF 6.0 section 8)."""


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """A file as far as it is known before its pixels: header, directories, then strips of pixels."""

    compression: Compression
    quality: int
    rows: int
    """Of each strip but the last."""
    count: int
    """Of strips."""
    colored: bool
    """Gray becomes RGB."""
    order: str
    """Byte order, as in `struct`."""
    fields: Mapping[int, Entry]
    """All but the tables of strips, by tag."""
    pointed: Mapping[int, tuple[Entry, ...]]
    """Directories that a field of this tag points to."""

    def compressed(self, strips: Iterable[Pixels]) -> Iterator[bytes | memoryview]:
        """The strips as they stand in the file, of a picture that may be cut into others."""
        for strip in regrouped(strips, self.rows):
            rows = with_colors(strip) if self.colored else strip
            if self.compression.predicts:
                rows = _differences(rows)
            if rows.dtype.itemsize > 1:
                rows = sample_bytes(rows, self.order)
            yield self.compression.compress(rows, self.quality)

    def front(self, lengths: Sequence[int]) -> bytes:
        """What stands before the strips; as long for any lengths of theirs.

        Raises:
            TooLarge: offsets of four bytes do not reach all strips.
        """
        fields = dict(self.fields)
        fields[279] = numbers(self.order, 279, LONG, *lengths)
        fields |= {
            273: numbers(self.order, 273, LONG, *lengths),
            **{tag: numbers(self.order, tag, LONG, 0) for tag in self.pointed},
        }
        end = HEADER_LENGTH + len(directory(self.order, fields.values(), HEADER_LENGTH))
        parts = []
        for tag, entries in self.pointed.items():
            fields[tag] = numbers(self.order, tag, LONG, end)
            parts.append(directory(self.order, entries, end))
            end += len(parts[-1])
        check_length(end + sum(lengths))
        fields[273] = numbers(self.order, 273, LONG, *_offsets(end, lengths))
        mark = b"II*\0" if self.order == "<" else b"MM\0*"
        first = struct.pack(self.order + "I", HEADER_LENGTH)
        return b"".join((mark, first, directory(self.order, fields.values(), HEADER_LENGTH), *parts))


def encode(pixels: Pixels, encoding: Encoding, metadata: Metadata) -> bytes:
    """The pixels as a TIFF file, compressed by `encoding.scheme` (none when empty).

    Gray becomes RGB under WebP, which knows no other.

    Raises:
        UnsupportedEncoding: `encoding.scheme` names no compression, or one that has no room for 16 bits.
        InvalidSize: a side is longer than the compression can express.
        TooLarge: the file would be longer than 4 GB.
    """
    height, width, bands = pixels.shape
    layout = lay_out((height, width, bands), pixels.dtype.itemsize * 8, encoding, metadata)
    strips = list(layout.compressed((pixels,)))
    return b"".join((layout.front([len(strip) for strip in strips]), *strips))


def encode_rows(
    strips: Iterable[Pixels], shape: Shape, encoding: Encoding, metadata: Metadata, output: Output
) -> None:
    """Write the file that `encode` makes of the picture that comes in strips, holding one at a time.

    Room is left for what stands before the strips, until their lengths are known.

    Raises:
        UnsupportedEncoding, InvalidSize, TooLarge: as `encode`.
    """
    bits, strips = with_bits(strips)
    layout = lay_out(shape, bits, encoding, metadata)
    lengths: list[int] = []
    end = len(layout.front([0] * layout.count))
    output.seek(end)
    for strip in layout.compressed(strips):
        lengths.append(len(strip))
        end += len(strip)
        check_length(end)
        output.write(strip)
    output.seek(0)
    output.write(layout.front(lengths))


def check_length(length: int) -> None:
    """Return if a file of this length can be expressed.

    Raises:
        TooLarge: it cannot.
    """
    if length > MAX_LENGTH:
        raise TooLarge("the TIFF file would be longer than 4 GB; a smaller size or another format will do")


def lay_out(shape: Shape, bits: int, encoding: Encoding, metadata: Metadata) -> Layout:
    """The file that a picture of this shape and of 8 or 16 bits per sample becomes.

    Raises:
        UnsupportedEncoding, InvalidSize: as `encode`.
    """
    scheme = encoding.scheme or "none"
    compression = compression_for(scheme, bits)
    check_sides(shape, compression.max_side, f"TIFF ({scheme})")
    height, width, bands = shape
    colored = scheme == "webp" and bands < 3
    if colored:
        bands += 2
    rows = _rows_per_strip(height, width * bands * bits // 8)
    wanted = chosen(metadata, encoding, 1 if bands < 3 else 3)
    exif = read_exif(wanted.exif) if wanted.exif else None
    order = exif.order if exif else "<"
    fields = {entry.tag: entry for entry in exif.described} if exif else {}
    fields |= _structure(order, (height, width, bands), bits, compression, rows) | _described(order, wanted)
    if encoding.metadata:
        fields[305] = text(305, f"iipserve/{__version__}")
    return Layout(
        compression,
        encoding.quality,
        rows,
        ceil_div(height, rows),
        colored,
        order,
        fields,
        _pointed(exif),
    )


def _pointed(exif: Exif | None) -> dict[int, tuple[Entry, ...]]:
    """The directories of Exif that hold something, by the tag that points to them."""
    directories = {EXIF_POINTER: exif.photo, GPS_POINTER: exif.position} if exif else {}
    return {tag: entries for tag, entries in directories.items() if entries}


def _rows_per_strip(height: int, row_bytes: int) -> int:
    """Rows of about STRIP_BYTES, in whole JPEG units."""
    rows = max(1, STRIP_BYTES // row_bytes)
    rows = ceil_div(rows, MCU_ROWS) * MCU_ROWS
    return height if height < rows else rows


def _differences(strip: Pixels) -> Pixels:
    """Each pixel but the first of a row less the one to its left, modulo 256 or 65536."""
    result = np.empty_like(strip)
    result[:, 0] = strip[:, 0]
    np.subtract(strip[:, 1:], strip[:, :-1], out=result[:, 1:])
    return result


def _structure(order: str, shape: Shape, bits: int, compression: Compression, rows: int) -> dict[int, Entry]:
    """The fields that say how to read the strips, by tag."""
    height, width, bands = shape
    as_ycbcr = bands == 3 and compression.tag == JPEG_TAG
    photometric = YCBCR if as_ycbcr else MIN_IS_BLACK if bands < 3 else RGB
    fields = [
        numbers(order, 256, LONG, width),
        numbers(order, 257, LONG, height),
        numbers(order, 258, SHORT, *(bits,) * bands),
        numbers(order, 259, SHORT, compression.tag),
        numbers(order, 262, SHORT, photometric),
        numbers(order, 277, SHORT, bands),
        numbers(order, 278, LONG, rows),
        numbers(order, 284, SHORT, 1),
    ]
    if compression.predicts:
        fields.append(numbers(order, 317, SHORT, HORIZONTAL_PREDICTOR))
    if has_alpha(bands):
        fields.append(numbers(order, 338, SHORT, UNASSOCIATED_ALPHA))
    if as_ycbcr:
        # subsampling, and full range: the default is that of video
        fields += [numbers(order, 530, SHORT, 2, 2), rationals(order, 532, 0, 255, 128, 255, 128, 255)]
    return {field.tag: field for field in fields}


def _described(order: str, metadata: Metadata) -> dict[int, Entry]:
    """The fields that hold metadata, by tag."""
    fields = [
        text(TEXT_TAGS[name], value)
        for name, value in metadata.text.items()
        if name in TEXT_TAGS and value and (name != "date" or DATE.fullmatch(value))
    ]
    if resolution := metadata.resolution:
        fields += [rationals(order, 282, resolution.x * 0.0254), rationals(order, 283, resolution.y * 0.0254)]
        fields.append(numbers(order, 296, SHORT, INCH))
    if metadata.xmp:
        fields.append(Entry(700, BYTE, len(metadata.xmp), metadata.xmp))
    if metadata.icc:
        fields.append(Entry(34675, UNDEFINED, len(metadata.icc), metadata.icc))
    return {field.tag: field for field in fields}


def _offsets(start: int, lengths: Sequence[int]) -> Iterator[int]:
    for length in lengths:
        yield start
        start += length


ENCODER = Encoder(
    name="tiff",
    extension="tif",
    media_type="image/tiff",
    bands=frozenset({1, 2, 3, 4}),
    encode=encode,
    encode_rows=encode_rows,
    depths=frozenset({8, 16}),
)
