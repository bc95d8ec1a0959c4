"""TIFF and BigTIFF pyramids: tables of tiles in memory, tiles by `pread`, stored tiles as they are."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from iipserve.errors import DecodeError, TileNotFound, UnsupportedImage
from iipserve.geometry import Size, TileGrid
from iipserve.image import ColorSpace, ImageInfo, Level
from iipserve.processing import Pixels
from iipserve.sources import OpenFile, Source, SourceFormat
from iipserve.sources import tiff_metadata as metadata
from iipserve.sources.tiff_directory import FORMATS, Directory, Reader, Table, read_chain
from iipserve.sources.tiff_structure import Alpha, Compression, Layout, counts_tag, offsets_tag, read_pyramid
from iipserve.sources.tiff_tiles import JpegSplicer, TileDecoder, make_decoder, webp_as_it_is

JPEG_TABLES = 347

ADVERTISED_SIDES = range(64, 2049)
"""Tiles with sides of these lengths are advertised as they are, others as 256 x 256."""
DEFAULT_TILE = Size(256, 256)
MIN_OFFSET = 8
"""The file header stands before."""
ENCODING_MARGIN = 64 * 1024
"""Bytes by which a tile may be larger than twice its pixels; one that claims more is damaged."""

StoredTile = Callable[[bytes, bool], bytes | None]
"""(bytes as stored, with the ICC profile) -> complete file, or None."""


@dataclass(frozen=True, slots=True, eq=False)
class StoredLevel:
    """One level: where its tiles lie, and how they are read."""

    layout: Layout
    grid: TileGrid
    offsets: Table
    """Of each tile in the file, row by row."""
    counts: Table
    """Bytes of each tile; 0 is a tile that was never written, and black."""
    max_count: int
    """More bytes than this are not believed."""
    decode: TileDecoder
    stored: Mapping[str, StoredTile]
    """By output format: what makes a file of a stored tile."""


class TiffSource(Source):
    """A pyramid of tiles. Reading a tile shares nothing but the descriptor, with `pread`."""

    def __init__(self, file: OpenFile, info: ImageInfo, levels: tuple[StoredLevel, ...]) -> None:
        """Take over the file's descriptor."""
        self.info = info
        self._descriptor = file.descriptor
        self._length = file.version.length
        self._levels = levels
        weakref.finalize(self, os.close, file.descriptor)

    def read_tile(self, level: int, column: int, row: int, quality_layers: int = 0) -> Pixels:
        """Decode one tile, clipped to the level.

        Raises:
            TileNotFound: there is no such level or tile.
            DecodeError: this tile is damaged or missing in the file.
        """
        stored = self._level(level, column, row)
        region = stored.grid.region(column, row)
        assert region is not None, "the tile is there"
        data = self._read(stored, level, column, row)
        if data is None:
            return np.zeros((region.height, region.width, stored.layout.samples), np.uint8)
        try:
            pixels = stored.decode(data)
        except (ValueError, RuntimeError) as error:
            raise _damaged(level, column, row) from error
        if pixels.shape[0] < region.height or pixels.shape[1] < region.width:
            raise _damaged(level, column, row)
        return np.ascontiguousarray(pixels[: region.height, : region.width])

    def stored_tile(self, level: int, column: int, row: int, format: str, *, profile: bool) -> bytes | None:
        """The tile as the file holds it, as a complete JPEG or WebP file, or None.

        Raises:
            TileNotFound: there is no such level or tile.
            DecodeError: the file ends before the tile does, or the tile is not what the file says.
        """
        stored = self._level(level, column, row)
        finish = stored.stored.get(format)
        if finish is None:
            return None
        data = self._read(stored, level, column, row)
        if data is None:
            return None
        try:
            return finish(data, profile)
        except ValueError as error:
            raise _damaged(level, column, row) from error

    def _level(self, level: int, column: int, row: int) -> StoredLevel:
        if 0 <= level < len(self._levels):
            stored = self._levels[level]
            if 0 <= column < stored.grid.columns and 0 <= row < stored.grid.rows:
                return stored
        raise TileNotFound(f"There is no tile {column},{row} of level {level}")

    def _read(self, stored: StoredLevel, level: int, column: int, row: int) -> bytes | None:
        """The tile's bytes, or None when it was never written."""
        index = row * stored.grid.columns + column
        offset, count = int(stored.offsets[index]), int(stored.counts[index])
        if count == 0:
            return None
        if offset < MIN_OFFSET or count > stored.max_count or offset + count > self._length:
            raise _damaged(level, column, row)
        data = os.pread(self._descriptor, count, offset)
        if len(data) != count:
            raise _damaged(level, column, row)
        return data


