"""Tiled TIFF and BigTIFF pyramids: tile tables in memory, tiles by `pread`, JPEG and WebP tiles also as stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from iipserve.containers.ifd import Directory, Reader
from iipserve.containers.tags import ORIENTATION
from iipserve.errors import DecodeError, TileNotFound, UnsupportedImage
from iipserve.geometry import Region, Size
from iipserve.image import ImageInfo, LevelStorage, StackLayer
from iipserve.processing import Pixels
from iipserve.sources import Bands, OpenFile, Source, closed_on_error, cut, give_back
from iipserve.sources.oriented import upright
from iipserve.sources.tiff.image_codecs import JpegDecoder
from iipserve.sources.tiff.info import describe, output_samples
from iipserve.sources.tiff.layout import read_layout
from iipserve.sources.tiff.levels import (
    LEVEL_MEMORY,
    ImageLevels,
    PendingLevel,
    StoredLevel,
    read_level,
    read_levels,
    read_plain_levels,
)
from iipserve.sources.tiff.pages import Page, SamePicture, page_of_layer
from iipserve.sources.tiff.plain_pyramid import PlainPyramid
from iipserve.sources.tiff.pyramid import PyramidLevel
from iipserve.sources.tiff.segments import (
    as_stored,
    read_segment,
    stored_planes,
    unwritten_pixel,
    with_opacity,
)
from iipserve.sources.tiff.stack import read_stack
from iipserve.sources.tiff.storage import storage_of
from iipserve.sources.tiles import join_parts

ADVERTISED_SIDES = range(64, 2049)
"""Tiles with sides of these lengths are advertised; `DEFAULT_TILE` is advertised instead of others."""
DEFAULT_TILE = Size(256, 256)
SOURCE_MEMORY = 2048
"""Bytes of an opened file, besides its levels (measured)."""


ReadTile: TypeAlias = Callable[[StoredLevel, int, Region], Pixels]
"""(level, index of a tile, its region) -> samples. Raises `ValueError` or `RuntimeError` if it is damaged."""


class TiffSource(Source):
    """A pyramid of tiles. Threads share nothing but the descriptor, which is read by `pread`."""

    reads_parts: bool = True

    def __init__(self, file: OpenFile, reader: Reader, info: ImageInfo, levels: ImageLevels) -> None:
        """Take over the file's descriptor; `reader` reads by `file.read_at`."""
        self.info = info
        self._levels = [*levels.levels]
        self.memory = SOURCE_MEMORY + (1 + levels.masked) * LEVEL_MEMORY * len(self._levels)
        self._reader = reader
        give_back(self, file)

    def read_tile(self, level: int, column: int, row: int, quality_layers: int = 0) -> Pixels:
        """Decode one tile, clipped to the level.

        Raises:
            TileNotFound: there is no such level or tile.
            DecodeError: this tile is damaged or missing in the file.
        """
        return self._read_top(level, column, row, None, self._samples)

    def read_part(self, level: int, column: int, row: int, part: Region, quality_layers: int = 0) -> Pixels:
        """As `Source.read_part`: decodes no rows below the part where that is possible."""
        tile = self.info.levels[level].tile
        rows = part.bottom - row * tile.height
        return cut(self._read_top(level, column, row, rows, self._samples), tile, part)

    def read_stored(self, region: Region, bands: Bands) -> Pixels:
        """As `Source.read_stored`."""
        full, dtype = self._level(0), np.dtype(self.info.samples.dtype)

        def read(column: int, row: int, part: Region) -> Pixels:
            rows = part.bottom - row * full.grid.tile.height
            return cut(self._read_top(0, column, row, rows, read_tile), full.grid.tile, part)

        def read_tile(stored: StoredLevel, index: int, region: Region) -> Pixels:
            layout = stored.layout
            pixels = self._decoded(stored, index, region, stored_planes(layout, bands))
            return as_stored(pixels, bands, region.size, layout, stored.convert)

        return join_parts(full.grid, region, len(bands), dtype, read)

    def _read_top(self, level: int, column: int, row: int, rows: int | None, read: ReadTile) -> Pixels:
        """The first rows of a tile, or all of it, clipped to the level, as `read` gives them."""
        stored, index = self._find(level, column, row)
        region = stored.grid.region(column, row)
        assert region is not None, "checked by _find"
        if rows is not None:
            region = region._replace(height=rows)
        try:
            return read(stored, index, region)
        except (ValueError, RuntimeError) as error:
            raise DecodeError(_damage(level, column, row)) from error

    def stored_tile(self, level: int, column: int, row: int, format: str, *, profile: bool) -> bytes | None:
        """The tile as stored, as a complete JPEG or WebP file, or None; also None where a mask hides a pixel of it.

        Raises:
            TileNotFound: there is no such level or tile.
            DecodeError: the tile is cut off, or does not match the directory.
        """
        stored, index = self._find(level, column, row)
        rewrap = stored.rewraps.get(format)
        if rewrap is None:
            return None
        try:
            if stored.mask is not None and not self._is_opaque(
                stored.mask, index, stored.grid.region(column, row)
            ):
                return None
            data = self._read(stored, index)
            return None if data is None else rewrap(data, profile)
        except (ValueError, RuntimeError) as error:
            raise DecodeError(_damage(level, column, row)) from error

    def storage(self, level: int) -> LevelStorage:
        """As `Source.storage`."""
        stored = self._level(level)
        return storage_of(stored.layout, stored.counts, is_tiled=True)

    def _is_opaque(self, mask: StoredLevel, index: int, region: Region | None) -> bool:
        """Whether a mask shows all pixels of a tile inside the level."""
        assert region is not None, "the tile exists"
        return bool((self._samples(mask, index, region) == mask.layout.output_type.full_scale).all())

    def _find(self, level: int, column: int, row: int) -> tuple[StoredLevel, int]:
        """The level and the tile's index in it."""
        if 0 <= level < len(self._levels):
            stored = self._level(level)
            if 0 <= column < stored.columns and 0 <= row < stored.rows:
                return stored, row * stored.columns + column
        raise TileNotFound(f"there is no tile {column},{row} of level {level}")

    def _level(self, level: int) -> StoredLevel:
        stored = self._levels[level]
        if isinstance(stored, PendingLevel):
            stored = self._levels[level] = stored.read()
        return stored

    def _samples(self, stored: StoredLevel, index: int, region: Region) -> Pixels:
        """The output samples of one tile.

        Raises:
            ValueError, RuntimeError: it is damaged.
        """
        type = stored.layout.output_type
        pixels = self._decoded(stored, index, region, range(stored.layout.planes))
        if pixels is None:
            return _unwritten(stored, region.size)
        if stored.convert is not None:
            pixels = stored.convert(pixels)
        if stored.mask is not None:
            pixels = with_opacity(pixels, self._samples(stored.mask, index, region), type.full_scale)
        return np.ascontiguousarray(pixels)

    def _decoded(
        self, stored: StoredLevel, index: int, region: Region, planes: Sequence[int]
    ) -> Pixels | None:
        """The decoded samples of one tile, of some of its planes; None if it was never written."""
        if stored.layout.planes == 1:
            return self._plane(stored, index, region)
        return self._planes(stored, index, region, planes)

    def _plane(self, stored: StoredLevel, index: int, region: Region) -> Pixels | None:
        """The part of a stored tile that is inside the level; None if the tile was never written."""
        data = self._read(stored, index)
        if data is None:
            return None
        decode = stored.decode
        pixels = decode.top(data, region.height) if isinstance(decode, JpegDecoder) else decode(data)
        if pixels.shape[0] < region.height or pixels.shape[1] < region.width:
            raise ValueError(f"{pixels.shape[1]} x {pixels.shape[0]} pixels do not fill the tile")
        return pixels[: region.height, : region.width]

    def _planes(
        self, stored: StoredLevel, index: int, region: Region, planes: Sequence[int]
    ) -> Pixels | None:
        """The tiles of some bands, joined; None if none of them was ever written."""
        layout = stored.layout
        shape = region.height, region.width, len(planes)
        joined = np.full(shape, layout.empty, layout.type.stored)
        written = False
        for band, plane in enumerate(planes):
            pixels = self._plane(stored, plane * stored.grid.tile_count + index, region)
            if pixels is not None:
                joined[:, :, band], written = pixels[:, :, 0], True
        return joined if written else None

    def _read(self, stored: StoredLevel, index: int) -> bytes | None:
        offset, count = int(stored.offsets[index]), int(stored.counts[index])
        return read_segment(self._reader, offset, count, stored.max_count, proves_length=stored.proves_length)


