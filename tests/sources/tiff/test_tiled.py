"""TIFF pyramids of every layout and compression, against the pictures they were made from."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import tifffile

from iipserve.errors import DecodeError, UnsupportedImage
from iipserve.geometry import Size
from iipserve.sources import Source
from tests.contracts.source import SourceContract, open_file, open_source, tiles_of
from tests.images import (
    Picture,
    gradient,
    halved,
    pyramid,
    size_of,
    smooth,
    write_jpeg_pyramid,
    write_tiff_pyramid,
)
from tests.open_files import open_paths
from tests.sources.tiff.files import TILED, set_field


@dataclass(frozen=True)
class Case:
    """One kind of file."""

    id: str
    options: dict[str, Any] = field(default_factory=dict)
    bands: int = 3
    size: tuple[int, int] = (333, 251)


REVERSIBLE = {"reversible": True, "level": 0}

LOSSLESS = [
    Case("uncompressed RGB"),
    Case("uncompressed gray", bands=1),
    Case("uncompressed gray and opacity", bands=2),
    Case("uncompressed RGBA", bands=4),
    Case("LZW", {"compression": "lzw"}),
    Case("LZW with predictor", {"compression": "lzw", "predictor": True}),
    Case("LZW with predictor, gray", {"compression": "lzw", "predictor": True}, bands=1),
    Case("deflate", {"compression": "adobe_deflate"}),
    Case("deflate with predictor, RGBA", {"compression": "adobe_deflate", "predictor": True}, bands=4),
    Case("deflate under its old number", {"compression": 32946, "predictor": True}),
    Case("zstd", {"compression": "zstd"}),
    Case("zstd with predictor", {"compression": "zstd", "predictor": True}),
    Case("PackBits", {"compression": "packbits"}),
    Case("WebP", {"compression": "webp", "compressionargs": {"lossless": True}}),
    Case("WebP with opacity", {"compression": "webp", "compressionargs": {"lossless": True}}, bands=4),
    Case("JPEG 2000, 33003", {"compression": 33003, "compressionargs": REVERSIBLE}),
    Case("JPEG 2000, 33004", {"compression": 33004, "compressionargs": REVERSIBLE}),
    Case("JPEG 2000, 33005", {"compression": 33005, "compressionargs": REVERSIBLE}),
    Case("JPEG 2000, 34712", {"compression": 34712, "compressionargs": REVERSIBLE}),
    Case("JPEG 2000, gray", {"compression": 34712, "compressionargs": REVERSIBLE}, bands=1),
    Case("JPEG 2000, RGBA", {"compression": 34712, "compressionargs": REVERSIBLE}, bands=4),
    Case("big-endian", {"byteorder": ">", "compression": "lzw", "predictor": True}),
    Case("BigTIFF", {"bigtiff": True, "compression": "adobe_deflate"}),
    Case("big-endian BigTIFF", {"bigtiff": True, "byteorder": ">", "compression": "adobe_deflate"}),
    Case("SubIFDs", {"subifds": True, "compression": "lzw"}),
    Case("SubIFDs in big-endian BigTIFF", {"subifds": True, "bigtiff": True, "byteorder": ">"}),
    Case("pages without NewSubfileType", {"reduced_bit": False}),
    Case("sizes rounded up", {"rounding": "ceil"}),
    Case("wide tiles", {"tile": (128, 32)}),
    Case("high tiles", {"tile": (48, 112)}),
    Case("one tile", size=(37, 29)),
    Case("one pixel", size=(1, 1)),
    Case("one column", size=(1, 700)),
]

JPEG = [
    Case("YCbCr 4:2:0"),
    Case("YCbCr 4:2:2", {"subsampling": (2, 1)}),
    Case("YCbCr 4:1:1", {"subsampling": (4, 1)}),
    Case("YCbCr 4:4:4", {"subsampling": (1, 1)}),
    Case("RGB", {"photometric": "rgb"}),
    Case("gray", {"photometric": "minisblack"}, bands=1),
    Case("own tables and marks, YCbCr", {"shared_tables": False}),
    Case("own tables without marks, YCbCr", {"shared_tables": False, "marks": False}),
    Case("own tables and marks, RGB", {"shared_tables": False, "photometric": "rgb"}),
    Case("own tables without marks, RGB", {"shared_tables": False, "marks": False, "photometric": "rgb"}),
    Case("own tables, gray", {"shared_tables": False, "photometric": "minisblack"}, bands=1),
    Case("SubIFDs in BigTIFF", {"subifds": True, "bigtiff": True}),
    Case("big-endian", {"byteorder": ">"}),
    Case("tiles of 64 x 128", {"tile": (64, 128)}),
]


def case_id(case: Case) -> str:
    return case.id


class TestLossless(SourceContract):
    format_name = "tiff"

    @pytest.fixture(params=LOSSLESS, ids=case_id)
    def case(self, request: pytest.FixtureRequest) -> Case:
        case: Case = request.param
        return case

    @pytest.fixture
    def levels(self, case: Case, tmp_path: Path) -> list[Picture]:
        options = {"tile": (64, 64)} | case.options
        return write_tiff_pyramid(tmp_path / "a.tif", gradient(case.size, case.bands), **options)

    @pytest.fixture
    def source(self, levels: list[Picture], tmp_path: Path) -> Source:
        return open_source(TILED, tmp_path / "a.tif")


class TestJpeg(SourceContract):
    format_name = "tiff"
    tolerance = 8

    @pytest.fixture(params=JPEG, ids=case_id)
    def case(self, request: pytest.FixtureRequest) -> Case:
        case: Case = request.param
        return case

    @pytest.fixture
    def levels(self, case: Case, tmp_path: Path) -> list[Picture]:
        return write_jpeg_pyramid(
            tmp_path / "a.tif", smooth((600, 401), case.bands), **{"tile": (128, 128)} | case.options
        )

    @pytest.fixture
    def source(self, levels: list[Picture], tmp_path: Path) -> Source:
        return open_source(TILED, tmp_path / "a.tif")

    def test_decodes_as_tifffile_does(self, source: Source, tmp_path: Path) -> None:
        with tifffile.TiffFile(tmp_path / "a.tif") as file:
            whole = file.pages.first.asarray()
        tile = source.info.levels[0].tile
        for column, row in [(0, 0), (1, 1)]:
            part = whole[row * tile.height :, column * tile.width :][: tile.height, : tile.width]
            assert np.array_equal(source.read_tile(0, column, row).squeeze(), part)


class TestLossyWebP(SourceContract):
    format_name = "tiff"
    tolerance = 8

    @pytest.fixture
    def levels(self, tmp_path: Path) -> list[Picture]:
        options = {"compression": "webp", "compressionargs": {"level": 90, "lossless": False}}
        # whole tiles: the writer fills edge tiles up with black, whose edge is seen from afar
        return write_tiff_pyramid(tmp_path / "a.tif", [smooth((512, 256))], **options)

    @pytest.fixture
    def source(self, levels: list[Picture], tmp_path: Path) -> Source:
        return open_source(TILED, tmp_path / "a.tif")


def write_pages(path: Path, pages: list[tuple[Picture, dict[str, Any]]], **first: Any) -> None:
    """A TIFF file of pages one by one, each with its own options."""
    with tifffile.TiffWriter(path) as writer:
        for number, (pixels, options) in enumerate(pages):
            common = {"photometric": "rgb", "metadata": None, "tile": (64, 64)} | options
            writer.write(pixels, **(common | first if number == 0 else common))


class TestLevels:
    def test_order_of_pages_does_not_matter(self, tmp_path: Path) -> None:
        full, half, quarter = pyramid(gradient((400, 300)), (128, 128))
        write_pages(tmp_path / "a.tif", [(full, {}), (quarter, {}), (half, {})])
        source = open_source(TILED, tmp_path / "a.tif")
        assert [level.size for level in source.info.levels] == [Size(400, 300), Size(200, 150), Size(100, 75)]
        assert np.array_equal(source.read_tile(1, 0, 0), half[:64, :64])
        assert np.array_equal(source.read_tile(2, 0, 0), quarter[:64, :64])

    def test_levels_may_differ_in_tiles_and_compression(self, tmp_path: Path) -> None:
        full = gradient((400, 300))
        half = halved(full)
        write_pages(tmp_path / "a.tif", [(full, {"compression": "lzw"}), (half, {"tile": (32, 80)})])
        source = open_source(TILED, tmp_path / "a.tif")
        assert [level.tile for level in source.info.levels] == [Size(64, 64), Size(80, 32)]
        for level, column, row in tiles_of(source):
            tile = source.info.levels[level].tile
            pixels = (full, half)[level][row * tile.height :, column * tile.width :][
                : tile.height, : tile.width
            ]
            assert np.array_equal(source.read_tile(level, column, row), pixels)

    def test_steps_of_four(self, tmp_path: Path) -> None:
        full = gradient((700, 532))
        quarter = halved(halved(full))
        write_pages(tmp_path / "a.tif", [(full, {}), (quarter, {}), (halved(halved(quarter)), {})])
        sizes = [level.size for level in open_source(TILED, tmp_path / "a.tif").info.levels]
        assert sizes == [Size(700, 532), Size(175, 133), Size(43, 33)]

    FULL = gradient((400, 300))
    PASSED_OVER: ClassVar[list[Any]] = [
        pytest.param(FULL, {}, id="a page of the same size"),
        pytest.param(gradient((200, 150)), {"tile": None}, id="an untiled thumbnail"),
        pytest.param(gradient((200, 80)), {}, id="a label of another shape"),
        pytest.param(gradient((200, 80)), {"subfiletype": 1}, id="a label that calls itself reduced"),
        pytest.param(gradient((800, 600)), {}, id="a larger page"),
        pytest.param(gradient((200, 150)), {"subfiletype": 2}, id="another page"),
        pytest.param(gradient((200, 150), 1)[:, :, 0], {"photometric": "minisblack"}, id="gray"),
        pytest.param(gradient((200, 150)).astype(np.uint16), {}, id="16 bits"),
        pytest.param(gradient((200, 150)), {"compression": "jpegxl"}, id="an unknown compression"),
    ]

    @pytest.mark.parametrize(("page", "options"), PASSED_OVER)
    def test_passes_over(self, tmp_path: Path, page: Picture, options: dict[str, Any]) -> None:
        half = halved(self.FULL)
        quarter = halved(half)
        write_pages(tmp_path / "a.tif", [(self.FULL, {}), (page, options), (quarter, {})])
        source = open_source(TILED, tmp_path / "a.tif")
        assert [level.size for level in source.info.levels] == [Size(400, 300), size_of(quarter)]

    def test_passes_over_masks(self, tmp_path: Path) -> None:
        write_pages(tmp_path / "a.tif", [(self.FULL, {}), (halved(self.FULL), {"subfiletype": 1})])
        set_field(tmp_path / "a.tif", 254, 5, page=1)
        assert len(open_source(TILED, tmp_path / "a.tif").info.levels) == 1

    def test_planes_of_an_ome_stack_are_no_levels(self, tmp_path: Path) -> None:
        full = gradient((400, 300))
        other = 255 - full
        with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
            for plane in (full, other):
                common = {"photometric": "rgb", "metadata": None, "tile": (64, 64)}
                writer.write(plane, subifds=1, **common)
                writer.write(halved(plane), subfiletype=1, **common)
        source = open_source(TILED, tmp_path / "a.tif")
        assert [level.size for level in source.info.levels] == [Size(400, 300), Size(200, 150)]
        assert np.array_equal(source.read_tile(1, 0, 0), halved(full)[:64, :64])

    ADVERTISED: ClassVar[list[Any]] = [
        pytest.param((256, 256), Size(256, 256), id="as stored"),
        pytest.param((128, 64), Size(128, 64), id="not square"),
        pytest.param((32, 64), Size(256, 256), id="too narrow"),
        pytest.param((2064, 64), Size(256, 256), id="too wide"),
    ]

    @pytest.mark.parametrize(("tile", "advertised"), ADVERTISED)
    def test_advertised_tile(self, tmp_path: Path, tile: tuple[int, int], advertised: Size) -> None:
        write_tiff_pyramid(tmp_path / "a.tif", [gradient((300, 200))], tile=tile)
        info = open_source(TILED, tmp_path / "a.tif").info
        assert info.tile == advertised
        assert info.levels[0].tile == Size(*tile)


def pixels_of(dtype: str, bands: int = 3) -> np.ndarray[Any, Any]:
    return gradient((100, 80), bands).astype(dtype)


UNSUPPORTED: list[Any] = [
    pytest.param("u1", {"tile": None}, {}, "not tiled", id="strips"),
    pytest.param("u1", {"compression": "jpegxl"}, {}, "compression 50002", id="JPEG XL"),
    pytest.param("u1", {}, {259: 6}, "old-style JPEG", id="old-style JPEG"),
    pytest.param("c8", {"photometric": "minisblack", "planarconfig": "contig"}, {}, "complex", id="complex"),
    pytest.param("u1", {}, {258: (8, 16, 8)}, "different types", id="bands of different depths"),
    pytest.param("u1", {}, {258: (48, 48, 48)}, "48 bits", id="48 bits"),
    pytest.param("i2", {}, {258: (12, 12, 12)}, "12 bits as signed", id="signed in 12 bits"),
    pytest.param("f4", {}, {258: (8, 8, 8)}, "8 bits as floating", id="floating point in 8 bits"),
    pytest.param("u1", {}, {262: 32803}, "photometric 32803", id="a camera's mosaic"),
    pytest.param("u1", {}, {277: 2000}, "2000 bands", id="2000 bands"),
    pytest.param("u1", {}, {277: 2}, "colors need 3", id="RGB of two bands"),
    pytest.param("u1", {}, {262: 6, 277: 2}, "colors need 3", id="YCbCr of two bands"),
    pytest.param("f4", {}, {262: 6}, "YCbCr colors in 32 bits", id="YCbCr in floating point"),
    pytest.param("u1", {"predictor": True, "compression": "lzw"}, {317: 7}, "predictor 7", id="predictor"),
    pytest.param("u1", {"predictor": True, "compression": "lzw"}, {317: 3}, "integers", id="predictor of floats"),
    pytest.param(
        "u2", {"predictor": True, "compression": "lzw"}, {258: (12, 12, 12)}, "12 bits", id="predictor in 12 bits"
    ),
    pytest.param("u1", {"compression": "lzw"}, {259: 4}, "fax", id="fax of colors"),
    pytest.param("u2", {"compression": "lzw"}, {259: 50001}, "WebP", id="WebP of 16 bits"),
    pytest.param("f4", {"compression": "lzw"}, {259: 7}, "JPEG", id="JPEG of floating point"),
    pytest.param("f4", {"compression": "lzw"}, {259: 34712}, "JPEG 2000", id="JPEG 2000 of floating point"),
    pytest.param("f2", {"compression": "lzw"}, {259: 34887}, "LERC", id="LERC of 16-bit floating point"),
    pytest.param("u2", {}, {262: 10}, "ITU", id="ITU L*a*b* in 16 bits"),
    pytest.param("u2", {}, {262: 9, 258: (12, 12, 12)}, "ICC", id="ICC L*a*b* in 12 bits"),
    *(pytest.param("u4", {}, {262: lab}, "integers of 32 bits", id=f"L*a*b* ({lab}) in 32 bits") for lab in (8, 9, 10)),
    pytest.param("u4", {}, {262: 3}, "palette", id="a palette of 32 bits"),
]  # fmt: skip


@pytest.mark.parametrize(("dtype", "options", "fields", "reason"), UNSUPPORTED)
def test_says_what_it_does_not_read(
    tmp_path: Path, dtype: str, options: dict[str, Any], fields: dict[int, Any], reason: str
) -> None:
    defaults = {"photometric": "rgb", "tile": (64, 64), "metadata": None}
    tifffile.imwrite(tmp_path / "a.tif", pixels_of(dtype), **defaults | options)
    for tag, value in fields.items():
        set_field(tmp_path / "a.tif", tag, value)
    with pytest.raises(UnsupportedImage, match=reason) as caught:
        open_source(TILED, tmp_path / "a.tif")
    assert str(tmp_path) not in str(caught.value)


def test_a_palette_that_is_too_short_is_damaged(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", pixels_of("u1"), photometric="rgb", tile=(64, 64), metadata=None)
    set_field(tmp_path / "a.tif", 262, 3)
    with pytest.raises(DecodeError, match="palette"):
        open_source(TILED, tmp_path / "a.tif")


SIGNATURES = [
    (b"II*\0", True), (b"MM\0*", True), (b"II+\0", True), (b"MM\0+", True),
    (b"II\0*", False), (b"MM*\0", False), (b"II", False), (b"", False), (b"\xff\xd8\xff\xe0", False),
]  # fmt: skip


@pytest.mark.parametrize(("head", "expected"), SIGNATURES)
def test_recognizes_files_by_their_first_bytes(head: bytes, expected: bool) -> None:
    assert TILED.matches(head.ljust(64 if len(head) == 4 else 0, b"\x01")) is expected


def test_closes_its_descriptor_when_it_is_garbage(deflate_tiff: Path) -> None:
    source: Source | None = TILED.open(open_file(deflate_tiff))
    assert len(open_paths(deflate_tiff)) == 1
    del source
    assert not open_paths(deflate_tiff)


def test_closes_its_descriptor_when_it_cannot_open(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", pixels_of("u1"), photometric="rgb")
    with pytest.raises(UnsupportedImage):
        TILED.open(open_file(tmp_path / "a.tif"))
    assert not open_paths(tmp_path)
