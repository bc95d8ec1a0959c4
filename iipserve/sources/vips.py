"""Everything libvips opens: JPEG, PNG, WebP, HEIF, AVIF, GIF, TIFF in strips, PPM, JPEG XL.

One level of full size; smaller ones are made from it. Formats that decode from top to bottom only are
unpacked once, at the first pixels asked for, into a temporary file, from which any region is quick.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import threading
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, ClassVar

import numpy as np
import pyvips
from numpy.typing import NDArray

from iipserve import libvips
from iipserve.errors import DecodeError, TileNotFound, UnsupportedImage
from iipserve.geometry import Region, Size, TileGrid
from iipserve.image import ColorSpace, ImageInfo, Level
from iipserve.processing import Pixels
from iipserve.sources import OpenFile, Source, SourceFormat
from iipserve.sources.spool import mapped
from iipserve.sources.vips_metadata import read_metadata

TILE = Size(256, 256)
MAX_PIXELS = 2_000_000_000
"""Pixels a header may declare."""
OVERVIEW = 4
"""A second, smaller picture is kept, this many times shorter on each side."""
OVERVIEW_USE = 2 * OVERVIEW
"""It serves where the region is at least this many times larger than wanted, so that nothing shows."""
STRIP = 16
"""Lines decoded at once: as many as a row of blocks in a JPEG, and a divisor of a tile."""
PARTIAL = 1
"""VIPS_FOREIGN_PARTIAL: the loader decodes any region by itself."""
COLOR_SPACES = {"b-w": ColorSpace.GRAY, "srgb": ColorSpace.SRGB}

SIGNATURES = (
    (rb"\xff\xd8\xff", "jpegload"),
    (rb"\x89PNG\r\n\x1a\n", "pngload"),
    (rb"RIFF....WEBP", "webpload"),
    (rb"GIF8[79]a", "gifload"),
    (rb"II[*+]\0|MM\0[*+]", "tiffload"),
    (rb"....ftyp(?:....)*(?:avi[fs]|mif1|msf1|hei[cxms]|hev[cxms])", "heifload"),
    (rb"P[1-6]\s", "ppmload"),
    (rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n", "jxlload"),
)
"""First bytes and the loader that is called by name, so that no other is tried."""
OPTIONS: dict[str, dict[str, str]] = {
    # below "warning" libvips 8.18 makes black tiles of what it cannot decode
    "tiffload": {"fail_on": "warning"},
}
STRICT = {"fail_on": "error"}
"""Of all other loaders: cut files fail where they end; harmless oddities of JPEGs do not."""


def loader_of(head: bytes) -> str | None:
    """The libvips operation that reads files which begin so, or None."""
    return next((loader for pattern, loader in SIGNATURES if re.match(pattern, head, re.DOTALL)), None)


class VipsSource(Source):
    """One opened file. Safe for many threads."""

    reads_regions: ClassVar[bool] = True

    def __init__(self, file: OpenFile) -> None:
        """Take the file over.

        Raises:
            UnsupportedImage: libvips does not read it, or it is not a kind of image that is read.
        """
        self._loader = loader_of(file.head) or ""
        self._name = _name(file)
        self._lock = threading.Lock()
        self._pictures: dict[int, _Unpacked] = {}
        close = weakref.finalize(self, os.close, file.descriptor)
        try:
            _check_loader(self._loader)
            image, flags = self._load(access="random", flags=True)
            _check(image)
        except pyvips.Error as error:
            close()
            raise UnsupportedImage(f"The file cannot be read: {libvips.reason(error)}") from error
        except BaseException:
            close()
            raise
        self._direct = _Direct(image) if flags["flags"] & PARTIAL else None
        self.info = _image_info(file, image)

    def read_tile(self, level: int, column: int, row: int, quality_layers: int = 0) -> Pixels:
        """Decode one tile of 256 x 256 pixels; there is one level.

        Raises:
            DecodeError: the tile is damaged or missing in the file.
            TileNotFound: there is no such tile.
        """
        region = TileGrid(self.info.size, TILE).region(column, row) if level == 0 else None
        if region is None:
            raise TileNotFound(f"Level {level} has no tile {column},{row}")
        return self.read_region(level, region, region.size)

    def read_region(self, level: int, region: Region, size: Size) -> Pixels:
        """The region scaled to exactly `size`.

        Raises:
            DecodeError: the region is damaged or missing in the file.
        """
        try:
            if region.width >= OVERVIEW_USE * size.width and region.height >= OVERVIEW_USE * size.height:
                overview = self._picture(OVERVIEW)
                return overview.read(region.scaled(self.info.size, overview.size), size)
            return self._picture(1).read(region, size)
        except pyvips.Error as error:
            raise DecodeError(f"The region cannot be decoded: {libvips.reason(error)}") from error

    def _load(self, **options: Any) -> Any:
        options = OPTIONS.get(self._loader, STRICT) | options
        return pyvips.Operation.call(self._loader, self._name, **options)

    def _picture(self, shrink: int) -> _Picture:
        """The whole picture, `shrink` times smaller, unpacked at the first call."""
        if shrink == 1 and self._direct is not None:
            return self._direct
        with self._lock:
            return self._unpacked(shrink)

    def _unpacked(self, shrink: int) -> _Unpacked:
        if shrink not in self._pictures:
            self._pictures[shrink] = _unpack(self._whole_image(shrink))
        return self._pictures[shrink]

    def _whole_image(self, shrink: int) -> pyvips.Image:
        if shrink == 1:
            return self._load(access="sequential")
        if self._loader == "jpegload":  # a third of the work, and exact means of the blocks
            return self._load(access="sequential", shrink=shrink)
        full = self._direct or self._unpacked(1)
        return libvips.resized(full.image, self.info.size.ceil_scaled(shrink), alpha=self.info.has_alpha)


# -- pictures --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Direct:
    """A picture whose loader decodes any region by itself."""

    image: pyvips.Image

    @property
    def size(self) -> Size:
        return Size(self.image.width, self.image.height)

    def read(self, region: Region, size: Size) -> Pixels:
        return libvips.to_pixels(
            libvips.resized(_cut(self.image, region), size, alpha=self.image.bands in (2, 4))
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Unpacked:
    """A picture in a temporary file."""

    size: Size
    """As declared."""
    pixels: NDArray[np.uint8]
    """The lines that could be decoded, from the top."""
    failure: str
    """Why the other lines could not be."""

    @property
    def image(self) -> pyvips.Image:
        """All of it.

        Raises:
            DecodeError: some lines are missing.
        """
        self._check(self.size.height)
        return libvips.from_pixels(self.pixels)

    def read(self, region: Region, size: Size) -> Pixels:
        self._check(region.bottom)
        if region.size == size:
            return self.pixels[region.y : region.bottom, region.x : region.right].copy()
        return libvips.to_pixels(
            libvips.resized(
                _cut(libvips.from_pixels(self.pixels), region), size, alpha=self.pixels.shape[2] in (2, 4)
            )
        )

    def _check(self, bottom: int) -> None:
        if bottom > self.pixels.shape[0]:
            raise DecodeError(
                f"Only {self.pixels.shape[0]} of {self.size.height} lines can be decoded: {self.failure}"
            )


_Picture = _Direct | _Unpacked


def _cut(image: pyvips.Image, region: Region) -> pyvips.Image:
    return image.crop(region.x, region.y, region.width, region.height)


def _unpack(image: pyvips.Image) -> _Unpacked:
    """Decode an image from top to bottom into a temporary file, as far as it goes."""
    size = Size(image.width, image.height)
    line = image.width * image.bands
    try:
        _check_room(size.height * line)
        with tempfile.TemporaryFile() as file:
            lines, failure = _write_lines(image, file)
            file.flush()
            held = mapped(file) if lines else np.empty(0, np.uint8)
    except OSError as error:
        raise DecodeError("There is no room to unpack the image on the server") from error
    return _Unpacked(size, held.reshape(lines, size.width, image.bands), failure)


def _write_lines(image: pyvips.Image, file: IO[bytes]) -> tuple[int, str]:
    """Write pixels until the end, or until some cannot be decoded; the number of lines, and why not more.

    libvips' own writers lose what they hold back when they fail.
    """
    region = pyvips.Region.new(image)
    for top in range(0, image.height, STRIP):
        try:
            file.write(region.fetch(0, top, image.width, min(STRIP, image.height - top)))
        except pyvips.Error as error:
            return top, libvips.reason(error)
    return image.height, ""


def _check_room(length: int) -> None:
    if shutil.disk_usage(tempfile.gettempdir()).free < length:
        raise DecodeError("There is no room to unpack the image on the server")


# -- opening ---------------------------------------------------------------------------------------


def _name(file: OpenFile) -> str:
    """What libvips is to open: the very file that is open, even if another now has its name."""
    own = Path(f"/proc/self/fd/{file.descriptor}")
    return str(own) if own.exists() else file.path


def _check_loader(loader: str) -> None:
    if not libvips.knows(loader):
        kind = loader.removesuffix("load").upper() or "such"
        raise UnsupportedImage(f"The installed libvips {libvips.library_version()} reads no {kind} files")


def _check(image: pyvips.Image) -> None:
    """Refuse what is not read: the one place to let more kinds in."""
    if image.width * image.height > MAX_PIXELS:
        raise UnsupportedImage(
            f"The image has {image.width} x {image.height} pixels; {MAX_PIXELS} can be unpacked"
        )
    if image.interpretation == "cmyk":
        raise UnsupportedImage("The image is CMYK; gray and RGB are read")
    if image.format != "uchar":
        raise UnsupportedImage(f"The image has samples of type {image.format}; 8-bit samples are read")
    if image.interpretation not in COLOR_SPACES or image.bands > 4:
        raise UnsupportedImage(
            f"The image has {image.bands} bands in color space {image.interpretation}; gray and RGB are read"
        )


def _image_info(file: OpenFile, image: pyvips.Image) -> ImageInfo:
    metadata = read_metadata(image)
    return ImageInfo(
        identifier=file.identifier,
        format=FORMAT.name,
        version=file.version,
        levels=(Level(Size(image.width, image.height), TILE),),
        tile=TILE,
        bands=image.bands,
        dtype="uint8",
        bits=8,
        color_space=COLOR_SPACES[image.interpretation],
        has_alpha=image.bands in (2, 4),
        band_ranges=((0.0, 255.0),) * image.bands,
        icc=metadata.icc,
        xmp=metadata.xmp,
        exif=metadata.exif,
        resolution=metadata.resolution,
        text=metadata.text,
    )


def _matches(head: bytes) -> bool:
    return loader_of(head) is not None


def _open(file: OpenFile) -> Source:
    return VipsSource(file)


FORMAT = SourceFormat("vips", _matches, _open, fallback=True)
