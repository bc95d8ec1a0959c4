"""TIFF directories written here, read by tifffile and by this package."""

from __future__ import annotations

import io

import pytest
import tifffile

from iipserve.containers import ifd, ifd_writer
from iipserve.containers.field_types import FieldType
from iipserve.containers.ifd import Reader, read_directory


def fields(order: str) -> list[ifd.Field]:
    """Of every kind that is written, with values in the directory and after it."""
    return [
        ifd_writer.text(65003, "Zoë"),
        ifd_writer.integers(order, 65000, FieldType.SHORT, 1),
        ifd_writer.integers(order, 65001, FieldType.LONG, 1, 2**32 - 1),
        ifd_writer.rationals(order, 65002, 0.25, 1e30),
        ifd.Field(65004, FieldType.UNDEFINED, b"abc"),
        ifd.Field(65005, FieldType.BYTE, b"odd length"[:9]),
    ]


@pytest.mark.parametrize("order", ["<", ">"])
def test_tifffile_reads_what_is_written(order: str) -> None:
    file = ifd_writer.pack_file(
        order, fields(order), {34665: [ifd_writer.integers(order, 34855, FieldType.SHORT, 400)]}
    )
    with tifffile.TiffFile(io.BytesIO(file)) as found:
        assert found.byteorder == order
        values = {tag.code: tag.value for tag in found.pages[0].tags}  # type: ignore[union-attr]
    assert list(values) == sorted(values)
    assert values[65000] == 1
    assert values[65001] == (1, 2**32 - 1)
    assert values[65002] == (1, 4, 2**32 - 1, 1)
    assert values[65003] == "Zoë"
    assert values[65004] == b"abc"
    assert values[65005] == b"odd lengt"
    assert values[34665] == {"ISOSpeedRatings": 400}


@pytest.mark.parametrize("order", ["<", ">"])
def test_what_is_written_is_read(order: str) -> None:
    reader = Reader.of_block(ifd_writer.pack_file(order, fields(order)))
    directory = read_directory(reader, reader.first_offset())
    assert directory.following == 0
    for field in fields(order):
        assert directory.value(directory.entries[field.tag]) == field.value


def test_a_directory_without_fields_is_left_out() -> None:
    assert ifd_writer.pack_file("<", fields("<"), {34665: ()}) == ifd_writer.pack_file("<", fields("<"))


def test_values_elsewhere_are_kept() -> None:
    """A directory written anew points to where its values are."""
    file = ifd_writer.pack_file("<", fields("<"))
    old = read_directory(Reader.of_block(file), 8)
    entries = {tag: entry for tag, entry in old.entries.items() if tag != 65001}
    new = ifd_writer.pack_directory(
        "<", [ifd_writer.text(65001, "another")], len(file), kept=entries, following=77
    )
    directory = read_directory(Reader.of_block(file + new), len(file))
    assert directory.following == 77
    assert list(directory.entries) == sorted(old.entries)
    assert directory.text(65001) == "another"
    assert directory.text(65003) == "Zoë"


@pytest.mark.parametrize("tag", [65000, 65003])
def test_the_place_of_a_value(tag: int) -> None:
    file = ifd_writer.pack_file(">", fields(">"))
    offset = ifd_writer.value_offset(fields(">"), tag)
    assert file[offset : offset + 4] == read_directory(Reader.of_block(file), 8).entries[tag].inline


@pytest.mark.parametrize("pointed", [{}, {34665: fields("<")}, {34665: fields("<"), 34853: fields("<")[:2]}])
@pytest.mark.parametrize("count", range(7))
def test_the_length_is_known_before(count: int, pointed: dict[int, list[ifd.Field]]) -> None:
    some = fields("<")[:count]
    assert ifd_writer.file_length(some, pointed) == len(ifd_writer.pack_file("<", some, pointed))
