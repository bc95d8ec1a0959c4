"""JPEG 2000: every layout against the picture that was written, and other decoders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray

from iipserve.geometry import Size
from iipserve.sources import Source
from iipserve.sources.jpeg2000 import FORMAT, openjpeg
from iipserve.sources.jpeg2000.openjpeg_library import glymur
from tests.contracts.source import SourceContract, open_source, tiles_of
from tests.images import Picture, gradient, smooth, write_jp2
from tests.sources.jpeg2000.files import sides


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
    """Factor of samples of 8 bits."""

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
    """OpenJPEG decodes a part of such a tile to gray; only the whole is right."""

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
def test_recognizes_files_by_their_first_bytes(head: bytes, known: bool) -> None:
    assert FORMAT.matches(head) is known
