"""Frames of GIF files (GIF89a specification, CompuServe 1990)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from iipserve.containers.boxes import Read

HEADER_LENGTH = 13
GRAPHIC_CONTROL = 0xF9
TO_BACKGROUND, TO_PREVIOUS = 2, 3
"""Disposal methods (section 23); others leave the frame in place."""
WINDOW = 4096


class Frame(NamedTuple):
    """Where a frame is on the canvas, in pixels, and what becomes of it."""

    x: int
    y: int
    width: int
    height: int
    disposal: int


def read_frames(read: Read) -> Iterator[Frame]:
    """The complete frames in file order, up to the end or to what is damaged.

    Args:
        read: reads the file.
    """
    data = _Window(read)
    head = data.take(0, HEADER_LENGTH)
    offset, disposal = HEADER_LENGTH + _table_length(head[10:11]), 0
    while True:
        match data.take(offset, 1):
            case b"\x21":  # extension
                extension = data.take(offset, 4)
                if len(extension) < 4:
                    return
                if extension[1] == GRAPHIC_CONTROL:
                    disposal = extension[3] >> 2 & 7
                offset = data.after_blocks(offset + 2)
            case b"\x2c":  # image
                descriptor = data.take(offset, 10)
                if len(descriptor) < 10:
                    return
                x, y, width, height = struct.unpack_from("<4H", descriptor, 1)
                offset = data.after_blocks(offset + 11 + _table_length(descriptor[9:]))
                if data.take(offset - 1, 1) != b"\0":
                    return
                yield Frame(x, y, width, height, disposal)
                disposal = 0
            case _:  # the trailer, or damage
                return


def _table_length(flags: bytes) -> int:
    """Bytes of the color table that a packed field announces."""
    return 3 << (flags[0] & 7) + 1 if flags and flags[0] & 0x80 else 0


class _Window:
    """The part of a file that was read last."""

    def __init__(self, read: Read) -> None:
        self._read, self._start, self._data = read, 0, b""

    def take(self, offset: int, count: int) -> bytes:
        """As many bytes of `count` as there are."""
        if not self._start <= offset <= self._start + len(self._data) - count:
            self._start, self._data = offset, self._read(WINDOW, offset)
        at = offset - self._start
        return self._data[at : at + count]

    def after_blocks(self, offset: int) -> int:
        """The offset after the data sub-blocks (section 15) that begin at an offset."""
        while (length := self.take(offset, 1)) not in (b"", b"\0"):
            offset += 1 + length[0]
        return offset + 1
