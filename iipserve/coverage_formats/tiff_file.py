"""GeoTIFF and BigTIFF files in strips or tiles (TIFF 6.0; OGC 19-008r4; fields of GDAL).

Uncompressed files are written from beginning to end, their length known before. Header and directory of compressed ones
are written last, when the lengths of blocks are known.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from iipserve.codecs import Output
from iipserve.containers import bigtiff_writer, ifd_writer, tags
from iipserve.containers.field_types import FieldType
from iipserve.containers.ifd import Field
from iipserve.containers.ifd_writer import integers
from iipserve.coverage_formats import Raster, Strips
from iipserve.coverage_formats.geo_keys import place_fields
from iipserve.coverage_formats.tiff_blocks import Blocks
from iipserve.coverage_formats.tiff_compressions import (
    NO_PREDICTOR,
    PREDICTORS,
    SCHEMES,
    Scheme,
    predicted,
)
from iipserve.coverage_formats.tiff_fields import ORDER, sample_fields, value_fields

MAX_CLASSIC = 2**32 - 1
"""Length of a file that offsets of four bytes can address."""
MAX_CLASSIC_COMPRESSED = 2**31
"""Bytes of samples whose compressed file certainly is no longer than `MAX_CLASSIC`."""


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """The structure of a file, known before its samples."""

    blocks: Blocks
    scheme: Scheme
    predictor: int
    fields: tuple[Field, ...]
    """All but the tables of blocks."""
    is_big: bool
    """BigTIFF."""

    @property
    def front_length(self) -> int:
        """Bytes before the first block."""
        none = np.zeros(self.blocks.total, np.int64)
        fields = (*self.fields, *self._tables(none, none))
        return bigtiff_writer.file_length(fields) if self.is_big else ifd_writer.file_length(fields)

    def front(self, offsets: NDArray[np.int64], lengths: NDArray[np.int64]) -> bytes:
        """Header and directory.

        Args:
            offsets: of all blocks, by number, in the file.
            lengths: of all blocks, by number, in bytes.
        """
        fields = (*self.fields, *self._tables(offsets, lengths))
        return bigtiff_writer.pack_file(ORDER, fields) if self.is_big else ifd_writer.pack_file(ORDER, fields)

    def _tables(self, offsets: NDArray[np.int64], lengths: NDArray[np.int64]) -> tuple[Field, Field]:
        type, code = (FieldType.LONG8, "<u8") if self.is_big else (FieldType.LONG, "<u4")
        first, second = (
            (tags.TILE_OFFSETS, tags.TILE_BYTE_COUNTS)
            if self.blocks.is_tiled
            else (tags.STRIP_OFFSETS, tags.STRIP_BYTE_COUNTS)
        )
        return (
            Field(first, type, offsets.astype(code).tobytes()),
            Field(second, type, lengths.astype(code).tobytes()),
        )


def lay_out(raster: Raster) -> Layout:
    """The structure of the file of a raster."""
    encoding, is_planar = raster.encoding, raster.encoding.interleave == "band" and raster.bands > 1
    scheme, itemsize = SCHEMES[encoding.compression or "none"], raster.dtype.itemsize
    blocks = (
        Blocks(raster.size, raster.bands, encoding.tile, is_tiled=True, is_planar=is_planar)
        if encoding.tile
        else Blocks.strips(raster.size, raster.bands, itemsize, scheme.rows_unit, is_planar=is_planar)
    )
    predictor = PREDICTORS[encoding.predictor]
    fields = [*sample_fields(raster, scheme.number, is_planar), *_block_fields(blocks), *value_fields(raster)]
    if predictor != NO_PREDICTOR:
        fields.append(integers(ORDER, tags.PREDICTOR, FieldType.SHORT, predictor))
    fields += place_fields(raster.grid)
    limit = MAX_CLASSIC - (1 << 20) if _is_stored(scheme) else MAX_CLASSIC_COMPRESSED
    is_big = int(blocks.sample_counts().sum()) * itemsize + 16 * blocks.total > limit
    return Layout(blocks, scheme, predictor, tuple(fields), is_big)


def _block_fields(blocks: Blocks) -> list[Field]:
    if blocks.is_tiled:
        return [
            integers(ORDER, tags.TILE_WIDTH, FieldType.LONG, blocks.block.width),
            integers(ORDER, tags.TILE_LENGTH, FieldType.LONG, blocks.block.height),
        ]
    return [integers(ORDER, tags.ROWS_PER_STRIP, FieldType.LONG, blocks.block.height)]


def _is_stored(scheme: Scheme) -> bool:
    return scheme.number == tags.Compression.NONE


def length(raster: Raster) -> int | None:
    """Bytes of an uncompressed file."""
    layout = lay_out(raster)
    if not _is_stored(layout.scheme):
        return None
    return layout.front_length + int(layout.blocks.sample_counts().sum()) * raster.dtype.itemsize


def pieces(raster: Raster, strips: Strips) -> Iterator[bytes | memoryview]:
    """An uncompressed file from beginning to end."""
    layout = lay_out(raster)
    blocks, lengths = layout.blocks, layout.blocks.sample_counts() * raster.dtype.itemsize
    order, offsets = blocks.written(), np.empty_like(lengths)
    offsets[order] = layout.front_length + np.cumsum(lengths[order]) - lengths[order]
    yield layout.front(offsets, lengths)
    in_rows = not blocks.is_tiled and not blocks.is_planar
    for block in strips if in_rows else blocks.cut(strips):
        yield _little(block).data.cast("B")


def save(raster: Raster, strips: Strips, output: Output) -> None:
    """Write a compressed file, holding one row of blocks."""
    layout = lay_out(raster)
    offsets = np.zeros(layout.blocks.total, np.int64)
    lengths, end = np.zeros_like(offsets), layout.front_length
    output.seek(end)
    numbers = layout.blocks.written().tolist()
    for number, block in zip(numbers, layout.blocks.cut(strips), strict=True):
        data = layout.scheme.compress(predicted(_little(block), layout.predictor), raster.encoding.quality)
        output.write(data)
        offsets[number], lengths[number] = end, len(data)
        end += len(data)
    output.seek(0)
    output.write(layout.front(offsets, lengths))


def _little(block: NDArray[np.generic]) -> NDArray[np.generic]:
    """Samples in the file's byte order, in one piece of memory."""
    return np.ascontiguousarray(block, dtype=block.dtype.newbyteorder("<"))


def held(raster: Raster) -> int:
    """One row of blocks with its copies, and the tables."""
    layout = lay_out(raster)
    blocks = layout.blocks
    row = blocks.across * blocks.block.area * raster.bands * raster.dtype.itemsize
    return 3 * row + 48 * blocks.total
