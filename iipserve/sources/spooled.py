"""Pictures of one level that are decoded from top to bottom: unpacked once, then any region of them is quick.

They lie in a temporary file as they are stored, and are turned upright region by region.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import numpy as np
import pyvips

from iipserve import libvips
from iipserve.errors import DecodeError, TileNotFound, UnsupportedImage
from iipserve.geometry import Region, Size, TileGrid
from iipserve.processing import Pixels
from iipserve.sources import Source
from iipserve.sources.oriented import ORIENTATIONS, Orientation
from iipserve.sources.spool import mapped

TILE = Size(256, 256)
MAX_BYTES = 8_000_000_000
"""Bytes that the pixels may take which a header declares."""
MAX_SIDE = 10_000_000
"""Pixels; libvips makes nothing of longer pictures (VIPS_MAX_COORD)."""
OVERVIEW = 4
"""A second, smaller picture is kept, this many times shorter on each side."""
OVERVIEW_USE = 2 * OVERVIEW
"""It serves where the region is at least this many times larger than wanted, so that nothing shows."""
UPRIGHT = Orientation(rows=False, columns=False, transposed=False)


def orientation_of(orientation: int) -> Orientation:
    """What makes a picture upright that is stored so; nothing for numbers that are no orientation."""
    return ORIENTATIONS.get(orientation, UPRIGHT)


def check_size(size: Size, bands: int, dtype: str) -> None:
    """See that a picture can be unpacked.

    Raises:
        UnsupportedImage: it is too large.
    """
    if max(size.width, size.height) > MAX_SIDE:
        raise UnsupportedImage(
            f"the image has {size.width} x {size.height} pixels; {MAX_SIDE} are the most on a side"
        )
    length = size.area * bands * np.dtype(dtype).itemsize
    if length > MAX_BYTES:
        raise UnsupportedImage(
            f"the image has {size.width} x {size.height} pixels of {bands} bands, which take {length} bytes; "
            f"{MAX_BYTES} can be unpacked"
        )


@dataclass(frozen=True, slots=True, eq=False)
class RandomAccessImage:
    """A picture whose loader decodes any region by itself."""

    image: pyvips.Image
    has_alpha: bool

    @property
    def size(self) -> Size:
        """Of all of it."""
        return Size(self.image.width, self.image.height)

    def read(self, region: Region, size: Size) -> Pixels:
        """A region, scaled.

        Raises:
            pyvips.Error: it cannot be decoded.
        """
        return libvips.to_pixels(libvips.resized(_cut(self.image, region), size, alpha=self.has_alpha))


@dataclass(frozen=True, slots=True, eq=False)
class SpooledImage:
    """A picture in a temporary file."""

    size: Size
    """As declared."""
    pixels: Pixels
    """The lines that could be decoded, from the top."""
    failure: str
    """Why the other lines could not be."""
    has_alpha: bool

    @property
    def image(self) -> pyvips.Image:
        """All of it.

        Raises:
            DecodeError: some lines are missing.
        """
        self.check(self.size.height)
        return libvips.from_pixels(self.pixels)

    def read(self, region: Region, size: Size) -> Pixels:
        """A region, scaled.

        Raises:
            DecodeError: some of its lines are missing.
        """
        self.check(region.bottom)
        if region.size == size:
            return self.pixels[region.y : region.bottom, region.x : region.right].copy()
        part = _cut(libvips.from_pixels(self.pixels), region)
        return libvips.to_pixels(libvips.resized(part, size, alpha=self.has_alpha))

    def check(self, bottom: int) -> None:
        """See that the lines above `bottom` are there.

        Raises:
            DecodeError: they are not.
        """
        if bottom > self.pixels.shape[0]:
            raise DecodeError(
                f"only {self.pixels.shape[0]} of {self.size.height} lines can be decoded: {self.failure}"
            )


StoredImage: TypeAlias = RandomAccessImage | SpooledImage


def _cut(image: pyvips.Image, region: Region) -> pyvips.Image:
    return image.crop(region.x, region.y, region.width, region.height)


class SpooledSource(Source):
    """A file of one level, unpacked when pixels are first asked for. Safe for many threads.

    `info` describes the upright picture.
    """

    reads_regions: ClassVar[bool] = True

    def __init__(self, orientation: Orientation) -> None:
        """Show the stored picture as `orientation` says."""
        self._orientation = orientation
        self._lock = threading.Lock()
        self._pictures: dict[int, StoredImage] = {}

    @abstractmethod
    def _decode(self, shrink: int) -> StoredImage:
        """The stored picture, `shrink` times smaller (1 or `OVERVIEW`); called once for each.

        Raises:
            pyvips.Error, DecodeError: it cannot be decoded, or there is no room for it.
        """

    def read_tile(self, level: int, column: int, row: int, quality_layers: int = 0) -> Pixels:
        """One tile of 256 x 256 pixels; there is one level.

        Raises:
            DecodeError: the tile is damaged or missing in the file.
            TileNotFound: there is no such tile.
        """
        region = TileGrid(self.info.size, TILE).region(column, row) if level == 0 else None
        if region is None:
            raise TileNotFound(f"level {level} has no tile {column},{row}")
        return self.read_region(level, region, region.size)

    def read_region(self, level: int, region: Region, size: Size) -> Pixels:
        """The region scaled to exactly `size`.

        Raises:
            DecodeError: the region is damaged or missing in the file.
        """
        orientation, stored_size = self._orientation, self._orientation.size(self.info.size)
        stored = orientation.stored_region(region, stored_size)
        try:
            pixels = self._read(stored, orientation.size(size), stored_size)
        except pyvips.Error as error:
            raise DecodeError(f"the region cannot be decoded: {libvips.reason(error)}") from error
        return pixels if orientation == UPRIGHT else orientation.pixels(pixels)

    def _read(self, region: Region, size: Size, whole: Size) -> Pixels:
        """A region of the stored picture, which has size `whole`, scaled."""
        if region.width >= OVERVIEW_USE * size.width and region.height >= OVERVIEW_USE * size.height:
            overview = self._picture(OVERVIEW)
            return overview.read(region.scaled(whole, overview.size), size)
        return self._picture(1).read(region, size)

    def _picture(self, shrink: int) -> StoredImage:
        known = self._pictures.get(shrink)
        if known is not None:
            return known
        with self._lock:
            return self._made(shrink)

    def _made(self, shrink: int) -> StoredImage:
        """The picture, by whom holds the lock."""
        if shrink not in self._pictures:
            self._pictures[shrink] = self._decode(shrink)
        return self._pictures[shrink]

    def _reduced(self, shrink: int) -> SpooledImage:
        """The picture made smaller, for `_decode`."""
        full = self._made(1)
        smaller = libvips.resized(full.image, full.size.ceil_scaled(shrink), alpha=full.has_alpha)
        return spool_image(smaller, has_alpha=full.has_alpha)


# -- unpacking -------------------------------------------------------------------------------------


STRIP = 16
"""Lines that libvips decodes at once: as many as a row of blocks in a JPEG, and a divisor of a tile."""


def spool_image(image: pyvips.Image, *, has_alpha: bool) -> SpooledImage:
    """The image decoded from top to bottom into a temporary file, as far as it goes.

    libvips' own writers lose what they hold back when they fail.

    Raises:
        DecodeError: there is no room for the file.
    """
    shape = (image.height, image.width, image.bands)
    dtype = np.dtype(libvips.DTYPES[image.format])
    region = pyvips.Region.new(image)

    def strips() -> Iterator[bytes | memoryview]:
        for top in range(0, image.height, STRIP):
            try:
                yield region.fetch(0, top, image.width, min(STRIP, image.height - top))
            except pyvips.Error as error:
                raise DecodeError(libvips.reason(error)) from error

    return spool_strips(strips(), shape, dtype, has_alpha=has_alpha)


def spool_strips(
    strips: Iterator[bytes | memoryview],
    shape: tuple[int, int, int],
    dtype: np.dtype[np.generic],
    *,
    has_alpha: bool,
) -> SpooledImage:
    """Lines put one after the other into a temporary file, as far as they can be had.

    Args:
        strips: some lines each, from top to bottom; a `DecodeError` from there ends the picture.
        shape: height, width and bands of the whole picture.
        dtype: of the samples.
        has_alpha: the last band is opacity.

    Raises:
        DecodeError: there is no room for the file.
    """
    height, width, bands = shape
    line, failure, length = width * bands * dtype.itemsize, "", 0
    try:
        _check_room(height * line)
        with tempfile.TemporaryFile() as file:
            try:
                for strip in strips:
                    length += file.write(strip)
            except DecodeError as error:
                failure = str(error)
            file.flush()
            held = mapped(file) if length else np.empty(0, np.uint8)
    except OSError as error:
        raise DecodeError("there is no room to unpack the image on the server") from error
    pixels = held.view(dtype).reshape(length // line, width, bands)
    return SpooledImage(Size(width, height), pixels, failure, has_alpha)


def _check_room(length: int) -> None:
    if shutil.disk_usage(tempfile.gettempdir()).free < length:
        raise DecodeError("there is no room to unpack the image on the server")