def _unwritten(stored: StoredLevel, size: Size) -> Pixels:
    """A tile that was never written; a mask makes it clear."""
    pixel = unwritten_pixel(stored.layout, stored.convert)
    pixels = np.zeros((size.height, size.width, stored.bands), pixel.dtype)
    pixels[:, :, : pixel.shape[2]] = pixel
    return pixels


def _damage(level: int, column: int, row: int) -> str:
    return f"tile {column},{row} of level {level} is damaged or missing in the file"


def open_tiled(file: OpenFile, pages: Sequence[Page], same: SamePicture) -> Source:
    """Open one image in tiles.

    Args:
        file: its descriptor is taken over.
        pages: the images of the file.
        same: compares levels, as `read_pyramid`.

    Raises:
        UnsupportedImage: the image is stored in a way that is not supported; the message names it.
        DecodeError: its directories are damaged.
        ImageNotFound: the file has no such layer.
    """
    source = open_stored(file, pages, same)
    return upright(source, page_of_layer(pages, file.layer).first.integer(ORIENTATION, 1))


def open_plain(file: OpenFile, first: Directory, pyramid: PlainPyramid) -> Source:
    """As `open_tiled`, of the only image of a file.

    Args:
        file: its descriptor is taken over.
        first: the directory of the full size.
        pyramid: its levels.

    Raises:
        UnsupportedImage, DecodeError: as `open_tiled`.
    """
    with closed_on_error(file):
        levels = read_plain_levels(first, pyramid)
        info = _info(file, first, levels, ())
    return upright(TiffSource(file, first.reader, info, levels), first.integer(ORIENTATION, 1))


def open_stored(file: OpenFile, pages: Sequence[Page], same: SamePicture) -> TiffSource:
    """As `open_tiled`, in the orientation of the file."""
    with closed_on_error(file):
        page = page_of_layer(pages, file.layer)
        levels = read_levels(page, same)
        info = _info(file, page.first, levels, read_stack(pages))
    return TiffSource(file, page.first.reader, info, levels)


def _info(file: OpenFile, first: Directory, levels: ImageLevels, stack: tuple[StackLayer, ...]) -> ImageInfo:
    samples = output_samples(levels.layout, levels.ranges, levels.convert, masked=levels.masked)
    tile = _advertised_tile(levels.layout.tile)
    return describe(file, first, samples, levels.sizes, tile, levels.icc, stack)


def can_open(page: Page) -> bool:
    """Whether `open_tiled` opens an image."""
    try:
        read_level(PyramidLevel(page.first, read_layout(page.first), None), None, shown_as_stored=False)
    except (UnsupportedImage, DecodeError):
        return False
    return True


def _advertised_tile(tile: Size) -> Size:
    fits = tile.width in ADVERTISED_SIDES and tile.height in ADVERTISED_SIDES
    return tile if fits else DEFAULT_TILE
