"""JPEG 2000 (JP2, JPX, JPH and bare codestreams): reduced resolutions are levels, blocks are tiles.

OpenJPEG's code-block decoding is nearly all the cost, and a small region pays for all code-blocks it touches. So the
unit of decoding, which the engine caches, is a tile of the codestream if that has a suitable size, and otherwise a
large block.
"""

from __future__ import annotations

import math
import os
import threading
import weakref
from functools import lru_cache

import numpy as np

from iipserve.containers import exif
from iipserve.errors import DecodeError, TileNotFound
from iipserve.geometry import Region, Size, TileGrid, ceil_div
from iipserve.image import LAB_RANGES, ImageInfo, Level, LevelStorage, PhysicalResolution, StoredSamples
from iipserve.lru import LRU
from iipserve.processing import Pixels
from iipserve.processing.layout import chosen_bands
from iipserve.sources import Bands, OpenFile, ReadAt, Source, closed_on_error, reading_ahead
from iipserve.sources.jpeg2000 import codestream, openjpeg
from iipserve.sources.jpeg2000.boxes import Boxes, read_boxes
from iipserve.sources.jpeg2000.codestream import Component, Header, Span
from iipserve.sources.jpeg2000.color import ChannelLayout, channel_layout
from iipserve.sources.jpeg2000.extract import TileParts, TileStream, extract_tiles
from iipserve.sources.jpeg2000.pixels import (
    Window,
    as_stored,
    averaged,
    stored_dtype,
    to_pixels,
    with_neighbors,
)
from iipserve.sources.oriented import ORIENTATIONS, Orientation, OrientedSource, xmp_orientation
from iipserve.sources.spool import spool

HEAD = 4096
"""Bytes in which the boxes and the main header mostly end."""
ADVERTISED_TILE = Size(256, 256)
MAX_BLOCK = 1024
"""Longest side, in pixels, of what is decoded at once; 1024 costs a quarter per pixel of what 256 does."""
MIN_BLOCK = 256
"""Pixels; smaller tiles of the codestream are decoded together."""
MAX_BLOCK_SAMPLES = 4 * MAX_BLOCK * MAX_BLOCK
"""Blocks of more than four components are smaller, as OpenJPEG holds 4 bytes for each sample."""
MAX_FINER = 4
"""Blocks that are decoded at once where a tile has too few resolutions."""
SAMPLE_COST = 12
"""Bytes that OpenJPEG 2.5 holds for each sample of a block while it is decoded."""
THREADED_AREA = 512 * 512
"""Pixels; larger blocks are decoded with additional threads."""
MAX_THREADS = 4
MAX_WHOLE = 4
"""Number of whole tiles kept by a source whose tiles cannot be decoded in part."""


