"""TIFF in strips: layouts, pages, masks, damage. Every kind of sample is in `tests.sources.test_corpus`."""

from __future__ import annotations

import gc
import os
import shutil
import struct
import tracemalloc
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from iipserve.errors import DecodeError, IIPServeError, ImageUnavailable, UnsupportedImage
from iipserve.geometry import Region, Size
from iipserve.sources import Source
from iipserve.sources.tiff import FORMAT
from iipserve.sources.tiff import strip_reader as tiff_strip_reader
from iipserve.sources.tiff.strips import StripSource
from iipserve.sources.tiff.tiled import TiffSource
from tests.contracts.source import SourceContract, open_file, open_source
from tests.images import Picture, gradient, halved, smooth, write_tiff_pyramid
from tests.sources.tiff.files import STRIPPED
from tests.tiff_corpus.layout import DEFLATE, MASK, RGB, Layout, scene, whole
from tests.tiff_corpus.strips import STRIPS, striped_page
from tests.tiff_corpus.tiff_writer import ASCII, LONG, SHORT, Page, write_tiff


def whole_of(source: Source) -> Any:
    """The whole picture."""
    return source.read_region(0, Region.of_size(source.info.size), source.info.size)


# -- layouts ---------------------------------------------------------------------------------------


class StripContract(SourceContract):
    format_name = "tiff"
    picture = gradient((600, 401))
    options: dict[str, Any] = {}  # noqa: RUF012

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        options = {"photometric": "rgb", "metadata": None, **self.options}
        tifffile.imwrite(tmp_path / "a.tif", self.picture, **options)
        return tmp_path / "a.tif"

    @pytest.fixture
    def source(self, path: Path) -> Source:
        return open_source(STRIPPED, path)

    @pytest.fixture
    def levels(self) -> Sequence[Picture]:
        return [self.picture]


class TestStripsOfOneRow(StripContract):
    options = {"rowsperstrip": 1, "compression": "lzw"}  # noqa: RUF012


class TestALastStripOfOneRow(StripContract):
    options = {"rowsperstrip": 100, "compression": "zlib", "predictor": True}  # noqa: RUF012


class TestOneCompressedStrip(StripContract):
    options = {"rowsperstrip": 401, "compression": "zlib"}  # noqa: RUF012


class TestMoreRowsThanThereAre(StripContract):
    options = {"rowsperstrip": 2**31 - 1}  # noqa: RUF012


class TestLargeUncompressedStrips(StripContract):
    """Longer than one piece, in the other byte order."""

    picture = gradient((2003, 1500))
    options = {"rowsperstrip": 700, "byteorder": ">"}  # noqa: RUF012


class TestBigTiff(StripContract):
    options = {"rowsperstrip": 16, "bigtiff": True, "byteorder": ">"}  # noqa: RUF012


def test_strips_in_bits_are_divided_at_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiff_strip_reader, "PIECE", 1000)
    for name in (
        "strips-gray12-packbits-big-endian",
        "strips-gray1",
        "strips-ycc-420-studio",
        "strips-rgb8-planar",
    ):
        written = STRIPS[name](tmp_path / "a.tif")
        apart = whole_of(open_source(STRIPPED, tmp_path / "a.tif")).astype(int) - written.levels[0]
        assert np.abs(apart).max() <= written.tolerance


def test_a_whole_picture_is_unpacked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tifffile.imwrite(tmp_path / "a.tif", gradient((900, 700)), photometric="rgb", rowsperstrip=70)
    source = open_source(STRIPPED, tmp_path / "a.tif")
    read = []
    original = os.pread
    monkeypatch.setattr(os, "pread", lambda *a: read.append(a) or original(*a))
    for _ in range(3):
        source.read_tile(0, 1, 1)
        source.read_region(0, Region(0, 0, 900, 700), Size(100, 80))
    assert len(read) == 10


# -- metadata --------------------------------------------------------------------------------------


