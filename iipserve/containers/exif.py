"""Exif blocks: TIFF structures of up to three directories (Exif 3.0, CIPA DC-008, section 4.6).

A block is passed around without `MARK`, which JPEG puts in front of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from iipserve.containers import tags
from iipserve.containers.field_types import TYPE_LENGTHS, FieldType
from iipserve.containers.ifd import Directory, Entry, Field, Reader, read_directory
from iipserve.containers.ifd_writer import header, integers, pack_directory, pack_file, rationals
from iipserve.errors import DecodeError

MARK = b"Exif\0\0"
"""In front of a block in JPEG files, and in the metadata that some libraries return."""
UPRIGHT = 1
EMPTY = header("<", 8) + bytes(6)
"""A block whose only directory has no field."""
DESCRIPTIVE = frozenset({
    tags.IMAGE_DESCRIPTION, tags.MAKE, tags.MODEL, tags.ORIENTATION, tags.DATE_TIME, tags.ARTIST, tags.COPYRIGHT
})  # fmt: skip
"""Fields of IFD 0 that describe the image rather than the file."""
RELOCATABLE_TYPES = frozenset(range(FieldType.BYTE, FieldType.DOUBLE + 1))
"""Types of TIFF 6.0; none is an offset."""
LEFT_OUT = frozenset({tags.MAKER_NOTE, tags.INTEROPERABILITY_IFD, tags.ORIENTATION})
"""Fields of the Exif directory that are not taken from a TIFF file: the first two hold offsets, which are wrong in
another file; what this server sends is upright."""
MAX_LENGTH = 64 * 1024
"""Bytes of the largest value taken from a TIFF file, and of the block made of them."""


class Exif(NamedTuple):
    """The fields of an Exif block that may be copied into another file."""

    order: str
    """Byte order of the values: `<` or `>`, as in `struct`."""
    ifd0: tuple[Field, ...]
    """Those that describe the image."""
    exif_ifd: tuple[Field, ...]
    gps_ifd: tuple[Field, ...]


def read(block: bytes) -> Exif | None:
    """The fields of a block, or None if any of them is damaged."""
    try:
        first = _first_directory(block)
        fields = {field.tag: field for field in _whole(first)}
        pointers = tags.EXIF_IFD, tags.GPS_IFD
        inner = (_whole(_pointed(first, tag)) if tag in fields else () for tag in pointers)
        described = tuple(field for field in fields.values() if field.tag in DESCRIPTIVE)
        return Exif(first.reader.byte_order, described, *inner)
    except DecodeError:
        return None


def orientation(block: bytes, missing: int = UPRIGHT) -> int:
    """The value of Orientation; `missing` without that field, and where the block is damaged."""
    try:
        return _first_directory(block).integer(tags.ORIENTATION, missing)
    except DecodeError:
        return missing


def _first_directory(block: bytes) -> Directory:
    reader = Reader.of_block(block)
    return read_directory(reader, reader.first_offset(), min_fields=0)


def _pointed(directory: Directory, tag: int) -> Directory:
    return read_directory(directory.reader, directory.integer(tag, 0), min_fields=0)


def _whole(directory: Directory) -> tuple[Field, ...]:
    """All fields except the pointer to the interoperability directory.

    Raises:
        DecodeError: one is damaged, or of a type that Exif does not have.
    """
    fields = []
    for tag, entry in directory.entries.items():
        value = directory.value(entry) if entry.type in RELOCATABLE_TYPES else None
        if value is None:
            raise DecodeError(f"field {tag} is damaged")
        fields.append(Field(tag, entry.type, value))
    return tuple(field for field in fields if field.tag != tags.INTEROPERABILITY_IFD)


def from_tiff(directory: Directory) -> bytes | None:
    """A block of the Exif directory that a TIFF directory points to; None if it is missing or damaged.

    Args:
        directory: of a TIFF file; the block is in its byte order.
    """
    if tags.EXIF_IFD not in directory:
        return None
    try:
        exif = _pointed(directory, tags.EXIF_IFD)
    except DecodeError:
        return None
    fields = list(_relocatable(exif))
    block = pack_file(directory.reader.byte_order, (), {tags.EXIF_IFD: fields})
    return block if fields and len(block) <= MAX_LENGTH else None


def _relocatable(directory: Directory) -> Iterator[Field]:
    """The fields that mean the same in another file."""
    for tag, entry in directory.entries.items():
        if tag in LEFT_OUT or entry.type not in RELOCATABLE_TYPES:
            continue
        if entry.size * TYPE_LENGTHS[entry.type] <= MAX_LENGTH and (value := directory.value(entry)):
            yield Field(tag, entry.type, value)


def normalized(block: bytes, dots_per_inch: tuple[float, float] | None) -> bytes:
    """The block for an image that is upright and has another resolution.

    Only the first directory changes: it is rewritten after the block, and every value stays where it was, so that
    offsets in makers' notes remain right. A damaged block is returned as it is.

    Args:
        block: of the original.
        dots_per_inch: across and down; None to keep what the block says.
    """
    try:
        directory = _first_directory(block)
    except DecodeError:
        return block
    order = directory.reader.byte_order
    changes = {field.tag: field for field in _changes(order, directory, dots_per_inch)}
    if not changes:
        return block
    body = block + b"\0" * (len(block) % 2)
    kept = {tag: entry for tag, entry in directory.entries.items() if tag not in changes}
    first = pack_directory(order, changes.values(), len(body), kept=kept, following=directory.following)
    return b"".join((header(order, len(body)), body[8:], first))


def _changes(order: str, directory: Directory, dots_per_inch: tuple[float, float] | None) -> Iterator[Field]:
    """The fields of the first directory that need another value."""
    upright = integers(order, tags.ORIENTATION, FieldType.SHORT, UPRIGHT)
    as_entry = Entry(upright.type, 1, upright.value.ljust(4, b"\0"))
    if directory.entries.get(tags.ORIENTATION, as_entry) != as_entry:
        yield upright
    if dots_per_inch:
        yield rationals(order, tags.X_RESOLUTION, dots_per_inch[0])
        yield rationals(order, tags.Y_RESOLUTION, dots_per_inch[1])
        yield integers(order, tags.RESOLUTION_UNIT, FieldType.SHORT, tags.INCH)
