"""The strips of a TIFF picture: which directories are pictures, where strips lie, and their samples."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from iipserve.containers.ifd import Directory, Entry, Table
from iipserve.containers.tags import (
    REDUCED_IMAGE,
    SINGLE_PAGE,
    TILE_LENGTH,
    TILE_WIDTH,
    TRANSPARENCY_MASK,
    Compression,
)
from iipserve.errors import DecodeError, UnsupportedImage
from iipserve.geometry import Size
from iipserve.sources.spooled import SpooledImage, spool_strips
from iipserve.sources.tiff.color import Step, make_converter
from iipserve.sources.tiff.decoders import make_decoder
from iipserve.sources.tiff.image_codecs import TileDecoder
from iipserve.sources.tiff.layout import (
    NO_SUBSAMPLING,
    SHAPE_TOLERANCE,
    Layout,
    counts_tag,
    offsets_tag,
    read_layout,
    read_size,
)
from iipserve.sources.tiff.pages import Page, kind_of

ROWS_PER_STRIP = 278
LONG = 4
MAX_MASKS = 64
PIECE = 1 << 20
"""Bytes about which uncompressed strips are read at once."""
MIN_OFFSET = 8
"""The file header stands before."""
ENCODING_MARGIN = 64 * 1024
"""Bytes by which a strip may be larger than twice its pixels; one that claims more is damaged."""

Samples = NDArray[Any]


# -- directories -----------------------------------------------------------------------------------


def read_strip_pages(chain: Iterable[Directory]) -> list[Page]:
    """The pictures of a file in its order, without smaller copies, each with its transparency masks; at least one."""
    pages: list[Page] = []
    for number, directory in enumerate(chain):
        if pages and kind_of(directory) & TRANSPARENCY_MASK:
            if len(pages[-1].masks) < MAX_MASKS:
                pages[-1].masks.append(directory)
        elif not pages or not _is_smaller_copy(directory, pages[-1].first):
            pages.append(Page(directory, number))
    return pages


def _is_smaller_copy(directory: Directory, full: Directory) -> bool:
    """Whether it is marked as that; or is of the same shape and half as large, or less, and not marked as a page."""
    kind = kind_of(directory)
    if kind & (REDUCED_IMAGE | SINGLE_PAGE):
        return bool(kind & REDUCED_IMAGE)
    try:
        small, large = read_size(directory), read_size(full)
    except DecodeError:
        return True
    skew = abs(small.width * large.height - small.height * large.width)
    return skew <= SHAPE_TOLERANCE * (large.width + large.height) and 2 * small.width <= large.width + 1


def as_tiled(directory: Directory) -> Directory:
    """The directory as one of tiles, which are as wide as the picture and as high as a strip.

    Raises:
        DecodeError: it gives no size.
    """
    size, tiff = read_size(directory), directory.reader.tiff
    rows = min(max(1, directory.integer(ROWS_PER_STRIP, size.height)), size.height)

    def entry(tag: int, value: int) -> Entry:
        place = struct.pack(tiff.byteorder + "I", value).ljust(tiff.offsetsize, b"\0")
        count = struct.pack(tiff.offsetformat, 1)
        return Entry(LONG, 1, struct.pack(tiff.byteorder + "HH", tag, LONG) + count + place)

    sides = {TILE_WIDTH: entry(TILE_WIDTH, size.width), TILE_LENGTH: entry(TILE_LENGTH, rows)}
    return replace(directory, entries={**directory.entries, **sides})


# -- strips ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Rows that are decoded at once."""

    rows: int
    places: tuple[tuple[int, int], ...]
    """Offset and length in the file, of each plane; a length of 0 was never written, and is black."""


