"""JPEG tiles of TIFF files: their headers, and their conversion to complete files.

The tables of a tile may be in the directory (TIFF Technical Note 2, "abbreviated" streams), and its color space is that
of PhotometricInterpretation unless the tile proves another. So tables and a correct color marker are put in front, and
the tile's own application segments are removed.
"""

from __future__ import annotations

from typing import NamedTuple

from iipserve.containers import jpeg

JFIF = b"\xff\xe0\x00\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0"
"""Three components are YCbCr, one is gray; pixels are square."""
ADOBE_RGB = b"\xff\xee\x00\x0eAdobe\x00\x64\0\0\0\0\0"
"""Transform 0: three components are RGB. Without JFIF, which makes decoders read them as YCbCr."""
APP14 = 0xEE
HUFFMAN_TABLES = b"\xff\xc4"
EXPECTED_MARKERS = jpeg.APPLICATION_MARKERS | jpeg.FRAME_MARKERS | jpeg.TABLE_MARKERS
"""Before the first scan."""


SEQUENTIAL = frozenset({0xC0, 0xC1})
"""Frames with Huffman coding whose scans hold whole blocks (B.2.2, table B.1)."""


class Head(NamedTuple):
    """What precedes the first scan."""

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
    """Length in bytes, including the marker of the first scan."""
    frame_start: int
    """Offset of the frame header's marker."""
    one_scan: bool
    """The first scan holds all components from top to bottom (sequential coding), so that decoders can stop early."""
    is_ycc: bool | None = None
    """The three components are YCbCr (or RGB) according to the stream itself; None where it does not say."""


class DamagedStream(ValueError):
    """The bytes are not a valid JPEG stream."""


def read_head(stream: bytes) -> Head:
    """Parse what precedes the first scan.

    Raises:
        DamagedStream: the bytes do not follow ITU-T T.81 annex B, or end early.
    """
    if not stream.startswith(jpeg.START):
        raise DamagedStream("no start marker")
    found = list(jpeg.segments(stream))
    if not found or found[-1].marker != jpeg.SOS:
        raise DamagedStream("no marker where one is expected")
    *before, scan = found
    check_end(stream, scan.start)
    unexpected = {segment.marker for segment in before} - EXPECTED_MARKERS
    if unexpected:
        raise DamagedStream(f"unexpected marker {min(unexpected):02X}")
    start, frame = _only_frame(stream, before)
    return Head(
        frame.marker, frame.precision, frame.height, frame.width, frame.components,
        has_tables=any(segment.marker == jpeg.DQT for segment in before),
        foreign=tuple((one.start, one.stop) for one in before if one.marker in jpeg.APPLICATION_MARKERS),
        length=scan.start + 2,
        frame_start=start,
        one_scan=frame.marker in SEQUENTIAL and stream[scan.start + 4 : scan.start + 5] == bytes((frame.components,)),
        is_ycc=_states_ycc(stream, before) if frame.components == 3 else None,
    )  # fmt: skip


def after_huffman_tables(stream: bytes, start: int) -> int:
    """The offset after the segments of Huffman tables (B.2.4.2) that begin at `start`, which may be none."""
    while stream.startswith(HUFFMAN_TABLES, start):
        start += 2 + (stream[start + 2] << 8 | stream[start + 3] if start + 4 <= len(stream) else 2)
    return start


def _states_ycc(stream: bytes, before: list[jpeg.Segment]) -> bool | None:
    """Whether three components are YCbCr: by their sampling, which is alike in RGB, their names, and the markers of
    Adobe and JFIF, in the order of what they prove (libjpeg's `default_decompress_parms`).
    """
    (start,) = (one.start for one in before if one.marker in jpeg.FRAME_MARKERS)
    described = stream[start + 10 : start + 19]
    names, sampling = described[0::3], described[1::3]
    if len(set(sampling)) > 1:
        return True
    if names == b"RGB":
        return False
    contents = {stream[one.start + 4 : one.stop][:12] for one in before if one.marker in (jpeg.APP0, APP14)}
    for content in contents:
        if content.startswith(b"Adobe") and len(content) == 12:
            return content[11] != 0
    return True if any(content.startswith(b"JFIF\0") for content in contents) else None


def _only_frame(stream: bytes, before: list[jpeg.Segment]) -> tuple[int, jpeg.Frame]:
    """The frame header, and its offset."""
    frames = [segment for segment in before if segment.marker in jpeg.FRAME_MARKERS]
    frame = jpeg.read_frame(stream, frames[0]) if len(frames) == 1 else None
    if frame is None:
        raise DamagedStream(f"{len(frames)} frame headers; one is expected")
    return frames[0].start, frame


def check_end(stream: bytes, scan: int) -> None:
    """Check that the scans, which begin at `scan`, are followed by an end marker.

    Raises:
        DamagedStream: they are not.
    """
    if stream.rfind(jpeg.END, scan) < 0:
        raise DamagedStream("the scans end early")


def table_segments(tables: bytes) -> bytes:
    """The tables of a JPEGTables field, without its start and end markers; empty if it is damaged.

    Other segments are left out: a frame or a scan among them would come before the tile's own.
    """
    parts: list[bytes] = []
    for segment in jpeg.segments(tables):
        if segment.marker in jpeg.TABLE_MARKERS and segment.stop <= len(tables):
            parts.append(tables[segment.start : segment.stop])
        elif segment.marker not in jpeg.APPLICATION_MARKERS:
            break
    return b"".join(parts)


def with_height(stream: bytes, head: Head, height: int) -> bytes:
    """The stream with another height in its frame header (B.2.2); decoders ignore the rows below."""
    at = head.frame_start + 5
    return stream[:at] + height.to_bytes(2, "big") + stream[at + 2 :]


def without_segments(stream: bytes, foreign: tuple[tuple[int, int], ...], beginning: bytes) -> bytes:
    """The stream without the segments at these offsets, and with another beginning instead of its start marker."""
    data = memoryview(stream)
    parts: list[bytes | memoryview] = [beginning]
    position = 2
    for start, stop in foreign:
        if start > position:
            parts.append(data[position:start])
        position = stop
    parts.append(data[position:])
    return b"".join(parts)
