"""Lossless JPEG cropping by libturbojpeg, if the system has it.

Uses its C interface; the functions called here are the same in versions 1.2 to 3.1. Each call acquires and
releases its own handle, so that threads are independent.
"""

from __future__ import annotations

import ctypes
import logging
from functools import cache

from iipserve.geometry import Size

log = logging.getLogger(__name__)

LIBRARIES = ("libturbojpeg.so.0", "libturbojpeg.so")
CROP = 4
"""TJXOPT_CROP. Without TJXOPT_COPYNONE all markers are kept: profile, Adobe's color transform, JFIF."""


class Transform(ctypes.Structure):
    """`tjtransform` of turbojpeg.h."""

    _fields_ = (
        ("x", ctypes.c_int),
        ("y", ctypes.c_int),
        ("width", ctypes.c_int),
        ("height", ctypes.c_int),
        ("operation", ctypes.c_int),
        ("options", ctypes.c_int),
        ("data", ctypes.c_void_p),
        ("filter", ctypes.c_void_p),
    )


@cache
def turbojpeg() -> ctypes.CDLL | None:
    """The library, loaded on the first call; None if it is not installed."""
    for name in LIBRARIES:
        try:
            return _declared(ctypes.CDLL(name))
        except (OSError, AttributeError):
            continue
    log.info("libturbojpeg is not installed: cropped JPEG tiles are decoded and encoded again")
    return None


def _declared(library: ctypes.CDLL) -> ctypes.CDLL:
    """The library with the types of its functions declared. Raises `AttributeError` if one is missing."""
    pointer, number = ctypes.c_void_p, ctypes.c_int
    out_pointer, out_size = ctypes.POINTER(pointer), ctypes.POINTER(ctypes.c_ulong)
    library.tjInitTransform.argtypes, library.tjInitTransform.restype = (), pointer
    library.tjTransform.argtypes = (
        pointer, ctypes.c_char_p, ctypes.c_ulong, number,
        out_pointer, out_size, ctypes.POINTER(Transform), number,
    )  # fmt: skip
    library.tjTransform.restype = number
    library.tjFree.argtypes, library.tjFree.restype = (pointer,), None
    library.tjDestroy.argtypes, library.tjDestroy.restype = (pointer,), number
    return library


def cut(body: bytes, size: Size) -> bytes | None:
    """Crop a JPEG file to its top left `size` without decoding its pixels.

    None if the library is missing, or reports an error or a warning.
    """
    library = turbojpeg()
    handle = library.tjInitTransform() if library else None
    if not library or not handle:
        return None
    result, length = ctypes.c_void_p(), ctypes.c_ulong()
    transform = Transform(0, 0, size.width, size.height, 0, CROP)
    try:
        failed = library.tjTransform(handle, body, len(body), 1, result, length, transform, 0)
        return None if failed else ctypes.string_at(result, length.value)
    finally:
        library.tjFree(result)
        library.tjDestroy(handle)