@dataclass(frozen=True, slots=True, eq=False)
class StripReader:
    """How the strips of one picture are read. Shares nothing but the descriptor, with `pread`."""

    directory: Directory
    layout: Layout
    """Its tiles are strips."""
    offsets: Table
    counts: Table
    convert: Step | None
    mask: StripReader | None = None
    """Whose one band becomes the opacity of this picture."""
    decoders: dict[int, TileDecoder] = field(default_factory=dict)
    """By number of rows."""

    @classmethod
    def of(cls, directory: Directory) -> StripReader:
        """The strips of a directory that came from `as_tiled`.

        Raises:
            UnsupportedImage, DecodeError: as `read_layout`, `make_decoder` and `make_converter`.
        """
        layout = read_layout(directory)
        count = layout.grid.count * layout.planes
        return cls(
            directory,
            layout,
            directory.table(offsets_tag(directory), count),
            directory.table(counts_tag(directory), count),
            make_converter(layout, directory),
            decoders={layout.tile.height: make_decoder(layout, directory)},
        )

    def with_mask(self, directories: Iterable[Directory]) -> StripReader:
        """The same with the first of some directories that is a mask of its size, if there is one."""
        for directory in directories:
            try:
                mask = StripReader.of(as_tiled(directory))
            except (UnsupportedImage, DecodeError):
                continue
            kind = (mask.layout.size, mask.layout.bands.count, mask.layout.output_type.output_dtype)
            if kind == (self.layout.size, 1, "uint8"):
                return replace(self, mask=mask)
        return self

    def spooled(self) -> SpooledImage:
        """The whole picture, as far as it can be decoded.

        Raises:
            DecodeError: there is no room for it.
        """
        layout = self.layout
        mask = self.mask.spooled() if self.mask else None
        bands = layout.bands.count + (mask is not None)
        return spool_strips(
            self._strips(mask), (layout.size.height, layout.size.width, bands), np.dtype(layout.output_type.output_dtype),
            has_alpha=layout.bands.has_alpha or mask is not None,
        )  # fmt: skip

    def _strips(self, mask: SpooledImage | None) -> Iterator[bytes | memoryview]:
        """Samples of some rows each, from top to bottom.

        Raises:
            DecodeError: some rows are damaged.
        """
        top = 0
        for piece in self._pieces():
            samples = self._samples(piece)
            if mask is not None:
                mask.check(top + piece.rows)
                opacity = mask.pixels[top : top + piece.rows]
                samples = _masked(samples, opacity, self.layout.output_type.full_scale)
            yield np.ascontiguousarray(samples).data
            top += piece.rows

    def _pieces(self) -> Iterator[Piece]:
        """The strips, uncompressed ones in parts."""
        layout, number = self.layout, self.layout.grid.count
        plain = layout.compression == Compression.NONE and layout.subsampling == NO_SUBSAMPLING
        at_once = max(1, PIECE // layout.row_bytes) if plain and layout.planes == 1 else layout.tile.height
        for index in range(number):
            rows = min(layout.tile.height, layout.size.height - index * layout.tile.height)
            places = [
                (int(self.offsets[at]), int(self.counts[at]))
                for at in range(index, number * layout.planes, number)
            ]
            if rows <= at_once or places[0][1] < rows * layout.row_bytes:
                yield Piece(rows, tuple(places))
                continue
            for top in range(0, rows, at_once):
                part = min(at_once, rows - top)
                start = places[0][0] + top * layout.row_bytes
                yield Piece(part, ((start, part * layout.row_bytes),))

    def _samples(self, piece: Piece) -> Samples:
        """The samples of some rows as they are handed out.

        Raises:
            DecodeError: they are damaged or missing in the file.
        """
        layout = self.layout
        shape = (piece.rows, layout.size.width, layout.stored_bands)
        try:
            decode = self._decoder(piece.rows)
            planes = [self._plane(place, shape, decode) for place in piece.places]
            if all(plane is None for plane in planes):
                return np.zeros((*shape[:2], layout.bands.count), layout.output_type.output_dtype)
            stored = [np.zeros(shape, layout.type.stored) if plane is None else plane for plane in planes]
            samples = stored[0] if len(stored) == 1 else np.concatenate(stored, axis=2)
            return self.convert(samples) if self.convert else samples
        except (ValueError, RuntimeError) as error:
            raise DecodeError("a strip is damaged or missing in the file") from error

    def _decoder(self, rows: int) -> TileDecoder:
        if rows not in self.decoders:
            low = replace(self.layout, tile=Size(self.layout.size.width, rows))
            self.decoders[rows] = make_decoder(low, self.directory)
        return self.decoders[rows]

    def _plane(
        self, place: tuple[int, int], shape: tuple[int, int, int], decode: TileDecoder
    ) -> Samples | None:
        """The samples of one stored strip, or None when it was never written.

        Raises:
            ValueError, RuntimeError: it is damaged.
        """
        offset, length = place
        if length == 0:
            return None
        reader, most = self.directory.reader, 2 * self.layout.tile_bytes + ENCODING_MARGIN
        if offset < MIN_OFFSET or length > most or offset + length > reader.length:
            raise ValueError(f"{length} bytes at {offset}")
        data = os.pread(reader.descriptor, length, offset)
        if len(data) != length:
            raise ValueError(f"{len(data)} bytes of {length}")
        samples = decode(data)[: shape[0], : shape[1]]
        if samples.shape != shape:
            raise ValueError(f"samples of shape {samples.shape} instead of {shape}")
        return samples


def _masked(samples: Samples, opacity: Samples, highest: float) -> Samples:
    """The samples with opacity behind them: the mask's own where they have 8 bits, else all or nothing."""
    result = np.empty((*samples.shape[:2], samples.shape[2] + 1), samples.dtype)
    result[:, :, :-1] = samples
    result[:, :, -1:] = opacity if samples.dtype == np.uint8 else np.where(opacity > 127, highest, 0)
    return result
