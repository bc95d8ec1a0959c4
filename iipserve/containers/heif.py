"""Items of HEIF and AVIF files (ISO/IEC 23008-12 section 6, ISO/IEC 14496-12 section 8.11)."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from iipserve.containers import av1
from iipserve.containers.boxes import Read, unpack, walk

MAX_META = 4_000_000
"""Bytes of the box that lists the items; longer ones are not read."""
DERIVED = frozenset({b"grid", b"iovl", b"iden", b"tmap"})
"""Items made of others, which `dimg` references name (section 6.6)."""
GRAY = 0x10
"""Flag in the third byte of AV1's configuration (AV1-ISOBMFF section 2.3.3)."""
MAX_DERIVATIONS = 4
CODED = frozenset({b"av01", b"hvc1", b"hev1", b"avc1", b"vvc1", b"evc1", b"jpeg", b"j2k1", b"unci"})
ALPHA = (b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", b"urn:mpeg:hevc:2015:auxid:1")
"""Types of auxiliary images that are opacity."""
SEQUENCE_HEADER_BYTES = 256
"""Bytes of an AV1 item in which its sequence header is looked for."""


@dataclass(slots=True)
class Item:
    """One item of a file."""

    kind: bytes = b""
    """As `av01`; of a derived image, that of the first image it is made of."""
    hidden: bool = False
    properties: list[tuple[bytes, bytes]] = field(default_factory=list)
    """Kind and content of each."""
    extent: tuple[int, int] | None = None
    """Offset in the file and length of the first part of the data."""
    references: dict[bytes, list[int]] = field(default_factory=dict)
    """Numbers of other items by kind of reference."""

    def property(self, kind: bytes) -> bytes:
        """Content of the first property of a kind; empty if the item has none."""
        return next((content for name, content in self.properties if name == kind), b"")

    def nclx(self) -> bytes:
        """Content of the property with coded color parameters; empty if the item has none."""
        contents = (content for name, content in self.properties if name == b"colr")
        return next((content for content in contents if content[:4] == b"nclx"), b"")


class CodedImage(NamedTuple):
    """An image of a file, as it is coded."""

    kind: bytes
    """As `av01` and `hvc1`."""
    limited_gray: bool
    """One plane of AV1, whose black and white are 16 and 235 (of 8 bits). libheif writes HEVC with samples of full range
    whatever the file says, and all readers are libheif."""
    limited_alpha: bool
    """Its opacity has the same range."""


def coded_images(read: Read, length: int) -> tuple[list[CodedImage], int]:
    """The images of a file that are not parts, thumbnails or masks of others, in file order, and the primary's index.

    Empty for a file that has no items.

    Args:
        read: reads the file.
        length: of the file, in bytes.
    """
    try:
        items, primary = _items(read, length)
        shown = _shown(items)
        images = [_coded_image(items, number, read) for number in shown]
    except (struct.error, IndexError, KeyError):  # damaged
        return [], 0
    return images, shown.index(primary) if primary in shown else 0


def _shown(items: Mapping[int, Item]) -> list[int]:
    others = {
        number
        for number, item in items.items()
        if item.hidden or {b"thmb", b"auxl"} & item.references.keys() or item.kind not in CODED | DERIVED
    }
    return [number for number in items if number not in others]


def _coded_image(items: Mapping[int, Item], number: int, read: Read) -> CodedImage:
    item = items[number]
    coded = _coded(items, item)
    opacity = (
        _coded(items, other)
        for other in items.values()
        if number in other.references.get(b"auxl", ()) and other.property(b"auxC")[4:].startswith(ALPHA)
    )
    return CodedImage(
        coded.kind,
        coded.kind == b"av01"
        and bool(coded.property(b"av1C")[2] & GRAY)
        and _is_limited(coded, item.nclx() or coded.nclx(), read),
        any(_is_limited(other, other.nclx(), read) for other in opacity),
    )


def _coded(items: Mapping[int, Item], item: Item) -> Item:
    """The item itself, or the first one that a derived image is made of."""
    for _ in range(MAX_DERIVATIONS):
        if item.kind not in DERIVED:
            break
        item = items[item.references[b"dimg"][0]]
    return item


def _is_limited(item: Item, nclx: bytes, read: Read) -> bool:
    """Whether samples have limited range; the file's parameters go before the codec's (ISO/IEC 23000-22 7.3.6.4)."""
    if nclx:
        return not nclx[10] & 0x80
    if item.kind != b"av01":
        return False
    start, length = item.extent or (0, 0)
    data = item.property(b"av1C")[4:] + read(min(length, SEQUENCE_HEADER_BYTES), start)
    return av1.is_limited(data)


# -- boxes -----------------------------------------------------------------------------------------


def _items(read: Read, length: int) -> tuple[dict[int, Item], int]:
    """The items by number, in file order, and the number of the primary one."""
    meta = next((box for box in walk(read, 0, length) if box.kind == b"meta"), None)
    if meta is None or meta.end - meta.start > MAX_META:
        return {}, 0
    boxes = dict(unpack(read(meta.end - meta.start, meta.start)[4:]))
    items = dict(_infos(boxes.get(b"iinf", b"")))
    primary = boxes.get(b"pitm", b"")
    for number, properties in _properties(dict(unpack(boxes.get(b"iprp", b"")))):
        items[number].properties = properties
    for kind, source, targets in _references(boxes.get(b"iref", b"")):
        items[source].references[kind] = targets
    for number, extent in _extents(boxes.get(b"iloc", b"")):
        items[number].extent = extent
    return items, _integer(primary, 4, 2 if primary[:1] == b"\0" else 4)


def _integer(data: bytes, offset: int, count: int) -> int:
    return int.from_bytes(data[offset : offset + count], "big")


def _infos(box: bytes) -> Iterator[tuple[int, Item]]:
    """Number and item of each entry of `iinf` (section 8.11.6)."""
    for kind, entry in unpack(box[6 if box[:1] == b"\0" else 8 :]):
        if kind != b"infe" or entry[0] < 2:
            continue
        wide = 2 if entry[0] == 2 else 4
        number, start = _integer(entry, 4, wide), 4 + wide + 2
        yield number, Item(entry[start : start + 4], hidden=bool(entry[3] & 1))


def _properties(boxes: Mapping[bytes, bytes]) -> Iterator[tuple[int, list[tuple[bytes, bytes]]]]:
    """Number of each item, and its properties (section 8.11.14)."""
    known = list(unpack(boxes.get(b"ipco", b"")))
    box = boxes.get(b"ipma", b"")
    if not box:
        return
    wide, index_bytes, offset = 4 if box[0] else 2, 2 if box[3] & 1 else 1, 8
    mask = 0x7FFF if index_bytes == 2 else 0x7F
    for _ in range(_integer(box, 4, 4)):
        number, count = _integer(box, offset, wide), box[offset + wide]
        offset += wide + 1
        indices = [_integer(box, offset + i * index_bytes, index_bytes) & mask for i in range(count)]
        offset += count * index_bytes
        yield number, [known[index - 1] for index in indices if 0 < index <= len(known)]


def _references(box: bytes) -> Iterator[tuple[bytes, int, list[int]]]:
    """Kind, source and targets of each reference (section 8.11.12)."""
    wide = 4 if box[:1] == b"\1" else 2
    for kind, content in unpack(box[4:]):
        count = _integer(content, wide, 2)
        offsets = range(wide + 2, min(wide + 2 + count * wide, len(content)), wide)
        yield kind, _integer(content, 0, wide), [_integer(content, offset, wide) for offset in offsets]


def _extents(box: bytes) -> Iterator[tuple[int, tuple[int, int]]]:
    """Number of each item whose data are in the file, and offset and length of the first part (section 8.11.3)."""
    if not box:
        return
    version, sizes = box[0], _integer(box, 4, 2)
    offset_bytes, length_bytes, base_bytes = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_bytes = sizes & 15 if version in (1, 2) else 0
    wide = 4 if version == 2 else 2
    at = 6 + wide
    for _ in range(_integer(box, 6, wide)):
        number, method = _integer(box, at, wide), 0
        at += wide
        if version in (1, 2):
            method, at = box[at + 1] & 15, at + 2
        at += 2  # data reference
        base, count = _integer(box, at, base_bytes), _integer(box, at + base_bytes, 2)
        at += base_bytes + 2
        start = base + _integer(box, at + index_bytes, offset_bytes)
        length = _integer(box, at + index_bytes + offset_bytes, length_bytes)
        at += count * (index_bytes + offset_bytes + length_bytes)
        if method == 0 and count:
            yield number, (start, length)
        if at >= len(box):
            return