class Jpeg2000Source(Source):
    """One opened JPEG 2000 file. Safe for many threads; everything is read from its descriptor."""

    keeps_decoded: bool = True

    def __init__(self, file: OpenFile) -> None:
        """Take the file's descriptor over.

        Raises:
            UnsupportedImage: the image is of a kind that is not supported.
            DecodeError: the header is damaged.
        """
        with closed_on_error(file):
            descriptor = file.descriptor
            read = reading_ahead(lambda count, offset: os.pread(descriptor, count, offset), HEAD)
            boxes = _boxes(file, read)
            self._header = codestream.read_header(read, *boxes.codestream)
            self._layout = channel_layout(self._header.components, boxes)
            self.info = _image_info(file, self._header, self._layout, boxes)
        self._descriptor = file.descriptor
        self.reads_parts = not self._header.high_throughput
        weakref.finalize(self, os.close, file.descriptor)
        self._structure = codestream.structure_bytes(self._header)
        self._longest = self._header.longest_tile
        """Bytes of the tile that has most."""
        self._parts: TileParts | None = None
        self._lock = threading.Lock()
        self._whole: LRU[tuple[Window, int], Pixels] = LRU(MAX_WHOLE)
        self._whole_lock = threading.Lock()

    def read_tile(self, level: int, column: int, row: int, quality_layers: int = 0) -> Pixels:
        """Decode one block; `level` is the number of times the resolution is halved.

        Raises:
            DecodeError: the block is damaged or missing in the file.
            TileNotFound: there is no such block.
        """
        window = self._window(level, column, row)
        try:
            return self._read(window, quality_layers)
        except DecodeError as error:
            raise DecodeError(f"tile {column},{row} of level {level} cannot be decoded: {error}") from error

    def read_part(self, level: int, column: int, row: int, part: Region, quality_layers: int = 0) -> Pixels:
        """As `Source.read_part`: decodes the code-blocks that the part depends on."""
        try:
            return self.read_window(level, part, quality_layers)
        except DecodeError as error:
            raise DecodeError(f"tile {column},{row} of level {level} cannot be decoded: {error}") from error

    def read_stored(self, region: Region, bands: Bands) -> Pixels:
        """As `Source.read_stored`."""
        return chosen_bands(as_stored(self.read_window(0, region), self._layout), bands)

    def read_window(self, level: int, region: Region, quality_layers: int = 0) -> Pixels:
        """Decode any region of a level.

        Raises:
            DecodeError: it is damaged or missing in the file.
        """
        return self._read(self._window_of(level, region), quality_layers)

    def storage(self, level: int) -> LevelStorage:
        """As `Source.storage`: tiles of the codestream, which hold all resolutions."""
        header = self._header
        size, units = self.info.levels[level].size, header.columns * header.rows
        side = Size(*header.tile_pixels).ceil_scaled(1 << level)
        unit = Size(min(side.width, size.width), min(side.height, size.height))
        name = "high-throughput jpeg 2000" if header.high_throughput else "jpeg 2000"
        return LevelStorage(name, unit, is_tiled=units > 1, units=units)

    def decoded_pixels(self, level: int, region: Region) -> int:
        """Whole blocks; whole tiles of a high-throughput codestream, unless they are kept."""
        blocks = super().decoded_pixels(level, region)
        inside = region.clipped(self.info.levels[level].size)
        if not self._header.high_throughput or inside is None:
            return blocks
        decoded = self._decoded(self._window_of(level, inside))
        held = self._held(self._header.tiles_under(decoded.area), decoded)
        return blocks if self._whole.get((held, 0)) is not None else max(blocks, held.size.area)

    def decoding_memory(self, level: int, region: Region) -> int:
        """As `Source.decoding_memory`: all bytes and code-blocks of a tile of the codestream, and the samples of a block."""
        stored = self.info.levels[level]
        block = min(stored.tile.area, stored.size.area) * len(self._header.components) * SAMPLE_COST
        return self._longest + self._structure + block

    def _read(self, window: Window, layers: int) -> Pixels:
        decoded = self._decoded(window)
        tiles = self._header.tiles_under(decoded.area)
        if self._header.high_throughput:
            held = self._held(tiles, decoded)
            if (held.origin, held.size) != (window.origin, window.size):
                return _cut_out(self._whole_tiles(tiles, held, layers), held, window)
            decoded = held
        return self._decode(tiles, decoded, window, layers)

    def _decoded(self, window: Window) -> Window:
        """What has to be decoded for a window."""
        return with_neighbors(window, self._header.components, self._header.image)

    def _held(self, tiles: Span, window: Window) -> Window:
        """All of some tiles, at the resolution of `window`."""
        return Window(self._header.pixels_of(tiles), window.reduce)

    def _decode(self, tiles: Span, decoded: Window, window: Window, layers: int) -> Pixels:
        """The pixels of `window`, from tiles that cover `decoded`."""
        header = self._header
        excess = window.reduce - self._tile_parts().decompositions(tiles)
        if excess > 0:  # a tile has fewer resolutions than the main header says
            return self._decode_finer(tiles, decoded, window, layers, excess)
        threads = openjpeg.usable_threads(MAX_THREADS) if window.size.area > THREADED_AREA else 0
        with openjpeg.decoded(
            self._data(tiles), reduce=window.reduce, layers=layers,
            area=header.on_reference_grid(decoded.area), threads=threads,
        ) as planes:  # fmt: skip
            return to_pixels(planes, header.components, self._layout, window, decoded)

    def _data(self, tiles: Span) -> TileStream:
        """A codestream that holds these tiles."""
        return extract_tiles(self._descriptor, self._header, self._tile_parts(), tiles)

    def _tile_parts(self) -> TileParts:
        with self._lock:
            if self._parts is None:
                self._parts = TileParts(self._descriptor, self._header)
                self._longest = min(self._parts.longest(), self._header.end - self._header.start)
            return self._parts

    def _decode_finer(self, tiles: Span, decoded: Window, window: Window, layers: int, excess: int) -> Pixels:
        """The pixels of `window`, averaged from those of a resolution `excess` times higher.

        Raises:
            DecodeError: this would take too much memory.
        """
        reduce = window.reduce - excess
        finer = Window(window.area, reduce)
        if finer.size.area * len(self._header.components) > MAX_BLOCK_SAMPLES * MAX_FINER:
            raise DecodeError(f"a tile of the codestream can be halved {reduce} times only")
        return averaged(self._decode(tiles, Window(decoded.area, reduce), finer, layers), finer, window)

    def _whole_tiles(self, tiles: Span, held: Window, layers: int) -> Pixels:
        """All pixels of some tiles. The last few are kept here, because they are too large for the tile cache."""
        with self._whole_lock:
            pixels = self._whole.get((held, layers))
            if pixels is None:
                pixels = spool(self._decode(tiles, held, held, layers))
                self._whole.set((held, layers), pixels)
            return pixels

    def _window(self, level: int, column: int, row: int) -> Window:
        """The part of the image that a block covers."""
        if not 0 <= level < len(self.info.levels):
            raise TileNotFound(f"there is no level {level}; the image has 0 to {len(self.info.levels) - 1}")
        stored = self.info.levels[level]
        region = TileGrid(stored.size, stored.tile).region(column, row)
        if region is None:
            raise TileNotFound(f"there is no tile {column},{row} of level {level}")
        return self._window_of(level, region)

    def _window_of(self, level: int, region: Region) -> Window:
        """The part of the image that a region of a level covers."""
        image, scale = self._header.image, 1 << level
        left, top = ceil_div(image.left, scale), ceil_div(image.top, scale)
        area = Span(
            max(image.left, (left + region.x) * scale), max(image.top, (top + region.y) * scale),
            min(image.right, (left + region.right) * scale), min(image.bottom, (top + region.bottom) * scale),
        )  # fmt: skip
        return Window(area, level)


