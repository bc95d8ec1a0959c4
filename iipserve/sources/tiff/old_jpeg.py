"""TIFF with old-style JPEG compression (TIFF 6.0 section 22), which programs wrote in many incompatible ways.

libtiff is the only decoder that knows them; imagecodecs contains one built with this codec. It needs the whole file in
memory, and decodes the whole image.
"""

from __future__ import annotations

from dataclasses import dataclass

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from iipserve.containers.ifd import Directory
from iipserve.containers.jpeg import START
from iipserve.containers.tags import BITS_PER_SAMPLE, ROWS_PER_STRIP, TILE_LENGTH, TILE_WIDTH
from iipserve.errors import DecodeError, UnsupportedImage
from iipserve.geometry import Region, Size, TileGrid
from iipserve.image import ColorSpace
from iipserve.processing import Pixels
from iipserve.sources.spooled import SpooledImage, spool_strips
from iipserve.sources.tiff.jpeg_stream import read_head
from iipserve.sources.tiff.layout import counts_tag, offsets_tag, read_size
from iipserve.sources.tiff.pages import Page
from iipserve.sources.tiff.segments import read_segment
from iipserve.sources.tiff_pixel_format import count_samples

MAX_PIXELS = 64 * 1024 * 1024
MAX_LENGTH = 256 * 1024 * 1024
"""Length of the longest supported file."""


@dataclass(frozen=True, slots=True)
class OldJpeg:
    """One image of a file."""

    directory: Directory
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
        return cls(first, page.index, size, bands)

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
            joined = self._joined()
            if joined is not None:
                return joined
            reader = self.directory.reader
            data = reader.bytes_at(0, reader.length)
            # libtiff decodes gray images of this compression to RGBA only
            pixels = imagecodecs.tiff_decode(data, index=self.index, asrgb=self.bands == 1)
        except (ValueError, RuntimeError, IndexError) as error:
            raise DecodeError("the image is damaged, or compressed in an unknown way") from error
        if pixels.shape[:2] != (self.size.height, self.size.width) or pixels.ndim != 3:
            raise DecodeError("the image does not have the size that the file declares")
        return np.ascontiguousarray(pixels[:, :, : self.bands])

    def _joined(self) -> Pixels | None:
        """The image from tiles or strips that are complete JPEG files, which libtiff treats as parts of one; None if
        they are not, or if there is only one.

        Raises:
            ValueError, RuntimeError: one of them is damaged.
        """
        directory = self.directory
        rows = directory.integer(ROWS_PER_STRIP, self.size.height)
        side = Size(directory.integer(TILE_WIDTH, self.size.width), directory.integer(TILE_LENGTH, rows))
        if not (side.width > 0 and side.height > 0):
            return None
        grid = TileGrid(self.size, side)
        tags = offsets_tag(directory), counts_tag(directory)
        if grid.tile_count < 2 or any(directory.count(tag) < grid.tile_count for tag in tags):
            return None
        offsets, counts = (directory.table(tag, grid.tile_count) for tag in tags)
        if any(directory.reader.read(2, offset) != START for offset in offsets):
            return None
        result: NDArray[np.uint8] = np.empty((self.size.height, self.size.width, self.bands), np.uint8)
        for index, (offset, count) in enumerate(zip(offsets, counts, strict=True)):
            region = grid.region(index % grid.columns, index // grid.columns)
            assert region is not None, "it is inside the grid"
            data = read_segment(directory.reader, offset, count, MAX_LENGTH) or b""
            result[region.y : region.bottom, region.x : region.right] = self._tile(data, side, region)
        return result

    def _tile(self, data: bytes, side: Size, region: Region) -> Pixels:
        """The part of a tile, which is a complete JPEG file, that is inside the image.

        Raises:
            ValueError, RuntimeError: it is damaged, or of another size.
        """
        head = read_head(data)
        if not Size(head.width, head.height).fits_in(side) or head.components != self.bands:
            raise ValueError(f"a tile of {head.width} x {head.height} pixels and {head.components} bands")
        pixels = imagecodecs.jpeg8_decode(data).reshape(head.height, head.width, self.bands)
        part: Pixels = pixels[: region.height, : region.width]
        if part.shape[:2] != (region.height, region.width):
            raise ValueError(f"a tile of {head.width} x {head.height} pixels")
        return part
