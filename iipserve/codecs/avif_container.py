"""AVIF's container: adds profile, Exif and XMP to an encoded image (ISO/IEC 14496-12 and 23008-12)."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from iipserve.codecs import Metadata
from iipserve.containers import boxes

LOCATION_SIZES = b"\x44\x00"
"""iloc as libavif writes it: offsets and lengths of four bytes, no base offset, no index."""
XMP_TYPE = b"application/rdf+xml"
FULL = b"\0\0\0\0"
"""Version 0 and no flags, at the start of a full box."""


class Item(NamedTuple):
    """A metadata item."""

    number: int
    description: bytes
    """Its infe box."""
    content: bytes


def with_metadata(body: bytes, metadata: Metadata) -> bytes:
    """The file with profile, Exif and XMP; unchanged if there is nothing to write.

    Args:
        body: an AVIF file without metadata, as libavif writes it: ftyp, meta, mdat, all items in mdat.
        metadata: to write; the resolution is in Exif; texts have no place in AVIF.
    """
    file = dict(boxes.unpack(body))
    meta = dict(boxes.unpack(file[b"meta"][4:]))
    primary = meta[b"pitm"][4:6]
    items = list(_items(metadata, int.from_bytes(meta[b"iinf"][4:6], "big") + 1))
    if metadata.icc:
        meta[b"iprp"] = _with_profile(meta[b"iprp"], primary, metadata.icc)
    if items:
        meta[b"iinf"] = _with_descriptions(meta[b"iinf"], items)
        meta[b"iref"] = _with_references(meta.get(b"iref", FULL), items, primary)
    data_start = len(boxes.pack(b"ftyp", file[b"ftyp"])) + 8
    location, meta[b"iloc"] = meta[b"iloc"], b""
    new_start = data_start + len(_meta(meta)) + len(location) + 14 * len(items)
    old_start = data_start + len(file[b"meta"]) + 8
    meta[b"iloc"] = _located(location, items, new_start - old_start, new_start + len(file[b"mdat"]))
    data = b"".join((file[b"mdat"], *(item.content for item in items)))
    return b"".join((boxes.pack(b"ftyp", file[b"ftyp"]), _meta(meta), boxes.pack(b"mdat", data)))


def _meta(children: dict[bytes, bytes]) -> bytes:
    return boxes.pack(
        b"meta", FULL + b"".join(boxes.pack(kind, content) for kind, content in children.items())
    )


def _items(metadata: Metadata, number: int) -> Iterator[Item]:
    """The metadata items, with identifiers from `number` on."""
    if metadata.exif:
        yield Item(number, _description(number, b"Exif", b"\0"), FULL + metadata.exif)
        number += 1
    if metadata.xmp:
        yield Item(number, _description(number, b"mime", b"\0" + XMP_TYPE + b"\0"), metadata.xmp)


def _description(number: int, kind: bytes, name: bytes) -> bytes:
    return boxes.pack(b"infe", b"\2\0\0\0" + struct.pack(">HH", number, 0) + kind + name)


def _with_descriptions(table: bytes, items: Iterable[Item]) -> bytes:
    added = [item.description for item in items]
    count = int.from_bytes(table[4:6], "big") + len(added)
    return b"".join((table[:4], count.to_bytes(2, "big"), table[6:], *added))


def _with_references(table: bytes, items: Iterable[Item], primary: bytes) -> bytes:
    """The item references, in which each item describes (cdsc) the primary item."""
    added = (boxes.pack(b"cdsc", struct.pack(">HH", item.number, 1) + primary) for item in items)
    return b"".join((table, *added))


def _with_profile(properties: bytes, primary: bytes, icc: bytes) -> bytes:
    """The item properties with a color box, associated with the primary item."""
    inner = dict(boxes.unpack(properties))
    shared = inner[b"ipco"]
    index = sum(1 for _ in boxes.unpack(shared)) + 1
    shared += boxes.pack(b"colr", b"prof" + icc)
    return boxes.pack(b"ipco", shared) + boxes.pack(b"ipma", _associated(inner[b"ipma"], primary, index))


def _associated(table: bytes, primary: bytes, index: int) -> bytes:
    """The association table (version 0, 7-bit indices) with one more property for the primary item."""
    offset = 8
    while table[offset : offset + 2] != primary:
        offset += 3 + table[offset + 2]
    end = offset + 3 + table[offset + 2]
    count = bytes((table[offset + 2] + 1,))
    return table[: offset + 2] + count + table[offset + 3 : end] + bytes((index,)) + table[end:]


def _located(table: bytes, items: Iterable[Item], shift: int, end: int) -> bytes:
    """The location table with existing items moved by `shift` and new items from `end` on.

    Raises:
        ValueError: the layout of the table is not libavif's.
    """
    if table[:6] != FULL + LOCATION_SIZES:
        raise ValueError(f"unknown layout of an AVIF location table: {table[:6].hex()}")
    parts = []
    for offset in range(8, len(table), 14):
        number, source, extents, start, length = struct.unpack_from(">HHHII", table, offset)
        parts.append(struct.pack(">HHHII", number, source, extents, start + shift, length))
    for item in items:
        parts.append(struct.pack(">HHHII", item.number, 0, 1, end, len(item.content)))
        end += len(item.content)
    return b"".join((table[:6], len(parts).to_bytes(2, "big"), *parts))
