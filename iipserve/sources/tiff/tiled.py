"""Tiled TIFF and BigTIFF pyramids: tile tables in memory, tiles by `pread`, JPEG and WebP tiles also as stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, TypeAlias

import numpy as np

from iipserve.containers.ifd import Reader, read_directory
from iipserve.containers.tables import PAGE
from iipserve.containers.tags import ORIENTATION, Compression
from iipserve.errors import DecodeError, TileNotFound, UnsupportedImage
from iipserve.geometry import Region, Size, TileGrid
from iipserve.image import ImageInfo, Level
from iipserve.processing import Pixels
from iipserve.sources import OpenFile, Source, closed_on_error, cut, give_back
from iipserve.sources.color import Step
from iipserve.sources.oriented import upright
from iipserve.sources.tiff import metadata
from iipserve.sources.tiff.codec import codec_of, has_codec_of
from iipserve.sources.tiff.decoders import with_sample_order
from iipserve.sources.tiff.image_codecs import JpegDecoder, JpegSplicer, TileDecoder, checked_webp
from iipserve.sources.tiff.info import describe, output_samples
from iipserve.sources.tiff.layout import Layout, read_layout, stored_alike
from iipserve.sources.tiff.pages import Page, SamePicture, page_of_layer
from iipserve.sources.tiff.pyramid import PyramidLevel, read_pyramid
from iipserve.sources.tiff.segments import (
    as_stored,
    holds_tables,
    read_segment,
    read_tables,
    unwritten_pixel,
    with_opacity,
)
from iipserve.sources.tiff.stack import read_stack
from iipserve.sources.tiff_pixel_format import Alpha
from iipserve.sources.tiles import join_parts

ADVERTISED_SIDES = range(64, 2049)
"""Tiles with sides of these lengths are advertised; `DEFAULT_TILE` is advertised instead of others."""
DEFAULT_TILE = Size(256, 256)
SOURCE_MEMORY, LEVEL_MEMORY = 3072, 768
"""Bytes of an opened file and of one of its levels, besides tables (measured)."""

Rewrap = Callable[[bytes, bool], bytes | None]
"""(tile as stored, whether to embed the ICC profile) -> complete file, or None if that cannot be made."""
NO_REWRAPS: Mapping[str, Rewrap] = {}


@dataclass(frozen=True, slots=True, eq=False)
class StoredLevel:
    """Where the tiles of one level are, and how they are decoded."""

    layout: Layout
    grid: TileGrid
    offsets: Sequence[int]
    """Offset of each tile in the file, row by row, and plane by plane."""
    counts: Sequence[int]
    """Length of each tile in bytes; 0 for a tile that was never written."""
    max_count: int
    """Larger byte counts are considered damage."""
    decode: TileDecoder
    convert: Step | None
    """Makes output samples of decoded ones; None if they are the same."""
    proves_length: bool
    """See `Layout`."""
    rewraps: Mapping[str, Rewrap]
    """By output format."""
    mask: StoredLevel | None
    """Its one band is the opacity of this level."""
    columns: int
    """Of the grid."""
    rows: int
    """Of the grid."""

    @property
    def bands(self) -> int:
        """Output samples per pixel."""
        return self.layout.bands.count + (self.mask is not None)

    @property
    def memory(self) -> int:
        """About how many bytes it takes."""
        tables = 4 * sum(min(len(table), PAGE) for table in (self.offsets, self.counts))
        return LEVEL_MEMORY + tables + (self.mask.memory if self.mask else 0)


ReadTile: TypeAlias = Callable[[StoredLevel, int, Region], Pixels]
"""(level, index of a tile, its region) -> samples. Raises `ValueError` or `RuntimeError` if it is damaged."""


class PendingLevel(NamedTuple):
    """A smaller level whose tables and decoders are made when one of its tiles is read."""

    reader: Reader
    offset: int
    """Of its directory."""
    layout: Layout
    icc: bytes | None
    """Profile of the image."""
    shown_as_stored: bool
    """See `_read_level`."""

    @property
    def grid(self) -> TileGrid:
        """The level cut into tiles."""
        return self.layout.grid

    @property
    def memory(self) -> int:
        """About how many bytes the level takes once it is read."""
        return LEVEL_MEMORY + 8 * min(self.grid.tile_count, PAGE)

    def read(self) -> StoredLevel:
        """The level. Raises `DecodeError` or `UnsupportedImage` if it is damaged after all."""
        level = PyramidLevel(read_directory(self.reader, self.offset), self.layout, None)
        return _read_level(level, self.icc, shown_as_stored=self.shown_as_stored)


class TiffSource(Source):
    """A pyramid of tiles. Threads share nothing but the descriptor, which is read by `pread`."""

    reads_parts: bool = True

    def __init__(
        self,
        file: OpenFile,
        reader: Reader,
        info: ImageInfo,
        levels: Sequence[StoredLevel | PendingLevel],
    ) -> None:
        """Take over the file's descriptor; `reader` reads by `file.read_at`."""
        self.info = info
        self.memory = SOURCE_MEMORY + sum(level.memory for level in levels)
        self._reader = reader
        self._levels = [*levels]
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

    def read_stored(self, region: Region) -> Pixels:
        """As `Source.read_stored`."""
        full, samples = self._levels[0], self.info.samples
        assert isinstance(full, StoredLevel), "only smaller levels are read later"

        def read(column: int, row: int, part: Region) -> Pixels:
            rows = part.bottom - row * full.grid.tile.height
            return cut(self._read_top(0, column, row, rows, self._stored), full.grid.tile, part)

        return join_parts(full.grid, region, samples.bands, np.dtype(samples.dtype), read)

    def _stored(self, stored: StoredLevel, index: int, region: Region) -> Pixels:
        """The samples of one tile as the file has them. Raises as `_samples`."""
        pixels = self._decoded(stored, index, region)
        return as_stored(pixels, region.size, stored.layout, stored.convert)

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

    def _is_opaque(self, mask: StoredLevel, index: int, region: Region | None) -> bool:
        """Whether a mask shows all pixels of a tile inside the level."""
        assert region is not None, "the tile exists"
        return bool((self._samples(mask, index, region) == mask.layout.output_type.full_scale).all())

    def _find(self, level: int, column: int, row: int) -> tuple[StoredLevel, int]:
        """The level and the tile's index in it."""
        if 0 <= level < len(self._levels):
            stored = self._levels[level]
            if isinstance(stored, PendingLevel):
                stored = self._levels[level] = stored.read()
            if 0 <= column < stored.columns and 0 <= row < stored.rows:
                return stored, row * stored.columns + column
        raise TileNotFound(f"there is no tile {column},{row} of level {level}")

    def _samples(self, stored: StoredLevel, index: int, region: Region) -> Pixels:
        """The output samples of one tile.

        Raises:
            ValueError, RuntimeError: it is damaged.
        """
        type = stored.layout.output_type
        pixels = self._decoded(stored, index, region)
        if pixels is None:
            return _unwritten(stored, region.size)
        if stored.convert is not None:
            pixels = stored.convert(pixels)
        if stored.mask is not None:
            pixels = with_opacity(pixels, self._samples(stored.mask, index, region), type.full_scale)
        return np.ascontiguousarray(pixels)

    def _decoded(self, stored: StoredLevel, index: int, region: Region) -> Pixels | None:
        """The decoded samples of one tile; None if it was never written."""
        read = self._plane if stored.layout.planes == 1 else self._planes
        return read(stored, index, region)

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

    def _planes(self, stored: StoredLevel, index: int, region: Region) -> Pixels | None:
        """The tiles of all bands, joined; None if none of them was ever written."""
        layout = stored.layout
        shape = region.height, region.width, layout.planes
        joined = np.full(shape, layout.empty, layout.type.stored)
        written = False
        for plane in range(layout.planes):
            pixels = self._plane(stored, plane * stored.grid.tile_count + index, region)
            if pixels is not None:
                joined[:, :, plane], written = pixels[:, :, 0], True
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


