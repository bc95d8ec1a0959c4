"""TIFF with old-style JPEG compression (TIFF 6.0 section 22), which programs wrote in many incompatible ways.

libtiff is the only decoder that knows them; imagecodecs contains one built with this codec. It needs the whole file in
memory, and decodes the whole image.
"""

from __future__ import annotations

from dataclasses import dataclass

import imagecodecs
import numpy as np

from iipserve.containers.ifd import Reader
from iipserve.containers.tags import BITS_PER_SAMPLE
from iipserve.errors import DecodeError, UnsupportedImage
from iipserve.geometry import Size
from iipserve.image import ColorSpace
from iipserve.processing import Pixels
from iipserve.sources.spooled import SpooledImage, spool_strips
from iipserve.sources.tiff.layout import read_size
from iipserve.sources.tiff.pages import Page
from iipserve.sources.tiff_samples import count_samples

MAX_PIXELS = 64 * 1024 * 1024
MAX_LENGTH = 256 * 1024 * 1024
"""Length of the longest supported file."""


@dataclass(frozen=True, slots=True)
class OldJpeg:
    """One image of a file."""

    reader: Reader
    index: int
    """Of its directory in the chain, from 0."""
    size: Size
    bands: int
    """1 for gray, 3 for RGB."""

    @classmethod
    def of(cls, page: Page, length: int) -> OldJpeg:
        """The image of a page; `length` is that of the file.

        Raises:
            UnsupportedImage: it is too large to be decoded in memory, or neither gray nor RGB of 8 bits.
            DecodeError: the directory gives no size.
        """
        first, size = page.first, read_size(page.first)
        bands = count_samples(first)
        if bands not in (1, 3) or set(first.integers(BITS_PER_SAMPLE)[:bands]) != {8}:
            raise UnsupportedImage(
                f"TIFF with old-style JPEG compression of {bands} bands; gray and RGB of 8 bits are supported"
            )
        if size.area > MAX_PIXELS or length > MAX_LENGTH:
            raise UnsupportedImage(
                f"TIFF with old-style JPEG compression of {size.width} x {size.height} pixels; at most {MAX_PIXELS} are supported"
            )
        return cls(first.reader, page.index, size, bands)

    @property
    def color_space(self) -> ColorSpace:
        """Gray or RGB."""
        return ColorSpace.SRGB if self.bands == 3 else ColorSpace.GRAY

    def spool(self) -> SpooledImage:
        """The whole image.

        Raises:
            DecodeError: it is damaged.
            ImageUnavailable: there is no room for it.
        """
        shape = (self.size.height, self.size.width, self.bands)
        return spool_strips(iter([self._decoded().data]), shape, np.dtype(np.uint8), has_alpha=False)

    def _decoded(self) -> Pixels:
        try:
            data = self.reader.bytes_at(0, self.reader.length)
            # libtiff decodes gray images of this compression to RGBA only
            pixels = imagecodecs.tiff_decode(data, index=self.index, asrgb=self.bands == 1)
        except (ValueError, RuntimeError, IndexError) as error:
            raise DecodeError("the image is damaged, or compressed in an unknown way") from error
        if pixels.shape[:2] != (self.size.height, self.size.width) or pixels.ndim != 3:
            raise DecodeError("the image does not have the size that the file declares")
        return np.ascontiguousarray(pixels[:, :, : self.bands])
