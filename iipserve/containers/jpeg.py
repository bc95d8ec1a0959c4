"""JPEG marker segments (ITU-T T.81 annex B), and the ICC profiles they hold (ICC.1:2022 annex B.4)."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Generic, NamedTuple, TypeVar

from iipserve.containers.boxes import Read
from iipserve.geometry import ceil_div

START, END = b"\xff\xd8", b"\xff\xd9"
DHT, DAC, SOS, DQT, DRI, APP0, APP1, APP2, COM = 0xC4, 0xCC, 0xDA, 0xDB, 0xDD, 0xE0, 0xE1, 0xE2, 0xFE
TABLE_MARKERS = frozenset({DHT, DQT, DAC, DRI})
FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {DHT, 0xC8, DAC}
"""SOF0 to SOF15."""
SOF0, SOF55 = 0xC0, 0xF7
"""Baseline, and the frame of JPEG-LS (ITU-T T.87 annex C)."""
COMMON_FRAMES = frozenset({0xC0, 0xC1, 0xC2})
"""Baseline, extended and progressive with Huffman coding: those that every viewer shows."""
PROGRESSIVE_FRAMES = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
MAX_COMPONENTS = 10
"""That decoders support (MAX_COMPONENTS of libjpeg)."""
BLOCK_BYTES = 128
"""Of the coefficients of 8 x 8 samples in memory."""
APPLICATION_MARKERS = frozenset({*range(APP0, APP0 + 16), COM})

MAX_SEGMENTS = 1000
"""A stream with more before its first scan is considered damaged; a profile of 16 MB has 255."""
MAX_CONTENT = 0xFFFF - 2
"""Bytes in one segment besides its marker and length."""
ICC_MARK = b"ICC_PROFILE\0"
ICC_STEP = MAX_CONTENT - len(ICC_MARK) - 2
"""Bytes of a profile in one segment."""


T = TypeVar("T")


class Segment(NamedTuple):
    """One segment of a stream."""

    marker: int
    start: int
    """Offset of its marker."""
    stop: int
    """Offset after its content, according to its length."""


class Frame(NamedTuple):
    """A frame header (B.2.2)."""

    marker: int
    precision: int
    """Bits per sample."""
    height: int
    """Pixels; 0 where a DNL segment after the first scan holds the height."""
    width: int
    components: int


def segments(stream: bytes) -> Iterator[Segment]:
    """The segments after the start marker, up to the header of the first scan, which is the last.

    They end early, without a scan, before anything that is not a segment. The last may claim to be longer than the
    stream.
    """
    position, length = len(START), len(stream)
    for _ in range(MAX_SEGMENTS):
        while position + 4 <= length and stream[position] == stream[position + 1] == 0xFF:
            position += 1  # fill bytes (B.1.1.2)
        if position + 4 > length or stream[position] != 0xFF:
            return
        marker = stream[position + 1]
        stop = position + 2 + (stream[position + 2] << 8 | stream[position + 3])
        yield tuple.__new__(Segment, (marker, position, stop))  # half the constructor's time
        if marker == SOS:
            return
        position = stop


class HeadMemo(Generic[T]):
    """What was parsed of the last stream's head, for streams with mostly identical heads: the tiles of an image.

    Safe for many threads.
    """

    def __init__(self, parse: Callable[[bytes], tuple[T, int]]) -> None:
        """`parse` returns a result and the number of bytes that it depends on."""
        self._parse = parse
        self._last: tuple[bytes, T] | None = None

    def read(self, stream: bytes) -> T:
        """The result of parsing `stream`. Raises what `parse` raises."""
        last = self._last
        if last is not None and stream.startswith(last[0]):
            return last[1]
        result, length = self._parse(stream)
        self._last = stream[:length], result
        return result


def read_frame(stream: bytes, segment: Segment) -> Frame | None:
    """The frame header in a segment; None if the stream ends inside it."""
    if len(stream) < segment.start + 10:
        return None
    return Frame(segment.marker, *struct.unpack_from(">BHHB", stream, segment.start + 4))


def frame_of(read: Read) -> Frame | None:
    """The first frame header of a file; None if the first scan has none before it.

    Args:
        read: reads the file.
    """
    for marker, content in _contents(read, 6):
        if marker in FRAME_MARKERS or marker == SOF55:
            return Frame(marker, *struct.unpack(">BHHB", content))
    return None


def coefficient_bytes(read: Read) -> int:
    """Bytes of the coefficients of all of an image, which decoders hold if not all components are in the first scan.

    0 where it is decoded row by row: sequential, in one scan.

    Args:
        read: reads the file.
    """
    held = components = 0
    for marker, content in _contents(read, 6 + 3 * MAX_COMPONENTS):
        if marker in FRAME_MARKERS and not components:
            height, width, components = struct.unpack_from(">HHB", content, 1)
            is_progressive = marker in PROGRESSIVE_FRAMES
            factors = [(each >> 4, each & 15) for each in content[7 : 6 + 3 * components : 3]]
            across, down = (max((factor[axis] for factor in factors), default=1) or 1 for axis in (0, 1))
            units = ceil_div(width, 8 * across) * ceil_div(height, 8 * down)
            held = units * sum(h * v for h, v in factors) * BLOCK_BYTES
        elif marker == SOS and components:
            return held if is_progressive or content[0] < components else 0
    return 0


def _contents(read: Read, count: int) -> Iterator[tuple[int, bytes]]:
    """Markers of a file's segments up to the header of the first scan, each with `count` bytes that follow its length."""
    offset = len(START)
    for _ in range(MAX_SEGMENTS):
        head = read(4 + count, offset)
        if len(head) < 10 or head[0] != 0xFF:
            return
        if head[1] == 0xFF:  # fill byte (B.1.1.2)
            offset += 1
            continue
        yield head[1], head[4:]
        if head[1] == SOS:
            return
        offset += 2 + int.from_bytes(head[2:4], "big")


def application_segment(marker: int, content: bytes) -> bytes:
    """A segment with this content; empty if it does not fit."""
    if len(content) > MAX_CONTENT:
        return b""
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def icc_segments(icc: bytes) -> bytes | None:
    """A profile in numbered APP2 segments; None if it is too large for them."""
    chunks = [icc[start : start + ICC_STEP] for start in range(0, len(icc), ICC_STEP)]
    if len(chunks) > 255:
        return None
    marks = (ICC_MARK + bytes((number, len(chunks))) for number in range(1, len(chunks) + 1))
    return b"".join(
        application_segment(APP2, mark + chunk) for mark, chunk in zip(marks, chunks, strict=True)
    )
