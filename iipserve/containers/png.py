"""Texts of PNG files (PNG specification, third edition, section 11.3.3)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress

from iipserve.containers.boxes import Read

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_CHUNKS = 1000
"""Chunks of a file that are read."""
MAX_TEXT = 64 * 1024
"""Bytes of a text, packed and unpacked; longer ones are passed over."""


def latin_texts(read: Read) -> Iterator[tuple[str, str]]:
    """Keyword and text of each tEXt and zTXt before the pixels, which are in Latin-1.

    Args:
        read: reads the file.
    """
    for kind, content in _chunks(read):
        keyword, _, text = content.partition(b"\0")
        if kind == b"zTXt":
            text = _inflated(text[1:])
        yield keyword.decode("latin-1"), text.decode("latin-1")


def _chunks(read: Read) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of the chunks with texts in Latin-1."""
    offset = len(SIGNATURE)
    for _ in range(MAX_CHUNKS):
        header = read(8, offset)
        if len(header) < 8 or header[4:] == b"IDAT":
            return
        length, kind = struct.unpack(">I4s", header)
        if kind in (b"tEXt", b"zTXt") and length <= MAX_TEXT:
            yield kind, read(length, offset + 8)
        offset += length + 12


def _inflated(data: bytes) -> bytes:
    with suppress(zlib.error):
        return zlib.decompressobj().decompress(data, MAX_TEXT)
    return b""
