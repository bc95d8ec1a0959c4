"""Exif blocks of pictures that are handed out upright."""

from __future__ import annotations

import struct

from iipserve.containers.tags import ORIENTATION

SHORT, LONG = 3, 4
MAX_FIELDS = 1000
"""Fields looked at."""


def upright_exif(exif: bytes) -> bytes:
    """The Exif block (a TIFF structure) with its orientation put to 1, so that nobody turns the picture again."""
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None or len(exif) < 8:
        return exif
    (start,) = struct.unpack_from(order + "I", exif, 4)
    if start + 2 > len(exif):
        return exif
    (count,) = struct.unpack_from(order + "H", exif, start)
    changed = bytearray(exif)
    for place in range(start + 2, start + 2 + 12 * min(count, MAX_FIELDS), 12):
        if place + 12 > len(exif):
            break
        tag, kind, number = struct.unpack_from(order + "HHI", exif, place)
        if tag == ORIENTATION and number == 1 and kind in (SHORT, LONG):
            struct.pack_into(order + ("H" if kind == SHORT else "I"), changed, place + 8, 1)
    return bytes(changed)
