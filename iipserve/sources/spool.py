"""Decoded pixels kept outside the heap: in a temporary file without a name, mapped into memory.

The system may take the pages back at any time, and the disk gives its room back with the last reference.
"""

from __future__ import annotations

import mmap
import tempfile
from typing import IO

import numpy as np
from numpy.typing import NDArray

from iipserve.errors import DecodeError
from iipserve.processing import Pixels


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
        raise DecodeError("there is no room to unpack the image on the server") from error


def mapped(file: IO[bytes]) -> NDArray[np.uint8]:
    """The bytes a file holds now, read-only; they outlive the file's name and the file object."""
    return np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)
