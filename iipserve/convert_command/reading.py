"""The pages of an image file: their samples in strips, and what is to be kept of the rest."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from iipserve.command_line.images import NamedImage
from iipserve.containers.ifd import VARIANTS, Directory, Reader, read_chain
from iipserve.containers.tags import (
    BITS_PER_SAMPLE,
    IMAGE_LENGTH,
    IMAGE_WIDTH,
    ORIENTATION,
    PHOTOMETRIC,
    REDUCED_IMAGE,
    TRANSPARENCY_MASK,
    Photometric,
)
from iipserve.engine.georeferencing import Georeferences
from iipserve.errors import DecodeError, InvalidRequest, NotInstalled
from iipserve.geo.georeference import GeoImage
from iipserve.geometry import Region, ceil_div
from iipserve.image import ImageInfo, Selector
from iipserve.plan import image_ref
from iipserve.sources import Source
from iipserve.sources.tiff.pages import kind_of
from iipserve.sources.tiles import join_tiles

STRIP_BYTES = 32 << 20
"""Samples that are read at once."""
MAX_PALETTE_BITS = 8
HEAD_LENGTH = 12
UNKNOWN_TO_LIBVIPS = frozenset({"int64", "uint64"})


class Page:
    """One image of a file."""

    def __init__(self, image: NamedImage, info: ImageInfo, directory: Directory | None) -> None:
        """Open it.

        Args:
            image: its file.
            info: of the page.
            directory: of the page, where the file is TIFF.
        """
        self.info = info
        self.directory = directory
        self._image = image
        self._source: Source = image.library.source(image_ref(info))

    @property
    def has_palette(self) -> bool:
        """Samples are indices of a palette of TIFF."""
        directory = self.directory
        return (
            directory is not None
            and directory.integer(PHOTOMETRIC, 0) == Photometric.PALETTE
            and directory.integer(BITS_PER_SAMPLE, 1) <= MAX_PALETTE_BITS
            and self.info.samples.bands == 1
        )

    @property
    def is_upright(self) -> bool:
        """The directory describes the pixels in the order in which they are read."""
        return self.directory is not None and self.directory.integer(ORIENTATION, 1) == 1

    @cached_property
    def geo_image(self) -> GeoImage | None:
        """Where it is located."""
        try:
            return Georeferences(self._image.config)(self.info)
        except NotInstalled:
            return None

    @property
    def is_masked(self) -> bool:
        """Opacity comes from a mask in the file, and is no band of it."""
        info = self.info
        return info.has_alpha and info.stored is not None and info.stored.opacity is None

    def strips(self, *, as_indices: bool) -> Iterator[NDArray[Any]]:
        """All samples from top to bottom, in arrays of shape (height, width, bands).

        Masks are opacity of integers, and NaN of floats.

        Args:
            as_indices: those of the palette, not its colors.

        Raises:
            InvalidRequest: libvips has no samples of this type.
            DecodeError: the file is damaged.
        """
        info = self.info
        if info.samples.dtype in UNKNOWN_TO_LIBVIPS:
            raise InvalidRequest(f"samples of type {info.samples.dtype} are not converted; GDAL does it")
        is_signed = info.dtype not in ("uint8", "uint16", "float32")
        if self.is_masked and is_signed and not as_indices:
            raise InvalidRequest(f"a mask of {info.dtype} samples is not converted; GDAL does it")
        for top, rows in self._rows():
            region = Region(0, top, info.size.width, rows)
            yield self._read(region, as_indices)

    def _rows(self) -> Iterator[tuple[int, int]]:
        info = self.info
        tile = info.levels[0].tile.height
        row_bytes = info.size.width * info.bands * np.dtype(info.dtype).itemsize
        height = max(1, STRIP_BYTES // (row_bytes * tile)) * tile
        for index in range(ceil_div(info.size.height, height)):
            top = index * height
            yield top, min(height, info.size.height - top)

    def _read(self, region: Region, as_indices: bool) -> NDArray[Any]:
        source, info = self._source, self.info
        if as_indices:
            return source.read_stored(region, (0,))
        if info.samples.dtype == "float64" and not self.is_masked:
            return source.read_stored(region, tuple(range(info.samples.bands)))
        if source.reads_regions:
            decoded: NDArray[Any] = source.read_region(0, region, region.size)
        else:
            decoded = join_tiles(
                info, 0, region, source.read_tile, source.read_part if source.reads_parts else None
            )
        if self.is_masked and info.dtype == "float32":
            return np.where(decoded[..., -1:] > 0, decoded[..., :-1], np.float32(np.nan))
        return decoded


def pages_of(image: NamedImage) -> list[Page]:
    """All images of a file, in the order of `ImageInfo.stack`.

    Raises:
        IIPServeError: as `Library.info`.
    """
    first = image.library.info(image.identifier, literal=True)
    if first.angles is not None:
        raise InvalidRequest("the views of a sequence are converted one by one")
    infos = [
        first,
        *(image.library.info(image.identifier, Selector(layer)) for layer in range(1, len(first.stack))),
    ]
    directories = _directories(image, first)
    taken: dict[tuple[int, int], int] = {}
    pages = []
    for info in infos:
        alike = [each for each in directories if _is_of(each, info)]
        index = taken.get(info.size, 0)
        taken[info.size] = index + 1
        pages.append(Page(image, info, alike[min(index, len(alike) - 1)] if alike else None))
    return pages


def _directories(image: NamedImage, info: ImageInfo) -> list[Directory]:
    """Those of the pages of a TIFF file, without smaller copies and masks that are marked."""
    content = _Content(f"{image.config.filesystem_prefix}{image.identifier}")
    head = content.read(HEAD_LENGTH, 0)
    if head[:4] not in VARIANTS:
        return []
    try:
        chain = list(read_chain(Reader.of(content.read, head, info.version.length)))
    except DecodeError:
        return []
    return [each for each in chain if not kind_of(each) & (REDUCED_IMAGE | TRANSPARENCY_MASK)] or chain[:1]


class _Content:
    """The bytes of a file, which is opened for each piece: directories are few."""

    def __init__(self, path: str) -> None:
        self._path = path

    def read(self, count: int, offset: int) -> bytes:
        """As `Reader.read`."""
        with open(self._path, "rb") as file:
            file.seek(offset)
            return file.read(count)


def _is_of(directory: Directory, info: ImageInfo) -> bool:
    sides = {directory.integer(IMAGE_WIDTH, 0), directory.integer(IMAGE_LENGTH, 0)}
    return sides == set(info.size)
