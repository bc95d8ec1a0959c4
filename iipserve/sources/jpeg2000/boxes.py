"""The boxes of a JP2 or JPX file: where the codestream is, color, palette and metadata.

All reads are bounded (ISO/IEC 15444-1 Annex I, 15444-2 Annex M).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import NamedTuple

from iipserve.containers import exif
from iipserve.containers.boxes import Box, Read, walk
from iipserve.errors import DecodeError, UnsupportedImage
from iipserve.geometry import ceil_div
from iipserve.image import PhysicalResolution

SIGNATURE = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
SUPERBOXES = frozenset((b"jp2h", b"jplh", b"cgrp", b"res "))
MAX_PAYLOAD = 16 << 20
"""Bytes of an ICC profile, XMP packet or Exif block; larger ones are ignored."""

MAX_COLORS = 16
"""Color Specification boxes that are kept; files have one to three."""
MAX_LINES = 16384
"""Of channel definitions and component mappings; a codestream has no more components (15444-1 A.5.1)."""
MAX_ENTRIES = 1024
"""Of a palette (15444-1 I.5.3.4)."""
CIELAB = 14
"""Enumerated color space whose box also holds ranges (15444-2 M.11.7.4.1)."""

XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
EXIF_UUID = b"JpgTiffExif->JP2"
ADOBE_EXIF_UUID = bytes.fromhex("0537cdab9d0c4431a72afa561f2a113e")
"""Of the Exif block that Adobe's JPEG 2000 plug-in writes (ExifTool, Jpeg2000.pm)."""

COLOR, OPACITY, PREMULTIPLIED_OPACITY = 0, 1, 2
"""Kinds of a channel in the Channel Definition box (15444-1 I.5.3.6)."""


class Channel(NamedTuple):
    """One line of the Channel Definition box."""

    component: int
    kind: int
    association: int
    """The color it represents, from 1 on; 0 for the whole image."""


class PaletteColumn(NamedTuple):
    """One column of the Palette box: the samples of one channel (15444-1 I.5.3.4)."""

    bits: int
    signed: bool
    values: tuple[int, ...]
    """By index."""


class MappedChannel(NamedTuple):
    """One line of the Component Mapping box (15444-1 I.5.3.5)."""

    component: int
    column: int | None
    """Of the palette; None if the component's samples are used directly."""


class LabRange(NamedTuple):
    """How one of L*, a* and b* is coded: samples are `value / extent * (2^bits - 1) + offset` (15444-2 M.11.7.4.1)."""

    extent: int
    offset: int


class ColorSpecification(NamedTuple):
    """One Color Specification box: an enumerated color space or a profile (15444-1 I.5.3.3, 15444-2 M.11.7.3)."""

    number: int | None = None
    """Enumerated color space; None for a profile."""
    icc: bytes | None = None
    lab: tuple[LabRange, ...] = ()
    """Of an enumerated CIELab space; empty where the standard's own are meant."""


@dataclass(slots=True)
class Boxes:
    """The contents of the boxes that are used."""

    codestream: tuple[int, int] = (0, 0)
    """Start and end of the first codestream in the file; (0, 0) if it has none."""
    colors: list[ColorSpecification] = field(default_factory=list)
    """In file order."""
    channels: list[Channel] = field(default_factory=list)
    """Lines of the Channel Definition box."""
    palette: tuple[PaletteColumn, ...] = ()
    mapping: tuple[MappedChannel, ...] = ()
    resolution: PhysicalResolution | None = None
    xmp: bytes | None = None
    exif: bytes | None = None


def read_boxes(read: Read, length: int) -> Boxes:
    """Read the boxes of a JP2 or JPX file of `length` bytes.

    Raises:
        UnsupportedImage: the file does not hold a contiguous codestream.
        DecodeError: the file ends before its codestream, or its palette is damaged.
    """
    boxes = Boxes()
    for box in walk(read, 0, length, SUPERBOXES):
        if box.kind == b"jp2c" and boxes.codestream == (0, 0):
            boxes.codestream = (box.start, box.end)
        elif box.kind in READERS:
            READERS[box.kind](boxes, _content(read, box))
    if boxes.codestream == (0, 0):
        raise UnsupportedImage("this JPEG 2000 file holds no codestream in one piece; JP2 files do")
    if boxes.codestream[0] >= boxes.codestream[1]:
        raise DecodeError("the file ends before its codestream")
    return boxes


