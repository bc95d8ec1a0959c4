"""What a TIFF directory says about its picture: profile, XMP, Exif, physical resolution, texts, ranges."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from types import MappingProxyType

from iipserve.containers.ifd import TYPE_LENGTHS, Directory, Entry, read_directory
from iipserve.containers.tags import LABS, ORIENTATION, Photometric
from iipserve.errors import DecodeError
from iipserve.image import LAB_RANGES, PhysicalResolution
from iipserve.sources.tiff.color import inversion_pivot
from iipserve.sources.tiff.layout import Layout
from iipserve.sources.tiff_samples import SampleType

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

EXIF_LEFT_OUT = frozenset({37500, 40965, ORIENTATION})
"""MakerNote and the interoperability directory hold offsets, which lead nowhere in another file; what is handed out
is upright."""
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


def read_ranges(directory: Directory, layout: Layout) -> tuple[tuple[float, float], ...]:
    """Sample of each band, as handed out, that is black, and the one that is white.

    They are declared for each band or once for all; else they are the full range of unsigned integers of up to 16
    bits, and nothing of other types. Palettes have become colors of full range, and CIELAB has its own.
    """
    bands, type = layout.bands, layout.output_type
    if bands.photometric == Photometric.PALETTE:
        return ((0.0, 255.0),) * bands.count
    opacity = ((0.0, float(type.full_scale)),) * bands.has_alpha
    colors = bands.count - bands.has_alpha
    if bands.photometric in LABS:
        usual = LAB_RANGES if type.output_dtype == "float32" else (type.full_range or LAB_RANGES[0],) * 3
        return (*usual, *(usual[:1] * (colors - 3)), *opacity)
    declared = [
        _declared(low, high, layout)
        for low, high in zip(
            _for_each(directory.reals(S_MIN_SAMPLE_VALUE), colors, 0.0 if type.full_range else math.nan),
            _for_each(directory.reals(S_MAX_SAMPLE_VALUE), colors, _highest_stored(type)),
            strict=True,
        )
    ]
    found = [given or type.full_range for given in declared]
    return (*(one for one in found if one), *opacity) if all(found) else ()


def _highest_stored(type: SampleType) -> float:
    """Of types that have a full range; not a number of others."""
    return 2.0**type.bits - 1 if type.full_range else math.nan


def _declared(low: float, high: float, layout: Layout) -> tuple[float, float] | None:
    """A range of stored samples as one of samples as handed out; None if it is none."""
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        return None
    type = layout.type
    factor = 255 / (2**type.bits - 1) if type.bits < 8 else 1
    low, high = low * factor, high * factor
    if layout.bands.photometric != Photometric.WHITE_IS_ZERO:
        return low, high
    pivot = inversion_pivot(type)
    return pivot - high, pivot - low


def _for_each(values: tuple[float, ...], bands: int, default: float) -> tuple[float, ...]:
    """One value for each band: they are given for each, or once for all."""
    if len(values) == 1:
        return values * bands
    # opacity may have been given one too
    return values[:bands] if bands <= len(values) <= bands + 1 else (default,) * bands


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