def test_metadata(tmp_path: Path) -> None:
    icc = bytes(16) + b"RGB " + bytes(16) + b"acsp" + bytes(100)
    tifffile.imwrite(
        tmp_path / "a.tif", gradient((60, 40)), photometric="rgb", rowsperstrip=8, description="A view", metadata=None,
        resolution=(100, 50), resolutionunit="CENTIMETER", iccprofile=icc, software=False,
        extratags=[(269, 2, 0, "Title", True), (315, 2, 0, "A. Painter", True), (700, 1, 4, b"<x/>", True)],
    )  # fmt: skip
    info = open_source(STRIPPED, tmp_path / "a.tif").info
    assert dict(info.text) == {"description": "A view", "title": "Title", "creator": "A. Painter"}
    assert (info.icc, info.xmp) == (icc, b"<x/>")
    assert info.resolution is not None
    assert (info.resolution.x, info.resolution.y) == (10_000, 5_000)


def test_the_resolution_turns_with_the_picture(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif", gradient((60, 40)), photometric="rgb", resolution=(100, 50), resolutionunit="CENTIMETER",
        extratags=[(274, 3, 1, 6, True)],
    )  # fmt: skip
    info = open_source(STRIPPED, tmp_path / "a.tif").info
    assert info.resolution is not None
    assert (info.size, info.resolution.x, info.resolution.y) == (Size(40, 60), 5_000, 10_000)


# -- pages -----------------------------------------------------------------------------------------


def page(size: tuple[int, int], *, kind: int = 0, fields: Mapping[int, Any] | None = None) -> Page:
    """A directory of gray strips."""
    return striped_page(Layout(compression=DEFLATE, fields=dict(fields or {})), gradient(size, 1), kind=kind)


def named(text: bytes) -> dict[int, Any]:
    return {285: (ASCII, text + b"\0")}


PAGES = [
    pytest.param([page((300, 200))], [], id="one"),
    pytest.param([page((300, 200))] * 2, ["layer0", "layer1"], id="two of one size"),
    pytest.param(
        [page((300, 200), fields=named(b"front")), page((300, 200), fields=named(b"back"))], ["front", "back"], id="named",
    ),
    pytest.param([page((300, 200)), page((150, 100), kind=1), page((75, 50), kind=1)], [], id="a pyramid"),
    pytest.param([page((301, 201)), page((150, 100))], ["layer0", "layer1"], id="a smaller one with other content"),
    pytest.param(
        [page((300, 200)), page((150, 100), kind=1), page((300, 200)), page((150, 100), kind=1)], ["layer0", "layer1"],
        id="two pyramids",
    ),
    pytest.param([page((300, 200)), page((200, 300))], ["layer0", "layer1"], id="upright and across"),
    pytest.param([page((300, 200)), page((280, 190))], ["layer0", "layer1"], id="nearly one size"),
    pytest.param([page((300, 200), kind=2), page((150, 100), kind=2)], ["layer0", "layer1"], id="marked as pages"),
    pytest.param([page((300, 200)), page((80, 80), kind=1)], [], id="a thumbnail of another shape"),
    pytest.param([page((300, 200)), page((300, 200), kind=4)], [], id="a mask of 8 bits"),
]  # fmt: skip


@pytest.mark.parametrize(("pages", "names"), PAGES)
def test_which_pages_are_pictures(tmp_path: Path, pages: list[Page], names: list[str]) -> None:
    write_tiff(tmp_path / "a.tif", pages)
    info = open_source(STRIPPED, tmp_path / "a.tif").info
    assert [layer.name for layer in info.stack] == names


