"""Every feature of codestreams (ISO/IEC 15444-1), and tiles of every level against two other ways to decode them.

One is the wavelet transform in numpy, the other OpenJPEG in one piece; the tiles must be plain slices of both.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from micro_reader_codecs import jpeg2k_decode_into
from numpy.typing import NDArray

from iipserve.errors import DecodeError
from iipserve.geometry import Size
from iipserve.sources import Source
from iipserve.sources.jpeg2000 import FORMAT
from tests.contracts.source import open_source, tiles_of
from tests.images import smooth
from tests.tiff_corpus.jp2_encoder import (
    Grid,
    Part,
    Samples,
    decoded,
    encode,
    pack_headers,
    random_planes,
    reduced,
    reduced_colors,
    with_tile_of,
    without_first_tiles,
)

GRAY, COLORS = [Part()], [Part()] * 3
PLAIN = Grid(0, 0, 300, 200)
TILES = Grid(9, 7, 600, 500, (200, 200))
ODD = Grid(33, 5, 733, 505, (301, 199), (7, 3))
SMALL_TILES = Grid(5, 128, 533, 405, (37, 41), (1, 127))


def shown(grid: Grid, parts: Sequence[Part], planes: Sequence[Samples], level: int) -> NDArray[Any]:
    """What a level shows: samples from 0 to the highest of all components, those of subsampled ones repeated."""
    step = int(np.gcd.reduce([part.dx for part in parts])), int(np.gcd.reduce([part.dy for part in parts]))
    full_scale = (1 << max(8, *(part.bits for part in parts))) - 1
    bands = []
    for part, plane in zip(parts, planes, strict=True):
        maximum, lowest = (1 << part.bits) - 1, -(1 << part.bits - 1) if part.signed else 0
        samples = ((plane - lowest).clip(0, maximum) * full_scale + maximum // 2) // maximum
        across = places(grid.left, grid.right, step[0], part.dx, level)
        down = places(grid.top, grid.bottom, step[1], part.dy, level)
        bands.append(samples[np.ix_(down, across)])
    return np.stack(bands, axis=-1).astype(np.uint8 if full_scale < 256 else np.uint16)


def places(start: int, stop: int, step: int, sample_step: int, level: int) -> NDArray[np.int64]:
    """For each pixel of a row, the index of the sample it takes."""
    pixels = np.arange(ceil(ceil(start, step), 1 << level), ceil(ceil(stop, step), 1 << level))
    first, end = (ceil(ceil(side, sample_step), 1 << level) for side in (start, stop))
    return (pixels * step // sample_step).clip(first, end - 1) - first


def ceil(value: int, divisor: int) -> int:
    return -(-value // divisor)


def written(path: Path, stream: bytes) -> Source:
    path.write_bytes(stream)
    return open_source(FORMAT, path)


def check(source: Source, levels: Sequence[NDArray[Any]], tolerance: int = 0) -> None:
    """Every tile of every level is a slice of it."""
    assert [level.size for level in source.info.levels] == [Size(*level.shape[1::-1]) for level in levels]
    for level, column, row in tiles_of(source):
        pixels, tile = source.read_tile(level, column, row), source.info.levels[level].tile
        x, y = column * tile.width, row * tile.height
        expected = levels[level][y : y + tile.height, x : x + tile.width]
        assert (pixels.shape, pixels.dtype) == (expected.shape, expected.dtype)
        assert np.abs(pixels.astype(int) - expected).max() <= tolerance, (level, column, row)


# -- lossless, against the wavelet in numpy ---------------------------------------------------------

DEPTHS = [
    pytest.param(Grid(1, 1, 60, 50), [Part(bits, signed)], {}, id=f"{bits} bits{' signed' * signed}")
    for bits in range(1, 17)
    for signed in (False, True)
]
ORDERS = [
    pytest.param(ODD, COLORS, {"prog_order": order, "rates": [20, 5, 0], "tcp_mct": 1, **parts}, id=f"order {order} {name}")
    for order in range(5)
    for name, parts in {"": {}, "in tile-parts": {"tp_on": 1, "tp_flag": ord("R"), "plt": True, "tlm": True}}.items()
]  # fmt: skip
MODES = [
    pytest.param(PLAIN, COLORS, {"mode": mode, "tcp_mct": 1}, id=f"code-block style {mode}")
    for mode in (1, 2, 4, 8, 16, 32, 5, 63)
]
CHANGES = [
    {"tile": 1, "resno0": 0, "compno0": 0, "layno1": 1, "resno1": 3, "compno1": 3, "prg1": 0, "progorder": b"LRCP"},
    {"tile": 1, "resno0": 3, "compno0": 0, "layno1": 1, "resno1": 6, "compno1": 3, "prg1": 4, "progorder": b"CPRL"},
]  # fmt: skip
GEOMETRY = [
    pytest.param(Grid(0, 0, 700, 500), GRAY, {}, id="one tile"),
    pytest.param(ODD, COLORS, {"tcp_mct": 1}, id="odd image and tile origin"),
    pytest.param(ODD, COLORS, {}, id="colors apart"),
    pytest.param(SMALL_TILES, GRAY, {}, id="small odd tiles"),
    pytest.param(Grid(5, 3, 433, 305, (61, 53), (2, 3)), [Part(16)] * 3, {"tcp_mct": 1}, id="16 bits in odd tiles"),
    pytest.param(Grid(0, 0, 12, 12, (3, 3)), [Part()] * 2, {}, id="12 x 12 in tiles of 3 x 3"),
    pytest.param(Grid(0, 0, 90, 7, (1, 1)), GRAY, {}, id="tiles of one pixel"),
    pytest.param(Grid(0, 0, 1, 1), COLORS, {"tcp_mct": 1}, id="one pixel"),
    pytest.param(Grid(3, 3, 4, 4), COLORS, {}, id="one pixel at an odd place"),
    pytest.param(Grid(0, 0, 3, 5), GRAY, {}, id="3 x 5"),
    pytest.param(Grid(0, 0, 17, 37), COLORS, {"tcp_mct": 1}, id="17 x 37"),
    pytest.param(Grid(0, 0, 1, 700), GRAY, {}, id="one column"),
    pytest.param(Grid(1, 1, 700, 2), GRAY, {}, id="one row at an odd place"),
    pytest.param(Grid(0, 0, 7, 5), [Part()] * 257, {}, id="257 components"),
    pytest.param(Grid(0, 0, 300, 200, (77, 66)), GRAY, {"numresolution": 1}, id="one resolution"),
    pytest.param(Grid(0, 0, 600, 500, (64, 64)), GRAY, {"numresolution": 7}, id="as many halvings as tiles have"),
    pytest.param(PLAIN, [Part(8), Part(12, True), Part(1), Part(16)], {}, id="depths of their own"),
]  # fmt: skip
SUBSAMPLED = [
    pytest.param(Grid(3, 5, 603, 405, (101, 99)), [Part(), Part(dx=1, dy=2), Part(dx=2, dy=1), Part(dx=2, dy=2)], {}, id="of all sorts"),
    pytest.param(Grid(3, 5, 603, 405, (101, 99)), [Part(dx=2, dy=2), Part(dx=3, dy=3)], {}, id="by 2 and 3"),
    pytest.param(Grid(5, 128, 227, 227), [Part(dx=2)], {}, id="in one direction"),
    pytest.param(Grid(0, 0, 2048, 2048), [Part(dx=4, dy=4)], {}, id="all by 4"),
    pytest.param(Grid(5, 12, 2227, 1927, (330, 311)), [Part(dx=4, dy=4), Part(dx=8, dy=8)], {}, id="by 4 and 8"),
    pytest.param(Grid(1, 1, 1300, 900, (301, 301)), [Part(dx=4, dy=4)] * 3, {"tcp_mct": 1}, id="all by 4, transformed"),
    pytest.param(Grid(0, 0, 700, 500, (64, 64)), [Part(), Part(16, True, 4, 4)], {"rates": [10, 0]}, id="a deep small one"),
]  # fmt: skip
STRUCTURE = [
    pytest.param(TILES, COLORS, {"precincts": [(128, 128), (64, 64), (32, 32)], "prog_order": 2}, id="precincts"),
    pytest.param(TILES, COLORS, {"csty": 6, "plt": True, "tlm": True}, id="SOP, EPH and lengths"),
    pytest.param(TILES, COLORS, {"tp_on": 1, "tp_flag": ord("R")}, id="tile-parts by resolution"),
    pytest.param(TILES, COLORS, {"tp_on": 1, "tp_flag": ord("C"), "plt": True}, id="tile-parts by component"),
    pytest.param(PLAIN, COLORS, {"changes": CHANGES, "tcp_mct": 1}, id="order that changes"),
    pytest.param(PLAIN, GRAY, {"cblockw_init": 4, "cblockh_init": 4}, id="blocks of 4 x 4"),
    pytest.param(PLAIN, GRAY, {"cblockw_init": 1024, "cblockh_init": 4}, id="blocks of 1024 x 4"),
    pytest.param(PLAIN, COLORS, {"roi_compno": 0, "roi_shift": 7}, id="region of interest"),
    pytest.param(TILES, COLORS, {"rates": [40, 20, 10, 5, 0]}, id="layers"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("grid", "parts", "options"), [*GEOMETRY, *DEPTHS, *SUBSAMPLED, *STRUCTURE, *ORDERS, *MODES]
)
def test_lossless(tmp_path: Path, grid: Grid, parts: list[Part], options: dict[str, Any]) -> None:
    planes = random_planes(grid, parts)
    source = written(tmp_path / "a.j2k", encode(grid, parts, planes, **options))
    levels = []
    for level in range(len(source.info.levels)):
        if options.get("tcp_mct"):
            samples = reduced_colors(grid, parts[0], planes, level)
        else:
            samples = [reduced(grid, *each, level) for each in zip(parts, planes, strict=True)]
        levels.append(shown(grid, parts, samples, level))
    check(source, levels)


# -- lossy, against OpenJPEG in one piece -----------------------------------------------------------

LOSSY = [
    pytest.param(ODD, {"rates": [30, 8], "tcp_mct": 1}, id="colors together"),
    pytest.param(ODD, {"rates": [8]}, id="colors apart"),
    pytest.param(SMALL_TILES, {"rates": [8], "tcp_mct": 1, "prog_order": 3}, id="small odd tiles"),
    pytest.param(PLAIN, {"rates": [20], "roi_compno": 1, "roi_shift": 5, "mode": 1}, id="region of interest"),
    pytest.param(Grid(0, 0, 1, 1), {"rates": [1]}, id="one pixel"),
    pytest.param(
        Grid(11, 13, 1300, 1201), {"rates": [20], "precincts": [(256, 256), (128, 128)], "prog_order": 2}, id="precincts"
    ),
]  # fmt: skip


@pytest.mark.parametrize(("grid", "options"), LOSSY)
def test_lossy(tmp_path: Path, grid: Grid, options: dict[str, Any]) -> None:
    stream = encode(grid, COLORS, random_planes(grid, COLORS), irreversible=1, **options)
    source = written(tmp_path / "a.j2k", stream)
    whole = [decoded(tmp_path / "a.j2k", grid, level) for level in range(len(source.info.levels))]
    check(source, [shown(grid, COLORS, planes, level) for level, planes in enumerate(whole)], 1)
    # and by another build of OpenJPEG
    picture = np.empty((source.info.size.height, source.info.size.width, 3), np.uint8)
    assert jpeg2k_decode_into(stream, picture.reshape(-1))[:4] == (*picture.shape[1::-1], 3, 8)
    tile = source.read_tile(0, 0, 0)
    assert np.abs(tile.astype(int) - picture[: tile.shape[0], : tile.shape[1]]).max() <= 1


# -- high throughput, against OpenJPH ---------------------------------------------------------------

THROUGHPUT = [
    pytest.param((2100, 320), {"tile": (1499, 1499)}, 1, id="tiles that begin at an odd column"),
    pytest.param((733, 505), {"tile": (199, 301)}, 1, id="odd tiles"),
    pytest.param((733, 505), {"tile": (37, 41), "tlm": True}, 1, id="small odd tiles"),
    pytest.param((733, 505), {"tile": (301, 199)}, 257, id="16 bits"),
    pytest.param((1, 1), {}, 1, id="one pixel"),
    pytest.param((3, 5), {}, 1, id="3 x 5"),
    pytest.param((1301, 701), {"reversible": False, "level": 0.01}, 1, id="lossy"),
]


@pytest.mark.parametrize(("size", "options", "factor"), THROUGHPUT)
def test_high_throughput(tmp_path: Path, size: tuple[int, int], options: dict[str, Any], factor: int) -> None:
    picture = smooth(size)
    picture = picture if factor == 1 else picture.astype(np.uint16) * factor
    options = {"reversible": True, "resolutions": 4 if min(size) > 8 else 1, **options}
    stream = bytes(imagecodecs.htj2k_encode(picture, **options))
    source = written(tmp_path / "a.jph", stream)
    levels = [imagecodecs.htj2k_decode(stream, skipres=level) for level in range(len(source.info.levels))]
    check(source, levels, tolerance=0 if options["reversible"] else 1)


@pytest.mark.parametrize("tile", [(33, 45), (301, 199), (129, 65)])
def test_high_throughput_at_an_odd_place(tmp_path: Path, tile: tuple[int, int]) -> None:
    picture = smooth((733, 505))
    whole = imagecodecs.htj2k_encode(picture, tile=tile, reversible=True, resolutions=4)
    stream = without_first_tiles(bytes(whole))
    source = written(tmp_path / "a.jph", stream)
    levels = [imagecodecs.htj2k_decode(stream, skipres=level) for level in range(len(source.info.levels))]
    assert levels[0].shape[1] in (733 - tile[0], 733 - tile[1])
    check(source, levels)


# -- packed packet headers --------------------------------------------------------------------------


@pytest.mark.parametrize("parts", [{}, {"tp_on": 1, "tp_flag": ord("R")}], ids=["", "in tile-parts"])
@pytest.mark.parametrize(
    "where", [{"main": True}, {"main": False}, {"main": False, "restart": True}], ids=["PPM", "PPT", "PPT by part"]
)  # fmt: skip
def test_packed_headers(tmp_path: Path, where: dict[str, bool], parts: dict[str, int]) -> None:
    planes = random_planes(TILES, COLORS)
    stream = pack_headers(encode(TILES, COLORS, planes, csty=6, **parts), **where)
    source = written(tmp_path / "a.j2k", stream)
    check(
        source,
        [
            shown(TILES, COLORS, [reduced(TILES, Part(), plane, level) for plane in planes], level)
            for level in range(3)
        ],
    )


def test_packed_headers_that_are_cut_off_cost_their_tiles_only(tmp_path: Path) -> None:
    grid = Grid(0, 0, 1024, 300, (512, 300))
    planes = random_planes(grid, GRAY)
    stream = pack_headers(encode(grid, GRAY, planes, csty=6), main=True)
    segment = stream.index(
        b"\xff\x60", stream.index(b"\xff\x60") + 2
    )  # the second, and all that follow, are left out
    source = written(tmp_path / "a.j2k", stream[:segment] + stream[stream.index(b"\xff\x90\0\x0a") :])
    with pytest.raises(DecodeError, match="tile 1 of the codestream is cut off or missing"):
        source.read_tile(0, 1, 0)


# -- coding styles of single tiles ------------------------------------------------------------------


@pytest.mark.parametrize("padding", [0, 4090, 100_000])
def test_a_tile_with_more_resolutions_and_a_style_of_its_own(tmp_path: Path, padding: int) -> None:
    grid = Grid(0, 0, 800, 700, (300, 300))
    planes = random_planes(grid, GRAY)
    plain = encode(grid, GRAY, planes, numresolution=3)
    special = encode(grid, GRAY, planes, numresolution=6, cblockw_init=16, cblockh_init=16, mode=8)
    source = written(tmp_path / "a.j2k", with_tile_of(plain, special, 4, padding))
    check(source, [shown(grid, GRAY, [reduced(grid, Part(), planes[0], level)], level) for level in range(3)])


def test_a_tile_with_fewer_resolutions_is_averaged(tmp_path: Path) -> None:
    grid = Grid(7, 5, 807, 705, (300, 300))
    planes = [np.add.outer(np.arange(700), np.arange(800)) // 6]  # too smooth for filters to differ
    stream = with_tile_of(encode(grid, GRAY, planes), encode(grid, GRAY, planes, numresolution=2), 4)
    source = written(tmp_path / "a.j2k", stream)
    levels = [shown(grid, GRAY, [reduced(grid, Part(), planes[0], level)], level) for level in range(3)]
    check(source, levels, tolerance=1)


LARGE = Grid(0, 0, 4200, 4200)
BLOCKS = b"\x04\x04\0\1"
"""Of 64 x 64, no special style, the reversible wavelet: fields of COD (A.6.1)."""


@pytest.fixture(scope="module")
def large() -> bytes:
    return encode(LARGE, GRAY, [np.zeros((4200, 4200), np.int64)])


def test_a_tile_that_takes_too_much_memory_to_average(tmp_path: Path, large: bytes) -> None:
    place = large.index(BLOCKS) - 1
    flat = large[:place] + b"\0" + large[place + 1 :]  # the same without halvings
    source = written(tmp_path / "a.j2k", with_tile_of(large, flat, 0))
    with pytest.raises(DecodeError, match="can be halved 0 times only"):
        source.read_tile(4, 0, 0)


def test_a_tile_whose_blocks_take_too_much_memory(tmp_path: Path, large: bytes) -> None:
    small = large.replace(BLOCKS, b"\0\0\0\1", 1)  # blocks of 4 x 4
    source = written(tmp_path / "a.j2k", with_tile_of(large, small, 0))
    with pytest.raises(DecodeError, match="too short for one tile"):
        source.read_tile(0, 0, 0)


# -- what else is allowed ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "tile", [b"\xff\x90\0\x0a\0\1\0\0\0\x0e\0\1\xff\x93", b""], ids=["empty", "left out"]
)
def test_tiles_without_samples(tmp_path: Path, tile: bytes) -> None:
    """The second column of tiles holds columns 513 to 515 of the reference grid, none of which has a sample."""
    grid, parts = Grid(0, 0, 513, 512, (513, 512)), [Part(dx=4, dy=4)]
    planes = random_planes(grid, parts)
    stream = encode(grid, parts, planes)
    wider = stream[:8] + struct.pack(">I", 516) + stream[12:-2] + tile + stream[-2:]
    check(written(tmp_path / "a.j2k", wider), [shown(grid, parts, planes, 0)])


def test_a_tile_without_data_is_an_error(tmp_path: Path) -> None:
    grid = Grid(0, 0, 1024, 300, (512, 300))
    planes = random_planes(grid, GRAY)
    stream = encode(grid, GRAY, planes)
    second = stream.index(b"\xff\x90\0\x0a\0\1")
    source = written(
        tmp_path / "a.j2k", stream[:second] + b"\xff\x90\0\x0a\0\1\0\0\0\x0e\0\1\xff\x93\xff\xd9"
    )
    assert np.array_equal(source.read_tile(0, 0, 0)[:, :, 0], planes[0][:, :512])
    with pytest.raises(DecodeError, match="tile 1 of the codestream is empty"):
        source.read_tile(0, 1, 0)


def test_a_tile_without_samples_among_others(tmp_path: Path) -> None:
    grid, parts = Grid(0, 0, 11, 40, (10, 20)), [Part(dx=2, dy=1), Part(dx=3, dy=1)]
    planes = random_planes(grid, parts)
    stream = encode(grid, parts, planes, numresolution=1)
    check(written(tmp_path / "a.j2k", stream), [shown(grid, parts, planes, 0)])


def test_markers_without_length(tmp_path: Path) -> None:
    """0xFF30 to 0xFF3F have no length (A.1.3)."""
    planes = random_planes(TILES, GRAY)
    stream = encode(TILES, GRAY, planes)
    cod = stream.index(b"\xff\x52")
    part = stream.index(b"\xff\x90\0\x0a")
    (length,) = struct.unpack_from(">I", stream, part + 6)
    longer = stream[part : part + 6] + struct.pack(">I", length + 4) + stream[part + 10 : part + 12]
    marked = (
        stream[:cod] + b"\xff\x30\xff\x3f" + stream[cod:part],
        longer + b"\xff\x31\xff\x3e" + stream[part + 12 :],
    )
    source = written(tmp_path / "a.j2k", b"".join(marked))
    check(
        source, [shown(TILES, GRAY, [reduced(TILES, Part(), planes[0], level)], level) for level in range(3)]
    )


def test_many_blocks_that_hold_nothing(tmp_path: Path) -> None:
    grid = Grid(0, 0, 1616, 1080)
    flat = [np.full((1080, 1616), value) for value in (10, 20, 30)]
    stream = encode(grid, COLORS, flat, cblockw_init=4, cblockh_init=4)
    assert len(stream) < 10_000
    source = written(tmp_path / "a.j2k", stream)
    assert np.array_equal(source.read_tile(0, 1, 1)[5, 5], (10, 20, 30))


def test_chroma_of_tiles_at_odd_places(tmp_path: Path) -> None:
    """The first column of a tile takes the sample that belongs to the tile at the left."""
    grid, parts = Grid(0, 0, 1300, 1300, (301, 301)), [Part(), Part(dx=2, dy=2), Part(dx=2, dy=2)]
    planes = random_planes(grid, parts)
    source = written(tmp_path / "a.j2k", encode(grid, parts, planes))
    for level in range(len(source.info.levels)):
        samples = [reduced(grid, *each, level) for each in zip(parts, planes, strict=True)]
        luma, blue, red = np.moveaxis(shown(grid, parts, samples, level).astype(float), 2, 0)
        blue, red = blue - 128, red - 128
        colors = luma + 1.402 * red, luma - 0.344136 * blue - 0.714136 * red, luma + 1.772 * blue
        expected = np.rint(np.stack(colors, axis=-1)).clip(0, 255)
        for _, column, row in [tile for tile in tiles_of(source) if tile[0] == level]:
            pixels, tile = source.read_tile(level, column, row), source.info.levels[level].tile
            x, y = column * tile.width, row * tile.height
            assert np.abs(pixels - expected[y : y + tile.height, x : x + tile.width]).max() <= 1
