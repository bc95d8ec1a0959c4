"""JPEG tiles of TIFF files as streams of segments: what they say of themselves, and how they become files.

A tile may leave its tables to the directory (TIFF Technical Note 2, "abbreviated" streams), and what its
application segments say of color does not count: PhotometricInterpretation does. So tables and a true
color mark are put in front, and the tile's own application segments are taken out.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

START, END = b"\xff\xd8", b"\xff\xd9"
JFIF = b"\xff\xe0\x00\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0"
"""Three components are YCbCr, one is gray; one pixel is as wide as high."""
ADOBE_RGB = b"\xff\xee\x00\x0eAdobe\x00\x64\0\0\0\0\0"
"""Transform 0: three components are RGB. Must stand without JFIF, or decoders take them for YCbCr."""

DHT, DQT, DAC, DRI, SOS, COM = 0xC4, 0xDB, 0xCC, 0xDD, 0xDA, 0xFE
TABLE_MARKERS = frozenset({DHT, DQT, DAC, DRI})
FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
PLAIN_FRAMES = frozenset({0xC0, 0xC1, 0xC2})
"""Baseline, extended and progressive with Huffman codes: what every viewer shows."""
APPLICATION_MARKERS = frozenset({*range(0xE0, 0xF0), COM})

ICC_MARK = b"ICC_PROFILE\0"
ICC_STEP = 0xFFFF - 2 - len(ICC_MARK) - 2
"""Bytes of a profile in one segment (ICC.1:2022 annex B.4)."""


class Head(NamedTuple):
    """What stands before the first scan."""

    frame: int
    """The marker of the frame header."""
    precision: int
    """Bits per sample."""
    height: int
    width: int
    components: int
    has_tables: bool
    """Quantization tables are among the tile's own segments."""
    foreign: tuple[tuple[int, int], ...]
    """Start and end of each application segment and comment."""
    length: int
    """Bytes up to and with the marker of the first scan."""


class DamagedStream(ValueError):
    """The bytes are no JPEG stream."""


def read_head(stream: bytes) -> Head:
    """Take apart what stands before the first scan.

    Raises:
        DamagedStream: the bytes do not follow ITU-T T.81 annex B, or end early.
    """
    frames: list[int] = []
    foreign: list[tuple[int, int]] = []
    has_tables = False
    stop = 2
    for marker, start, stop in _segments(stream):
        if marker in APPLICATION_MARKERS:
            foreign.append((start, stop))
        elif marker in FRAME_MARKERS:
            frames.append(start)
        elif marker == DQT:
            has_tables = True
        elif marker not in TABLE_MARKERS:
            raise DamagedStream(f"unexpected marker {marker:02X}")
    if len(frames) != 1 or len(stream) < frames[0] + 10:
        raise DamagedStream(f"{len(frames)} frames")
    precision, height, width, components = struct.unpack_from(">BHHB", stream, frames[0] + 4)
    frame = stream[frames[0] + 1]
    length = stream.index(bytes((0xFF, SOS)), stop) + 2
    return Head(frame, precision, height, width, components, has_tables, tuple(foreign), length)


class HeadReader:
    """Reads the heads of tiles of one level, which mostly are the same to the byte. Safe for many threads."""

    def __init__(self) -> None:
        self._last: tuple[bytes, Head] | None = None

    def read(self, stream: bytes) -> Head:
        """What `read_head` says; at little cost when the tile before began with the same bytes.

        Raises:
            DamagedStream: as `read_head`.
        """
        last = self._last
        if last is not None and stream.startswith(last[0]):
            check_end(stream, len(last[0]))
            return last[1]
        head = read_head(stream)
        self._last = stream[: head.length], head
        return head


def check_end(stream: bytes, scan: int) -> None:
    """See that the scans, which begin at `scan`, come to an end.

    Raises:
        DamagedStream: they do not.
    """
    if stream.rfind(END, scan) < 0:
        raise DamagedStream("the scans end early")


def _segments(stream: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start and end of each segment before the first scan."""
    position, end = 2, len(stream) - 4
    if not stream.startswith(START):
        raise DamagedStream("no start marker")
    while position < end and stream[position] == 0xFF:
        marker = stream[position + 1]
        if marker == 0xFF:  # fill byte
            position += 1
            continue
        if marker == SOS:
            check_end(stream, position)
            return
        following = position + 2 + (stream[position + 2] << 8 | stream[position + 3])
        yield marker, position, following
        position = following
    raise DamagedStream("no marker where one is due")


def table_segments(tables: bytes) -> bytes:
    """The tables of a JPEGTables field, without its start and end; nothing when it is damaged.

    Only tables come through: a frame or a scan among them would stand before the tile's own.
    """
    parts: list[bytes] = []
    position = 2
    while position + 4 <= len(tables) and tables[position] == 0xFF:
        marker = tables[position + 1]
        following = position + 2 + (tables[position + 2] << 8 | tables[position + 3])
        if marker in TABLE_MARKERS and following <= len(tables):
            parts.append(tables[position:following])
        elif marker not in APPLICATION_MARKERS:
            break
        position = following
    return b"".join(parts)


def icc_segments(icc: bytes) -> bytes | None:
    """The profile in numbered APP2 segments; None when it is too large for them."""
    chunks = [icc[start : start + ICC_STEP] for start in range(0, len(icc), ICC_STEP)]
    if len(chunks) > 255:
        return None
    return b"".join(
        struct.pack(">HH", 0xFFE2, len(chunk) + len(ICC_MARK) + 4)
        + ICC_MARK
        + bytes((number, len(chunks)))
        + chunk
        for number, chunk in enumerate(chunks, 1)
    )


def without_segments(stream: bytes, foreign: tuple[tuple[int, int], ...]) -> bytes:
    """The stream behind its start marker, without the segments named."""
    if not foreign:
        return stream[2:]
    parts, position = [], 2
    for start, stop in foreign:
        parts.append(stream[position:start])
        position = stop
    parts.append(stream[position:])
    return b"".join(parts)
