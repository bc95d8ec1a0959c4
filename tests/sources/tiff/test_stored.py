"""Stored tiles as files: other readers must decode them to exactly the pixels of the TIFF file."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from iipserve.errors import DecodeError, TileNotFound
from tests.contracts.source import open_source, tiles_of
from tests.images import Picture, smooth, write_jpeg_pyramid, write_tiff_pyramid
from tests.sources.tiff.files import TILED, overwrite, set_field, tile_place
from tests.tiff_corpus.tiff_writer import (
    Page,
    write_tiff,
)

RGB_ICC = bytes(16) + b"RGB " + bytes(16) + b"acsp" + bytes(range(256)) * 300
"""Has the signature of a profile, and needs two segments."""
GRAY_ICC = RGB_ICC.replace(b"RGB ", b"GRAY")

KINDS = [
    pytest.param({}, 3, "jfif", id="YCbCr 4:2:0"),
    pytest.param({"subsampling": (2, 1)}, 3, "jfif", id="YCbCr 4:2:2"),
    pytest.param({"subsampling": (1, 1)}, 3, "jfif", id="YCbCr 4:4:4"),
    pytest.param({"photometric": "rgb"}, 3, "adobe", id="RGB"),
    pytest.param({"photometric": "minisblack"}, 1, "jfif", id="gray"),
    pytest.param({"shared_tables": False}, 3, "jfif", id="own tables, YCbCr"),
    pytest.param({"shared_tables": False, "marks": False}, 3, "jfif", id="own tables without marks, YCbCr"),
    pytest.param({"shared_tables": False, "photometric": "rgb"}, 3, "adobe", id="own tables, RGB"),
    pytest.param(
        {"shared_tables": False, "marks": False, "photometric": "rgb"},
        3,
        "adobe",
        id="own tables without marks, RGB",
    ),
    pytest.param({"subifds": True, "bigtiff": True, "byteorder": ">"}, 3, "jfif", id="SubIFDs in BigTIFF"),
]


def decoded_by_pillow(body: bytes) -> Picture:
    with Image.open(io.BytesIO(body)) as image:
        return np.asarray(image)


def tiles_by_tifffile(path: Path) -> list[Picture]:
    """The whole tiles of the first page, padding included."""
    with tifffile.TiffFile(path) as file:
        page = file.pages.first
        decode = page.decode  # looks into the file when first asked for
        found = []
        for index, (offset, count) in enumerate(zip(page.dataoffsets, page.databytecounts, strict=True)):
            file.filehandle.seek(offset)
            data = decode(file.filehandle.read(count), index, jpegtables=page.jpegtables)[0]
            found.append(np.asarray(data)[0])
        return found


@pytest.mark.parametrize("profile", [False, True], ids=["bare", "with profile"])
@pytest.mark.parametrize(("options", "bands", "mark"), KINDS)
def test_jpeg_tiles(tmp_path: Path, options: dict[str, Any], bands: int, mark: str, profile: bool) -> None:
    path = tmp_path / "a.tif"
    icc = GRAY_ICC if bands == 1 else RGB_ICC
    tag = (34675, 7, len(icc), icc, True)
    pixels = smooth((300, 200), bands)
    write_jpeg_pyramid(path, pixels, **{"tile": (128, 128), "extra_tags": [tag]} | options)
    source = open_source(TILED, path)
    whole = iter(tiles_by_tifffile(path))
    for level, column, row in tiles_of(source):
        body = source.stored_tile(level, column, row, "jpeg", profile=profile)
        assert body is not None
        assert (b"JFIF" in body[:200], b"Adobe" in body[:200]) == (mark == "jfif", mark == "adobe")
        with Image.open(io.BytesIO(body)) as image:
            assert image.size == (128, 128)
            assert image.info.get("icc_profile") == (icc if profile else None)
        if level == 0:
            expected = next(whole)
            for seen in (decoded_by_pillow(body), imagecodecs.jpeg8_decode(body)):
                assert np.array_equal(seen.reshape(expected.shape), expected)
        own = source.read_tile(level, column, row)
        seen = decoded_by_pillow(body).reshape(128, 128, bands)
        assert np.array_equal(seen[: own.shape[0], : own.shape[1]], own)


def test_tiles_of_one_file_differ(jpeg_tiff: Path) -> None:
    source = open_source(TILED, jpeg_tiff)
    bodies = {source.stored_tile(*tile, "jpeg", profile=False) for tile in tiles_of(source)}
    assert len(bodies) == len(tiles_of(source))


def test_profile_without_a_profile_changes_nothing(jpeg_tiff: Path) -> None:
    source = open_source(TILED, jpeg_tiff)
    bare = source.stored_tile(0, 0, 0, "jpeg", profile=False)
    assert source.stored_tile(0, 0, 0, "jpeg", profile=True) == bare


def test_metadata_inside_a_tile_is_left_out(tmp_path: Path) -> None:
    write_jpeg_pyramid(tmp_path / "a.tif", [smooth((64, 64))], tile=(64, 64), shared_tables=False)
    data = (tmp_path / "a.tif").read_bytes()
    start = data.index(b"JFIF") - 4
    comment = b"\xff\xfe\x00\x10made by nobody"
    offset, count = tile_place(tmp_path / "a.tif")
    tile = data[offset:start] + comment + data[start : offset + count]
    (tmp_path / "a.tif").write_bytes(data + tile)
    set_field(tmp_path / "a.tif", 324, len(data))
    set_field(tmp_path / "a.tif", 325, len(tile))
    body = open_source(TILED, tmp_path / "a.tif").stored_tile(0, 0, 0, "jpeg", profile=False)
    assert body is not None
    assert b"nobody" not in body
    assert body.count(b"JFIF") == 1
    assert decoded_by_pillow(body).shape == (64, 64, 3)


@pytest.mark.parametrize("photometric", [2, 6])
@pytest.mark.parametrize("stored", ["4:2:0", "4:4:4", "RGB"])
def test_what_a_tile_proves_outweighs_the_photometric(tmp_path: Path, stored: str, photometric: int) -> None:
    """OME-TIFF exports of some microscopes call the YCbCr of ordinary JFIF files RGB."""
    options: dict[str, Any] = {"keep_rgb": True} if stored == "RGB" else {"subsampling": stored}
    pixels = smooth((64, 64))
    Image.fromarray(pixels).save(tmp_path / "a.jpg", quality=95, **options)
    fields = {256: (3, [64]), 257: (3, [64]), 258: (3, [8] * 3), 259: (3, [7]), 262: (3, [photometric])}
    fields |= {277: (3, [3]), 322: (3, [64]), 323: (3, [64])}
    write_tiff(tmp_path / "a.tif", [Page(fields, [(tmp_path / "a.jpg").read_bytes()])])
    source = open_source(TILED, tmp_path / "a.tif")
    body = source.stored_tile(0, 0, 0, "jpeg", profile=False)
    assert body is not None
    for seen in (source.read_tile(0, 0, 0), decoded_by_pillow(body)):
        assert np.abs(seen.astype(int) - pixels).max() <= 6


def webp_file(path: Path, bands: int, **options: Any) -> Picture:
    pixels = smooth((300, 200), bands)
    args = {"level": 80, "lossless": False}
    write_tiff_pyramid(path, pixels, tile=(128, 128), compression="webp", compressionargs=args, **options)
    return pixels


@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize("bands", [3, 4])
def test_webp_tiles(tmp_path: Path, bands: int, lossless: bool) -> None:
    args = {"level": 80, "lossless": lossless}
    write_tiff_pyramid(
        tmp_path / "a.tif",
        smooth((300, 200), bands),
        tile=(128, 128),
        compression="webp",
        compressionargs=args,
    )
    source = open_source(TILED, tmp_path / "a.tif")
    for tile in tiles_of(source):
        body = source.stored_tile(*tile, "webp", profile=True)
        assert body is not None
        own = source.read_tile(*tile)
        for seen in (decoded_by_pillow(body), imagecodecs.webp_decode(body, hasalpha=bands == 4)):
            assert seen.shape[:2] == (128, 128)
            visible = own[:, :, -1] > 0
            assert np.array_equal(seen[: own.shape[0], : own.shape[1], :bands][visible], own[visible])


@pytest.mark.parametrize(
    ("bands", "photometric", "icc"), [(1, "minisblack", RGB_ICC), (3, "ycbcr", GRAY_ICC)]
)
def test_a_profile_that_does_not_fit_the_bands_is_left_out(
    tmp_path: Path, bands: int, photometric: str, icc: bytes
) -> None:
    tag = (34675, 7, len(icc), icc, True)
    picture = smooth((64, 64), bands)
    write_jpeg_pyramid(
        tmp_path / "a.tif", [picture], tile=(64, 64), photometric=photometric, extra_tags=[tag]
    )
    source = open_source(TILED, tmp_path / "a.tif")
    assert source.info.icc is None
    body = source.stored_tile(0, 0, 0, "jpeg", profile=True)
    assert body is not None
    assert "icc_profile" not in Image.open(io.BytesIO(body)).info


def test_webp_takes_no_profile(tmp_path: Path) -> None:
    webp_file(tmp_path / "a.tif", 3, icc=RGB_ICC)
    source = open_source(TILED, tmp_path / "a.tif")
    assert source.stored_tile(0, 0, 0, "webp", profile=True) is None
    assert source.stored_tile(0, 0, 0, "webp", profile=False) is not None


def test_premultiplied_webp_is_not_as_it_should_be(tmp_path: Path) -> None:
    webp_file(tmp_path / "a.tif", 4, extrasamples=["assocalpha"])
    assert open_source(TILED, tmp_path / "a.tif").stored_tile(0, 0, 0, "webp", profile=False) is None


NOT_STORED = [
    pytest.param("adobe_deflate", "jpeg", id="deflate as JPEG"),
    pytest.param("webp", "jpeg", id="WebP as JPEG"),
    pytest.param("jpeg", "webp", id="JPEG as WebP"),
    pytest.param("jpeg", "png", id="JPEG as PNG"),
]


@pytest.mark.parametrize(("compression", "format"), NOT_STORED)
def test_other_formats_have_no_stored_tile(tmp_path: Path, compression: str, format: str) -> None:
    write_tiff_pyramid(tmp_path / "a.tif", smooth((64, 64)), compression=compression)
    assert open_source(TILED, tmp_path / "a.tif").stored_tile(0, 0, 0, format, profile=False) is None


def test_no_tile_outside(jpeg_tiff: Path) -> None:
    source = open_source(TILED, jpeg_tiff)
    for tile in [(-1, 0, 0), (0, -1, 0), (0, 4, 0), (0, 0, 3), (3, 0, 0)]:
        with pytest.raises(TileNotFound):
            source.stored_tile(*tile, "jpeg", profile=False)


@pytest.fixture
def one_tile(tmp_path: Path) -> Path:
    """A file of one JPEG tile of 64 x 64."""
    write_jpeg_pyramid(tmp_path / "a.tif", [smooth((64, 64))], tile=(64, 64))
    return tmp_path / "a.tif"


def frame_offset(path: Path) -> int:
    """Offset of the frame header of the first tile."""
    offset, _ = tile_place(path)
    return path.read_bytes().index(b"\xff\xc0", offset)


FALSE_FIELDS = [
    pytest.param(5, struct.pack(">HH", 60000, 60000), id="60000 x 60000"),
    pytest.param(5, struct.pack(">HH", 64, 80), id="wider than the tile"),
    pytest.param(5, struct.pack(">HH", 0, 64), id="no height"),
    pytest.param(9, b"\x01", id="one component"),
    pytest.param(9, b"\x04", id="four components"),
    pytest.param(0, b"\xff\xe5", id="no frame"),
    pytest.param(0, b"\xff\x12", id="an unknown marker"),
    pytest.param(2, b"\xff\xff", id="a segment past the end"),
    pytest.param(2, b"\0\0", id="a segment without length"),
]


@pytest.mark.parametrize(("at", "data"), FALSE_FIELDS)
def test_a_false_header_is_an_error_before_the_tile_is_decoded(one_tile: Path, at: int, data: bytes) -> None:
    overwrite(one_tile, frame_offset(one_tile) + at, data)
    source = open_source(TILED, one_tile)
    with pytest.raises(DecodeError, match="tile 0,0 of level 0"):
        source.stored_tile(0, 0, 0, "jpeg", profile=False)
    with pytest.raises(DecodeError, match="tile 0,0 of level 0"):
        source.read_tile(0, 0, 0)


def test_a_tile_without_its_end_is_an_error(one_tile: Path) -> None:
    _, count = tile_place(one_tile)
    set_field(one_tile, 325, count - 40)
    source = open_source(TILED, one_tile)
    with pytest.raises(DecodeError):
        source.stored_tile(0, 0, 0, "jpeg", profile=False)
    with pytest.raises(DecodeError):
        source.read_tile(0, 0, 0)


def test_a_tile_without_its_end_is_an_error_after_one_of_the_same_head(one_tile: Path) -> None:
    offset, count = tile_place(one_tile)
    source = open_source(TILED, one_tile)
    assert source.stored_tile(0, 0, 0, "jpeg", profile=False) is not None
    overwrite(one_tile, offset + count - 40, bytes(40))
    with pytest.raises(DecodeError):
        source.stored_tile(0, 0, 0, "jpeg", profile=False)


def test_a_smaller_tile_is_decoded_where_it_covers_the_level(tmp_path: Path) -> None:
    """Some writers clip edge tiles instead of padding them."""
    pixels = smooth((40, 30))
    path = tmp_path / "a.tif"
    write_jpeg_pyramid(path, [pixels], tile=(48, 32))
    set_field(path, 322, 64)
    set_field(path, 323, 64)
    source = open_source(TILED, path)
    assert source.stored_tile(0, 0, 0, "jpeg", profile=False) is None
    assert np.abs(source.read_tile(0, 0, 0).astype(int) - pixels).max() <= 8


def test_a_smaller_tile_that_does_not_cover_the_level_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    write_jpeg_pyramid(path, [smooth((64, 64))], tile=(64, 64))
    overwrite(path, frame_offset(path) + 5, struct.pack(">HH", 64, 48))
    with pytest.raises(DecodeError):
        open_source(TILED, path).read_tile(0, 0, 0)


def test_tables_hold_nothing_but_tables(tmp_path: Path) -> None:
    """A frame among the shared tables would come before the tile's own."""
    path = tmp_path / "a.tif"
    write_jpeg_pyramid(path, [smooth((64, 64))], tile=(64, 64))
    with tifffile.TiffFile(path) as file:
        tables = bytes(file.pages.first.jpegtables)
    frame = b"\xff\xc0\x00\x11\x08" + struct.pack(">HHB", 60000, 60000, 3) + b"\x01\x22\0\x02\x11\0\x03\x11\0"
    set_field(path, 347, tables[:2] + frame + tables[2:])
    source = open_source(TILED, path)
    with pytest.raises(DecodeError):
        source.read_tile(0, 0, 0)
    assert source.stored_tile(0, 0, 0, "jpeg", profile=False) is None


@pytest.mark.parametrize("at", [0, 8, 12])
def test_a_damaged_webp_tile_is_an_error(tmp_path: Path, at: int) -> None:
    webp_file(tmp_path / "a.tif", 3)
    offset, _ = tile_place(tmp_path / "a.tif")
    overwrite(tmp_path / "a.tif", offset + at, b"none")
    source = open_source(TILED, tmp_path / "a.tif")
    with pytest.raises(DecodeError):
        source.stored_tile(0, 0, 0, "webp", profile=False)
    with pytest.raises(DecodeError):
        source.read_tile(0, 0, 0)


def test_a_webp_tile_of_another_size_is_an_error(tmp_path: Path) -> None:
    webp_file(tmp_path / "a.tif", 3)
    offset, _ = tile_place(tmp_path / "a.tif")
    overwrite(tmp_path / "a.tif", offset + 26, struct.pack("<HH", 16383, 16383))
    source = open_source(TILED, tmp_path / "a.tif")
    with pytest.raises(DecodeError):
        source.stored_tile(0, 0, 0, "webp", profile=False)
    with pytest.raises(DecodeError):
        source.read_tile(0, 0, 0)
