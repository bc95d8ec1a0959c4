"""TIFF output: one image in strips, of 8 or 16 bits (TIFF 6.0)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import imagecodecs
import numpy as np

from iipserve import __version__
from iipserve.codecs import Encoder, Metadata, Output, Shape
from iipserve.codecs.metadata import check_sides, select
from iipserve.codecs.pixels import regrouped, sample_bytes, with_bits, with_colors
from iipserve.codecs.tiff_compressions import COMPRESSIONS, Compression, compression_for
from iipserve.containers import exif, tags
from iipserve.containers.field_types import FieldType
from iipserve.containers.ifd import Field
from iipserve.containers.ifd_writer import file_length, integers, pack_file, rationals, text
from iipserve.containers.tags import Photometric
from iipserve.errors import TooLarge
from iipserve.formats import Format, Scheme
from iipserve.geometry import ceil_div
from iipserve.plan import Encoding
from iipserve.processing import Pixels
from iipserve.processing.layout import color_bands, has_alpha

STRIP_BYTES = 1 << 19
"""Approximate size of the pixels of one strip."""
MCU_ROWS = 16
"""Strips hold whole rows of JPEG's units of 16 x 16 pixels (TIFF technical note 2)."""
MAX_LENGTH = 2**32 - 1
"""Maximum file length that four-byte offsets can address."""

SHORT, LONG = FieldType.SHORT, FieldType.LONG
UNASSOCIATED_ALPHA, HORIZONTAL_PREDICTOR = 2, 2
TEXT_TAGS: Mapping[str, int] = MappingProxyType(
    {
        "title": tags.DOCUMENT_NAME,
        "description": tags.IMAGE_DESCRIPTION,
        "make": tags.MAKE,
        "model": tags.MODEL,
        "date": tags.DATE_TIME,
        "creator": tags.ARTIST,
        "rights": tags.COPYRIGHT,
    }
)
"""IIP object name -> tag."""
DATE = re.compile(r"\d{4}:\d\d:\d\d \d\d:\d\d:\d\d")
"""The format of DateTime (TIFF 6.0 section 8)."""


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """The structure of a file, known before its pixels: header and directories, then strips."""

    compression: Compression
    quality: int
    rows: int
    """Of each strip except the last."""
    count: int
    """Of strips."""
    colored: bool
    """Gray is written as RGB."""
    order: str
    """Byte order, as in `struct`."""
    fields: Mapping[int, Field]
    """All fields except the tables of strips, by tag."""
    pointed: Mapping[int, tuple[Field, ...]]
    """Subdirectories, by the tag of the field that points to them."""

    def compressed(self, strips: Iterable[Pixels]) -> Iterator[bytes | memoryview]:
        """The compressed strips of an image that arrives in strips of any heights."""
        for strip in regrouped(strips, self.rows):
            rows = with_colors(strip) if self.colored else strip
            if self.compression.predicts:
                rows = _differences(rows)
            if rows.dtype.itemsize > 1:
                rows = sample_bytes(rows, self.order)
            yield self.compression.compress(rows, self.quality)

    def front(self, lengths: Sequence[int]) -> bytes:
        """Everything before the strips; its length does not depend on theirs.

        Raises:
            TooLarge: four-byte offsets cannot address all strips.
        """
        counts = integers(self.order, tags.STRIP_BYTE_COUNTS, LONG, *lengths)
        fields = (*self.fields.values(), counts)
        # the table of offsets is as long as that of counts
        start = file_length((*fields, counts), self.pointed)
        check_length(start + sum(lengths))
        offsets = integers(self.order, tags.STRIP_OFFSETS, LONG, *_offsets(start, lengths))
        return pack_file(self.order, (*fields, offsets), self.pointed)


def encode(pixels: Pixels, encoding: Encoding, metadata: Metadata) -> bytes:
    """Encode the pixels as a TIFF file, compressed by `encoding.scheme` (none if empty).

    Gray is written as RGB under WebP, which has no gray.

    Raises:
        UnsupportedEncoding: `encoding.scheme` is unknown, or does not hold 16 bits.
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
    """Write the file of `encode` for an image that arrives in strips, holding one at a time.

    Header and directories are written last, when the lengths of the strips are known.

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
    """Check that four-byte offsets can address a file of this length.

    Raises:
        TooLarge: they cannot.
    """
    if length > MAX_LENGTH:
        raise TooLarge("the TIFF file would be larger than 4 GB; use a smaller size or another format")


