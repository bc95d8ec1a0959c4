"""TIFF in strips: spooled once, strip by strip, with the decoders of tiles.

A strip is a tile as wide as the image; only the last one may be lower. Smaller copies in such files are not
used, as any size is made from the spooled image.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple, TypeAlias

import numpy as np

from iipserve.containers.tags import COMPRESSION, ORIENTATION, Compression
from iipserve.errors import DecodeError, UnsupportedImage
from iipserve.geometry import Region, Size
from iipserve.image import ImageInfo, Level, LevelStorage
from iipserve.processing import Pixels
from iipserve.sources import Bands, OpenFile, Source, closed_on_error
from iipserve.sources.oriented import Orientation, reoriented
from iipserve.sources.spooled import (
    TILE,
    SpooledImage,
    SpooledSource,
    StoredImage,
    check_size,
    orientation_of,
)
from iipserve.sources.tiff import metadata
from iipserve.sources.tiff.info import OutputSamples, describe, output_samples, stored_samples
from iipserve.sources.tiff.old_jpeg import OldJpeg
from iipserve.sources.tiff.pages import Page, page_of_layer
from iipserve.sources.tiff.stack import read_stack
from iipserve.sources.tiff.storage import storage_of
from iipserve.sources.tiff.strip_reader import StripReader

Spool: TypeAlias = Callable[[], SpooledImage]
"""Decodes the whole stored image. Raises `DecodeError`."""


class Stored(NamedTuple):
    """An image as stored."""

    size: Size
    samples: OutputSamples
    spool: Spool
    strips: StripReader | None = None
    """None of old-style JPEG, which is decoded as a whole."""

    @property
    def unpacking_memory(self) -> int:
        """Bytes that `spool` holds at most: a strip decoded, rearranged and converted."""
        samples, strips = self.samples, self.strips
        converted = samples.bands * np.dtype(samples.dtype).itemsize
        if strips is None:
            return 2 * self.size.area * converted
        layout = strips.layout
        decoded = layout.stored_bands * layout.planes * np.dtype(layout.type.stored).itemsize
        return strips.rows_at_once * self.size.width * (2 * decoded + (converted if strips.convert else 0))


class StripSource(SpooledSource):
    """One image of a file."""

    def __init__(self, file: OpenFile, info: ImageInfo, orientation: Orientation, image: Stored) -> None:
        """Take over the file's descriptor; `info` is that of the image as stored."""
        super().__init__(orientation, image.unpacking_memory)
        self.info = reoriented(info, orientation)
        self._spool = image.spool
        self._strips = image.strips
        weakref.finalize(self, os.close, file.descriptor)

    def read_stored(self, region: Region, bands: Bands) -> Pixels:
        """As `Source.read_stored`: decodes the strips of the region, and spools nothing."""
        if self._strips is None:
            return super().read_stored(region, bands)
        orientation = self._orientation
        stored = orientation.stored_region(region, orientation.size(self.info.size))
        return orientation.pixels(self._strips.read_stored(stored, bands))

    def storage(self, level: int) -> LevelStorage:
        """As `Source.storage`."""
        strips = self._strips
        if strips is None:
            return LevelStorage("old jpeg", self.info.size, is_tiled=False, units=1)
        return storage_of(strips.layout, strips.counts, is_tiled=False)

    def _decode(self, shrink: int) -> StoredImage:
        # whether an undeclared band is opacity is decided above
        return replace(self._spool(), has_alpha=self.info.has_alpha) if shrink == 1 else self._reduced(shrink)


def open_strips(file: OpenFile, pages: Sequence[Page]) -> Source:
    """Open one image of a file in strips.

    Args:
        file: its descriptor is taken over.
        pages: the images of the file.

    Raises:
        UnsupportedImage: the image is damaged, or stored in a way that is not supported; the message says which.
        ImageNotFound: the file has no such layer.
    """
    with closed_on_error(file):
        try:
            page = page_of_layer(pages, file.layer)
            image = _read_page(page, file.version.length)
            levels = (Level(image.size, TILE),)
            icc = metadata.read_icc(page.first, image.samples.color_space)
            info = describe(file, page.first, image.samples, levels, TILE, icc, read_stack(pages))
            check_size(info.size, info.bands, info.dtype)
        except DecodeError as error:
            raise UnsupportedImage(str(error)) from error
        orientation = orientation_of(page.first.integer(ORIENTATION, 1))
    return StripSource(file, info, orientation, image)


def can_open(page: Page, length: int) -> bool:
    """Whether `open_strips` opens an image of a file of `length` bytes."""
    try:
        image = _read_page(page, length)
        check_size(image.size, image.samples.bands, image.samples.dtype)
    except (UnsupportedImage, DecodeError):
        return False
    return True


def _read_page(page: Page, length: int) -> Stored:
    """An image as stored; `length` is that of the file."""
    if page.first.integer(COMPRESSION, Compression.NONE) == Compression.OLD_JPEG:
        old = OldJpeg.of(page, length)
        ranges = ((0.0, 255.0),) * old.bands
        return Stored(
            old.size, OutputSamples(old.bands, "uint8", 8, old.color_space, False, ranges), old.spool
        )
    strips = StripReader.of(page.first)
    if not strips.layout.bands.has_alpha:
        strips = strips.with_mask(page.masks)
    ranges = metadata.read_ranges(page.first, strips.layout)
    samples = output_samples(strips.layout, ranges, strips.convert, masked=strips.mask is not None)
    unit = Size(strips.layout.size.width, strips.rows_at_once)
    samples = samples._replace(stored=stored_samples(strips.layout)._replace(tile=unit))
    return Stored(strips.layout.size, samples, partial(strips.spool, samples.nodata), strips)
