"""A rendition as one run of bytes that says what it is, for caches outside the process."""

from __future__ import annotations

import struct

from iipserve.plan import Rendition

HEADER = struct.Struct(">4s16sHI")
"""Mark, digest of the plan, length of the media type, length of the body."""
MARK = b"IIP\1"
"""The last byte counts the layouts of this header."""


def pack(rendition: Rendition, digest: str) -> bytes:
    """The rendition of the plan with this digest, ready to be stored."""
    media_type = rendition.media_type.encode()
    header = HEADER.pack(MARK, bytes.fromhex(digest), len(media_type), len(rendition.body))
    return b"".join((header, media_type, rendition.body))


def unpack(value: bytes, digest: str) -> Rendition | None:
    """The rendition that `pack` stored for this digest; None for anything else, cut short or not."""
    if len(value) < HEADER.size:
        return None
    mark, plan, media_length, body_length = HEADER.unpack_from(value)
    start = HEADER.size + media_length
    if mark != MARK or plan.hex() != digest or len(value) != start + body_length:
        return None
    try:
        media_type = value[HEADER.size : start].decode("ascii")
    except UnicodeDecodeError:
        return None
    return Rendition(value[start:], media_type, digest)
