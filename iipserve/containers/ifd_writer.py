"""Image file directories of classic TIFF, written (TIFF 6.0 section 2)."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from types import MappingProxyType

from iipserve.containers.field_types import CODES, TYPE_LENGTHS, FieldType
from iipserve.containers.ifd import BYTE_ORDER_MARKS, CLASSIC, Entry, Field

HEADER_LENGTH, COUNT_LENGTH, ENTRY_LENGTH, OFFSET_LENGTH = 8, 2, 12, 4
"""Bytes of classic TIFF's structures."""


def integers(order: str, tag: int, type: FieldType, *values: int) -> Field:
    """A field of one of the `INTEGER_TYPES`."""
    return Field(tag, type, struct.pack(f"{order}{len(values)}{CODES[type]}", *values))


def reals(order: str, tag: int, *values: float) -> Field:
    """A field of DOUBLE values."""
    return Field(tag, FieldType.DOUBLE, struct.pack(f"{order}{len(values)}d", *values))


def rationals(order: str, tag: int, *values: float) -> Field:
    """A field of RATIONAL values, each the nearest fraction that fits."""
    pairs = (Fraction(value).limit_denominator(10_000).as_integer_ratio() for value in values)
    terms = [min(term, 0xFFFFFFFF) for pair in pairs for term in pair]
    return Field(tag, FieldType.RATIONAL, struct.pack(f"{order}{len(terms)}I", *terms))


def text(tag: int, content: str) -> Field:
    """A field of text; beyond ASCII it is UTF-8, as other software writes it."""
    return Field(tag, FieldType.ASCII, content.replace("\0", "").encode("utf-8", "replace") + b"\0")


def directory_length(fields: Iterable[Field]) -> int:
    """Bytes of a directory and its values."""
    inside = COUNT_LENGTH + OFFSET_LENGTH
    return inside + sum(ENTRY_LENGTH + _length_behind(field.value) for field in fields)


def _length_behind(value: bytes) -> int:
    """Bytes that a value takes after the directory."""
    return 0 if len(value) <= OFFSET_LENGTH else len(value) + len(value) % 2


def pack_directory(
    order: str,
    fields: Iterable[Field],
    offset: int,
    *,
    kept: Mapping[int, Entry] = MappingProxyType({}),
    following: int = 0,
) -> bytes:
    """A directory of classic TIFF followed by its values.

    Args:
        order: byte order.
        fields: of different tags.
        offset: where it will be in its file.
        kept: entries of other tags whose values are elsewhere in the file.
        following: offset of the next directory of the chain.
    """
    variant, ordered = CLASSIC[BYTE_ORDER_MARKS[order]], sorted(fields)
    entries = {tag: variant.entry.pack(tag, one.type, one.size, one.inline) for tag, one in kept.items()}
    count = len(ordered) + len(entries)
    end, values = offset + COUNT_LENGTH + ENTRY_LENGTH * count + OFFSET_LENGTH, []
    for tag, type, value in ordered:
        inside = value
        if length := _length_behind(value):
            inside = variant.offset.pack(end)
            values.append(value.ljust(length, b"\0"))
            end += length
        entries[tag] = variant.entry.pack(tag, type, len(value) // TYPE_LENGTHS[type], inside)
    table = (entries[tag] for tag in sorted(entries))
    return b"".join((variant.count.pack(count), *table, variant.offset.pack(following), *values))


def file_length(
    fields: Iterable[Field], pointed: Mapping[int, Sequence[Field]] = MappingProxyType({})
) -> int:
    """Bytes of what `pack_file` returns; depends on nothing but the lengths of values."""
    inner = sum(ENTRY_LENGTH + directory_length(fields) for fields in pointed.values() if fields)
    return HEADER_LENGTH + directory_length(fields) + inner


def pack_file(
    order: str, fields: Iterable[Field], pointed: Mapping[int, Sequence[Field]] = MappingProxyType({})
) -> bytes:
    """A classic TIFF file up to its pixels: header, first directory, and the directories it points to.

    Args:
        order: byte order.
        fields: of the first directory.
        pointed: directories by the tag of the field that points to them, which is added; empty ones are left out.
    """
    parts, first = [], list(fields)
    offset = file_length(first) + ENTRY_LENGTH * sum(1 for inner in pointed.values() if inner)
    for tag, inner in pointed.items():
        if inner:
            parts.append(pack_directory(order, inner, offset))
            first.append(integers(order, tag, FieldType.LONG, offset))
            offset += len(parts[-1])
    return b"".join((header(order, HEADER_LENGTH), pack_directory(order, first, HEADER_LENGTH), *parts))


def header(order: str, first: int) -> bytes:
    """The header of a classic TIFF file whose first directory is at an offset."""
    return BYTE_ORDER_MARKS[order] + struct.pack(order + "I", first)


def value_offset(fields: Iterable[Field], tag: int) -> int:
    """The offset of a value, or of its offset if it is longer than 4 bytes, in the first directory of `pack_file`.

    Args:
        fields: all of the directory.
        tag: of one of them.
    """
    preceding = sum(field.tag < tag for field in fields)
    return HEADER_LENGTH + COUNT_LENGTH + ENTRY_LENGTH * preceding + ENTRY_LENGTH - OFFSET_LENGTH
