"""A BigTIFF file of one directory, written (<https://www.awaresystems.be/imaging/tiff/bigtiff.html>)."""

from __future__ import annotations

import struct
from collections.abc import Iterable

from iipserve.containers.field_types import TYPE_LENGTHS
from iipserve.containers.ifd import VARIANTS, Field

MARKS = {"<": b"II+\0", ">": b"MM\0+"}
"""Byte order -> the first four bytes of a file."""
HEADER_LENGTH, COUNT_LENGTH, ENTRY_LENGTH, OFFSET_LENGTH = 16, 8, 20, 8
"""Bytes of the structures."""


def file_length(fields: Iterable[Field]) -> int:
    """Bytes of what `pack_file` returns; depends on nothing but the lengths of values."""
    entries = sum(ENTRY_LENGTH + _length_behind(field.value) for field in fields)
    return HEADER_LENGTH + COUNT_LENGTH + entries + OFFSET_LENGTH


def pack_file(order: str, fields: Iterable[Field]) -> bytes:
    """A file up to its pixels: header, directory, values.

    Args:
        order: byte order, as in `struct`.
        fields: of different tags.
    """
    variant, ordered = VARIANTS[MARKS[order]], sorted(fields)
    end = HEADER_LENGTH + COUNT_LENGTH + ENTRY_LENGTH * len(ordered) + OFFSET_LENGTH
    entries, values = [], []
    for tag, type, value in ordered:
        inside = value
        if length := _length_behind(value):
            inside = variant.offset.pack(end)
            values.append(value.ljust(length, b"\0"))
            end += length
        entries.append(variant.entry.pack(tag, type, len(value) // TYPE_LENGTHS[type], inside))
    header = MARKS[order] + struct.pack(order + "HHQ", OFFSET_LENGTH, 0, HEADER_LENGTH)
    return b"".join((header, variant.count.pack(len(ordered)), *entries, variant.offset.pack(0), *values))


def _length_behind(value: bytes) -> int:
    """Bytes that a value takes after the directory, a multiple of 8."""
    return 0 if len(value) <= OFFSET_LENGTH else -(-len(value) // OFFSET_LENGTH) * OFFSET_LENGTH
