"""WebP files: chunks of RIFF around a coded image (RFC 9649 section 2)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

HAS_PROFILE, HAS_ALPHA, HAS_EXIF, HAS_XMP = 0x20, 0x10, 0x08, 0x04
"""Flags of VP8X (section 2.7)."""
IMAGE_CHUNKS = (b"ALPH", b"VP8 ", b"VP8L")


def read_size(data: bytes) -> tuple[int, int] | None:
    """Width and height in the header of a file (sections 2.5 to 2.7); None if it is not one or is cut off."""
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        return None
    try:
        match data[12:16]:
            case b"VP8 ":
                width, height = struct.unpack_from("<HH", data, 26)
                return width & 0x3FFF, height & 0x3FFF
            case b"VP8L":
                (bits,) = struct.unpack_from("<I", data, 21)
                return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
            case b"VP8X":
                low_width, high_width, low_height, high_height = struct.unpack_from("<HBHB", data, 24)
                return (high_width << 16 | low_width) + 1, (high_height << 16 | low_height) + 1
    except struct.error:
        return None
    return None


def with_metadata(
    body: bytes, size: tuple[int, int], *, icc: bytes | None, exif: bytes | None, xmp: bytes | None
) -> bytes:
    """The file with metadata in it; unchanged without any.

    Args:
        body: a file without metadata, as libwebp encodes it.
        size: width and height in pixels.
        icc: profile.
        exif: block, which also holds the resolution.
        xmp: packet.
    """
    wanted = ((b"ICCP", icc, HAS_PROFILE), (b"EXIF", exif, HAS_EXIF), (b"XMP ", xmp, HAS_XMP))
    added = {kind: content for kind, content, _ in wanted if content}
    if not added:
        return body
    images = [(kind, content) for kind, content in _unpack(body) if kind in IMAGE_CHUNKS]
    flags = sum(flag for kind, _, flag in wanted if kind in added)
    if any(_is_transparent(kind, content) for kind, content in images):
        flags |= HAS_ALPHA
    sides = ((side - 1).to_bytes(3, "little") for side in size)
    header = b"".join((flags.to_bytes(4, "little"), *sides))
    before = [(b"VP8X", header), *((kind, added.pop(kind)) for kind in (b"ICCP",) if kind in added)]
    return _pack(b"RIFF", b"WEBP" + b"".join(_pack(*chunk) for chunk in (*before, *images, *added.items())))


def _unpack(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of each chunk."""
    offset = 12
    while offset + 8 <= len(body):
        kind, length = struct.unpack_from("<4sI", body, offset)
        yield kind, body[offset + 8 : offset + 8 + length]
        offset += 8 + length + length % 2


def _pack(kind: bytes, content: bytes) -> bytes:
    return struct.pack("<4sI", kind, len(content)) + content + b"\0" * (len(content) % 2)


def _is_transparent(kind: bytes, content: bytes) -> bool:
    """ALPH, or a lossless image whose header says that alpha is used (section 3.4)."""
    return kind == b"ALPH" or (kind == b"VP8L" and bool(content[4] & 0x10))
