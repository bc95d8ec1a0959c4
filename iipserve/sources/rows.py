"""Plain images: a header and rows of samples, read without a library, unpacked once when pixels are asked for."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np

from iipserve.errors import DecodeError, ImageNotFound
from iipserve.geometry import Size
from iipserve.image import ColorSpace, ImageInfo, Level
from iipserve.sources import OpenFile
from iipserve.sources.spooled import (
    TILE,
    UPRIGHT,
    SpooledSource,
    StoredImage,
    check_size,
    spool_strips,
)

STRIP_BYTES = 1 << 20
"""Bytes that are read at once, if a row is not longer."""
Strips: TypeAlias = Callable[[], Iterator[bytes | memoryview]]
"""Makes the samples of whole rows, from top to bottom; a `DecodeError` from there ends the image."""


def plain_info(
    file: OpenFile,
    format: str,
    size: Size,
    dtype: str,
    color_space: ColorSpace,
    ranges: Sequence[tuple[float, float]],
    *,
    bands: int,
    bits: int,
    has_alpha: bool = False,
    **further: Any,
) -> ImageInfo:
    """The `ImageInfo` of an image of one level.

    Raises:
        UnsupportedImage: it is too large.
    """
    check_size(size, bands, dtype)
    return ImageInfo(
        identifier=file.identifier,
        format=format,
        version=file.version,
        levels=(Level(size, TILE),),
        tile=TILE,
        bands=bands,
        dtype=dtype,
        bits=bits,
        color_space=color_space,
        has_alpha=has_alpha,
        band_ranges=tuple(ranges),
        **further,
    )


class RowSource(SpooledSource):
    """One opened file. Safe for many threads."""

    def __init__(self, file: OpenFile, info: ImageInfo, strips: Strips, unpacking_memory: int = 0) -> None:
        """Take the file's descriptor over.

        Args:
            file: that `strips` reads.
            info: of the image.
            strips: reads its rows, of `info.dtype`.
            unpacking_memory: bytes that `strips` holds at most, besides a few rows.
        """
        super().__init__(UPRIGHT, unpacking_memory)
        self.info = info
        self._strips = strips
        weakref.finalize(self, os.close, file.descriptor)

    def _decode(self, shrink: int) -> StoredImage:
        if shrink > 1:
            return self._reduced(shrink)
        info = self.info
        shape = (info.size.height, info.size.width, info.bands)
        return spool_strips(self._strips(), shape, np.dtype(info.dtype), has_alpha=info.has_alpha)


def raster_rows(
    file: OpenFile, start: int, row_length: int, rows: int, *, upwards: bool = False
) -> Iterator[bytes]:
    """Whole rows of a raster as stored, several at once.

    Args:
        file: that holds it.
        start: its offset in the file.
        row_length: in bytes.
        rows: their number.
        upwards: the file's last row is the top.

    Raises:
        DecodeError: the file ends before the rows do.
    """
    step = max(1, STRIP_BYTES // row_length)
    for first in range(0, rows, step):
        count = min(step, rows - first)
        offset = start + (rows - first - count if upwards else first) * row_length
        present = max(0, min(count * row_length, file.version.length - offset))
        data = os.pread(file.descriptor, present, offset)
        whole = len(data) // row_length
        if upwards and whole == count:
            yield b"".join(data[at - row_length : at] for at in range(len(data), 0, -row_length))
        elif whole and not upwards:
            yield data[: whole * row_length]
        if whole < count:
            raise DecodeError("the file ends too early")


def check_single(file: OpenFile) -> None:
    """Check that the first image is asked for, of a format whose files have one.

    Raises:
        ImageNotFound: another one is.
    """
    if file.layer:
        raise ImageNotFound(f"there is no image {file.layer}; the file has 1")
