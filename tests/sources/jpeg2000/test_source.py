"""JPEG 2000: every layout against the picture that was written, and other decoders."""

from __future__ import annotations

import dataclasses
import gc
import hashlib
import os
import struct
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import iipserve
from iipserve.errors import DecodeError, IIPServeError, UnsupportedImage
from iipserve.geometry import Size
from iipserve.image import ColorSpace
from iipserve.sources import OpenFile, Source
from iipserve.sources.jpeg2000 import FORMAT, openjpeg, openjpeg_library
from iipserve.sources.jpeg2000.openjpeg_library import glymur
from iipserve.sources.jpeg2000.source import Jpeg2000Source
from tests.contracts.source import SourceContract, open_file, open_source, tiles_of
from tests.images import Picture, gradient, smooth, write_jp2
from tests.tiff_corpus.jp2_files import SRGB, codestream, enumerated, palette, profiled, write_picture
from tests.tiff_corpus.profiles import SRGB_PROFILE


def reduced(path: Path, levels: int) -> list[Picture]:
    """The file's reduced resolutions, each decoded in one piece by glymur, full size first."""
    file = glymur.Jp2k(path)
    pictures = [file[:: 1 << level, :: 1 << level] for level in range(levels)]
    return [pixels.reshape(*pixels.shape[:2], -1) for pixels in pictures]


