"""Tiles of a TIFF file compressed by Zstandard, which the libvips of the package pyvips-binary is built without."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from iipserve.containers import tags
from iipserve.containers.field_types import FieldType
from iipserve.containers.ifd import Directory, Entry, Field, Reader, read_chain, read_directory
from iipserve.containers.ifd_writer import integers
from iipserve.convert_command.fields import ORDER
from iipserve.convert_command.tiff_output import TiffOutput
from iipserve.coverage_formats.tiff_compressions import (
    FLOATING_POINT,
    HORIZONTAL,
    NO_PREDICTOR,
    SCHEMES,
    predicted,
)
from iipserve.errors import DecodeError

NAME = "zstd"


class TileForm(NamedTuple):
    """The samples of a tile."""

    bands: int
    dtype: str

    @property
    def predictor(self) -> int:
        """The value of Predictor; floats of 64 bits have none, which some readers do not know."""
        return {"float32": FLOATING_POINT, "float64": NO_PREDICTOR}.get(self.dtype, HORIZONTAL)


def compress(path: Path, form: TileForm) -> None:
    """Compress the tiles of a file, which is replaced.

    Args:
        path: of a file of libvips, whose tiles are not compressed.
        form: of its tiles.

    Raises:
        DecodeError: it is not such a file.
        OSError: there is no room.
    """
    target = path.with_suffix(".compressed")
    with path.open("rb") as source, target.open("w+b") as file:
        head = source.read(12)
        number = source.fileno()
        reader = Reader.of(
            lambda count, offset: os.pread(number, count, offset), head, os.fstat(number).st_size
        )
        file.write(head.ljust(16, b"\0"))
        output = TiffOutput(file)
        chain = list(read_chain(reader))
        following = 0
        for directory in reversed(chain):
            levels = [
                output.write_directory(_compressed(output, read_directory(reader, offset), form), 0)
                for offset in directory.integers(tags.SUB_IFDS)
            ]
            entries = _compressed(output, directory, form)
            if levels:
                entries |= output.entries([output.offsets(tags.SUB_IFDS, levels)])
            following = output.write_directory(entries, following)
        output.finish(following)
    target.replace(path)


def _compressed(output: TiffOutput, directory: Directory, form: TileForm) -> dict[int, Entry]:
    """The entries of a directory, whose tiles are written."""
    placed = list(_tiles(output, directory, form))
    counts = [length for _, length in placed]
    fields = {field.tag: field for field in _copied(directory)} | {
        tags.COMPRESSION: integers(ORDER, tags.COMPRESSION, FieldType.SHORT, SCHEMES[NAME].number),
        tags.PREDICTOR: integers(ORDER, tags.PREDICTOR, FieldType.SHORT, form.predictor),
        tags.TILE_OFFSETS: output.offsets(tags.TILE_OFFSETS, [offset for offset, _ in placed]),
        tags.TILE_BYTE_COUNTS: integers(ORDER, tags.TILE_BYTE_COUNTS, FieldType.LONG, *counts),
    }
    return output.entries(fields.values())


def _copied(directory: Directory) -> Iterator[Field]:
    for tag, entry in directory.entries.items():
        if tag in (tags.TILE_OFFSETS, tags.TILE_BYTE_COUNTS):
            continue
        value = directory.value(entry)
        if value is None:
            raise DecodeError(f"field {tag} of a file of libvips cannot be read")
        yield Field(tag, entry.type, value)


def _tiles(output: TiffOutput, directory: Directory, form: TileForm) -> Iterator[tuple[int, int]]:
    """Write the tiles; yields offset and length of each."""
    size = directory.integer(tags.TILE_LENGTH, 0), directory.integer(tags.TILE_WIDTH, 0)
    dtype = np.dtype(form.dtype).newbyteorder("<")
    length = size[0] * size[1] * form.bands * dtype.itemsize
    for offset in directory.table(tags.TILE_OFFSETS, directory.count(tags.TILE_OFFSETS)):
        block = np.frombuffer(directory.reader.bytes_at(int(offset), length), dtype)
        whole = predicted(block.reshape(*size, form.bands).astype(form.dtype), form.predictor)
        data = bytes(SCHEMES[NAME].compress(whole, 0))
        yield output.append(data), len(data)
