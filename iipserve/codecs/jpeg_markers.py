"""JPEG marker segments: the frame header, density, and metadata (ITU-T T.81 annex B, JFIF 1.02, Exif, XMP)."""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Iterator
from typing import NamedTuple

from iipserve.codecs import Metadata
from iipserve.geometry import round_half_up
from iipserve.image import PhysicalResolution

FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""SOF0 to SOF15; C4, C8 and CC are other segments."""
SEQUENTIAL_MARKERS = frozenset({0xC0, 0xC1})
START_OF_SCAN = 0xDA

JFIF_END = 20
"""Length of SOI and a JFIF APP0 without thumbnail."""
DENSITY = struct.Struct(">BHH")
DENSITY_OFFSET = 13
MAX_DENSITY = 0xFFFF

MAX_SEGMENTS = 1000
"""More before the first scan are taken for damage; a profile of 16 MB has 255."""
MAX_SEGMENT = 0xFFFF - 2
"""Most bytes in one segment beside its marker and length."""
ICC_MARK = b"ICC_PROFILE\0"
EXIF_MARK = b"Exif\0\0"
XMP_MARK = b"http://ns.adobe.com/xap/1.0/\0"
EXTENDED_XMP_MARK = b"http://ns.adobe.com/xmp/extension/\0"
XMP_ENVELOPE = re.compile(
    rb"^\s*(?:\xef\xbb\xbf)?\s*<\?xpacket begin.*?\?>|<\?xpacket end.*?\?>\s*$", re.DOTALL
)
XMP_POINTER = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:xmpNote="http://ns.adobe.com/xmp/note/" xmpNote:HasExtendedXMP="{}"/>'
    '</rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
)


class Frame(NamedTuple):
    """What the frame header says."""

    offset: int
    """Of the marker's first byte."""
    width: int
    """Pixels."""
    height: int
    """Pixels; 0 where the file leaves it to a later DNL segment."""
    one_scan: bool
    """Coded row by row in one sequential scan: the data of the last rows come last."""


def read_frame(body: bytes) -> Frame | None:
    """The frame header of a JPEG file, or None when there is none before the first scan."""
    found: tuple[int, int, int, int] | None = None
    sequential = False
    for marker, offset in _segments(body):
        if marker in FRAME_MARKERS:
            found = offset, *struct.unpack_from(">HHB", body, offset + 5)
            sequential = marker in SEQUENTIAL_MARKERS
        elif marker == START_OF_SCAN and found:
            start, height, width, components = found
            return Frame(start, width, height, sequential and body[offset + 4] == components)
    return None


def _segments(body: bytes) -> Iterator[tuple[int, int]]:
    """Marker code and offset of each segment up to the first scan; stops at anything irregular."""
    offset, end = 2, len(body) - 10
    for _ in range(MAX_SEGMENTS):
        if offset >= end or body[offset] != 0xFF:
            return
        yield body[offset + 1], offset
        offset += 2 + (body[offset + 2] << 8 | body[offset + 3])


def with_height(body: bytes, frame: Frame, height: int) -> bytes:
    """The file with another height in its frame header; decoders leave the rows below unread."""
    at = frame.offset + 5
    return body[:at] + height.to_bytes(2, "big") + body[at + 2 :]


def with_metadata(body: bytes, metadata: Metadata) -> bytes:
    """The file, which begins with a JFIF segment, with density and metadata written into it.

    What the format cannot hold is left out: Exif above 64 kB, profiles above 16 MB.
    """
    head = bytearray(body[:JFIF_END])
    if metadata.resolution:
        DENSITY.pack_into(head, DENSITY_OFFSET, *jfif_density(metadata.resolution))
    parts = [bytes(head)]
    if metadata.exif:
        parts += _app(0xE1, EXIF_MARK + metadata.exif)
    if metadata.xmp:
        parts += _xmp_segments(metadata.xmp)
    if metadata.icc:
        parts += _icc_segments(metadata.icc)
    return b"".join((*parts, body[JFIF_END:]))


def jfif_density(resolution: PhysicalResolution) -> tuple[int, int, int]:
    """Unit (1 inch, 2 cm) and dots per unit across and down, in the unit that rounding hurts less.

    Unit 0, a plain pixel ratio of 1 : 1, where neither unit can express it.
    """
    choices = []
    for unit, metres in ((1, 0.0254), (2, 0.01)):
        exact = resolution.x * metres, resolution.y * metres
        whole = round_half_up(exact[0]), round_half_up(exact[1])
        if min(whole) >= 1 and max(whole) <= MAX_DENSITY:
            error = max(abs(w / e - 1) for w, e in zip(whole, exact, strict=True))
            choices.append((round(error, 6), unit, *whole))
    return min(choices)[1:] if choices else (0, 1, 1)


def _app(marker: int, content: bytes) -> list[bytes]:
    """One application segment, or nothing when the content does not fit in."""
    if len(content) > MAX_SEGMENT:
        return []
    return [struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content]


def _icc_segments(icc: bytes) -> list[bytes]:
    """The profile in numbered APP2 segments (ICC.1:2022 annex B.4)."""
    step = MAX_SEGMENT - len(ICC_MARK) - 2
    chunks = [icc[start : start + step] for start in range(0, len(icc), step)]
    if len(chunks) > 255:
        return []
    parts: list[bytes] = []
    for number, chunk in enumerate(chunks, 1):
        parts += _app(0xE2, ICC_MARK + bytes((number, len(chunks))) + chunk)
    return parts


def _xmp_segments(xmp: bytes) -> list[bytes]:
    """The packet in APP1; a larger one as ExtendedXMP behind a packet that points to it (XMP part 3, 1.1.3.1)."""
    if len(XMP_MARK) + len(xmp) <= MAX_SEGMENT:
        return _app(0xE1, XMP_MARK + xmp)
    content = XMP_ENVELOPE.sub(b"", xmp)
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest().upper()
    parts = _app(0xE1, XMP_MARK + XMP_POINTER.format(digest).encode())
    step = MAX_SEGMENT - len(EXTENDED_XMP_MARK) - 40
    for start in range(0, len(content), step):
        position = digest.encode() + struct.pack(">II", len(content), start)
        parts += _app(0xE1, EXTENDED_XMP_MARK + position + content[start : start + step])
    return parts