def low_pass(samples: NDArray[np.int64]) -> NDArray[np.int64]:
    """The low band of the reversible 5/3 transform along the first axis (15444-1 F.4.8.1)."""
    length = len(samples)
    mirrored = np.pad(samples, ((2, 3), (0, 0)), mode="reflect")  # place 2 is the first sample
    high = (
        mirrored[1::2][: length // 2 + 2]
        - (mirrored[0::2][: length // 2 + 2] + mirrored[2::2][: length // 2 + 2]) // 2
    )
    low = mirrored[2::2][: (length + 1) // 2]
    return low + (high[: len(low)] + high[1 : len(low) + 1] + 2) // 4


def sides(source: Source) -> list[tuple[int, int]]:
    """The decode block of each level."""
    return [(level.tile.width, level.tile.height) for level in source.info.levels]


# -- layouts ---------------------------------------------------------------------------------------


class Jpeg2000Contract(SourceContract):
    format_name = "jpeg2000"
    size = (1000, 701)
    bands = 3
    ending = "jp2"
    levels_shown = 3
    options: dict[str, Any] = {}  # noqa: RUF012

    @pytest.fixture(scope="class")
    @classmethod
    def path(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        path = tmp_path_factory.mktemp("jpeg2000") / f"picture.{cls.ending}"
        write_jp2(path, gradient(cls.size, cls.bands), **cls.options)
        return path

    @pytest.fixture
    def source(self, path: Path) -> Source:
        return open_source(FORMAT, path)

    @pytest.fixture(scope="class")
    @classmethod
    def levels(cls, path: Path) -> list[Picture]:
        return reduced(path, cls.levels_shown)

    def test_full_size_is_the_picture(self, levels: list[Picture]) -> None:
        if not self.tolerance and "cratios" not in self.options:
            assert np.array_equal(levels[0], gradient(self.size, self.bands))


class TestUntiledInBlocks(Jpeg2000Contract):
    """Larger than one block, so that areas of it are decoded."""

    size = (1301, 1101)
    levels_shown = 4


class TestUntiledLossyWithPrecincts(Jpeg2000Contract):
    size = (1301, 1101)
    levels_shown = 4
    tolerance = 1  # floating point need not agree to the last bit
    options = {"cratios": [6], "irreversible": True, "psizes": [(256, 256), (128, 128)], "prog": "RPCL"}  # noqa: RUF012


class TestTiled256(Jpeg2000Contract):
    options = {"tilesize": (256, 256)}  # noqa: RUF012


class TestTilesThatDoNotHalve(Jpeg2000Contract):
    """Tiles of 120 x 200 pixels: the blocks of smaller levels hold several, and parts of some."""

    bands = 4
    options = {"tilesize": (200, 120), "mct": False}  # noqa: RUF012


class TestTiledLossyInLayers(Jpeg2000Contract):
    tolerance = 1
    options = {"tilesize": (512, 512), "cratios": [40, 10, 4], "irreversible": True, "prog": "RLCP"}  # noqa: RUF012


class TestTileLengthsAndPacketLengths(Jpeg2000Contract):
    options = {"tilesize": (256, 256), "plt": True, "tlm": True, "prog": "CPRL", "sop": True, "eph": True}  # noqa: RUF012


class TestBypassAndOtherModes(Jpeg2000Contract):
    size = (1301, 701)
    levels_shown = 4
    options = {"modesw": 1 | 8}  # noqa: RUF012


class TestGrayCodestream(Jpeg2000Contract):
    bands = 1
    ending = "j2k"

    def test_levels_are_the_low_bands_of_the_wavelet(self, levels: list[Picture]) -> None:
        band = levels[0][:, :, 0].astype(np.int64)
        for level in levels[1:]:
            band = low_pass(low_pass(band).T).T
            assert np.array_equal(level[:, :, 0], np.clip(band, 0, 255))


class TestGrayAndOpacity(Jpeg2000Contract):
    bands = 2


class TestOneResolution(Jpeg2000Contract):
    levels_shown = 1
    options = {"numres": 1, "tilesize": (256, 256)}  # noqa: RUF012


class HighThroughputContract(SourceContract):
    format_name = "jpeg2000"
    options: dict[str, Any] = {}  # noqa: RUF012
    size = (1300, 700)
    factor = 1
    """By which samples of 8 bits are multiplied."""

    @pytest.fixture(scope="class")
    @classmethod
    def path(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        path = tmp_path_factory.mktemp("jpeg2000") / "picture.jph"
        picture = smooth(cls.size) if cls.factor == 1 else smooth(cls.size).astype(np.uint16) * cls.factor
        path.write_bytes(imagecodecs.htj2k_encode(picture, reversible=True, **cls.options))
        return path

    @pytest.fixture
    def source(self, path: Path) -> Source:
        return open_source(FORMAT, path)

    @pytest.fixture(scope="class")
    @classmethod
    def levels(cls, path: Path) -> list[Picture]:
        data = path.read_bytes()
        return [imagecodecs.htj2k_decode(data, skipres=level) for level in range(4)]


class TestHighThroughputTiled(HighThroughputContract):
    options = {"tile": (256, 256), "tlm": True}  # noqa: RUF012


class TestHighThroughputOf16Bits(HighThroughputContract):
    options = {"tile": (512, 512)}  # noqa: RUF012
    factor = 257


class TestHighThroughputUntiled(HighThroughputContract):
    """OpenJPEG makes gray of a part of such a tile; only the whole is right."""

    def test_decodes_the_tile_once_for_all_blocks(
        self, source: Source, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        decoded = []
        original = openjpeg.decoded
        monkeypatch.setattr(openjpeg, "decoded", lambda *a, **k: decoded.append(k) or original(*a, **k))  # type: ignore[func-returns-value]
        assert source.info.levels[0].tile.width < source.info.size.width
        for tile in [tile for tile in tiles_of(source) if tile[0] == 0] * 2:
            source.read_tile(*tile)
        assert len(decoded) == 1


# -- levels and blocks -----------------------------------------------------------------------------

BLOCKS = [
    pytest.param((3000, 2000), {}, [(1024, 1024), (768, 1000), (750, 500), (375, 500), (376, 375)], id="untiled"),
    pytest.param((1100, 900), {"tilesize": (512, 512)}, [(512, 512), (256, 256), (256, 256), (256, 256)], id="512"),
    pytest.param((1100, 900), {"tilesize": (64, 64)}, [(256, 256)] * 4, id="small tiles together"),
    pytest.param((2100, 300), {"tilesize": (300, 2000)}, [(1024, 300), (1000, 300), (500, 300), (500, 266), (264, 266)], id="wide tiles in parts"),
]  # fmt: skip


@pytest.mark.parametrize(("size", "options", "blocks"), BLOCKS)
def test_blocks_are_tiles_of_the_codestream_or_parts_of_large_ones(
    tmp_path: Path, size: tuple[int, int], options: dict[str, Any], blocks: list[tuple[int, int]]
) -> None:
    write_jp2(tmp_path / "a.jp2", smooth(size, 1), **options)
    source = open_source(FORMAT, tmp_path / "a.jp2")
    assert len(sides(source)) == len(blocks)
    for level, (side, block) in zip(source.info.levels, zip(sides(source), blocks, strict=True), strict=True):
        covered = [min(a, b) for a, b in zip(side, (level.size.width, level.size.height), strict=True)]
        assert covered == [
            min(a, b) for a, b in zip(block, (level.size.width, level.size.height), strict=True)
        ]


def test_levels_end_with_the_first_that_fits_in_a_tile(tmp_path: Path) -> None:
    write_jp2(tmp_path / "a.jp2", smooth((1025, 500), 1), numres=6)
    info = open_source(FORMAT, tmp_path / "a.jp2").info
    assert [level.size for level in info.levels] == [
        Size(1025, 500),
        Size(513, 250),
        Size(257, 125),
        Size(129, 63),
    ]
    assert info.tile == Size(256, 256)


@pytest.mark.parametrize("tile", [None, (256, 256)], ids=["untiled", "tiled"])
def test_an_image_that_does_not_begin_at_the_origin(tmp_path: Path, tile: tuple[int, int] | None) -> None:
    picture = gradient((1200, 600))
    options = {"tilesize": tile} if tile else {}
    write_jp2(tmp_path / "a.j2k", picture, grid_offset=(25, 41), **options)
    source = open_source(FORMAT, tmp_path / "a.j2k")
    assert source.info.size == Size(1200, 600)
    # the levels begin at ceil(41 / 2), ceil(25 / 2) of the reference grid (15444-1 B-15)
    assert source.info.levels[1].size == Size(-(-1241 // 2) - 21, -(-625 // 2) - 13)
    rows: dict[int, list[Picture]] = {}
    for level, column, row in tiles_of(source):
        pixels = source.read_tile(level, column, row)
        if level == 0:
            rows.setdefault(row, [])
            rows[row].append(pixels)  # type: ignore[arg-type]
    assert np.array_equal(np.vstack([np.hstack(row) for row in rows.values()]), picture)


# -- layers ----------------------------------------------------------------------------------------


def test_fewer_layers_are_coarser_and_none_named_is_all(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    picture = rng.integers(0, 256, (300, 300, 1), dtype=np.uint8)
    write_jp2(tmp_path / "a.jp2", picture, cratios=[20, 5, 1])
    source = open_source(FORMAT, tmp_path / "a.jp2")
    assert source.info.quality_layers == 3

    def error(layers: int) -> float:
        return float(np.abs(source.read_tile(0, 0, 0, layers).astype(int) - picture).mean())

    assert error(1) > error(2) > error(3) == error(0) == error(99) == 0


# -- kinds of samples ------------------------------------------------------------------------------


def patched(path: Path, changes: dict[int, bytes]) -> None:
    """Overwrite bytes, counted from the codestream's first."""
    data = bytearray(path.read_bytes())
    start = data.find(b"\xff\x4f\xff\x51")
    for place, value in changes.items():
        data[start + place : start + place + len(value)] = value
    path.write_bytes(bytes(data))


DEPTH = 42
"""Where SIZ holds the depth of the first component, from SOC on (15444-1 A.5.1)."""


def test_signed_samples_are_moved_up(tmp_path: Path) -> None:
    picture = gradient((300, 200), 1)
    write_jp2(tmp_path / "a.j2k", picture)
    patched(tmp_path / "a.j2k", {DEPTH: b"\x87"})  # unsigned samples are stored less 128, signed as they are
    assert np.array_equal(open_source(FORMAT, tmp_path / "a.j2k").read_tile(0, 0, 0), picture)


def test_four_bits_fill_the_range(tmp_path: Path) -> None:
    picture = gradient((300, 200), 1) % 16
    write_jp2(tmp_path / "a.j2k", picture + 120)
    patched(tmp_path / "a.j2k", {DEPTH: b"\x03"})  # stored less 128, read plus 8
    source = open_source(FORMAT, tmp_path / "a.j2k")
    assert source.info.bits == 4
    assert np.array_equal(source.read_tile(0, 0, 0), picture * 17)


def test_luma_and_chroma_become_rgb(tmp_path: Path) -> None:
    picture = smooth((300, 200))
    write_jp2(tmp_path / "a.jp2", picture)
    data = (tmp_path / "a.jp2").read_bytes()
    (tmp_path / "a.jp2").write_bytes(data.replace(b"colr\x01\0\0\0\0\0\x10", b"colr\x01\0\0\0\0\0\x12"))
    expected = np.asarray(Image.fromarray(picture, "YCbCr").convert("RGB")).astype(int)
    pixels = open_source(FORMAT, tmp_path / "a.jp2").read_tile(0, 0, 0)
    assert np.abs(pixels - expected).max() <= 1


def test_subsampled_components_are_repeated(tmp_path: Path) -> None:
    picture = gradient((300, 200), 1)
    glymur.Jp2k(tmp_path / "a.j2k", data=picture[:, :, 0], subsam=(2, 2), numres=1)
    source = open_source(FORMAT, tmp_path / "a.j2k")
    pixels = np.vstack([
        np.hstack([source.read_tile(0, column, row) for column in range(-(-source.info.size.width // sides(source)[0][0]))])
        for row in range(-(-source.info.size.height // sides(source)[0][1]))
    ])  # fmt: skip
    doubled = picture.repeat(2, axis=0).repeat(2, axis=1)
    assert np.array_equal(pixels, doubled[: pixels.shape[0], : pixels.shape[1]])


def test_more_than_16_bits_are_refused_with_the_reason(tmp_path: Path) -> None:
    write_jp2(tmp_path / "a.j2k", gradient((64, 64), 1))
    patched(tmp_path / "a.j2k", {DEPTH: b"\x17"})
    with pytest.raises(UnsupportedImage, match="24 bits per sample; at most 16 are supported"):
        open_source(FORMAT, tmp_path / "a.j2k")


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_signed_samples_of_any_depth_are_moved_up(tmp_path: Path, bits: int) -> None:
    picture = (
        np.random.default_rng(bits).integers(0, 1 << bits, (90, 80, 1)).astype("u1" if bits == 8 else "u2")
    )
    stream = bytearray(codestream(picture, bits))
    stream[DEPTH] |= 0x80  # unsigned samples are stored less half their range, signed ones as they are
    (tmp_path / "a.j2k").write_bytes(stream)
    source = open_source(FORMAT, tmp_path / "a.j2k")
    assert (source.info.bits, source.info.dtype) == (bits, "uint8" if bits == 8 else "uint16")
    assert np.array_equal(source.read_tile(0, 0, 0), picture)


def test_indices_into_a_palette_have_no_smaller_levels(tmp_path: Path) -> None:
    picture = gradient((700, 600), 1)
    table = np.arange(768).reshape(256, 3) % 256
    write_picture(tmp_path / "a.jp2", picture, 8, enumerated(SRGB), palette(table, 8))
    source = open_source(FORMAT, tmp_path / "a.jp2")
    assert [level.size for level in source.info.levels] == [Size(700, 600)]
    assert np.array_equal(source.read_tile(0, 0, 0), table[picture[:, :, 0]])


@pytest.mark.parametrize(
    ("bands", "side"), [(4, 1024), (5, 512), (16, 512), (17, 256), (300, 64), (1000, 64)]
)
def test_blocks_of_many_components_are_smaller(tmp_path: Path, bands: int, side: int) -> None:
    write_jp2(tmp_path / "a.j2k", gradient((2100, 1100), 1), numres=1)
    data = (tmp_path / "a.j2k").read_bytes()
    length = 38 + 3 * bands
    siz = struct.pack(">HH", 0xFF51, length) + data[6:40] + struct.pack(">H", bands) + data[42:45] * bands
    (tmp_path / "a.j2k").write_bytes(data[:2] + siz + data[45:])
    tile = open_source(FORMAT, tmp_path / "a.j2k").info.levels[0].tile
    assert max(tile.width, tile.height) <= side + 64
    assert tile.area * bands <= 5 * 1024 * 1024


def test_a_profile_for_other_colors_is_dropped(tmp_path: Path) -> None:
    picture = gradient((90, 80), 1)
    for box, kept in [
        (profiled(SRGB_PROFILE), False),
        (profiled(SRGB_PROFILE[:16] + b"GRAY" + SRGB_PROFILE[20:]), True),
    ]:
        write_picture(tmp_path / "a.jp2", picture, 8, box)
        source = open_source(FORMAT, tmp_path / "a.jp2")
        assert (source.info.icc is not None) is kept
        assert np.array_equal(source.read_tile(0, 0, 0), picture)


def test_color_and_opacity(tmp_path: Path) -> None:
    for bands, space in [
        (1, ColorSpace.GRAY),
        (2, ColorSpace.GRAY),
        (3, ColorSpace.SRGB),
        (4, ColorSpace.SRGB),
    ]:
        write_jp2(tmp_path / "a.jp2", gradient((64, 64), bands))
        info = open_source(FORMAT, tmp_path / "a.jp2").info
        assert (info.color_space, info.has_alpha, info.bits) == (space, bands in (2, 4), 8)


# -- recognition -----------------------------------------------------------------------------------

HEADS = [
    pytest.param(b"\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x14ftypjp2 ", True, id="JP2"),
    pytest.param(b"\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x14ftypjph ", True, id="JPH"),
    pytest.param(b"\xff\x4f\xff\x51\0\x2f", True, id="codestream"),
    pytest.param(b"\xff\xd8\xff\xe0", False, id="JPEG"),
    pytest.param(b"\0\0\0\x0cJXL \r\n\x87\n", False, id="JPEG XL"),
    pytest.param(b"\0\0\0\x0cjP  \r\n", False, id="cut off"),
    pytest.param(b"", False, id="empty"),
]


@pytest.mark.parametrize(("head", "known"), HEADS)
def test_formats_are_told_by_their_bytes(head: bytes, known: bool) -> None:
    assert FORMAT.matches(head) is known


# -- broken files ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def gray_file(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("jpeg2000") / "gray.jp2"
    write_jp2(path, gradient((700, 500), 1))
    return path.read_bytes()


def siz(width: int, height: int, tile_width: int, tile_height: int) -> dict[int, bytes]:
    """Changes of SIZ: image and tile size."""
    return {8: struct.pack(">II", width, height), 24: struct.pack(">II", tile_width, tile_height)}


LIES = [
    pytest.param(siz(4_000_000_000, 4_000_000_000, 4_000_000_000, 4_000_000_000), "declares an image", id="4e9 square"),
    pytest.param(siz(100_000, 100_000, 100_000, 100_000), "too short for one tile", id="100,000 square"),
    pytest.param(siz(60_000, 60_000, 1, 1), "3600000000 tiles", id="too many tiles"),
    pytest.param(siz(0, 500, 700, 500), "declares an image", id="no width"),
    pytest.param(siz(700, 500, 0, 0), "do not cover", id="tiles without size"),
    pytest.param({40: b"\0\0"}, "0 components", id="no components"),
    pytest.param({40: b"\xff\xff"}, "65535 components", id="too many components"),
    pytest.param({40: b"\0\x09"}, "damaged", id="components beyond the segment"),
    pytest.param({43: b"\0"}, "components or layers", id="no horizontal step"),
    pytest.param({45: b"\xff\x52\x00\x01"}, "damaged or cut off", id="a segment of length 1"),
    pytest.param({45: b"\xff\x52\xff\xff"}, "damaged", id="a segment over the rest"),
    pytest.param({51: b"\0\0"}, "components or layers", id="no layers"),
    pytest.param({54: b"\x40"}, "coding style", id="64 decompositions"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "reason"), LIES)
def test_lying_headers_are_refused_at_once(
    tmp_path: Path, gray_file: bytes, changes: dict[int, bytes], reason: str
) -> None:
    path = tmp_path / "a.jp2"
    path.write_bytes(gray_file)
    patched(path, changes)
    with pytest.raises(DecodeError, match=reason) as caught:
        open_source(FORMAT, path)
    assert str(tmp_path) not in str(caught.value)


def test_a_huge_untiled_image_is_refused_for_its_memory(tmp_path: Path, gray_file: bytes) -> None:
    path = tmp_path / "a.jp2"
    path.write_bytes(gray_file)
    patched(path, siz(200_000, 200_000, 200_000, 200_000))
    with path.open("r+b") as file:
        file.truncate(1 << 34)  # a hole, so that the length fits the claim
    start = gray_file.find(b"jp2c") - 4
    with path.open("r+b") as file:
        file.seek(start)
        file.write(b"\0\0\0\0")
    with pytest.raises(UnsupportedImage, match="must be tiled"):
        open_source(FORMAT, path)


def test_declared_tiles_without_data_are_errors_of_these_tiles(tmp_path: Path, gray_file: bytes) -> None:
    path = tmp_path / "a.jp2"
    path.write_bytes(gray_file)
    patched(path, siz(100_000, 100_000, 1000, 1000))
    source = open_source(FORMAT, path)
    assert source.info.size == Size(100_000, 100_000)
    with pytest.raises(DecodeError, match="tile 50,50 of level 0 cannot be decoded"):
        source.read_tile(0, 50, 50)


@pytest.mark.parametrize("tiles", [(256, 256), None], ids=["tiled", "untiled"])
def test_a_truncated_file_fails_for_the_tiles_it_misses_and_no_other(
    tmp_path: Path, tiles: tuple[int, int] | None
) -> None:
    picture = gradient((1000, 701))
    path = tmp_path / "a.jp2"
    write_jp2(path, picture, **({"tilesize": tiles} if tiles else {}))
    os.truncate(path, path.stat().st_size * 6 // 10)
    source = open_source(FORMAT, path)
    good, messages = 0, []
    for _, column, row in [tile for tile in tiles_of(source) if tile[0] == 0]:
        try:
            pixels = source.read_tile(0, column, row)
        except DecodeError as error:
            messages.append(str(error))
            continue
        assert np.array_equal(pixels, picture[row * 256 : row * 256 + 256, column * 256 : column * 256 + 256])
        good += 1
    assert messages
    assert all("cut off or missing" in message and str(tmp_path) not in message for message in messages)
    assert good > 0 or tiles is None


@pytest.mark.parametrize("length", [12, 30, 60, 100, 150, 200])
def test_a_header_cut_off_is_an_error(tmp_path: Path, gray_file: bytes, length: int) -> None:
    (tmp_path / "a.jp2").write_bytes(gray_file[:length])
    with pytest.raises((DecodeError, UnsupportedImage)):
        open_source(FORMAT, tmp_path / "a.jp2").read_tile(0, 0, 0)


def test_damaged_data_never_does_worse_than_an_error(tmp_path: Path, gray_file: bytes) -> None:
    rng = np.random.default_rng(20)
    path = tmp_path / "a.jp2"
    outcomes = set()
    for _ in range(150):
        data = np.frombuffer(gray_file, np.uint8).copy()
        places = rng.integers(12, 250 if rng.random() < 0.7 else len(data), 4)
        data[places] = rng.integers(0, 256, 4)
        path.write_bytes(data.tobytes())
        try:
            source = open_source(FORMAT, path)
            size = source.info.levels[-1].size
            assert source.read_tile(len(source.info.levels) - 1, 0, 0).shape[0] <= size.height
            outcomes.add("pixels")
        except IIPServeError as error:
            outcomes.add(type(error).__name__)
    assert outcomes == {"pixels", "DecodeError", "UnsupportedImage"}


def test_what_openjpeg_says_is_kept_apart_by_thread(tmp_path: Path, gray_file: bytes) -> None:
    good, bad = tmp_path / "good.jp2", tmp_path / "bad.jp2"
    good.write_bytes(gray_file)
    bad.write_bytes(gray_file)
    patched(bad, {53: b"\x05"})  # an unknown component transform
    sources = [open_source(FORMAT, path) for path in (good, bad)] * 20

    def outcome(source: Source) -> str:
        try:
            return hashlib.md5(source.read_tile(1, 0, 0).tobytes()).hexdigest()
        except DecodeError as error:
            return str(error)

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(outcome, sources))
    assert len(set(outcomes[0::2])) == 1
    assert len(set(outcomes[1::2])) == 1
    assert "OpenJPEG: Invalid multiple component transformation" in outcomes[1]


# -- files and descriptors -------------------------------------------------------------------------


def test_a_replaced_file_is_not_mixed_with_the_old_one(tmp_path: Path) -> None:
    old, new = gradient((600, 400)), smooth((600, 400))
    path = tmp_path / "a.jp2"
    write_jp2(path, old, tilesize=(256, 256))
    source = open_source(FORMAT, path)
    first = source.read_tile(0, 0, 0)
    write_jp2(tmp_path / "b.jp2", new, tilesize=(256, 256))
    (tmp_path / "b.jp2").replace(path)
    assert np.array_equal(first, old[:256, :256])
    assert np.array_equal(source.read_tile(0, 1, 0), old[:256, 256:512])
    assert np.array_equal(open_source(FORMAT, path).read_tile(0, 1, 0), new[:256, 256:512])


def is_open(file: OpenFile) -> bool:
    try:
        os.fstat(file.descriptor)
    except OSError:
        return False
    return True


def test_the_descriptor_lives_as_long_as_the_source(tmp_path: Path, gray_file: bytes) -> None:
    (tmp_path / "a.jp2").write_bytes(gray_file)
    file = open_file(tmp_path / "a.jp2")
    source: Source | None = FORMAT.open(file)
    assert is_open(file)
    del source
    gc.collect()
    assert not is_open(file)


def test_a_refused_file_is_closed(tmp_path: Path, gray_file: bytes) -> None:
    (tmp_path / "a.jp2").write_bytes(gray_file[:100])
    file = open_file(tmp_path / "a.jp2")
    with pytest.raises(DecodeError):
        FORMAT.open(file)
    assert not is_open(file)


def test_packet_headers_in_the_main_header_leave_the_codestream_whole(tmp_path: Path) -> None:
    picture = gradient((600, 400))
    write_jp2(tmp_path / "a.jp2", picture, tilesize=(256, 256))
    source = open_source(FORMAT, tmp_path / "a.jp2")
    assert isinstance(source, Jpeg2000Source)
    source._header = dataclasses.replace(source._header, packed_headers=True)
    assert np.array_equal(source.read_tile(0, 1, 1), picture[256:400, 256:512])


# -- the library -----------------------------------------------------------------------------------


def test_without_a_system_library_the_one_in_imagecodecs_is_used(tmp_path: Path) -> None:
    picture = gradient((600, 400), 4)
    write_jp2(tmp_path / "a.jp2", picture, tilesize=(256, 256), mct=False)
    script = """
        import ctypes.util, hashlib, sys
        ctypes.util.find_library = lambda name: None
        from iipserve.sources.jpeg2000 import openjpeg
        from iipserve.sources.jpeg2000 import FORMAT
        from iipserve.sources.jpeg2000.openjpeg_library import glymur, lib
        from tests.contracts.source import open_source
        assert "imagecodecs" in lib.OPENJP2._name
        assert glymur.version.openjpeg_version == openjpeg.library_version() >= "2.5"
        source = open_source(FORMAT, sys.argv[1])
        print(hashlib.md5(source.read_tile(0, 1, 1).tobytes()).hexdigest())
    """
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(tmp_path / "a.jp2")],
        capture_output=True, text=True, timeout=60, check=False, cwd=Path(iipserve.__file__).parents[1],
    )  # fmt: skip
    expected = hashlib.md5(np.ascontiguousarray(picture[256:400, 256:512]).tobytes()).hexdigest()
    assert (result.returncode, result.stdout.strip(), result.stderr) == (0, expected, "")


def test_the_newer_of_two_libraries_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    bundled = openjpeg_library.bundled_library()
    assert bundled is not None
    assert openjpeg_library.version_of(None) < (2, 5) <= openjpeg_library.version_of(bundled)
    newest = openjpeg_library.newest_library("openjp2")
    assert openjpeg_library.version_of(newest) >= openjpeg_library.version_of(bundled)
    monkeypatch.setattr(openjpeg_library, "version_of", ["", bundled, "the system's"].index)
    monkeypatch.setattr(openjpeg_library, "_find_on_system", lambda name: "the system's")
    assert openjpeg_library.newest_library("openjp2") == "the system's"
    monkeypatch.setattr(openjpeg_library, "version_of", ["", "the system's", bundled].index)
    assert openjpeg_library.newest_library("openjp2") == bundled


def test_without_any_library_the_format_is_left_out() -> None:
    script = """
        import ctypes.util, importlib.util, sys
        ctypes.util.find_library = importlib.util.find_spec = lambda name: None
        try:
            from iipserve.sources.jpeg2000 import openjpeg
        except ModuleNotFoundError as error:
            sys.exit(error.name)
    """
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True, text=True, timeout=60, check=False, cwd=Path(iipserve.__file__).parents[1],
    )  # fmt: skip
    assert (result.returncode, result.stderr.strip()) == (1, "libopenjp2")