def open_stored(file: OpenFile, pages: Sequence[Page], same: SamePicture) -> TiffSource:
    """As `open_tiled`, in the orientation of the file."""
    with closed_on_error(file):
        page = page_of_layer(pages, file.layer)
        levels, ranges = _read_levels(page, same)
        full = levels[0]
        assert isinstance(full, StoredLevel), "only smaller levels are read later"
        info = describe(
            file, page.first, output_samples(full.layout, ranges, full.convert, masked=full.mask is not None),
            tuple(Level(level.layout.size, level.layout.tile) for level in levels),
            _advertised_tile(full.layout.tile), read_stack(pages),
        )  # fmt: skip
    return TiffSource(file, page.first.reader, info, levels)


def can_open(page: Page) -> bool:
    """Whether `open_tiled` opens an image."""
    try:
        _read_level(PyramidLevel(page.first, read_layout(page.first), None), None, shown_as_stored=False)
    except (UnsupportedImage, DecodeError):
        return False
    return True


def _advertised_tile(tile: Size) -> Size:
    fits = tile.width in ADVERTISED_SIDES and tile.height in ADVERTISED_SIDES
    return tile if fits else DEFAULT_TILE


def _read_levels(
    page: Page, same: SamePicture
) -> tuple[Sequence[StoredLevel | PendingLevel], tuple[tuple[float, float], ...]]:
    """The levels of an image, full size first, and black and white of each of its bands."""
    pyramid = read_pyramid(page, same)
    full = pyramid[0].layout
    icc = metadata.read_icc(page.first, full.bands.color_space)
    ranges = metadata.read_ranges(page.first, full)
    shown_as_stored = set(ranges) == {full.output_type.full_range}
    levels: list[StoredLevel | PendingLevel] = [_read_level(pyramid[0], icc, shown_as_stored=shown_as_stored)]
    for smaller in pyramid[1:]:
        directory, layout = smaller.directory, smaller.layout
        if layout.nodata != full.nodata:
            layout = layout._replace(nodata=full.nodata)
        if _is_sure(pyramid[0], smaller):
            levels.append(PendingLevel(directory.reader, directory.offset, layout, icc, shown_as_stored))
            continue
        # a smaller level that cannot be read is left out
        with suppress(DecodeError, UnsupportedImage):
            levels.append(_read_level(smaller._replace(layout=layout), icc, shown_as_stored=shown_as_stored))
    return levels, ranges


