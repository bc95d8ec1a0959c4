"""WebP's container: metadata chunks around a coded picture (RFC 9649 section 2)."""

from __future__ import annotations

from collections.abc import Iterator

from iipserve.codecs import Metadata

HAS_PROFILE, HAS_ALPHA, HAS_EXIF, HAS_XMP = 0x20, 0x10, 0x08, 0x04
"""Flags of VP8X (section 2.7)."""
PICTURE_CHUNKS = (b"ALPH", b"VP8 ", b"VP8L")


def with_metadata(body: bytes, width: int, height: int, metadata: Metadata) -> bytes:
    """The file with profile, Exif and XMP in it; as it is when there is none of them.

    Args:
        body: a WebP file without metadata, as the encoder makes it.
        width: of the picture, in pixels.
        height: of the picture, in pixels.
        metadata: to be written; resolution stands in Exif; texts have no place in WebP.
    """
    pictures = [(kind, content) for kind, content in _chunks(body) if kind in PICTURE_CHUNKS]
    wanted = (
        (b"ICCP", metadata.icc, HAS_PROFILE),
        (b"EXIF", metadata.exif, HAS_EXIF),
        (b"XMP ", metadata.xmp, HAS_XMP),
    )
    flags = sum(flag for _, content, flag in wanted if content)
    if not flags:
        return body
    if any(_is_transparent(kind, content) for kind, content in pictures):
        flags |= HAS_ALPHA
    header = bytes((flags, 0, 0, 0)) + _three_bytes(width - 1) + _three_bytes(height - 1)
    extra = {kind: content for kind, content, _ in wanted if content}
    profile = [(b"ICCP", extra.pop(b"ICCP"))] if b"ICCP" in extra else []
    parts = [_chunk(*item) for item in ((b"VP8X", header), *profile, *pictures, *extra.items())]
    return b"".join((b"RIFF", _four_bytes(4 + sum(map(len, parts))), b"WEBP", *parts))


def _chunks(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    offset = 12
    while offset + 8 <= len(body):
        length = int.from_bytes(body[offset + 4 : offset + 8], "little")
        yield body[offset : offset + 4], body[offset + 8 : offset + 8 + length]
        offset += 8 + length + length % 2


def _is_transparent(kind: bytes, content: bytes) -> bool:
    """ALPH, or a lossless picture whose header says that alpha is used (section 3.4)."""
    return kind == b"ALPH" or (kind == b"VP8L" and bool(content[4] & 0x10))


def _chunk(kind: bytes, content: bytes) -> bytes:
    return b"%b%b%b%b" % (kind, _four_bytes(len(content)), content, b"\0" * (len(content) % 2))


def _three_bytes(value: int) -> bytes:
    return value.to_bytes(3, "little")


def _four_bytes(value: int) -> bytes:
    return value.to_bytes(4, "little")