def _damaged(level: int, column: int, row: int) -> DecodeError:
    return DecodeError(f"Tile {column},{row} of level {level} is damaged or missing in the file")


def open_tiff(file: OpenFile) -> TiffSource:
    """Read the structure of a TIFF file.

    Raises:
        UnsupportedImage: it is stored in a way that is not read here; the message says which.
        DecodeError: its structure is damaged.
    """
    try:
        info, levels = _read_structure(file)
        return TiffSource(file, info, levels)
    except BaseException:
        os.close(file.descriptor)
        raise


def _read_structure(file: OpenFile) -> tuple[ImageInfo, tuple[StoredLevel, ...]]:
    with open(file.descriptor, "rb", closefd=False) as stream:
        reader = Reader.of(stream, file.head, file.version.length)
        chain = read_chain(reader)
        first = next(chain)
        icc = metadata.read_icc(first)
        pyramid = read_pyramid(first, chain)
        levels = [_read_level(*pyramid[0], icc)]
        for directory, layout in pyramid[1:]:
            # a smaller level that cannot be read is done without
            with suppress(DecodeError, UnsupportedImage):
                levels.append(_read_level(directory, layout, icc))
        return _describe(file, first, [level.layout for level in levels], icc), tuple(levels)


def _read_level(directory: Directory, layout: Layout, icc: bytes | None) -> StoredLevel:
    """Tables and decoders of one level."""
    count = layout.grid.count
    tables = directory.data(JPEG_TABLES)
    return StoredLevel(
        layout=layout,
        grid=layout.grid,
        offsets=directory.table(offsets_tag(directory), count),
        counts=directory.table(counts_tag(directory), count),
        max_count=2 * layout.tile_bytes + ENCODING_MARGIN,
        decode=make_decoder(layout, tables),
        stored=_stored_formats(layout, tables, icc),
    )


def _stored_formats(layout: Layout, tables: bytes, icc: bytes | None) -> Mapping[str, StoredTile]:
    """The output formats that a level's stored tiles can be made into."""
    if layout.compression == Compression.JPEG and layout.alpha is Alpha.NONE:
        splicer = JpegSplicer.of(layout, tables, icc)
        return {"jpeg": lambda data, profile: splicer.finish(data, profile=profile)}
    if layout.compression == Compression.WEBP and layout.alpha is not Alpha.PREMULTIPLIED:
        return {"webp": lambda data, profile: None if profile and icc else webp_as_it_is(layout, data)}
    return {}


def _describe(file: OpenFile, first: Directory, layouts: list[Layout], icc: bytes | None) -> ImageInfo:
    full = layouts[0]
    fits = full.tile.width in ADVERTISED_SIDES and full.tile.height in ADVERTISED_SIDES
    return ImageInfo(
        identifier=file.identifier,
        format="tiff",
        version=file.version,
        levels=tuple(Level(layout.size, layout.tile) for layout in layouts),
        tile=full.tile if fits else DEFAULT_TILE,
        bands=full.samples,
        dtype="uint8",
        bits=8,
        color_space=ColorSpace.GRAY if full.is_gray else ColorSpace.SRGB,
        has_alpha=full.alpha is not Alpha.NONE,
        band_ranges=metadata.read_ranges(first, full.samples),
        icc=icc,
        xmp=metadata.read_xmp(first),
        exif=metadata.read_exif(first),
        resolution=metadata.read_resolution(first),
        text=metadata.read_text(first),
    )


def _matches(head: bytes) -> bool:
    return head[:4] in FORMATS


FORMAT = SourceFormat("tiff", matches=_matches, open=open_tiff)
