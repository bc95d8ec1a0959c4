"""Normalized Exif blocks: orientation and resolution change, everything else stays."""

from __future__ import annotations

import random
import struct

import pytest
from PIL import ExifTags, Image

from iipserve.containers import exif
from iipserve.containers.field_types import FieldType
from iipserve.containers.ifd_writer import header, integers, pack_directory
from tests.codecs.samples import check_exif, exif_block
from tests.codecs.test_tiff import DAMAGED_EXIF

RESOLUTION = (150.0, 75.0)


def read(block: bytes) -> Image.Exif:
    found = Image.Exif()
    found.load(b"Exif\0\0" + block)
    return found


def turned(order: str, orientation: int = 6) -> bytes:
    """The sample block, of an image stored sideways, scanned at 600 dpi."""
    found = read(exif_block(order))
    found[ExifTags.Base.Orientation] = orientation
    found[ExifTags.Base.XResolution] = found[ExifTags.Base.YResolution] = 236.22
    found[ExifTags.Base.ResolutionUnit] = 3
    return found.tobytes().removeprefix(b"Exif\0\0")


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("make", [exif_block, turned], ids=["without", "with"])
def test_resolution_is_the_pictures(make: object, order: str) -> None:
    found = read(exif.normalized(make(order), RESOLUTION))  # type: ignore[operator]
    check_exif(found)
    assert found[ExifTags.Base.XResolution] == pytest.approx(150)
    assert found[ExifTags.Base.YResolution] == pytest.approx(75)
    assert found[ExifTags.Base.ResolutionUnit] == 2


@pytest.mark.parametrize("order", ["<", ">"])
def test_the_picture_is_upright(order: str) -> None:
    found = read(exif.normalized(turned(order), None))
    check_exif(found)
    assert found[ExifTags.Base.Orientation] == 1
    assert found[ExifTags.Base.ResolutionUnit] == 3


def test_no_orientation_is_added() -> None:
    assert ExifTags.Base.Orientation not in read(exif.normalized(exif_block(), RESOLUTION))


@pytest.mark.parametrize("block", [exif_block(), turned("<", 1), turned(">", 1)], ids=["none", "<", ">"])
def test_a_block_that_is_right_stays(block: bytes) -> None:
    assert exif.normalized(block, None) is block


@pytest.mark.parametrize("order", ["<", ">"])
def test_values_stay_where_they_were(order: str) -> None:
    """Offsets inside a maker's note count from the start of the block."""
    block = turned(order)
    changed = exif.normalized(block, RESOLUTION)
    assert changed[8 : len(block)] == block[8:]


def test_thumbnail_is_still_found() -> None:
    """The offset of the next directory is kept."""
    block = bytearray(turned("<"))
    (start,) = struct.unpack_from("<I", block, 4)
    (count,) = struct.unpack_from("<H", block, start)
    struct.pack_into("<I", block, start + 2 + 12 * count, 1234)
    changed = exif.normalized(bytes(block), RESOLUTION)
    (start,) = struct.unpack_from("<I", changed, 4)
    (count,) = struct.unpack_from("<H", changed, start)
    assert struct.unpack_from("<I", changed, start + 2 + 12 * count) == (1234,)


def test_a_new_block_holds_the_resolution_alone() -> None:
    found = read(exif.normalized(exif.EMPTY, RESOLUTION))
    assert dict(found) == {282: pytest.approx(150), 283: pytest.approx(75), 296: 2}


@pytest.mark.parametrize(
    "name", ["empty", "text", "only a header", "directory beyond the end", "65535 entries"]
)
def test_a_damaged_block_stays(name: str) -> None:
    assert exif.normalized(DAMAGED_EXIF[name], RESOLUTION) == DAMAGED_EXIF[name]


@pytest.mark.parametrize("block", DAMAGED_EXIF.values(), ids=DAMAGED_EXIF.keys())
def test_no_block_is_too_damaged(block: bytes) -> None:
    assert len(exif.normalized(block, RESOLUTION)) >= len(block)


def block_of(order: str, type: FieldType, orientation: int, start: int) -> bytes:
    """A block whose directory, with an orientation among others, is at an offset."""
    fields = (
        integers(order, 256, FieldType.SHORT, 6),
        integers(order, 274, type, orientation),
        integers(order, 277, FieldType.SHORT, 6),
    )
    return header(order, start) + bytes(start - 8) + pack_directory(order, fields, start)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("type", [FieldType.SHORT, FieldType.LONG])
@pytest.mark.parametrize("start", [8, 26])
def test_only_the_orientation_changes(order: str, type: FieldType, start: int) -> None:
    found = read(exif.normalized(block_of(order, type, 6, start), None))
    assert dict(found) == {256: 6, 274: 1, 277: 6}


def test_random_damage_is_survived() -> None:
    rng = random.Random(7)
    whole = turned("<")
    for _ in range(300):
        data = bytearray(whole)
        data[rng.randrange(2, len(data))] = rng.randrange(256)
        part = bytes(data[: rng.randrange(len(data) + 1)])
        assert len(exif.normalized(part, None)) >= len(part)
        exif.read(part)
