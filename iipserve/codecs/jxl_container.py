"""JPEG XL's container: Exif and XMP in front of a codestream (ISO/IEC 18181-2)."""

from __future__ import annotations

from iipserve.codecs import Metadata
from iipserve.containers import boxes, jxl

START = jxl.CONTAINER + b"\0\0\0\x14ftypjxl \0\0\0\0jxl "
"""Signature and file type box."""
LEVEL_TYPE = b"\0\0\0\x09jxll"
"""Start of the box of 9 bytes that states the codestream's level, where it is not 5; it follows the file type."""
LEVEL_LENGTH = 9
EXIF_OFFSET = b"\0\0\0\0"
"""Offset of the TIFF structure in an Exif box."""


def with_metadata(body: bytes, metadata: Metadata) -> bytes:
    """The file with Exif and XMP in it; unchanged if there is neither.

    Args:
        body: a bare codestream, or a file as libjxl writes it for codestreams beyond level 5.
        metadata: to write; the resolution is in Exif; texts have no place in JPEG XL.
    """
    contents = ((b"Exif", metadata.exif and EXIF_OFFSET + metadata.exif), (b"xml ", metadata.xmp))
    added = [boxes.pack(kind, content) for kind, content in contents if content]
    if not added:
        return body
    if not body.startswith(START):
        body = START + boxes.pack(b"jxlc", body)
    offset = len(START)
    if body.startswith(LEVEL_TYPE, offset):
        offset += LEVEL_LENGTH
    return b"".join((body[:offset], *added, body[offset:]))