def test_pages_may_differ_in_everything(tmp_path: Path) -> None:
    deep = whole([scene(3)], 16)[0][:90, :120]
    pages = [page((300, 200)), striped_page(Layout(16, photometric=RGB), deep), page((100, 400))]
    write_tiff(tmp_path / "a.tif", pages)
    sources = [open_source(FORMAT, tmp_path / "a.tif", layer=layer) for layer in range(3)]
    assert [source.info.size for source in sources] == [Size(300, 200), Size(120, 90), Size(100, 400)]
    assert np.array_equal(whole_of(sources[0]), gradient((300, 200), 1))
    assert np.array_equal(whole_of(sources[1]), deep)


def test_smaller_levels_in_sub_directories_are_no_pages(tmp_path: Path) -> None:
    picture = gradient((300, 200))
    write_tiff_pyramid(tmp_path / "a.tif", [picture, halved(picture)], tile=None, subifds=True)
    source = open_source(STRIPPED, tmp_path / "a.tif")
    assert (source.info.stack, len(source.info.levels)) == ((), 1)
    assert np.array_equal(whole_of(source), picture)


def test_a_page_of_tiles_among_strips_is_read_as_tiles(tmp_path: Path) -> None:
    picture = gradient((300, 200), 1)
    write_tiff(tmp_path / "a.tif", [page((300, 200)), Layout().page(picture)])
    assert len(open_source(FORMAT, tmp_path / "a.tif").info.stack) == 2
    source = open_source(FORMAT, tmp_path / "a.tif", layer=1)
    assert isinstance(source, TiffSource)
    tile = source.info.levels[0].tile
    assert np.array_equal(source.read_tile(0, 0, 0), picture[: tile.height, : tile.width])