def lay_out(shape: Shape, bits: int, encoding: Encoding, metadata: Metadata) -> Layout:
    """The structure of the file for an image of this shape with 8 or 16 bits per sample.

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
    selected = select(metadata, encoding, color_bands(bands))
    block = exif.read(selected.exif) if selected.exif else None
    order = block.order if block else "<"
    fields = {field.tag: field for field in block.ifd0} if block else {}
    fields |= _structure(order, (height, width, bands), bits, compression, rows) | _described(order, selected)
    if encoding.metadata:
        fields[tags.SOFTWARE] = text(tags.SOFTWARE, f"iipserve/{__version__}")
    pointed = {tags.EXIF_IFD: block.exif_ifd, tags.GPS_IFD: block.gps_ifd} if block else {}
    count = ceil_div(height, rows)
    return Layout(compression, encoding.quality, rows, count, colored, order, fields, pointed)


def _rows_per_strip(height: int, row_bytes: int) -> int:
    """The rows of about STRIP_BYTES, a multiple of JPEG's units."""
    rows = max(1, STRIP_BYTES // row_bytes)
    rows = ceil_div(rows, MCU_ROWS) * MCU_ROWS
    return height if height < rows else rows


def _differences(strip: Pixels) -> Pixels:
    """Each pixel except the first of a row minus its left neighbor, modulo 256 or 65536."""
    result = np.empty_like(strip)
    result[:, 0] = strip[:, 0]
    np.subtract(strip[:, 1:], strip[:, :-1], out=result[:, 1:])
    return result


def _structure(order: str, shape: Shape, bits: int, compression: Compression, rows: int) -> dict[int, Field]:
    """The fields that describe the strips, by tag."""
    height, width, bands = shape
    as_ycbcr = bands == 3 and compression.scheme == tags.Compression.JPEG
    plain = Photometric.BLACK_IS_ZERO if bands < 3 else Photometric.RGB
    fields = [
        integers(order, tags.IMAGE_WIDTH, LONG, width),
        integers(order, tags.IMAGE_LENGTH, LONG, height),
        integers(order, tags.BITS_PER_SAMPLE, SHORT, *(bits,) * bands),
        integers(order, tags.COMPRESSION, SHORT, compression.scheme),
        integers(order, tags.PHOTOMETRIC, SHORT, Photometric.YCBCR if as_ycbcr else plain),
        integers(order, tags.SAMPLES_PER_PIXEL, SHORT, bands),
        integers(order, tags.ROWS_PER_STRIP, LONG, rows),
        integers(order, tags.PLANAR_CONFIGURATION, SHORT, 1),
    ]
    if compression.predicts:
        fields.append(integers(order, tags.PREDICTOR, SHORT, HORIZONTAL_PREDICTOR))
    if has_alpha(bands):
        fields.append(integers(order, tags.EXTRA_SAMPLES, SHORT, UNASSOCIATED_ALPHA))
    if as_ycbcr:
        fields += ycbcr_fields(order)
    return {field.tag: field for field in fields}


def ycbcr_fields(order: str) -> list[Field]:
    """The fields of JPEG in YCbCr: subsampled by two, and of full range, where the default is the range of video."""
    return [
        integers(order, tags.YCBCR_SUBSAMPLING, SHORT, 2, 2),
        rationals(order, tags.REFERENCE_BLACK_WHITE, 0, 255, 128, 255, 128, 255),
    ]


def _described(order: str, metadata: Metadata) -> dict[int, Field]:
    """The metadata fields, by tag."""
    fields = [
        text(TEXT_TAGS[name], value)
        for name, value in metadata.text.items()
        if name in TEXT_TAGS and value and (name != "date" or DATE.fullmatch(value))
    ]
    if metadata.resolution:
        across, down = metadata.resolution.per_inch
        fields += [rationals(order, tags.X_RESOLUTION, across), rationals(order, tags.Y_RESOLUTION, down)]
        fields.append(integers(order, tags.RESOLUTION_UNIT, SHORT, tags.INCH))
    if metadata.xmp:
        fields.append(Field(tags.XMP, FieldType.BYTE, metadata.xmp))
    if metadata.icc:
        fields.append(Field(tags.ICC_PROFILE, FieldType.UNDEFINED, metadata.icc))
    return {field.tag: field for field in fields}


def _offsets(start: int, lengths: Sequence[int]) -> Iterator[int]:
    for length in lengths:
        yield start
        start += length


ENCODER = Encoder(
    Format(
        name="tiff",
        extension="tif",
        media_type="image/tiff",
        bands=frozenset({1, 2, 3, 4}),
        depths=frozenset({8, 16}),
        spellings=("tiff",),
        default_quality=1,
        quality_setting="tiff_quality",
        schemes=tuple(
            Scheme(name, compression.quality_range, compression.max_bits, compression.quality_setting)
            for name, compression in COMPRESSIONS.items()
        ),
        scheme_setting="tiff_compression",
        offers_schemes=True,
        tile_command="TTL",
        export_word="tiff",
        position=4,
    ),
    encode=encode,
    encode_rows=encode_rows,
    library=lambda: f"imagecodecs {imagecodecs.__version__}",
)
