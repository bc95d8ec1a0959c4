"""Exif blocks put right: orientation and resolution change, everything else stays."""

from __future__ import annotations

import struct

import pytest
from PIL import ExifTags, Image

from iipserve.codecs import exif
from iipserve.image import PhysicalResolution
from tests.codecs.samples import check_exif, exif_block
from tests.codecs.test_tiff import DAMAGED_EXIF

RESOLUTION = PhysicalResolution(150 / 0.0254, 75 / 0.0254)


def read(block: bytes) -> Image.Exif:
    found = Image.Exif()
    found.load(b"Exif\0\0" + block)
    return found


def turned(order: str, orientation: int = 6) -> bytes:
    """The sample block, of a picture that lies on its side, scanned at 600 dpi."""
    found = read(exif_block(order))
    found[ExifTags.Base.Orientation] = orientation
    found[ExifTags.Base.XResolution] = found[ExifTags.Base.YResolution] = 236.22
    found[ExifTags.Base.ResolutionUnit] = 3
    return found.tobytes().removeprefix(b"Exif\0\0")


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("make", [exif_block, turned], ids=["without", "with"])
def test_resolution_is_the_pictures(make: object, order: str) -> None:
    found = read(exif.put_right(make(order), RESOLUTION))  # type: ignore[operator]
    check_exif(found)
    assert found[ExifTags.Base.XResolution] == pytest.approx(150)
    assert found[ExifTags.Base.YResolution] == pytest.approx(75)
    assert found[ExifTags.Base.ResolutionUnit] == 2


@pytest.mark.parametrize("order", ["<", ">"])
def test_the_picture_is_upright(order: str) -> None:
    found = read(exif.put_right(turned(order), None))
    check_exif(found)
    assert found[ExifTags.Base.Orientation] == 1
    assert found[ExifTags.Base.ResolutionUnit] == 3


def test_no_orientation_is_added() -> None:
    assert ExifTags.Base.Orientation not in read(exif.put_right(exif_block(), RESOLUTION))


@pytest.mark.parametrize("block", [exif_block(), turned("<", 1), turned(">", 1)], ids=["none", "<", ">"])
def test_a_block_that_is_right_stays(block: bytes) -> None:
    assert exif.put_right(block, None) is block


@pytest.mark.parametrize("order", ["<", ">"])
def test_values_stay_where_they_were(order: str) -> None:
    """Offsets inside a maker's note count from the start of the block."""
    block = turned(order)
    changed = exif.put_right(block, RESOLUTION)
    assert changed[8 : len(block)] == block[8:]


def test_thumbnail_is_still_found() -> None:
    """The offset of the next directory is kept."""
    block = bytearray(turned("<"))
    (start,) = struct.unpack_from("<I", block, 4)
    (count,) = struct.unpack_from("<H", block, start)
    struct.pack_into("<I", block, start + 2 + 12 * count, 1234)
    changed = exif.put_right(bytes(block), RESOLUTION)
    (start,) = struct.unpack_from("<I", changed, 4)
    (count,) = struct.unpack_from("<H", changed, start)
    assert struct.unpack_from("<I", changed, start + 2 + 12 * count) == (1234,)


def test_a_new_block_holds_the_resolution_alone() -> None:
    found = read(exif.put_right(exif.EMPTY, RESOLUTION))
    assert dict(found) == {282: pytest.approx(150), 283: pytest.approx(75), 296: 2}


@pytest.mark.parametrize(
    "name", ["empty", "text", "only a header", "directory beyond the end", "65535 entries"]
)
def test_a_damaged_block_stays(name: str) -> None:
    assert exif.put_right(DAMAGED_EXIF[name], RESOLUTION) == DAMAGED_EXIF[name]


@pytest.mark.parametrize("block", DAMAGED_EXIF.values(), ids=DAMAGED_EXIF.keys())
def test_no_block_is_too_damaged(block: bytes) -> None:
    assert len(exif.put_right(block, RESOLUTION)) >= len(block)
