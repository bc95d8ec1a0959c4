"""TIFF directories, as tifffile writes them and damaged."""

from __future__ import annotations

import math
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import tifffile

from iipserve.containers import ifd, ifd_writer, tables
from iipserve.containers.ifd import Directory, Reader, read_chain, read_directory
from iipserve.errors import DecodeError
from iipserve.lru import LRU
from tests.containers.test_ifd_writer import fields

VALUES = [
    pytest.param("B", (1, 2, 255), id="BYTE"),
    pytest.param("H", (1, 65535), id="SHORT"),
    pytest.param("I", (7, 2**32 - 1), id="LONG"),
    pytest.param("b", (-1, 127), id="SBYTE"),
    pytest.param("h", (-2, 3), id="SSHORT"),
    pytest.param("i", (-(2**31), 5), id="SLONG"),
    pytest.param("Q", (2**64 - 1, 5), id="LONG8"),
    pytest.param("q", (-5, 2**63 - 1), id="SLONG8"),
]
VARIANTS = pytest.mark.parametrize(
    ("order", "big"),
    [("<", False), (">", False), ("<", True), (">", True)],
    ids=["II", "MM", "II big", "MM big"],
)


@contextmanager
def first_of(path: Path) -> Iterator[Directory]:
    """The first directory of a file."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        length = os.fstat(descriptor).st_size
        yield next(
            read_chain(
                Reader.of(
                    lambda count, offset: os.pread(descriptor, count, offset),
                    os.pread(descriptor, 16, 0),
                    length,
                )
            )
        )
    finally:
        os.close(descriptor)


def written(path: Path, order: str, big: bool, *fields: tuple[object, ...]) -> Path:
    """A file of tifffile with private fields: (tag, type, count, values)."""
    with tifffile.TiffWriter(path, byteorder=order, bigtiff=big) as file:
        file.write(np.zeros((4, 4), np.uint8), metadata=None, extratags=[(*field, True) for field in fields])
    return path


@VARIANTS
@pytest.mark.parametrize(("code", "values"), VALUES)
@pytest.mark.parametrize("count", [1, 2, 3, 1000])
def test_integers_are_tifffiles(
    tmp_path: Path, order: str, big: bool, code: str, values: tuple[int, ...], count: int
) -> None:
    many = (values * count)[:count]
    with first_of(written(tmp_path / "a.tif", order, big, (65000, code, count, many))) as directory:
        assert directory.integers(65000) == many
        assert directory.integer(65000, -7) == many[0]
        assert directory.reals(65000) == tuple(map(float, many))
        assert directory.count(65000) == count


@VARIANTS
@pytest.mark.parametrize(("code", "values"), [param for param in VALUES if param.values[0] in "HIQ"])
@pytest.mark.parametrize("count", [1, 2, 5000])
def test_tables_are_tifffiles(
    tmp_path: Path, order: str, big: bool, code: str, values: tuple[int, ...], count: int
) -> None:
    many = (values * count)[:count]
    with first_of(written(tmp_path / "a.tif", order, big, (65000, code, count, many))) as directory:
        assert tuple(directory.table(65000, count)) == many
        assert tuple(directory.table(65000, count // 2)) == many[: count // 2]
        paged = directory.paged_table(65000, count)
        assert tuple(paged) == many
        assert [paged[index] for index in range(count - 1, -1, -97)] == [*many[::-97]]
        for read in (directory.table, directory.paged_table):
            with pytest.raises(DecodeError, match=f"holds {count} values"):
                read(65000, count + 1)


def test_pages_of_tables_are_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of two tables, read in turn and in any order, with room for fewer than they have."""
    monkeypatch.setattr(tables, "_pages", LRU(3))
    values = [*range(0, 9000, 3)], [*range(1, 9000, 3)]
    fields = [(65000 + index, "I", 3000, tuple(value)) for index, value in enumerate(values)]
    with first_of(written(tmp_path / "a.tif", "<", False, *fields)) as directory:
        paged = [directory.paged_table(65000 + index, 3000) for index in range(2)]
        for place in random.Random(1).choices(range(3000), k=500):
            assert [table[place] for table in paged] == [value[place] for value in values]
        for outside in (-1, 3000):
            with pytest.raises(IndexError):
                paged[0][outside]


@VARIANTS
def test_reals_are_tifffiles(tmp_path: Path, order: str, big: bool) -> None:
    fields = [(65000, "d", 2, (0.1, -1e300)), (65001, "f", 1, 0.5), (65002, "2I", 2, (1, 4, 3, 0))]
    with first_of(written(tmp_path / "a.tif", order, big, *fields)) as directory:
        assert directory.reals(65000) == (0.1, -1e300)
        assert directory.reals(65001) == (0.5,)
        quarter, unknown = directory.reals(65002)
        assert quarter == 0.25
        assert math.isnan(unknown)
        assert [directory.integers(tag) for tag in (65000, 65001, 65002)] == [(), (), ()]


def test_what_is_absent_or_of_another_type_is_empty(tmp_path: Path) -> None:
    with first_of(written(tmp_path / "a.tif", "<", False, (65000, "s", 0, "text"))) as directory:
        assert directory.integers(65000) == directory.reals(65000) == ()
        assert directory.text(65000) == "text"
        assert directory.text(65001) == ""
        assert directory.data(65001) == directory.data(256) == b""
        assert (65000 in directory, 65001 in directory, directory.count(65001)) == (True, False, 0)


def test_too_many_numbers_are_read_as_a_table_only(tmp_path: Path) -> None:
    count = ifd.MAX_NUMBERS + 1
    with first_of(
        written(tmp_path / "a.tif", "<", False, (65000, "H", count, tuple(range(count))))
    ) as directory:
        assert directory.integers(65000) == ()
        assert list(directory.table(65000, count)) == list(range(count))


@pytest.mark.parametrize("block", [b"", b"II", b"II+\0" + bytes(30), b"text that is no block"])
def test_only_classic_structures_are_blocks(block: bytes) -> None:
    with pytest.raises(DecodeError, match="not a TIFF structure"):
        Reader.of_block(block)


@pytest.mark.parametrize("length", range(60))
def test_a_cut_structure_is_an_error_or_lacks_values(length: int) -> None:
    file = ifd_writer.pack_file("<", fields("<"))
    try:
        reader = Reader.of_block(file[:length])
        directory = read_directory(reader, reader.first_offset())
    except DecodeError:
        return
    pytest.fail(f"a directory of {len(directory.entries)} fields in {length} bytes")


def test_damaged_values_are_absent() -> None:
    file = ifd_writer.pack_file("<", fields("<"))
    directory = read_directory(Reader.of_block(file[:-40]), 8)
    assert directory.value(directory.entries[65005]) is None
    assert directory.data(65005) == b""
    assert directory.integers(65000) == (1,)
