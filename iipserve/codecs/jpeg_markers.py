"""Size, density and metadata of JPEG files of one frame (JFIF 1.02, Exif, XMP part 3)."""

from __future__ import annotations

import hashlib
import re
import struct
from typing import NamedTuple

from iipserve.codecs import Metadata
from iipserve.containers import exif, jpeg
from iipserve.geometry import round_half_up
from iipserve.image import PhysicalResolution

SEQUENTIAL_MARKERS = frozenset({0xC0, 0xC1})

JFIF_END = 20
"""Length of SOI and a JFIF APP0 without thumbnail."""
DENSITY = struct.Struct(">BHH")
DENSITY_OFFSET = 13
MAX_DENSITY = 0xFFFF

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


class FileFrame(NamedTuple):
    """The frame header of a file."""

    offset: int
    """Of its marker."""
    width: int
    """Pixels."""
    height: int
    """Pixels; 0 if a later DNL segment defines it."""
    one_scan: bool
    """Encoded row by row in one sequential scan: the data of the last rows are at the end."""


def read_file_frame(body: bytes) -> FileFrame | None:
    """The frame header of a JPEG file; None if the first scan has none before it."""
    return _FRAMES.read(body)


def _measured_frame(body: bytes) -> tuple[FileFrame | None, int]:
    """The frame header, and the number of bytes that show it."""
    offset, frame = 0, None
    for segment in jpeg.segments(body):
        if segment.marker in jpeg.FRAME_MARKERS:
            offset, frame = segment.start, jpeg.read_frame(body, segment)
        elif segment.marker == jpeg.SOS and frame:
            # the scan's header begins with its number of components
            complete = body[segment.start + 4 : segment.start + 5] == bytes((frame.components,))
            sequential = frame.marker in SEQUENTIAL_MARKERS
            return FileFrame(offset, frame.width, frame.height, sequential and complete), segment.start + 5
    return None, len(body)


_FRAMES = jpeg.HeadMemo(_measured_frame)


def with_height(body: bytes, frame: FileFrame, height: int) -> bytes:
    """The file with another height in its frame header; decoders ignore the rows below."""
    at = frame.offset + 5
    return body[:at] + height.to_bytes(2, "big") + body[at + 2 :]


def with_metadata(body: bytes, metadata: Metadata) -> bytes:
    """The file, which begins with a JFIF segment, with density and metadata.

    Metadata too long for the format is left out: Exif above 64 kB, profiles above 16 MB.
    """
    head = bytearray(body[:JFIF_END])
    if metadata.resolution:
        DENSITY.pack_into(head, DENSITY_OFFSET, *jfif_density(metadata.resolution))
    parts = [bytes(head)]
    if metadata.exif:
        parts.append(jpeg.application_segment(jpeg.APP1, exif.MARK + metadata.exif))
    if metadata.xmp:
        parts.append(_xmp_segments(metadata.xmp))
    if metadata.icc:
        parts.append(jpeg.icc_segments(metadata.icc) or b"")
    return b"".join((*parts, body[JFIF_END:]))


def jfif_density(resolution: PhysicalResolution) -> tuple[int, int, int]:
    """Unit (1 inch, 2 cm) and dots per unit across and down, in the unit with the smaller rounding error.

    Unit 0, a pixel aspect ratio of 1 : 1, if neither unit can express the resolution.
    """
    choices = []
    for unit, metres in ((1, 0.0254), (2, 0.01)):
        exact = resolution.x * metres, resolution.y * metres
        whole = round_half_up(exact[0]), round_half_up(exact[1])
        if min(whole) >= 1 and max(whole) <= MAX_DENSITY:
            error = max(abs(w / e - 1) for w, e in zip(whole, exact, strict=True))
            choices.append((round(error, 6), unit, *whole))
    return min(choices)[1:] if choices else (0, 1, 1)


def _xmp_segments(xmp: bytes) -> bytes:
    """The packet in APP1; a larger one as ExtendedXMP after a packet that refers to it (XMP part 3, 1.1.3.1)."""
    if len(XMP_MARK) + len(xmp) <= jpeg.MAX_CONTENT:
        return jpeg.application_segment(jpeg.APP1, XMP_MARK + xmp)
    content = XMP_ENVELOPE.sub(b"", xmp)
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest().upper().encode()
    contents = [XMP_MARK + XMP_POINTER.format(digest.decode()).encode()]
    step = jpeg.MAX_CONTENT - len(EXTENDED_XMP_MARK) - 40
    for start in range(0, len(content), step):
        position = digest + struct.pack(">II", len(content), start)
        contents.append(EXTENDED_XMP_MARK + position + content[start : start + step])
    return b"".join(jpeg.application_segment(jpeg.APP1, part) for part in contents)
