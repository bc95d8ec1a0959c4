"""Types of the fields of image file directories (TIFF 6.0 section 2, BigTIFF)."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from enum import IntEnum


class FieldType(IntEnum):
    """Types of values; those from 16 on are BigTIFF's."""

    BYTE = 1
    ASCII = 2
    SHORT = 3
    LONG = 4
    RATIONAL = 5
    SBYTE = 6
    UNDEFINED = 7
    SSHORT = 8
    SLONG = 9
    SRATIONAL = 10
    FLOAT = 11
    DOUBLE = 12
    IFD = 13
    LONG8 = 16
    SLONG8 = 17
    IFD8 = 18


CODES: Mapping[int, str] = dict(
    zip(
        FieldType,
        ["B", "B", "H", "I", "II", "b", "B", "h", "i", "ii", "f", "d", "I", "Q", "q", "Q"],
        strict=True,
    )
)
"""One value of each type, in `struct`'s codes."""
TYPE_LENGTHS = {type: struct.calcsize("=" + code) for type, code in CODES.items()}
"""Bytes per value of each type."""
BYTE_TYPES = frozenset({FieldType.BYTE, FieldType.ASCII, FieldType.SBYTE, FieldType.UNDEFINED})
NUMBER_TYPES = CODES.keys() - {FieldType.ASCII, FieldType.UNDEFINED}
RATIONAL_TYPES = frozenset({FieldType.RATIONAL, FieldType.SRATIONAL})
INTEGER_TYPES = NUMBER_TYPES - RATIONAL_TYPES - {FieldType.FLOAT, FieldType.DOUBLE}
TABLE_TYPES = frozenset({FieldType.SHORT, FieldType.LONG, FieldType.IFD, FieldType.LONG8, FieldType.IFD8})
