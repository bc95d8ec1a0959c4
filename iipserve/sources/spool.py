"""Decoded pixels kept outside the heap: in an unnamed temporary file, mapped into memory.

The kernel may reclaim the pages at any time, and the disk space is released with the last reference.
"""

from __future__ import annotations

import errno
import logging
import mmap
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import numpy as np
from numpy.typing import NDArray

from iipserve.errors import ImageUnavailable
from iipserve.processing import Pixels

log = logging.getLogger(__name__)

NO_ROOM = "the server has no room to unpack the image; ask again later"


@contextmanager
def room() -> Iterator[None]:
    """Report a failure to write temporary files in the block, and log it; a lack of descriptors is passed on.

    Raises:
        ImageUnavailable: there is no room for them.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE):
            raise
        log.error("an image cannot be unpacked: %s", error.strerror)
        raise ImageUnavailable(NO_ROOM) from error


def check_room(length: int) -> None:
    """Check that temporary files have room.

    Raises:
        OSError: they have less than `length` bytes.
    """
    if shutil.disk_usage(tempfile.gettempdir()).free < length:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def spool(pixels: Pixels) -> Pixels:
    """A read-only copy of pixels in a temporary file.

    Raises:
        ImageUnavailable: there is no room for temporary files.
    """
    with room(), tempfile.TemporaryFile() as file:
        file.write(np.ascontiguousarray(pixels).data)
        file.flush()
        return mapped(file).view(pixels.dtype).reshape(pixels.shape)


def mapped(file: IO[bytes]) -> NDArray[np.uint8]:
    """The present contents of a file, read-only and valid after the file is closed."""
    return np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)
