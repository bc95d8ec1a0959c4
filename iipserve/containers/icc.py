"""Headers of ICC profiles (ICC.1:2022 section 7.2)."""

from __future__ import annotations

HEADER_LENGTH = 128
GRAY, RGB, CMYK, LAB = b"GRAY", b"RGB ", b"CMYK", b"Lab "
"""Data color spaces (section 7.2.6)."""


def is_profile(data: bytes) -> bool:
    """Whether the bytes have the signature of a profile (section 7.2.13)."""
    return len(data) >= HEADER_LENGTH and data[36:40] == b"acsp"


def color_space(icc: bytes | None) -> bytes:
    """The data color space of a profile; empty if there is no profile or it is cut off."""
    return icc[16:20] if icc else b""