class OrientedJpeg2000Source(OrientedSource):
    """A JPEG 2000 file made upright, as its Exif block or XMP packet says. Decodes just what a tile needs."""

    keeps_decoded: bool = True

    def __init__(self, source: Jpeg2000Source, orientation: Orientation) -> None:
        """Make `source` upright."""
        super().__init__(source, orientation)
        self._jpeg2000 = source
        self.reads_parts = source.reads_parts

    def read_part(self, level: int, column: int, row: int, part: Region, quality_layers: int = 0) -> Pixels:
        """As `Source.read_part`."""
        return self.read_upright(level, part, quality_layers)

    def decoded_pixels(self, level: int, region: Region) -> int:
        """As many as for the stored region."""
        stored = self._orientation.stored_region(region, self._jpeg2000.info.levels[level].size)
        return self._jpeg2000.decoded_pixels(level, stored)

    def _read_stored(self, level: int, region: Region, quality_layers: int) -> Pixels:
        return self._jpeg2000.read_window(level, region, quality_layers)


def open_upright(file: OpenFile) -> Source:
    """Open a file and make it upright.

    Raises:
        UnsupportedImage: the image is of a kind that is not supported.
        DecodeError: the header is damaged.
    """
    source = Jpeg2000Source(file)
    value = _orientation(source.info)
    return OrientedJpeg2000Source(source, ORIENTATIONS[value]) if value in ORIENTATIONS else source


def _orientation(info: ImageInfo) -> int:
    """The value of Orientation in Exif, else in XMP; 0 in neither."""
    value = exif.orientation(info.exif, 0) if info.exif else 0
    known = value == exif.UPRIGHT or value in ORIENTATIONS
    return value if known or not info.xmp else xmp_orientation(info.xmp)


def _cut_out(pixels: Pixels, held: Window, window: Window) -> Pixels:
    """The part of `held`'s pixels that `window` covers."""
    x, y = window.origin[0] - held.origin[0], window.origin[1] - held.origin[1]
    return np.ascontiguousarray(pixels[y : y + window.size.height, x : x + window.size.width])


def _boxes(file: OpenFile, read: ReadAt) -> Boxes:
    if file.head.startswith(codestream.START):
        return Boxes(codestream=(0, file.version.length))
    return read_boxes(read, file.version.length)


