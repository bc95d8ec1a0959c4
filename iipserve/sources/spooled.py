"""Images of one level that can only be decoded from top to bottom: decoded once, after which any region is quick.

They are kept in a temporary file as they are stored, and made upright region by region.
"""

from __future__ import annotations

import tempfile
import threading
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from iipserve import libvips
from iipserve.errors import DecodeError, TileNotFound, UnsupportedImage
from iipserve.geometry import Region, Size, TileGrid
from iipserve.libvips import pyvips
from iipserve.processing import Pixels
from iipserve.sources import Source
from iipserve.sources.oriented import ORIENTATIONS, Orientation
from iipserve.sources.spool import check_room, mapped, room

TILE = Size(256, 256)
MAX_BYTES = 8_000_000_000
"""Length of the pixels that a header declares."""
MAX_SIDE = 10_000_000
"""Pixels; libvips processes no larger images (VIPS_MAX_COORD)."""
OVERVIEW_SHRINK = 4
"""A second image is kept, whose sides are this many times shorter."""
MIN_OVERVIEW_REDUCTION = 2 * OVERVIEW_SHRINK
"""It is used for regions that are reduced at least this many times, so that the difference cannot be seen."""
UPRIGHT = Orientation(rows=False, columns=False, transposed=False)


def orientation_of(value: int) -> Orientation:
    """The orientation of a value of the field Orientation; upright for undefined values."""
    return ORIENTATIONS.get(value, UPRIGHT)


def check_size(size: Size, bands: int, dtype: str) -> None:
    """Check that an image is small enough to be spooled.

    Raises:
        UnsupportedImage: it is too large.
    """
    if max(size.width, size.height) > MAX_SIDE:
        raise UnsupportedImage(
            f"the image has {size.width} x {size.height} pixels; at most {MAX_SIDE} on a side are supported"
        )
    length = size.area * bands * np.dtype(dtype).itemsize
    if length > MAX_BYTES:
        raise UnsupportedImage(
            f"the image has {size.width} x {size.height} pixels of {bands} bands, which take {length} bytes; "
            f"at most {MAX_BYTES} can be unpacked"
        )


@dataclass(frozen=True, slots=True, eq=False)
class RandomAccessImage:
    """An image whose loader decodes any region by itself."""

    image: pyvips.Image
    has_alpha: bool

    @property
    def size(self) -> Size:
        """Full size."""
        return Size(self.image.width, self.image.height)

    def read(self, region: Region, size: Size) -> Pixels:
        """A region, scaled to `size`.

        Raises:
            pyvips.Error: it cannot be decoded.
        """
        return libvips.to_pixels(libvips.resized(_cut(self.image, region), size, alpha=self.has_alpha))

    def reduced(self, shrink: int) -> SpooledImage:
        """The whole image, `shrink` times smaller.

        Raises:
            DecodeError: some rows cannot be decoded, or there is no room for it.
        """
        smaller = libvips.resized(self.image, self.size.ceil_scaled(shrink), alpha=self.has_alpha)
        return spool_image(smaller, has_alpha=self.has_alpha)


@dataclass(frozen=True, slots=True, eq=False)
class SpooledImage:
    """An image in a temporary file."""

    size: Size
    """As declared."""
    pixels: Pixels
    """The rows that could be decoded, from the top."""
    failure: str
    """Why the others could not be decoded."""
    has_alpha: bool
    nodata: tuple[float, ...] = ()
    """As in `ImageInfo`."""

    @property
    def image(self) -> pyvips.Image:
        """All of it.

        Raises:
            DecodeError: some rows are missing.
        """
        self.check(self.size.height)
        return libvips.from_pixels(self.pixels)

    def read(self, region: Region, size: Size) -> Pixels:
        """A region, scaled to `size`.

        Raises:
            DecodeError: some of its rows are missing.
        """
        self.check(region.bottom)
        if region.size == size:
            return self.pixels[region.y : region.bottom, region.x : region.right].copy()
        part = _cut(libvips.from_pixels(self.pixels), region)
        return libvips.to_pixels(self._resized(part, region, size))

    def reduced(self, shrink: int) -> SpooledImage:
        """The whole image, `shrink` times smaller.

        Raises:
            DecodeError: some rows are missing, or there is no room for it.
        """
        smaller = self._resized(self.image, Region.of_size(self.size), self.size.ceil_scaled(shrink))
        return spool_image(smaller, has_alpha=self.has_alpha, nodata=self.nodata)

    def _resized(self, part: pyvips.Image, region: Region, size: Size) -> pyvips.Image:
        """A part of the image, which covers `region`, at another size; missing samples do not count in means."""
        samples: NDArray[Any] = self.pixels[region.y : region.bottom, region.x : region.right]
        if self.nodata or (samples.dtype.kind == "f" and np.isnan(samples.min())):
            return libvips.resized_around_gaps(part, size, self.nodata)
        return libvips.resized(part, size, alpha=self.has_alpha)

    def check(self, bottom: int) -> None:
        """Check that the rows above `bottom` could be decoded.

        Raises:
            DecodeError: they could not.
        """
        if bottom > self.pixels.shape[0]:
            raise DecodeError(
                f"only {self.pixels.shape[0]} of {self.size.height} lines can be decoded: {self.failure}"
            )


StoredImage: TypeAlias = RandomAccessImage | SpooledImage


def _cut(image: pyvips.Image, region: Region) -> pyvips.Image:
    return image.crop(region.x, region.y, region.width, region.height)


