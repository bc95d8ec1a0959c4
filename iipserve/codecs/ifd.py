"""TIFF directories: entries in, a directory with its values out; and Exif blocks carried over (TIFF 6.0 section 2)."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from enum import IntEnum
from fractions import Fraction
from typing import NamedTuple


class FieldType(IntEnum):
    """Field types that are written here; the Exif entries carried over may be of any."""

    BYTE = 1
    ASCII = 2
    SHORT = 3
    LONG = 4
    RATIONAL = 5
    UNDEFINED = 7


FIELD_LENGTHS = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
"""Bytes per value of each field type of TIFF 6.0."""
EXIF_POINTER, GPS_POINTER, INTEROPERABILITY_POINTER = 34665, 34853, 40965
DESCRIPTIVE_TAGS = frozenset({270, 271, 272, 274, 306, 315, 33432})
"""Description, make, model, orientation, date, artist, copyright: those of IFD 0 that are carried over."""
MAX_ENTRIES = 1000
"""More in one directory are taken for damage."""


class Entry(NamedTuple):
    """One field of a directory."""

    tag: int
    type: int
    number: int
    """Of values."""
    value: bytes
    """The values, in the file's byte order."""


class Exif(NamedTuple):
    """An Exif block taken apart."""

    order: str
    """Byte order of all entries: `<` or `>`, as in `struct`."""
    described: tuple[Entry, ...]
    """Of IFD 0, as far as they describe the image rather than the file."""
    photo: tuple[Entry, ...]
    """The Exif directory."""
    position: tuple[Entry, ...]
    """The GPS directory."""


def numbers(order: str, tag: int, type: FieldType, *values: int) -> Entry:
    """A field of BYTE, SHORT or LONG values."""
    code = {FieldType.BYTE: "B", FieldType.SHORT: "H", FieldType.LONG: "I"}[type]
    return Entry(tag, type, len(values), struct.pack(f"{order}{len(values)}{code}", *values))


def rationals(order: str, tag: int, *values: float) -> Entry:
    """A field of RATIONAL values, each the nearest fraction that fits."""
    pairs = (Fraction(value).limit_denominator(10_000).as_integer_ratio() for value in values)
    terms = [min(term, 0xFFFFFFFF) for pair in pairs for term in pair]
    return Entry(tag, FieldType.RATIONAL, len(values), struct.pack(f"{order}{len(terms)}I", *terms))


def text(tag: int, content: str) -> Entry:
    """A field of text; beyond ASCII it is UTF-8, as other software writes it."""
    value = content.replace("\0", "").encode("utf-8", "replace") + b"\0"
    return Entry(tag, FieldType.ASCII, len(value), value)


def directory(order: str, entries: Iterable[Entry], offset: int) -> bytes:
    """A directory that will stand at `offset` of its file, with no next one, its values behind it."""
    fields = sorted(entries, key=lambda entry: entry.tag)
    values_at = offset + 2 + 12 * len(fields) + 4
    table, values = [struct.pack(order + "H", len(fields))], bytearray()
    for tag, type, number, value in fields:
        inline = len(value) <= 4
        place = value.ljust(4, b"\0") if inline else struct.pack(order + "I", values_at + len(values))
        table.append(struct.pack(order + "HHI", tag, type, number) + place)
        if not inline:
            values += value + b"\0" * (len(value) % 2)
    return b"".join((*table, b"\0\0\0\0", values))


def read_exif(block: bytes) -> Exif | None:
    """The parts of an Exif block that can stand in another file, or None when it is damaged."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    if order is None:
        return None
    try:
        (start,) = struct.unpack_from(order + "I", block, 4)
        first = {entry.tag: entry for entry in _entries(block, order, start)}
        photo, position = (
            tuple(_entries(block, order, *struct.unpack(order + "I", first[tag].value)))
            if tag in first
            else ()
            for tag in (EXIF_POINTER, GPS_POINTER)
        )
    except (struct.error, KeyError, ValueError):
        return None
    described = tuple(entry for tag, entry in first.items() if tag in DESCRIPTIVE_TAGS)
    return Exif(order, described, photo, position)


def _entries(block: bytes, order: str, offset: int) -> Iterator[Entry]:
    """The fields of one directory of `block`, except pointers that would lead nowhere.

    Raises:
        struct.error, KeyError, ValueError: the block is damaged.
    """
    (count,) = struct.unpack_from(order + "H", block, offset)
    if count > MAX_ENTRIES:
        raise ValueError(f"{count} entries")
    for at in range(offset + 2, offset + 2 + 12 * count, 12):
        tag, type, number, place = struct.unpack_from(order + "HHII", block, at)
        length = FIELD_LENGTHS[type] * number
        start = at + 8 if length <= 4 else place
        if start + length > len(block):
            raise ValueError("a value lies outside the block")
        if tag != INTEROPERABILITY_POINTER:
            yield Entry(tag, type, number, block[start : start + length])