# -- levels ----------------------------------------------------------------------------------------


def _image_info(file: OpenFile, header: Header, layout: ChannelLayout, boxes: Boxes) -> ImageInfo:
    bands = len(layout.channels)
    levels = _levels(header, 0 if layout.has_palette else header.decompositions)
    return ImageInfo(
        identifier=file.identifier,
        format="jpeg2000",
        version=file.version,
        levels=levels,
        tile=ADVERTISED_TILE,
        bands=bands,
        dtype=layout.dtype,
        bits=layout.bits,
        color_space=layout.color_space,
        has_alpha=layout.has_alpha,
        band_ranges=_band_ranges(layout),
        quality_layers=header.layers,
        icc=layout.icc,
        xmp=boxes.xmp,
        exif=boxes.exif,
        resolution=_resolution(boxes, header),
        stored=_stored(layout, levels[0].tile),
    )


def _stored(layout: ChannelLayout, block: Size) -> StoredSamples | None:
    """What `read_stored` gives, in blocks; None where samples are as they are decoded, or converted for good."""
    bits, opacity = layout.bits, len(layout.channels) - 1 if layout.has_alpha else None
    dtype = stored_dtype(layout)
    if not layout.is_reversible or (bits >= 8 and dtype == layout.dtype):
        return None
    held = 8 if bits <= 8 else 16
    return StoredSamples(dtype, len(layout.channels), block, None, bits if bits < held else 0, opacity)


def _resolution(boxes: Boxes, header: Header) -> PhysicalResolution | None:
    """Pixels per metre; the boxes count points of the reference grid (15444-1 I.5.3.7.1)."""
    if boxes.resolution is None:
        return None
    return PhysicalResolution(boxes.resolution.x / header.step[0], boxes.resolution.y / header.step[1])


def _band_ranges(layout: ChannelLayout) -> tuple[tuple[float, float], ...]:
    """Lowest and highest sample of each band."""
    full_scale = 1.0 if layout.lab else float(layout.full_scale)
    lab = LAB_RANGES if layout.lab else ()
    return lab + ((0.0, full_scale),) * (len(layout.channels) - len(lab))


def _levels(header: Header, halvings: int) -> tuple[Level, ...]:
    """Usable resolution levels, after at most `halvings`, ending at the first that fits in one advertised tile."""
    return _levels_of(header.image, header.tile_pixels, header.components, halvings)


@lru_cache(maxsize=1024)
def _levels_of(
    image: Span, tile_pixels: tuple[int, int], components: tuple[Component, ...], halvings: int
) -> tuple[Level, ...]:
    """The levels of any image with these fields of `Header`, as those of one scanner or camera have."""
    levels: list[Level] = []
    block = MAX_BLOCK
    while block > 1 and block * block * len(components) > MAX_BLOCK_SAMPLES:
        block //= 2
    subsampled = {component for component in components if component.dx * component.dy > 1}
    for reduce in range(halvings + 1):
        whole = Window(image, reduce)
        size = whole.size
        if min(size.width, size.height) < 1 or not all(
            _has_samples(whole.samples(component)) for component in subsampled
        ):
            break
        tile = Size(
            _block_side(tile_pixels[0], reduce, size.width, block),
            _block_side(tile_pixels[1], reduce, size.height, block),
        )
        levels.append(Level(size, tile))
        if size.fits_in(ADVERTISED_TILE):
            break
    return tuple(levels)


def _has_samples(samples: Span) -> bool:
    return samples.left < samples.right and samples.top < samples.bottom


def _block_side(tile: int, reduce: int, length: int, maximum: int) -> int:
    """The side of the blocks in which a level is decoded, in pixels.

    Blocks are whole tiles of the codestream if possible, so that no tile is decoded twice.

    Args:
        tile: side of the codestream's tiles on the pixel grid.
        reduce: number of times the resolution is halved.
        length: side of the level.
        maximum: approximately, of the result.
    """
    unit, minimum = min(length, math.lcm(tile, 1 << reduce) >> reduce), min(MIN_BLOCK, maximum)
    if unit <= maximum:
        return unit * ceil_div(minimum, unit)
    even = ceil_div(unit, ceil_div(unit, maximum))
    return ceil_div(even, minimum) * minimum
