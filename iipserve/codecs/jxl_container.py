"""JPEG XL's container: Exif and XMP beside a codestream (ISO/IEC 18181-2)."""

from __future__ import annotations

from collections.abc import Iterator

from iipserve.codecs import Metadata

SIGNATURE = b"\0\0\0\x0cJXL \r\n\x87\n"
FILE_TYPE = b"\0\0\0\x14ftypjxl \0\0\0\0jxl "
EXIF_OFFSET = b"\0\0\0\0"
"""Where in an Exif box its TIFF structure begins."""


def taken_apart(body: bytes) -> tuple[bytes, bytes]:
    """The codestream of a file, and the content of the box with its level, empty where there is none."""
    if not body.startswith(SIGNATURE):
        return body, b""
    boxes = list(_boxes(body))
    level = b"".join(content for kind, content in boxes if kind == b"jxll")
    whole = b"".join(content for kind, content in boxes if kind == b"jxlc")
    # parts are numbered, and stand in their order
    return whole or b"".join(content[4:] for kind, content in boxes if kind == b"jxlp"), level


def put_together(codestream: bytes, level: bytes, metadata: Metadata) -> bytes:
    """A file with Exif and XMP in it; the bare codestream where it needs no box.

    Args:
        codestream: with its profile in it.
        level: content of the box with its level, or nothing.
        metadata: to be written; resolution stands in Exif; texts have no place in JPEG XL.
    """
    kinds = (
        (b"jxll", level),
        (b"Exif", metadata.exif and EXIF_OFFSET + metadata.exif),
        (b"xml ", metadata.xmp),
    )
    boxes = [_box(kind, content) for kind, content in kinds if content]
    return b"".join((SIGNATURE, FILE_TYPE, *boxes, _box(b"jxlc", codestream))) if boxes else codestream


def _boxes(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of each box; a length of 0 reaches to the end, 1 stands before a length of 8 bytes."""
    offset = 0
    while offset + 8 <= len(body):
        start, length = offset + 8, int.from_bytes(body[offset : offset + 4], "big")
        if length == 1:
            start, length = offset + 16, int.from_bytes(body[offset + 8 : offset + 16], "big")
        end = offset + length if length else len(body)
        yield body[offset + 4 : offset + 8], body[start:end]
        offset = max(end, start)


def _box(kind: bytes, content: bytes) -> bytes:
    length = len(content) + 8
    if length < 2**32:
        return b"%b%b%b" % (length.to_bytes(4, "big"), kind, content)
    return b"\0\0\0\x01%b%b%b" % (kind, (length + 8).to_bytes(8, "big"), content)
