"""TIFF and BigTIFF pyramids: tables of tiles in memory, tiles by `pread`, stored tiles as they are."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from iipserve.containers.ifd import Directory, Reader, Table, read_chain
from iipserve.containers.tags import JPEG_TABLES, ORIENTATION, Compression
from iipserve.errors import DecodeError, ImageNotFound, TileNotFound, UnsupportedImage
from iipserve.geometry import Region, Size, TileGrid
from iipserve.image import ImageInfo, Level, Selector, StackLayer
from iipserve.processing import Pixels
from iipserve.sources import OpenFile, Source
from iipserve.sources.oriented import upright
from iipserve.sources.tiff import metadata
from iipserve.sources.tiff.color import Step, make_converter
from iipserve.sources.tiff.decoders import make_decoder
from iipserve.sources.tiff.image_codecs import JpegSplicer, TileDecoder, webp_as_it_is
from iipserve.sources.tiff.layout import Layout, counts_tag, offsets_tag
from iipserve.sources.tiff.pages import Page, PyramidLevel, read_pyramid, read_tiled_pages
from iipserve.sources.tiff.stack import read_stack
from iipserve.sources.tiff_samples import Alpha

ADVERTISED_SIDES = range(64, 2049)
"""Tiles with sides of these lengths are advertised as they are, others as 256 x 256."""
DEFAULT_TILE = Size(256, 256)
MIN_OFFSET = 8
"""The file header stands before."""
HIGHEST_BYTE = 255
ENCODING_MARGIN = 64 * 1024
"""Bytes by which a tile may be larger than twice its pixels; one that claims more is damaged."""

Rewrap = Callable[[bytes, bool], bytes | None]
"""(bytes as stored, with the ICC profile) -> complete file, or None."""


@dataclass(frozen=True, slots=True, eq=False)
class StoredLevel:
    """One level: where its tiles lie, and how they are read."""

    layout: Layout
    grid: TileGrid
    offsets: Table
    """Of each tile in the file, row by row, and plane by plane."""
    counts: Table
    """Bytes of each tile; 0 is a tile that was never written, and black."""
    max_count: int
    """More bytes than this are not believed."""
    decode: TileDecoder
    convert: Step | None
    """What makes decoded samples those that are handed out."""
    rewraps: Mapping[str, Rewrap]
    """By output format: what makes a file of a stored tile."""
    mask: StoredLevel | None
    """Whose one band becomes the opacity of this one."""

    @property
    def bands(self) -> int:
        """Samples per pixel as handed out."""
        return self.layout.bands.count + (self.mask is not None)


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
        try:
            return self._samples(stored, row * stored.grid.columns + column, region)
        except (ValueError, RuntimeError) as error:
            raise DecodeError(_damage(level, column, row)) from error

    def stored_tile(self, level: int, column: int, row: int, format: str, *, profile: bool) -> bytes | None:
        """The tile as the file holds it, as a complete JPEG or WebP file, or None.

        Raises:
            TileNotFound: there is no such level or tile.
            DecodeError: the file ends before the tile does, or the tile is not what the file says.
        """
        stored = self._level(level, column, row)
        rewrap = stored.rewraps.get(format)
        if rewrap is None:
            return None
        try:
            data = self._read(stored, row * stored.grid.columns + column)
            return None if data is None else rewrap(data, profile)
        except ValueError as error:
            raise DecodeError(_damage(level, column, row)) from error

    def _level(self, level: int, column: int, row: int) -> StoredLevel:
        if 0 <= level < len(self._levels):
            stored = self._levels[level]
            if 0 <= column < stored.grid.columns and 0 <= row < stored.grid.rows:
                return stored
        raise TileNotFound(f"There is no tile {column},{row} of level {level}")

    def _samples(self, stored: StoredLevel, index: int, region: Region) -> Pixels:
        """One tile as it is handed out.

        Raises:
            ValueError, RuntimeError: it is damaged.
        """
        read = self._plane if stored.layout.planes == 1 else self._planes
        pixels = read(stored, index, region)
        if pixels is None:
            return np.zeros(
                (region.height, region.width, stored.bands), stored.layout.output_type.output_dtype
            )
        if stored.convert is not None:
            pixels = stored.convert(pixels)
        if stored.mask is not None:
            opacity = self._samples(stored.mask, index, region)
            pixels = _masked(pixels, opacity, stored.layout.output_type.full_scale)
        return np.ascontiguousarray(pixels)

    def _plane(self, stored: StoredLevel, index: int, region: Region) -> Pixels | None:
        """The part of a stored tile that lies in the level, or None when it was never written."""
        data = self._read(stored, index)
        if data is None:
            return None
        pixels = stored.decode(data)
        if pixels.shape[0] < region.height or pixels.shape[1] < region.width:
            raise ValueError(f"{pixels.shape[1]} x {pixels.shape[0]} pixels do not fill the tile")
        return pixels[: region.height, : region.width]

    def _planes(self, stored: StoredLevel, index: int, region: Region) -> Pixels | None:
        """The tiles of all bands, joined; None when none of them was ever written."""
        layout = stored.layout
        joined = np.zeros((region.height, region.width, layout.planes), layout.type.stored)
        written = False
        for plane in range(layout.planes):
            pixels = self._plane(stored, plane * stored.grid.count + index, region)
            if pixels is not None:
                joined[:, :, plane], written = pixels[:, :, 0], True
        return joined if written else None

    def _read(self, stored: StoredLevel, index: int) -> bytes | None:
        """A tile's bytes, or None when it was never written.

        Raises:
            ValueError: they are not in the file.
        """
        offset, count = int(stored.offsets[index]), int(stored.counts[index])
        if count == 0:
            return None
        if offset < MIN_OFFSET or count > stored.max_count or offset + count > self._length:
            raise ValueError(f"{count} bytes at {offset}")
        data = os.pread(self._descriptor, count, offset)
        if len(data) != count:
            raise ValueError(f"{len(data)} bytes of {count}")
        return data


def _masked(pixels: Pixels, opacity: NDArray[Any], highest: float) -> Pixels:
    """The colors with opacity behind them: 0, or what is more than 127 of 255 the highest sample."""
    result = np.empty((*pixels.shape[:2], pixels.shape[2] + 1), pixels.dtype)
    result[:, :, :-1] = pixels
    result[:, :, -1:] = opacity if highest == HIGHEST_BYTE else np.where(opacity > 127, highest, 0)
    return result


def _damage(level: int, column: int, row: int) -> str:
    return f"Tile {column},{row} of level {level} is damaged or missing in the file"


def open_tiled(file: OpenFile) -> Source:
    """Read the structure of a TIFF file, and of that of its pictures which is wanted.

    Raises:
        UnsupportedImage: it is stored in a way that is not read here; the message says which.
        DecodeError: its structure is damaged.
        ImageNotFound: it has no picture of that number.
    """
    try:
        reader = Reader.of(file.descriptor, file.head, file.version.length)
        pictures = read_tiled_pages(read_chain(reader))
        if not 0 <= file.layer < len(pictures):
            raise ImageNotFound(f"There is no picture {file.layer}; the file has {len(pictures)}, from 0")
        picture = pictures[file.layer]
        info, levels = _read_structure(file, picture, read_stack(pictures))
        source = TiffSource(file, info, levels)
    except BaseException:
        os.close(file.descriptor)
        raise
    return upright(source, picture.first.integer(ORIENTATION, 1))


def _read_structure(
    file: OpenFile, picture: Page, stack: tuple[StackLayer, ...]
) -> tuple[ImageInfo, tuple[StoredLevel, ...]]:
    first = picture.first
    icc = metadata.read_icc(first)
    pyramid = read_pyramid(picture)
    full = pyramid[0].layout
    ranges = metadata.read_ranges(first, full)
    shown_as_stored = set(ranges) == {full.output_type.full_range}
    levels = [_read_level(pyramid[0], icc, shown_as_stored=shown_as_stored)]
    for page in pyramid[1:]:
        # a smaller level that cannot be read is done without
        with suppress(DecodeError, UnsupportedImage):
            levels.append(_read_level(page, icc, shown_as_stored=shown_as_stored))
    info = _describe(file, first, levels, icc, ranges, stack)
    return info, tuple(levels)


def _read_level(page: PyramidLevel, icc: bytes | None, *, shown_as_stored: bool) -> StoredLevel:
    """Tables and decoders of one level.

    Args:
        page: where it is stored.
        icc: profile of the picture.
        shown_as_stored: no range of samples is declared that would change how they are shown.
    """
    directory, layout, mask = page
    count = layout.grid.count * layout.planes
    passes = shown_as_stored and mask is None and layout.is_plain
    return StoredLevel(
        layout=layout,
        grid=layout.grid,
        offsets=directory.table(offsets_tag(directory), count),
        counts=directory.table(counts_tag(directory), count),
        max_count=2 * layout.tile_bytes + ENCODING_MARGIN,
        decode=make_decoder(layout, directory),
        convert=make_converter(layout, directory),
        rewraps=_rewraps(layout, directory.data(JPEG_TABLES), icc) if passes else {},
        mask=_read_level(PyramidLevel(*mask, None), None, shown_as_stored=False) if mask else None,
    )


def _rewraps(layout: Layout, tables: bytes, icc: bytes | None) -> Mapping[str, Rewrap]:
    """The output formats that a level's stored tiles can be made into."""
    if layout.compression == Compression.JPEG and layout.bands.stored == layout.bands.colors in (1, 3):
        splicer = JpegSplicer.of(layout, tables, icc)
        return {"jpeg": lambda data, profile: splicer.splice(data, profile=profile)}
    if layout.compression == Compression.WEBP and layout.bands.alpha is not Alpha.PREMULTIPLIED:
        return {"webp": lambda data, profile: None if profile and icc else webp_as_it_is(layout, data)}
    return {}


def _describe(
    file: OpenFile,
    first: Directory,
    levels: list[StoredLevel],
    icc: bytes | None,
    ranges: tuple[tuple[float, float], ...],
    stack: tuple[StackLayer, ...],
) -> ImageInfo:
    full = levels[0].layout
    fits = full.tile.width in ADVERTISED_SIDES and full.tile.height in ADVERTISED_SIDES
    masked = levels[0].mask is not None
    return ImageInfo(
        identifier=file.identifier,
        format="tiff",
        version=file.version,
        levels=tuple(Level(level.grid.size, level.grid.tile) for level in levels),
        tile=full.tile if fits else DEFAULT_TILE,
        bands=levels[0].bands,
        dtype=full.output_type.output_dtype,
        bits=full.output_type.bits,
        color_space=full.bands.color_space,
        has_alpha=masked or full.bands.has_alpha,
        band_ranges=(*ranges, (0.0, float(full.output_type.full_scale))) if masked and ranges else ranges,
        icc=icc,
        xmp=metadata.read_xmp(first),
        exif=metadata.read_exif(first),
        resolution=metadata.read_resolution(first),
        text=metadata.read_text(first),
        selector=Selector(file.layer),
        stack=stack,
    )
