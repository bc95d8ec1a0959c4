"""PNG chunks: framing and metadata (PNG specification, third edition)."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from isal import isal_zlib

from iipserve import __version__
from iipserve.codecs import Metadata
from iipserve.geometry import round_half_up
from iipserve.image import PhysicalResolution

MAX_NUMBER = 2**31 - 1
"""Maximum four-byte integer (section 7.1)."""
XMP_KEYWORD = "XML:com.adobe.xmp"
KEYWORDS: Mapping[str, str] = MappingProxyType(
    {
        "title": "Title",
        "creator": "Author",
        "description": "Description",
        "rights": "Copyright",
        "date": "Creation Time",
        "comment": "Comment",
    }
)
"""IIP object name -> predefined keyword (section 11.3.3.1)."""
SOFTWARE = b"Software\0iipserve/" + __version__.encode()


def chunk(kind: bytes, content: bytes | memoryview) -> bytes:
    """One chunk with its length and checksum (section 5.3)."""
    checksum = isal_zlib.crc32(content, isal_zlib.crc32(kind))
    return b"".join((len(content).to_bytes(4, "big"), kind, content, checksum.to_bytes(4, "big")))


def metadata_chunks(metadata: Metadata, *, texts: bool) -> bytes:
    """The chunks between IHDR and IDAT.

    Args:
        metadata: to write.
        texts: write `metadata.text` and the name of this software.
    """
    parts = []
    if metadata.icc:
        parts.append(profile_chunk(metadata.icc))
    if metadata.resolution and (physical := physical_size(metadata.resolution)):
        parts.append(chunk(b"pHYs", physical))
    if metadata.exif:
        parts.append(chunk(b"eXIf", metadata.exif))
    if texts:
        parts.append(chunk(b"tEXt", SOFTWARE))
        parts += [
            international_text(KEYWORDS[name], text)
            for name, text in metadata.text.items()
            if name in KEYWORDS and text
        ]
    if metadata.xmp:
        parts.append(international_text(XMP_KEYWORD, metadata.xmp.decode("utf-8", "replace")))
    return b"".join(parts)


@lru_cache(maxsize=8)
def profile_chunk(icc: bytes) -> bytes:
    """The profile as iCCP (section 11.3.2.3); cached, because every tile of an image carries it."""
    return chunk(b"iCCP", b"ICC\0\0" + isal_zlib.compress(icc, 3))


def physical_size(resolution: PhysicalResolution) -> bytes | None:
    """Content of pHYs (section 11.3.4.3) in whole pixels per metre; None if they cannot express the resolution."""
    across, down = round_half_up(resolution.x), round_half_up(resolution.y)
    if not (min(across, down) >= 1 and max(across, down) <= MAX_NUMBER):
        return None
    return struct.pack(">IIB", across, down, 1)


def international_text(keyword: str, text: str) -> bytes:
    """A text as uncompressed iTXt (section 11.3.3.4), without NUL, which is not allowed there."""
    content = text.replace("\0", "").encode("utf-8", "replace")
    return chunk(b"iTXt", keyword.encode("latin-1") + b"\0\0\0\0\0" + content)