class SpooledSource(Source):
    """A file of one level, decoded when pixels are first asked for. Safe for many threads.

    `info` describes the upright image.
    """

    reads_regions: bool = True

    def __init__(self, orientation: Orientation, unpacking_memory: int = 0) -> None:
        """Make the stored image upright.

        Args:
            orientation: that makes it so.
            unpacking_memory: bytes that `_decode` holds at most, besides a few rows.
        """
        self._orientation = orientation
        self._lock = threading.Lock()
        self._unpacking_memory = unpacking_memory
        self._images: dict[int, StoredImage] = {}
        """By shrink factor."""

    @abstractmethod
    def _decode(self, shrink: int) -> StoredImage:
        """The stored image, `shrink` times smaller (1 or `OVERVIEW_SHRINK`); called once for each.

        Raises:
            pyvips.Error, DecodeError: it cannot be decoded.
            ImageUnavailable: there is no room for it.
        """

    def read_tile(self, level: int, column: int, row: int, quality_layers: int = 0) -> Pixels:
        """One tile of 256 x 256 pixels of the only level.

        Raises:
            DecodeError: the tile is damaged or missing in the file.
            TileNotFound: there is no such tile.
        """
        region = TileGrid(self.info.size, TILE).region(column, row) if level == 0 else None
        if region is None:
            raise TileNotFound(f"there is no tile {column},{row} of level {level}")
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

    def decoded_pixels(self, level: int, region: Region) -> int:
        """All of the image, until it is unpacked or if the loader does not decode regions."""
        return region.size.area if self._images else self.info.size.area

    def decoding_memory(self, level: int, region: Region) -> int:
        """What unpacking the image takes, until that is done."""
        return 0 if 1 in self._images else self._unpacking_memory

    def _read(self, region: Region, size: Size, whole: Size) -> Pixels:
        """A region of the stored image, which has size `whole`, scaled."""
        if min(region.width / size.width, region.height / size.height) >= MIN_OVERVIEW_REDUCTION:
            overview = self._image(OVERVIEW_SHRINK)
            return overview.read(region.scaled(whole, overview.size), size)
        return self._image(1).read(region, size)

    def _image(self, shrink: int) -> StoredImage:
        known = self._images.get(shrink)
        if known is not None:
            return known
        with self._lock:
            return self._image_locked(shrink)

    def _image_locked(self, shrink: int) -> StoredImage:
        """The image; the caller holds the lock."""
        if shrink not in self._images:
            self._images[shrink] = self._decode(shrink)
        return self._images[shrink]

    def _reduced(self, shrink: int) -> SpooledImage:
        """The stored image made smaller, for `_decode`."""
        return self._image_locked(1).reduced(shrink)


# -- spooling --------------------------------------------------------------------------------------


STRIP_ROWS = 16
"""Rows that libvips decodes at once: as many as a row of blocks in a JPEG, and a divisor of a tile."""


def spool_image(image: pyvips.Image, *, has_alpha: bool, nodata: tuple[float, ...] = ()) -> SpooledImage:
    """The image decoded from top to bottom into a temporary file, down to the first damaged row.

    libvips' own writers lose rows that they have not yet written when decoding fails.

    Raises:
        ImageUnavailable: there is no room for the file.
    """
    shape = (image.height, image.width, image.bands)
    dtype = np.dtype(libvips.DTYPES[image.format])
    region = pyvips.Region.new(image)

    def strips() -> Iterator[bytes | memoryview]:
        for top in range(0, image.height, STRIP_ROWS):
            try:
                yield region.fetch(0, top, image.width, min(STRIP_ROWS, image.height - top))
            except pyvips.Error as error:
                raise DecodeError(libvips.reason(error)) from error

    return spool_strips(strips(), shape, dtype, has_alpha=has_alpha, nodata=nodata)


def spool_strips(
    strips: Iterator[bytes | memoryview],
    shape: tuple[int, int, int],
    dtype: np.dtype[np.generic],
    *,
    has_alpha: bool,
    nodata: tuple[float, ...] = (),
) -> SpooledImage:
    """Rows of samples, one after the other, in a temporary file.

    Args:
        strips: samples of whole rows, from top to bottom; a `DecodeError` from there ends the image.
        shape: height, width and bands of the whole image.
        dtype: of the samples.
        has_alpha: the last band is opacity.
        nodata: as in `ImageInfo`.

    Raises:
        ImageUnavailable: there is no room for the file.
    """
    height, width, bands = shape
    row_length = width * bands * dtype.itemsize
    with room():
        check_room(height * row_length)
        file = tempfile.TemporaryFile()  # noqa: SIM115  # closed below
    with file:
        length, failure = _write_strips(file, strips)
        held = mapped(file) if length else np.empty(0, np.uint8)
    pixels = held.view(dtype).reshape(length // row_length, width, bands)
    return SpooledImage(Size(width, height), pixels, failure, has_alpha, nodata)


def _write_strips(file: IO[bytes], strips: Iterator[bytes | memoryview]) -> tuple[int, str]:
    """Write strips down to the first that cannot be decoded.

    Returns:
        Bytes written, and why the image ends there; empty if it is complete.

    Raises:
        ImageUnavailable: there is no room.
    """
    length, failure = 0, ""
    try:
        for strip in strips:
            with room():
                length += file.write(strip)
    except DecodeError as error:
        failure = str(error)
    with room():
        file.flush()
    return length, failure
