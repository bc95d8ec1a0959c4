"""Decoded pixels kept outside the heap: in an unnamed temporary file, mapped into memory.

The kernel may reclaim the pages at any time, and the disk space is released with the last reference.
"""

from __future__ import annotations

import mmap
import tempfile
from typing import IO

import numpy as np
from numpy.typing import NDArray

from iipserve.errors import DecodeError
from iipserve.processing import Pixels

NO_ROOM = "the server has no room to unpack the image"


def spool(pixels: Pixels) -> Pixels:
    """A read-only copy of pixels in a temporary file.

    Raises:
        DecodeError: there is no room for temporary files.
    """
    try:
        with tempfile.TemporaryFile() as file:
            file.write(np.ascontiguousarray(pixels).data)
            file.flush()
            return mapped(file).view(pixels.dtype).reshape(pixels.shape)
    except OSError as error:
        raise DecodeError(NO_ROOM) from error


def mapped(file: IO[bytes]) -> NDArray[np.uint8]:
    """The present contents of a file, read-only and valid after the file is closed."""
    return np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)
