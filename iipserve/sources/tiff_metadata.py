"""What a TIFF directory says about its picture: profile, XMP, Exif, physical resolution, texts, ranges."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from types import MappingProxyType

from iipserve.errors import DecodeError
from iipserve.image import PhysicalResolution
from iipserve.sources.tiff_directory import TYPE_LENGTHS, Directory, Entry, read_directory

X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 282, 283, 296
S_MIN_SAMPLE_VALUE, S_MAX_SAMPLE_VALUE = 340, 341
XMP, ICC_PROFILE, EXIF_IFD = 700, 34675, 34665

TEXT_TAGS = {
    "creator": 315,
    "rights": 33432,
    "date": 306,
    "description": 270,
    "title": 269,
    "pagename": 285,
    "software": 305,
    "make": 271,
    "model": 272,
}
"""By IIP object name: Artist, Copyright, DateTime, ImageDescription, DocumentName, PageName, ..."""
STO_NITS = 37439
"""Shown as `scale`."""

PIXELS_PER_METRE = {2: 1 / 0.0254, 3: 100.0}
"""By ResolutionUnit: inch, centimetre. 1 is a mere ratio."""

EXIF_LEFT_OUT = frozenset({37500, 40965})
"""MakerNote and the interoperability directory: they hold offsets, which lead nowhere in another file."""
MAX_EXIF = 64 * 1024
"""Bytes of the largest Exif value that is carried over, and of the largest block."""


def read_icc(directory: Directory) -> bytes | None:
    """The ICC profile, if there is one that calls itself so (ICC.1:2022 section 7.2)."""
    icc = directory.data(ICC_PROFILE)
    return icc if len(icc) >= 128 and icc[36:40] == b"acsp" else None


def read_xmp(directory: Directory) -> bytes | None:
    """The XMP packet as UTF-8, if it is that."""
    packet = directory.data(XMP).rstrip(b"\0")
    try:
        packet.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return packet or None


def read_resolution(directory: Directory) -> PhysicalResolution | None:
    """Pixels per metre, where the file gives a unit for them."""
    factor = PIXELS_PER_METRE.get(directory.integer(RESOLUTION_UNIT, 2))
    across, down = directory.reals(X_RESOLUTION)[:1], directory.reals(Y_RESOLUTION)[:1]
    values = across + (down or across)
    if factor is None or len(values) < 2 or not all(math.isfinite(v) and v > 0 for v in values):
        return None
    return PhysicalResolution(values[0] * factor, values[1] * factor)


def read_text(directory: Directory) -> Mapping[str, str]:
    """Descriptive texts by IIP object name."""
    texts = {name: directory.text(tag) for name, tag in TEXT_TAGS.items()}
    scale = directory.reals(STO_NITS)[:1]
    if scale and math.isfinite(scale[0]):
        texts["scale"] = f"{scale[0]:g}"
    return MappingProxyType({name: text for name, text in texts.items() if text})


def read_ranges(directory: Directory, bands: int) -> tuple[tuple[float, float], ...]:
    """Declared minimum and maximum of each band; 0 and 255 where none are declared."""
    low = _for_each(directory.reals(S_MIN_SAMPLE_VALUE), bands, 0.0)
    high = _for_each(directory.reals(S_MAX_SAMPLE_VALUE), bands, 255.0)
    return tuple(
        (a, b) if math.isfinite(a) and math.isfinite(b) and a < b else (0.0, 255.0)
        for a, b in zip(low, high, strict=True)
    )


def _for_each(values: tuple[float, ...], bands: int, default: float) -> tuple[float, ...]:
    """One value for each band: they are given for each, or once for all."""
    if len(values) == 1:
        return values * bands
    return values if len(values) == bands else (default,) * bands


def read_exif(directory: Directory) -> bytes | None:
    """The Exif directory as a TIFF structure of its own, in the file's byte order."""
    try:
        # as a table: tifffile would follow the offset and interpret the fields
        exif = read_directory(directory.reader, int(directory.table(EXIF_IFD, 1)[0]))
    except DecodeError:
        return None
    order = directory.reader.tiff.byteorder
    fields = {
        tag: (entry, exif.raw(entry)) for tag, entry in exif.entries.items() if _carries_over(tag, entry)
    }
    entries = _pack_entries(order, {tag: field for tag, field in fields.items() if field[1]})
    # header, then a directory of one field that leads to the Exif directory at 26
    head = struct.pack(
        order + "2sHIHHHIII", b"II" if order == "<" else b"MM", 42, 8, 1, EXIF_IFD, 4, 1, 26, 0
    )
    return head + entries if entries and len(entries) <= MAX_EXIF else None


def _carries_over(tag: int, entry: Entry) -> bool:
    """Whether a field means the same elsewhere, in a TIFF of 32 bits."""
    size = TYPE_LENGTHS.get(entry.type, 0) * entry.number
    return tag not in EXIF_LEFT_OUT and entry.type <= 12 and 0 < size <= MAX_EXIF


def _pack_entries(order: str, fields: Mapping[int, tuple[Entry, bytes]]) -> bytes:
    """A directory that begins at byte 26, its values behind it; nothing when there are no fields."""
    if not fields:
        return b""
    table, values = [struct.pack(order + "H", len(fields))], bytearray()
    values_at = 26 + 2 + 12 * len(fields) + 4
    for tag, (entry, value) in sorted(fields.items()):
        place = (
            value.ljust(4, b"\0") if len(value) <= 4 else struct.pack(order + "I", values_at + len(values))
        )
        table.append(struct.pack(order + "HHI", tag, entry.type, entry.number) + place)
        if len(value) > 4:
            values += value + b"\0" * (len(value) % 2)
    return b"".join((*table, b"\0\0\0\0", values))
