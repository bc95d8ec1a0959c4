"""Makes TIFF files for the tests, and changes them into what no writer would make."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from iipserve.containers.ifd import Reader, read_chain
from iipserve.sources import OpenFile, Source, SourceFormat, closed_on_error
from iipserve.sources.tiff import FORMAT
from iipserve.sources.tiff.comparison import Comparison
from iipserve.sources.tiff.pages import Page, read_pages
from iipserve.sources.tiff.strips import open_strips
from iipserve.sources.tiff.tiled import open_tiled
from tests.contracts.source import open_source
from tests.tiff_corpus.layout import (
    LZW,
    SIGNED,
    UNSIGNED,
    Layout,
)
from tests.tiff_corpus.tiff_writer import (
    Samples,
)


def _read_pages(file: OpenFile, same: Comparison) -> list[Page]:
    with closed_on_error(file):
        chain = tuple(read_chain(Reader.of(file.read_at, file.head, file.version.length)))
        return read_pages(chain, same)


def _open_tiled(file: OpenFile) -> Source:
    same = Comparison(file)
    return open_tiled(file, _read_pages(file, same), same)


def _open_strips(file: OpenFile) -> Source:
    return open_strips(file, _read_pages(file, Comparison(file)))


TILED = SourceFormat("tiled", FORMAT.matches, _open_tiled)
STRIPPED = SourceFormat("strips", FORMAT.matches, _open_strips)
"""The openers that `FORMAT` chooses from."""


def set_field(path: Path, tag: int, value: Any, *, page: int = 0) -> None:
    """Give a field another value."""
    with tifffile.TiffFile(path, mode="r+b") as file:
        file.pages[page].tags[tag].overwrite(value)


def renumber_field(path: Path, old: int, new: int) -> None:
    """Give a field of the first page another tag."""
    with tifffile.TiffFile(path) as file:
        offset, order = file.pages.first.tags[old].offset, file.byteorder
    overwrite(path, offset, struct.pack(order + "H", new))


def overwrite(path: Path, offset: int, data: bytes) -> None:
    """Overwrite bytes at an offset."""
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def link_offset(path: Path, page: int = 0) -> int:
    """Position of the offset of the page after `page`, in a classic TIFF file."""
    with tifffile.TiffFile(path) as file:
        here = file.pages[page]
        return int(here.offset) + 2 + 12 * len(here.tags)


def tile_place(path: Path, index: int = 0, *, page: int = 0) -> tuple[int, int]:
    """Offset and byte count of a tile."""
    with tifffile.TiffFile(path) as file:
        here = file.pages[page]
        return int(here.dataoffsets[index]), int(here.databytecounts[index])


def noise(bands: int, dtype: str = "u1", size: tuple[int, int] = (60, 50)) -> Samples:
    """Random samples over the range of a type (floating point: 0 to 1)."""
    rng = np.random.default_rng(bands)
    shape = (size[1], size[0], bands)
    if np.dtype(dtype).kind == "f":
        return rng.random(shape).astype(dtype)
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max, shape, dtype, endpoint=True)


def source_of(path: Path, pixels: Samples, **options: Any) -> Source:
    """A file of one level that holds these samples."""
    format = {"u": UNSIGNED, "i": SIGNED, "f": 3}[pixels.dtype.kind]
    Layout(8 * pixels.dtype.itemsize, format, **{"compression": LZW} | options).write(path, [pixels])
    return open_source(TILED, path)