def _is_sure(full: PyramidLevel, smaller: PyramidLevel) -> bool:
    """Whether a level can be read for sure, as the full size can: stored in the same way, with whole tables."""
    alike = stored_alike(full.layout, smaller.layout) and smaller.mask is None and full.layout.type.bits != 24
    directory = smaller.directory
    return alike and holds_tables(directory, smaller.layout) and has_codec_of(full.directory, directory)


def _read_level(level: PyramidLevel, icc: bytes | None, *, shown_as_stored: bool) -> StoredLevel:
    """Tables and decoders of one level.

    Args:
        level: its directory, layout and mask.
        icc: profile of the image.
        shown_as_stored: no range of samples is declared that would change how they are shown.
    """
    directory, layout, mask = level
    offsets, counts = read_tables(directory, layout)
    layout = with_sample_order(layout, directory, offsets, counts)
    codec = codec_of(layout, directory)
    passes, grid = shown_as_stored and layout.is_plain, layout.grid
    return StoredLevel(
        layout=layout,
        grid=grid,
        columns=grid.columns,
        rows=grid.rows,
        offsets=offsets,
        counts=counts,
        max_count=layout.max_encoded_bytes,
        decode=codec.decode,
        convert=codec.convert,
        proves_length=layout.proves_length,
        rewraps=_rewraps(layout.of_size(layout.tile), codec.tables, icc) if passes else NO_REWRAPS,
        mask=_read_level(PyramidLevel(*mask, None), None, shown_as_stored=False) if mask else None,
    )


@lru_cache(maxsize=64)
def _rewraps(layout: Layout, tables: bytes, icc: bytes | None) -> Mapping[str, Rewrap]:
    """The output formats that stored tiles of levels of one layout can be made into; its size has no influence."""
    if layout.compression == Compression.JPEG and layout.bands.stored == layout.bands.colors in (1, 3):
        splicer = JpegSplicer(layout, tables, icc)
        return {"jpeg": lambda data, profile: splicer.splice(data, profile=profile)}
    kept = layout.bands.alpha is not Alpha.PREMULTIPLIED and layout.bands.alpha_declared
    if layout.compression == Compression.WEBP and kept:
        return {"webp": lambda data, profile: None if profile and icc else checked_webp(layout, data)}
    return {}
