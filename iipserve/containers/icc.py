"""Headers of ICC profiles (ICC.1:2022 section 7.2)."""

from __future__ import annotations

import struct

HEADER_LENGTH = 128
MAX_TAGS = 200
MAX_DESCRIPTION = 200
"""Characters."""
GRAY, RGB, CMYK, LAB = b"GRAY", b"RGB ", b"CMYK", b"Lab "
"""Data color spaces (section 7.2.6)."""


def is_profile(data: bytes) -> bool:
    """Whether the bytes have the signature of a profile (section 7.2.13)."""
    return len(data) >= HEADER_LENGTH and data[36:40] == b"acsp"


def color_space(icc: bytes | None) -> bytes:
    """The data color space of a profile; empty if there is no profile or it is cut off."""
    return icc[16:20] if icc else b""


def description(icc: bytes | None) -> str:
    """The name of a profile (profileDescriptionTag, section 9.2.41): `Adobe RGB (1998)`; empty if it has none.

    Of several languages the first one; versions 2 and 4 write it in different forms.
    """
    if icc is None or not is_profile(icc):
        return ""
    try:
        return _text(_tag(icc, b"desc")).strip()[:MAX_DESCRIPTION]
    except struct.error:
        return ""


def _tag(icc: bytes, signature: bytes) -> bytes:
    """The data of a tag (section 7.3); empty if the profile has none of this signature."""
    (count,) = struct.unpack_from(">I", icc, HEADER_LENGTH)
    for index in range(min(count, MAX_TAGS)):
        name, offset, length = struct.unpack_from(">4sII", icc, HEADER_LENGTH + 4 + 12 * index)
        if name == signature:
            return icc[offset : offset + length]
    return b""


def _text(data: bytes) -> str:
    """The text of a tag: textDescriptionType (ICC.1:2001-04 section 6.5.17), or multiLocalizedUnicodeType (section 10.15)."""
    if data[:4] == b"desc":
        (length,) = struct.unpack_from(">I", data, 8)
        return data[12 : 12 + length].partition(b"\0")[0].decode("ascii", "replace")
    if data[:4] == b"mluc":
        length, offset = struct.unpack_from(">II", data, 20)
        return data[offset : offset + length].decode("utf-16-be", "replace").partition("\0")[0]
    return ""