def _content(read: Read, box: Box) -> bytes:
    """The bytes of a box; empty if it is implausibly large."""
    if box.end - box.start > MAX_PAYLOAD:
        return b""
    return read(box.end - box.start, box.start)


def _read_color(boxes: Boxes, content: bytes) -> None:
    """Color Specification: a number by method 1, an ICC profile by 2 and 3 (I.5.3.3, 15444-2 M.11.7.3)."""
    if len(content) < 7 or len(boxes.colors) == MAX_COLORS:
        return
    if content[0] == 1:
        (number,) = struct.unpack_from(">I", content, 3)
        has_ranges = number == CIELAB and len(content) >= 7 + 24
        fields = struct.unpack_from(">6I", content, 7) if has_ranges else ()
        lab = tuple(LabRange(*pair) for pair in zip(fields[0::2], fields[1::2], strict=True))
        boxes.colors.append(ColorSpecification(number, lab=lab))
    elif content[0] in (2, 3) and len(content) > 3 + 128:
        boxes.colors.append(ColorSpecification(icc=content[3:]))


def _read_channels(boxes: Boxes, content: bytes) -> None:
    """Channel Definition: count, then (component, kind, association) each (I.5.3.6)."""
    count = max(0, min((len(content) - 2) // 6, MAX_LINES))
    boxes.channels = [Channel(*line) for line in struct.iter_unpack(">HHH", content[2 : 2 + 6 * count])]


def _read_palette(boxes: Boxes, content: bytes) -> None:
    """Palette: number of entries and of columns, depth of each column, values entry by entry (I.5.3.4).

    Raises:
        DecodeError: it is cut off, or larger than the standard allows.
    """
    if boxes.palette:
        return
    try:
        entries, columns = struct.unpack_from(">HB", content)
        depths = struct.unpack_from(f"{columns}B", content, 3)
    except struct.error as error:
        raise DecodeError("the palette is cut off") from error
    kinds = [((depth & 0x7F) + 1, bool(depth & 0x80)) for depth in depths]
    widths = [ceil_div(bits, 8) for bits, _ in kinds]
    rows = content[3 + columns :]
    if not (1 <= entries <= MAX_ENTRIES and columns and len(rows) >= entries * sum(widths)):
        raise DecodeError(f"the palette of {entries} entries and {columns} columns is damaged or cut off")
    boxes.palette = tuple(
        PaletteColumn(*kind, _column(rows, entries, sum(widths), sum(widths[:index]), *kind))
        for index, kind in enumerate(kinds)
    )


def _column(rows: bytes, entries: int, step: int, offset: int, bits: int, signed: bool) -> tuple[int, ...]:
    """The values of one column; rows are `step` bytes long, and hold the column at `offset`."""
    width = ceil_div(bits, 8)
    starts = range(offset, offset + entries * step, step)
    return tuple(int.from_bytes(rows[start : start + width], "big", signed=signed) for start in starts)


def _read_mapping(boxes: Boxes, content: bytes) -> None:
    """Component Mapping: component, whether it is mapped by the palette, and by which of its columns (I.5.3.5)."""
    whole = min(len(content) // 4, MAX_LINES) * 4
    boxes.mapping = tuple(
        MappedChannel(component, column if kind == 1 else None)
        for component, kind, column in struct.iter_unpack(">HBB", content[:whole])
    )


def _read_resolution(boxes: Boxes, content: bytes) -> None:
    """Capture or Default Display Resolution in pixels per metre, vertical first (I.5.3.7)."""
    if len(content) < 10 or boxes.resolution is not None:
        return
    up, down, up_x, down_x, power, power_x = struct.unpack_from(">HHHHbb", content)
    if up and down and up_x and down_x:
        boxes.resolution = PhysicalResolution(up_x / down_x * 10.0**power_x, up / down * 10.0**power)


def _read_uuid(boxes: Boxes, content: bytes) -> None:
    if content.startswith(XMP_UUID):
        boxes.xmp = content[16:]
    elif content.startswith((EXIF_UUID, ADOBE_EXIF_UUID)):
        boxes.exif = content[16:].removeprefix(exif.MARK)


READERS = {
    b"colr": _read_color,
    b"cdef": _read_channels,
    b"pclr": _read_palette,
    b"cmap": _read_mapping,
    b"resc": _read_resolution,
    b"resd": _read_resolution,
    b"uuid": _read_uuid,
}
