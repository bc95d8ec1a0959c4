"""Decodes the strips of a TIFF image from top to bottom."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from iipserve.containers.ifd import Directory
from iipserve.containers.tags import ROWS_PER_STRIP, Compression
from iipserve.errors import DecodeError, UnsupportedImage
from iipserve.geometry import Region, Size, ceil_div
from iipserve.sources import Bands
from iipserve.sources.color import Samples, Step
from iipserve.sources.spooled import SpooledImage, spool_strips
from iipserve.sources.tiff.color import make_converter
from iipserve.sources.tiff.decoders import make_decoder, with_sample_order
from iipserve.sources.tiff.image_codecs import TileDecoder
from iipserve.sources.tiff.layout import (
    NO_SUBSAMPLING,
    Layout,
    read_layout,
    read_size,
)
from iipserve.sources.tiff.segments import (
    as_stored,
    read_segment,
    read_tables,
    stored_planes,
    unwritten_pixel,
    with_opacity,
)

PIECE = 1 << 20
"""Approximate number of bytes of uncompressed strips read at once."""


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Rows that are decoded at once."""

    top: int
    """The first of them."""
    rows: int
    segments: tuple[tuple[int, int], ...]
    """Offset and byte count in the file, of each plane; a count of 0 was never written."""


@dataclass(frozen=True, slots=True, eq=False)
class StripReader:
    """Reads the strips of one image. Threads share nothing but the descriptor, which is read by `pread`."""

    directory: Directory
    layout: Layout
    """Its tiles are strips."""
    offsets: Sequence[int]
    counts: Sequence[int]
    convert: Step | None
    """Makes output samples of decoded ones; None if they are the same."""
    mask: StripReader | None = None
    """Its one band is the opacity of this image."""
    decoders: dict[int, TileDecoder] = field(default_factory=dict)
    """By number of rows."""

    @classmethod
    def of(cls, directory: Directory) -> StripReader:
        """The strips of a directory.

        Raises:
            UnsupportedImage, DecodeError: as `read_layout`, `make_decoder` and `make_converter`.
        """
        layout = read_layout(directory, _strip_size(directory))
        tables = read_tables(directory, layout)
        layout, convert = with_sample_order(layout, directory, *tables), make_converter(layout, directory)
        decoders = {layout.tile.height: make_decoder(layout, directory)}
        return cls(directory, layout, *tables, convert, decoders=decoders)

    def with_mask(self, directories: Iterable[Directory]) -> StripReader:
        """The same reader with the first of the directories that is a mask of the image's size, if any."""
        for directory in directories:
            try:
                mask = StripReader.of(directory)
            except (UnsupportedImage, DecodeError):
                continue
            kind = (mask.layout.size, mask.layout.bands.count, mask.layout.output_type.output_dtype)
            if kind == (self.layout.size, 1, "uint8"):
                return replace(self, mask=mask)
        return self

    def spool(self, nodata: tuple[float, ...] = ()) -> SpooledImage:
        """The whole image, down to the first row that cannot be decoded; `nodata` is that of `ImageInfo`.

        Raises:
            ImageUnavailable: the file system has no room for it.
        """
        layout = self.layout
        mask = self.mask.spool() if self.mask else None
        shape = (layout.size.height, layout.size.width, layout.bands.count + (mask is not None))
        return spool_strips(
            self._strips(mask), shape, np.dtype(layout.output_type.output_dtype),
            has_alpha=layout.bands.has_alpha or mask is not None, nodata=nodata,
        )  # fmt: skip

    def _strips(self, mask: SpooledImage | None) -> Iterator[bytes | memoryview]:
        """Output samples of a few rows each, from top to bottom.

        Raises:
            DecodeError: some rows are damaged.
        """
        top = 0
        for piece in self._pieces():
            samples = self._samples(piece)
            if mask is not None:
                mask.check(top + piece.rows)
                opacity = mask.pixels[top : top + piece.rows]
                samples = with_opacity(samples, opacity, self.layout.output_type.full_scale)
            yield np.ascontiguousarray(samples).data
            top += piece.rows

    def read_rows(self, top: int, bottom: int) -> Samples:
        """The output samples of some rows, without the mask's opacity.

        Raises:
            DecodeError: they are damaged.
        """
        parts, y = [], 0
        for piece in self._pieces():
            if y < bottom and y + piece.rows > top:
                parts.append(self._samples(piece)[max(0, top - y) : bottom - y])
            y += piece.rows
        return np.concatenate(parts)

    def read_stored(self, region: Region, bands: Bands) -> Samples:
        """The samples of a region as the file has them, of some bands.

        Raises:
            DecodeError: they are damaged.
        """
        layout, parts = self.layout, []
        height = layout.tile.height
        for index in range(region.y // height, ceil_div(region.bottom, height)):
            for piece in self._pieces_of(index):
                top = piece.top
                if top < region.bottom and top + piece.rows > region.y:
                    rows = slice(max(0, region.y - top), region.bottom - top)
                    parts.append(self._stored(piece, bands)[rows, region.x : region.right])
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    @property
    def rows_at_once(self) -> int:
        """The height of a strip, or of the part of a large uncompressed one that is read at once."""
        layout = self.layout
        plain = layout.compression == Compression.NONE and layout.subsampling == NO_SUBSAMPLING
        if not plain or layout.planes > 1:
            return layout.tile.height
        return min(layout.tile.height, max(1, PIECE // layout.row_bytes))

    def _pieces(self) -> Iterator[Piece]:
        """The strips, large uncompressed ones in parts."""
        for index in range(self.layout.grid.tile_count):
            yield from self._pieces_of(index)

    def _pieces_of(self, index: int) -> Iterator[Piece]:
        """One strip, a large uncompressed one in parts."""
        layout, count, at_once = self.layout, self.layout.grid.tile_count, self.rows_at_once
        first = index * layout.tile.height
        rows = min(layout.tile.height, layout.size.height - first)
        segments = tuple(
            (int(self.offsets[segment]), int(self.counts[segment]))
            for segment in range(index, count * layout.planes, count)
        )
        if rows <= at_once or segments[0][1] < rows * layout.row_bytes:
            yield Piece(first, rows, segments)
            return
        for top in range(0, rows, at_once):
            part = min(at_once, rows - top)
            start = segments[0][0] + top * layout.row_bytes
            yield Piece(first + top, part, ((start, part * layout.row_bytes),))

    def _samples(self, piece: Piece) -> Samples:
        """The output samples of some rows.

        Raises:
            DecodeError: they are damaged or missing in the file.
        """
        layout = self.layout
        samples = self._decoded(piece)
        if samples is None:
            shape = (piece.rows, layout.size.width, layout.bands.count)
            return np.broadcast_to(unwritten_pixel(layout, self.convert), shape)
        return self.convert(samples) if self.convert else samples

    def _stored(self, piece: Piece, bands: Bands) -> Samples:
        """The samples of some rows as the file has them, of some bands. Raises as `_samples`."""
        size = Size(self.layout.size.width, piece.rows)
        planes = stored_planes(self.layout, bands)
        part = replace(piece, segments=tuple(piece.segments[plane] for plane in planes))
        return as_stored(self._decoded(part), bands, size, self.layout, self.convert)

    def _decoded(self, piece: Piece) -> Samples | None:
        """The decoded samples of some rows; None if they were never written. Raises as `_samples`."""
        layout = self.layout
        shape = (piece.rows, layout.size.width, layout.stored_bands)
        try:
            decode = self._decoder(piece.rows)
            planes = [self._plane(segment, shape, decode) for segment in piece.segments]
            if all(plane is None for plane in planes):
                return None
            empty = np.full(shape, layout.empty, layout.type.stored)
            stored = [empty if plane is None else plane for plane in planes]
            return stored[0] if len(stored) == 1 else np.concatenate(stored, axis=2)
        except (ValueError, RuntimeError) as error:
            raise DecodeError("a strip is damaged or missing in the file") from error

    def _decoder(self, rows: int) -> TileDecoder:
        if rows not in self.decoders:
            lower = self.layout._replace(tile=Size(self.layout.size.width, rows))
            self.decoders[rows] = make_decoder(lower, self.directory)
        return self.decoders[rows]

    def _plane(
        self, segment: tuple[int, int], shape: tuple[int, int, int], decode: TileDecoder
    ) -> Samples | None:
        """The samples of one stored strip; None if it was never written.

        Raises:
            ValueError, RuntimeError: it is damaged.
        """
        layout = self.layout
        data = read_segment(
            self.directory.reader, *segment, layout.max_encoded_bytes, proves_length=layout.proves_length
        )
        if data is None:
            return None
        try:
            samples = decode(data)
        except (ValueError, RuntimeError):
            if shape[0] == layout.tile.height:
                raise
            # some writers store the last strip at full height
            samples = self._decoder(layout.tile.height)(data)
        samples = samples[: shape[0], : shape[1]]
        if samples.shape != shape:
            raise ValueError(f"samples of shape {samples.shape} instead of {shape}")
        return samples


def _strip_size(directory: Directory) -> Size:
    """A strip as a tile: as wide as the image, and of `RowsPerStrip` rows.

    Raises:
        DecodeError: the directory gives no valid size of the image.
    """
    size = read_size(directory)
    rows = directory.integer(ROWS_PER_STRIP, size.height)
    return Size(size.width, min(rows if rows > 0 else size.height, size.height))
