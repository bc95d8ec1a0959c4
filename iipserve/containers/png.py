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
MAX_RATIO = 1032
"""Of unpacked to packed bytes (RFC 1951: 258 bytes take 2 bits)."""
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


def unpacks_to_more(read: Read, maximum: int) -> bool:
    """Whether the compressed texts before the pixels have more than `maximum` bytes, of which no more are unpacked."""
    packed = [(length, offset) for kind, length, offset in _places(read) if kind in (b"zTXt", b"iTXt")]
    if sum(length for length, _ in packed) * MAX_RATIO <= maximum:
        return False
    total = 0
    for length, offset in packed:
        data = _compressed(read(min(length, maximum), offset))
        unpacker = zlib.decompressobj()
        with suppress(zlib.error):
            while data and total <= maximum:
                total += len(unpacker.decompress(data, MAX_TEXT))
                data = unpacker.unconsumed_tail
    return total > maximum


def _compressed(content: bytes) -> bytes:
    """The compressed part of a text, or all where it is not compressed; zlib's streams begin with 0x78 or less."""
    _, _, rest = content.partition(b"\0")
    if rest[:1] == b"\0":  # zTXt: the method; iTXt that is not compressed: the flag
        return rest[1:]
    return rest[2:].split(b"\0", 2)[-1]


def _chunks(read: Read) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of the chunks with texts in Latin-1."""
    for kind, length, offset in _places(read):
        if kind in (b"tEXt", b"zTXt") and length <= MAX_TEXT:
            yield kind, read(length, offset)


def _places(read: Read) -> Iterator[tuple[bytes, int, int]]:
    """Kind, length and offset of the content of each chunk before the pixels."""
    offset = len(SIGNATURE)
    for _ in range(MAX_CHUNKS):
        header = read(8, offset)
        if len(header) < 8 or header[4:] == b"IDAT":
            return
        length, kind = struct.unpack(">I4s", header)
        yield kind, length, offset + 8
        offset += length + 12


def _inflated(data: bytes) -> bytes:
    with suppress(zlib.error):
        return zlib.decompressobj().decompress(data, MAX_TEXT)
    return b""