# -- masks -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", [8, 16])
def test_a_mask_in_strips_of_its_own_becomes_opacity(
    tmp_path: Path, bits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    (picture,) = whole([scene(3)], bits)
    mask = (scene(1) > 0.5).astype(np.uint8)
    color = striped_page(Layout(bits, photometric=RGB), picture)
    monkeypatch.setattr("tests.tiff_corpus.strips.STRIP_ROWS", 64)
    write_tiff(tmp_path / "a.tif", [color, striped_page(Layout(1, photometric=MASK), mask, kind=4)])
    source = open_source(STRIPPED, tmp_path / "a.tif")
    assert (source.info.bands, source.info.has_alpha, source.info.stack) == (4, True, ())
    assert source.info.band_ranges == ((0.0, 2.0**bits - 1),) * 4
    pixels = whole_of(source)
    assert np.array_equal(pixels[:, :, :3], picture)
    assert np.array_equal(pixels[:, :, 3:], mask.astype(picture.dtype) * (2**bits - 1))


def test_a_mask_of_another_size_is_passed_over(tmp_path: Path) -> None:
    mask = striped_page(Layout(1, photometric=MASK), gradient((100, 100), 1) & 1, kind=4)
    write_tiff(tmp_path / "a.tif", [page((300, 200)), mask])
    source = open_source(STRIPPED, tmp_path / "a.tif")
    assert (source.info.has_alpha, source.info.stack) == (False, ())


# -- damage ----------------------------------------------------------------------------------------


def striped_file(path: Path, picture: Picture, **options: Any) -> tuple[list[int], list[int]]:
    """Write strips of 48 rows; their offsets and lengths."""
    options = {"photometric": "rgb", "metadata": None, "rowsperstrip": 48, **options}
    tifffile.imwrite(path, picture, **options)
    with tifffile.TiffFile(path) as file:
        return list(file.pages.first.dataoffsets), list(file.pages.first.databytecounts)


@pytest.mark.parametrize("compression", ["lzw", "zlib", "jpeg", "zstd", "packbits"])
def test_a_destroyed_strip_fails_and_those_above_do_not(tmp_path: Path, compression: str) -> None:
    picture = smooth((300, 400))
    offsets, counts = striped_file(tmp_path / "a.tif", picture, compression=compression)
    with (tmp_path / "a.tif").open("r+b") as file:
        file.seek(offsets[4])
        file.write(np.random.default_rng(1).bytes(counts[4]))
    source = open_source(STRIPPED, tmp_path / "a.tif")
    for _ in range(2):
        top = source.read_region(0, Region(0, 0, 300, 192), Size(300, 192))
        assert np.abs(top.astype(int) - picture[:192]).max() <= (30 if compression == "jpeg" else 0)
        with pytest.raises(DecodeError, match="only 192 of 400 lines"):
            source.read_tile(0, 0, 0)


def test_a_cut_file_shows_what_it_holds(tmp_path: Path) -> None:
    picture = gradient((300, 400))
    offsets, _ = striped_file(tmp_path / "a.tif", picture)
    os.truncate(tmp_path / "a.tif", offsets[6] + 10)
    source = open_source(STRIPPED, tmp_path / "a.tif")
    assert np.array_equal(source.read_region(0, Region(0, 0, 300, 288), Size(300, 288)), picture[:288])
    with pytest.raises(DecodeError, match="only 288 of 400 lines"):
        source.read_tile(0, 0, 1)


def test_strips_that_were_never_written_are_black(tmp_path: Path) -> None:
    strips = [bytes([77]) * (300 * 50), b"", bytes([88]) * (300 * 50)]
    fields = {
        254: (LONG, [0]), 256: (LONG, [300]), 257: (LONG, [150]), 258: (SHORT, [8]), 259: (SHORT, [1]), 262: (SHORT, [1]),
        277: (SHORT, [1]), 278: (LONG, [50]),
    }  # fmt: skip
    write_tiff(tmp_path / "a.tif", [Page(fields, strips, striped=True)])
    pixels = whole_of(open_source(STRIPPED, tmp_path / "a.tif"))
    assert [int(pixels[row].max()) for row in (0, 49, 50, 99, 100, 149)] == [77, 77, 0, 0, 88, 88]


def fields(**changes: Any) -> dict[int, Any]:
    """Of a gray picture of 64 x 64 pixels in one strip; `t256=...` changes or removes a field."""
    usual: dict[int, Any] = {
        254: (LONG, [0]), 256: (LONG, [64]), 257: (LONG, [64]), 258: (SHORT, [8]), 259: (SHORT, [1]), 262: (SHORT, [1]),
        277: (SHORT, [1]), 278: (LONG, [64]),
    }  # fmt: skip
    usual |= {int(name[1:]): value for name, value in changes.items()}
    return {tag: value for tag, value in usual.items() if value is not None}


FALSE_FIELDS = [
    pytest.param(fields(t256=(LONG, [2**31 - 1]), t257=(LONG, [2**31 - 1])), "pixels", id="vast"),
    pytest.param(fields(t256=(LONG, [100_000]), t257=(LONG, [100_000]), t278=None), "at most 67108864 pixels", id="one huge strip"),
    pytest.param(fields(t257=(LONG, [100_000])), "requires 1563", id="more strips than listed"),
    pytest.param(fields(t256=(LONG, [20_000_000]), t278=(LONG, [1])), "20000000 x 64 pixels", id="long"),
    pytest.param(fields(t256=(LONG, [0])), "0 x 64", id="no width"),
    pytest.param(fields(t256=None), "0 x 64", id="no width given"),
    pytest.param(fields(t258=(SHORT, [65])), "65 bits", id="65 bits"),
    pytest.param(fields(t258=(SHORT, [64] * 2), t339=(SHORT, [6] * 2), t277=(SHORT, [2])), "complex", id="complex"),
    pytest.param(fields(t259=(SHORT, [50002])), "compression 50002", id="an unknown compression"),
    pytest.param(fields(t262=(SHORT, [32845])), "photometric 32845", id="LogLuv"),
    pytest.param(fields(t277=(SHORT, [60_000])), "60000 bands", id="too many bands"),
    pytest.param(fields(t259=(SHORT, [6]), t277=(SHORT, [4]), t258=(SHORT, [8] * 4)), "4 bands", id="old-style JPEG of 4 bands"),
    pytest.param(fields(t259=(SHORT, [6]), t256=(LONG, [10_000]), t257=(LONG, [10_000])), "10000 x 10000", id="old-style JPEG, huge"),
]  # fmt: skip


@pytest.mark.parametrize(("declared", "reason"), FALSE_FIELDS)
def test_refused_with_the_reason(tmp_path: Path, declared: dict[int, Any], reason: str) -> None:
    write_tiff(tmp_path / "a.tif", [Page(declared, [bytes(64)] * 64, striped=True)])
    file = open_file(tmp_path / "a.tif")
    with pytest.raises(UnsupportedImage, match=reason) as caught:
        STRIPPED.open(file)
    assert "/" not in str(caught.value)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(file.descriptor)


def test_no_more_is_read_of_a_strip_than_its_rows_take(tmp_path: Path) -> None:
    write_tiff(tmp_path / "a.tif", [Page(fields(), [bytes(4096)], striped=True)])
    data = bytearray((tmp_path / "a.tif").read_bytes())
    place = data.index(struct.pack("<HHI", 279, LONG, 1)) + 8
    data[place : place + 4] = struct.pack("<I", 1 << 30)
    (tmp_path / "a.tif").write_bytes(data)
    with (tmp_path / "a.tif").open("r+b") as file:
        file.truncate(1 << 31)  # a hole, so that the bytes are there
    source = open_source(STRIPPED, tmp_path / "a.tif")
    tracemalloc.start()
    assert not source.read_tile(0, 0, 0).any()
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


@pytest.mark.parametrize("kind", ["lzw", "zlib", "jpeg", "none", "old"])
def test_damaged_data_never_does_worse_than_an_error(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.tif"
    if kind == "old":
        STRIPS["strips-old-jpeg"](path)
    else:
        striped_file(path, smooth((200, 150)), compression=None if kind == "none" else kind)
    original = path.read_bytes()
    rng, messages = np.random.default_rng(5), []
    for _ in range(60):
        data = np.frombuffer(original, np.uint8).copy()
        places = rng.integers(4, min(len(data), 400) if rng.random() < 0.5 else len(data), 6)
        data[places] = rng.integers(0, 256, 6)
        path.write_bytes(data[: rng.integers(100, 2 * len(data))].tobytes())
        try:
            source = open_source(STRIPPED, path)
            source.read_region(0, Region(0, 0, 1, 1), Size(1, 1))
        except IIPServeError as error:
            messages.append(str(error))
    assert messages
    assert not any(str(tmp_path) in message for message in messages)


def test_a_full_disk_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    striped_file(tmp_path / "a.tif", gradient((300, 300)))
    source = open_source(STRIPPED, tmp_path / "a.tif")
    usage = shutil.disk_usage(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
        with pytest.raises(ImageUnavailable, match="no room"):
            source.read_tile(0, 0, 0)
    assert source.read_tile(0, 0, 0).shape == (256, 256, 3)


def test_the_descriptor_lives_as_long_as_the_source(tmp_path: Path) -> None:
    striped_file(tmp_path / "a.tif", gradient((300, 300)))
    file = open_file(tmp_path / "a.tif")
    source: Source | None = STRIPPED.open(file)
    assert source is not None
    source.read_tile(0, 0, 0)
    os.fstat(file.descriptor)
    del source
    gc.collect()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(file.descriptor)


def test_strips_are_read_where_the_reader_of_tiles_does_not(tmp_path: Path) -> None:
    STRIPS["strips-gray1"](tmp_path / "a.tif")
    assert not FORMAT.fallback, "the general reader comes after it"
    assert isinstance(open_source(FORMAT, tmp_path / "a.tif"), StripSource)
    assert FORMAT.matches(b"MM\0*\0\0\0\x08")
    assert not FORMAT.matches(b"\x89PNG\r\n\x1a\n")
