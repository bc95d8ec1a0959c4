"""Boxes of JP2, AVIF and JPEG XL files (ISO/IEC 15444-1 annex I.4, ISO/IEC 14496-12 section 4.2)."""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple, TypeAlias

MAX_BOXES = 4096
"""Boxes of a file that are read."""
HEADER_LENGTH, LONG_HEADER_LENGTH = 8, 16
"""Bytes of a box's header, whose length has 4 or 8 bytes."""

Read: TypeAlias = Callable[[int, int], bytes]
"""(count, offset) -> as many bytes of `count` as there are."""


class Box(NamedTuple):
    """Where the content of a box is in its file."""

    kind: bytes
    start: int
    end: int


def walk(read: Read, start: int, end: int, superboxes: Collection[bytes] = ()) -> Iterator[Box]:
    """Yield the boxes between two offsets in file order; one with an impossible length ends the box that contains it.

    Args:
        read: reads the file.
        start: in bytes.
        end: in bytes; boxes that claim to reach further are cut off.
        superboxes: kinds that contain boxes, which are yielded instead of them.
    """
    pending = [(start, end)]
    for _ in range(MAX_BOXES):
        while pending and pending[-1][1] - pending[-1][0] < HEADER_LENGTH:
            pending.pop()
        if not pending:
            return
        start, end = pending.pop()
        box = _box_at(read, start, end)
        if box is None:
            continue
        pending.append((box.end, end))
        if box.kind in superboxes:
            pending.append((box.start, box.end))
        else:
            yield box


def _box_at(read: Read, start: int, end: int) -> Box | None:
    """The box at an offset, cut off at `end`; None for an impossible length."""
    header = read(LONG_HEADER_LENGTH, start)
    if len(header) < HEADER_LENGTH:
        return None
    length, kind = struct.unpack_from(">I4s", header)
    content = start + HEADER_LENGTH
    if length == 1 and len(header) == LONG_HEADER_LENGTH:
        (length,) = struct.unpack_from(">Q", header, HEADER_LENGTH)
        content = start + LONG_HEADER_LENGTH
    elif length == 0:  # to the end of the file
        length = end - start
    if start + length < content:
        return None
    # a superbox may end before the box's own header does
    return Box(kind, content, max(content, min(start + length, end)))


def unpack(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of each box in memory."""
    for box in walk(lambda count, offset: data[offset : offset + count], 0, len(data)):
        yield box.kind, data[box.start : box.end]


def pack(kind: bytes, content: bytes) -> bytes:
    """A box of less than 4 GB."""
    return struct.pack(">I4s", HEADER_LENGTH + len(content), kind) + content
