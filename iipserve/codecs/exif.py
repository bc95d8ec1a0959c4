"""Exif blocks put right for the finished picture: how it stands, and how many pixels it has to the inch."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping

from iipserve.codecs.ifd import MAX_ENTRIES, Entry, FieldType, numbers, rationals
from iipserve.image import PhysicalResolution

ORIENTATION, X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 274, 282, 283, 296
UPRIGHT, INCH = 1, 2
METRES_PER_INCH = 0.0254
EMPTY = b"II*\0\x08\0\0\0\0\0\0\0\0\0"
"""A block whose only directory has no entry."""
ENTRY_LENGTH = 12


def put_right(block: bytes, resolution: PhysicalResolution | None) -> bytes:
    """The block with the finished picture's resolution in it, and upright: that is how this server shows it.

    Nothing else is touched: the first directory is written anew behind the block and every value stays
    where it was, so that offsets in makers' notes still hold. A damaged block is returned as it is.
    """
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    if order is None:
        return block
    try:
        fields, following = _first_directory(block, order)
    except struct.error:
        return block
    changes = list(_changes(order, resolution, turned=fields.get(ORIENTATION)))
    return _with_changes(block, order, fields, changes, following) if changes else block


def _first_directory(block: bytes, order: str) -> tuple[dict[int, bytes], bytes]:
    """The first directory's entries by their tags, as they stand, and the offset of the next directory.

    Raises:
        struct.error: the block is damaged.
    """
    (start,) = struct.unpack_from(order + "I", block, 4)
    (count,) = struct.unpack_from(order + "H", block, start)
    end = start + 2 + ENTRY_LENGTH * count
    if count > MAX_ENTRIES or end + 4 > len(block):
        raise struct.error(f"a directory of {count} entries")
    entries = (block[at : at + ENTRY_LENGTH] for at in range(start + 2, end, ENTRY_LENGTH))
    fields = {struct.unpack_from(order + "H", entry)[0]: entry for entry in entries}
    return fields, block[end : end + 4]


def _changes(order: str, resolution: PhysicalResolution | None, *, turned: bytes | None) -> Iterator[Entry]:
    """The entries that are to stand in the first directory; `turned` is its entry of the orientation."""
    upright = numbers(order, ORIENTATION, FieldType.SHORT, UPRIGHT)
    if turned is not None and turned != _entry(order, upright, 0):
        yield upright
    if resolution:
        yield rationals(order, X_RESOLUTION, resolution.x * METRES_PER_INCH)
        yield rationals(order, Y_RESOLUTION, resolution.y * METRES_PER_INCH)
        yield numbers(order, RESOLUTION_UNIT, FieldType.SHORT, INCH)


def _with_changes(
    block: bytes, order: str, fields: Mapping[int, bytes], changes: list[Entry], following: bytes
) -> bytes:
    """The block with another first directory at its end, and behind it the values that are new."""
    body = block + b"\0" * (len(block) % 2)
    tags = fields.keys() | {entry.tag for entry in changes}
    values_at = len(body) + 2 + ENTRY_LENGTH * len(tags) + 4
    table, values = dict(fields), b""
    for entry in changes:
        table[entry.tag] = _entry(order, entry, values_at + len(values))
        values += entry.value if len(entry.value) > 4 else b""
    directory = (struct.pack(order + "H", len(tags)), *(table[tag] for tag in sorted(tags)), following)
    start = struct.pack(order + "I", len(body))
    return b"".join((body[:4], start, body[8:], *directory, values))


def _entry(order: str, entry: Entry, place: int) -> bytes:
    """An entry as it stands in a directory; a value of more than four bytes stands at `place`."""
    value = entry.value.ljust(4, b"\0") if len(entry.value) <= 4 else struct.pack(order + "I", place)
    return struct.pack(order + "HHI", entry.tag, entry.type, entry.number) + value
