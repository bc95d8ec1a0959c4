"""Plain pyramids have the levels that grouping all directories of a file finds in them; all other files are left to it."""

from __future__ import annotations

import os
import random
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips

from iipserve.containers.ifd import Reader, read_chain
from iipserve.errors import IIPServeError
from iipserve.image import ImageInfo
from iipserve.sources import OpenFile, Source, SourceFormat
from iipserve.sources.tiff import FORMAT, open_grouped
from iipserve.sources.tiff.plain_pyramid import PlainPyramid, read_plain
from tests.contracts.source import open_source, tiles_of
from tests.images import gradient, write_jpeg_pyramid, write_tiff_pyramid
from tests.sources.tiff.files import overwrite, set_field
from tests.tiff_corpus import KINDS

SIZE = (600, 450)
CHANGES = 120
"""Of each file; each is opened twice."""


def plain(path: Path) -> PlainPyramid | None:
    """What is recognized in a file."""
    descriptor = os.open(path, os.O_RDONLY)
    read = partial(_read, descriptor)
    try:
        return read_plain(tuple(read_chain(Reader.of(read, read(16, 0), os.fstat(descriptor).st_size))))
    finally:
        os.close(descriptor)


def _read(descriptor: int, count: int, offset: int) -> bytes:
    return os.pread(descriptor, count, offset)


def _open_grouped(file: OpenFile) -> Source:
    return open_grouped(file, tuple(read_chain(Reader.of(file.read_at, file.head, file.version.length))))


GROUPED = SourceFormat("grouped", FORMAT.matches, _open_grouped)
"""As `FORMAT`, without plain pyramids."""


def facts(kind: SourceFormat, path: Path) -> object:
    """What a source says of a file, and the pixels of its tiles; or the error."""
    try:
        source = open_source(kind, path)
    except IIPServeError as error:
        return type(error), str(error)
    info = {each.name: getattr(source.info, each.name) for each in fields(ImageInfo)}
    return info, [_tile(source, *tile) for tile in tiles_of(source)[-3:]]


def _tile(source: Source, *tile: int) -> object:
    try:
        return source.read_tile(*tile).tobytes()
    except IIPServeError as error:
        return type(error), str(error)


def pyramid(path: Path, **options: Any) -> Path:
    """A pyramid of three levels whose smaller ones are marked."""
    write_tiff_pyramid(path, gradient(SIZE), tile=(128, 128), **options)
    return path


def test_files_of_every_kind_are_the_same(folder: Path) -> None:
    for kind in KINDS:
        path = folder / f"{kind}.tif"
        assert facts(FORMAT, path) == facts(GROUPED, path), kind


@pytest.mark.parametrize("compression", [None, "lzw", "adobe_deflate", "zstd"])
def test_pyramids_of_tifffile_are_recognized(tmp_path: Path, compression: str | None) -> None:
    found = plain(pyramid(tmp_path / "a.tif", compression=compression))
    assert found is not None
    assert [size for _, size in found.smaller] == [(300, 225), (150, 112), (75, 56)][: len(found.smaller)]
    assert len(found.smaller) >= 2


def test_jpeg_pyramids_are_recognized(tmp_path: Path) -> None:
    write_jpeg_pyramid(tmp_path / "a.tif", gradient(SIZE), tile=(128, 128))
    assert plain(tmp_path / "a.tif") is not None
    assert facts(FORMAT, tmp_path / "a.tif") == facts(GROUPED, tmp_path / "a.tif")


@pytest.mark.parametrize(
    "options", [{}, {"bigtiff": True}, {"compression": "jpeg"}, {"compression": "deflate"}]
)
@pytest.mark.parametrize("size", [SIZE, (512, 512)], ids=str)
def test_pyramids_of_libvips_are_recognized(
    tmp_path: Path, options: dict[str, Any], size: tuple[int, int]
) -> None:
    path = tmp_path / "a.tif"
    pixels = gradient(size)
    image = pyvips.Image.new_from_memory(np.ascontiguousarray(pixels).data, *size, 3, "uchar")
    image.tiffsave(str(path), tile=True, pyramid=True, tile_width=128, tile_height=128, **options)
    assert plain(path) is not None
    assert facts(FORMAT, path) == facts(GROUPED, path)


@pytest.mark.parametrize(
    ("tag", "value", "page"),
    [
        pytest.param(254, 0, 1, id="a level that is not marked"),
        pytest.param(254, 4, 1, id="a mask"),
        pytest.param(262, 0, 1, id="another photometric"),
        pytest.param(259, 50002, 1, id="a compression that is not known"),
        pytest.param(256, 600, 1, id="a level as wide as the full size"),
        pytest.param(256, 200, 1, id="a level of another shape"),
        pytest.param(257, 1, 2, id="a level of one row"),
        pytest.param(256, 30000, 1, id="a level without enough tiles"),
        pytest.param(256, 0, 2, id="a level without columns"),
    ],
)
def test_other_files_are_left_to_the_grouping(tmp_path: Path, tag: int, value: int, page: int) -> None:
    path = pyramid(tmp_path / "a.tif", compression="lzw")
    set_field(path, tag, value, page=page)
    assert plain(path) is None
    assert facts(FORMAT, path) == facts(GROUPED, path)


@pytest.mark.parametrize("compression", ["lzw", None])
def test_damaged_directories_mean_the_same(tmp_path: Path, compression: str | None) -> None:
    path = pyramid(tmp_path / "a.tif", compression=compression)
    whole, places = path.read_bytes(), _directories(path)
    choice = random.Random(5)
    recognized = 0
    for _ in range(CHANGES):
        path.write_bytes(whole)
        start, stop = choice.choice(places)
        for _ in range(choice.randint(1, 2)):
            overwrite(
                path, choice.randrange(start, stop), bytes([choice.choice([0, 1, 2, 3, 4, 8, 16, 255])])
            )
        assert facts(FORMAT, path) == facts(GROUPED, path)
        recognized += _is_plain(path)
    assert 0 < recognized < CHANGES


def _is_plain(path: Path) -> bool:
    try:
        return plain(path) is not None
    except IIPServeError:
        return False


def _directories(path: Path) -> list[tuple[int, int]]:
    """Where each directory of a file, with its values after it, is."""
    descriptor = os.open(path, os.O_RDONLY)
    read = partial(_read, descriptor)
    try:
        chain = read_chain(Reader.of(read, read(16, 0), os.fstat(descriptor).st_size))
        return [(each.offset, each.offset + 2 + 12 * each.size + 4 + 30) for each in chain]
    finally:
        os.close(descriptor)
