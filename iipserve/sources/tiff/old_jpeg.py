"""TIFF with old-style JPEG compression (TIFF 6.0 section 22), which few programs ever wrote in the same way.

The only decoder that knows their ways is libtiff; imagecodecs brings one along that was built with it. It takes
a whole file in memory, and gives a whole picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import imagecodecs
import numpy as np

from iipserve.containers.ifd import Reader
from iipserve.containers.tags import BITS_PER_SAMPLE, SAMPLES_PER_PIXEL
from iipserve.errors import DecodeError, UnsupportedImage
from iipserve.geometry import Size
from iipserve.image import ColorSpace
from iipserve.processing import Pixels
from iipserve.sources.spooled import SpooledImage, spool_strips
from iipserve.sources.tiff.layout import read_size
from iipserve.sources.tiff.pages import Page

MAX_PIXELS = 64 * 1024 * 1024
MAX_LENGTH = 256 * 1024 * 1024
"""Bytes of the largest file that is read."""


@dataclass(frozen=True, slots=True)
class OldJpeg:
    """One picture of a file."""

    reader: Reader
    number: int
    """Of its directory in the chain."""
    size: Size
    bands: int
    """1, or 3 of RGB."""

    @classmethod
    def of(cls, page: Page, length: int) -> OldJpeg:
        """The picture of a directory; `length` is that of the file.

        Raises:
            UnsupportedImage: it is too large to be decoded in memory, or neither gray nor in colors of 8 bits.
            DecodeError: it gives no size.
        """
        first, size = page.first, read_size(page.first)
        bands = first.integer(SAMPLES_PER_PIXEL, 1)
        if bands not in (1, 3) or set(first.integers(BITS_PER_SAMPLE)) != {8}:
            raise UnsupportedImage(
                f"TIFF with old-style JPEG compression of {bands} bands; gray and RGB of 8 bits are read"
            )
        if size.area > MAX_PIXELS or length > MAX_LENGTH:
            raise UnsupportedImage(
                f"TIFF with old-style JPEG compression of {size.width} x {size.height} pixels; {MAX_PIXELS} are the most"
            )
        return cls(first.reader, page.index, size, bands)

    @property
    def color_space(self) -> ColorSpace:
        """Gray or RGB."""
        return ColorSpace.SRGB if self.bands == 3 else ColorSpace.GRAY

    def spool(self) -> SpooledImage:
        """The whole picture.

        Raises:
            DecodeError: it is damaged, or there is no room for it.
        """
        shape = (self.size.height, self.size.width, self.bands)
        return spool_strips(iter([self._decoded().data]), shape, np.dtype(np.uint8), has_alpha=False)

    def _decoded(self) -> Pixels:
        try:
            data = self.reader.bytes_at(0, self.reader.length)
            # libtiff decodes gray of this kind as RGBA only
            pixels = imagecodecs.tiff_decode(data, index=self.number, asrgb=self.bands == 1)
        except (ValueError, RuntimeError, IndexError) as error:
            raise DecodeError("the picture is damaged, or compressed in a way that nobody reads") from error
        if pixels.shape[:2] != (self.size.height, self.size.width) or pixels.ndim != 3:
            raise DecodeError("the picture does not have the size that the file says")
        return np.ascontiguousarray(pixels[:, :, : self.bands])
