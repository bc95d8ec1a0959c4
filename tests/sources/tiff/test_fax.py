"""Fax compression: complete data, and data that end early, above white paper."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from iipserve.errors import DecodeError
from iipserve.geometry import TileGrid
from iipserve.sources.tiff import FORMAT
from tests.contracts.source import open_source
from tests.tiff_corpus.tiff_writer import LONG, SHORT, Page, write_tiff

Bits = NDArray[np.uint8]
"""1 is black as coded."""
WIDTH, HEIGHT = 144, 32
KINDS = [
    ("tiff_ccitt", 2, 0),
    ("group3", 3, 0),
    ("group3", 3, 1),
    ("group3", 3, 4),
    ("group3", 3, 5),
    ("group4", 4, 0),
]
"""Name in Pillow, number in TIFF, T4Options."""
END_OF_LINE = "000000000001"
REVERSED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))


def pictures() -> dict[str, Bits]:
    shape = (HEIGHT, WIDTH)
    checks = (np.add.outer(np.arange(HEIGHT) // 3, np.arange(WIDTH) // 5) % 2).astype(np.uint8)
    ends_white, ends_black = checks.copy(), checks.copy()
    ends_white[12:], ends_black[12:] = 0, 1
    noise = np.random.default_rng(3).integers(0, 2, shape, np.uint8)
    return {"noise": noise, "checks": checks, "ends white": ends_white, "ends black": ends_black}


PICTURES = pictures()


def stream(folder: Path, rows: Bits, compression: str, options: int = 0) -> bytes:
    """The coded data as libtiff writes them."""
    Image.fromarray(rows.astype(bool)).save(
        folder / "fax.tif", compression=compression, tiffinfo={292: options} if options else {}
    )
    with Image.open(folder / "fax.tif") as written:
        tags: Any = written.tag_v2  # type: ignore[attr-defined]
        (offset,), (count,) = tags[273], tags[279]
    return (folder / "fax.tif").read_bytes()[offset : offset + count]


def write(
    path: Path, data: list[bytes], number: int, *, options: int = 0, photometric: int = 0, fill_order: int = 1,
    tile: tuple[int, int] | None = None, width: int = WIDTH, rows: int = HEIGHT,
) -> None:  # fmt: skip
    fields: dict[int, Any] = {
        256: (LONG, [width]), 257: (LONG, [HEIGHT]), 258: (SHORT, [1]), 259: (SHORT, [number]),
        262: (SHORT, [photometric]), 266: (SHORT, [fill_order]), 277: (SHORT, [1]), 292: (LONG, [options]),
    }  # fmt: skip
    fields |= {322: (LONG, [tile[0]]), 323: (LONG, [tile[1]])} if tile else {278: (LONG, [rows])}
    stored = [one.translate(REVERSED) for one in data] if fill_order == 2 else data
    write_tiff(path, [Page(fields, stored, striped=tile is None)])


def read(path: Path) -> Bits:
    source = open_source(FORMAT, path)
    grid = TileGrid(source.info.size, source.info.levels[0].tile)
    rows = [[source.read_tile(0, x, y)[..., 0] for x in range(grid.columns)] for y in range(grid.rows)]
    return np.vstack([np.hstack(row) for row in rows])


def shown(rows: Bits, photometric: int) -> Bits:
    return 255 * rows if photometric else 255 - 255 * rows


@pytest.mark.parametrize("counts", [None, [0]])
def test_without_byte_counts(tmp_path: Path, counts: list[int] | None) -> None:
    rows = PICTURES["noise"]
    data = stream(tmp_path, rows, "group4")
    write(tmp_path / "a.tif", [data], 4)
    fields = {
        256: (LONG, [WIDTH]), 257: (LONG, [HEIGHT]), 259: (SHORT, [4]), 262: (SHORT, [0]), 273: (LONG, [8]),
    }  # fmt: skip
    fields |= {} if counts is None else {279: (LONG, counts)}
    write_tiff(tmp_path / "a.tif", [Page(fields)])
    whole = (tmp_path / "a.tif").read_bytes()
    write_tiff(tmp_path / "a.tif", [Page(fields | {273: (LONG, [len(whole)])})])
    (tmp_path / "a.tif").write_bytes((tmp_path / "a.tif").read_bytes() + data)
    assert np.array_equal(read(tmp_path / "a.tif"), shown(rows, 0))


@pytest.mark.parametrize("picture", PICTURES)
@pytest.mark.parametrize("fill_order", [1, 2])
@pytest.mark.parametrize("photometric", [0, 1])
@pytest.mark.parametrize(("compression", "number", "options"), KINDS)
def test_rows_that_are_missing_are_white(
    tmp_path: Path,
    compression: str,
    number: int,
    options: int,
    photometric: int,
    fill_order: int,
    picture: str,
) -> None:
    rows = PICTURES[picture]
    for held in (HEIGHT, HEIGHT - 1, 14, 1):
        data = stream(tmp_path, rows[:held], compression, options)
        write(
            tmp_path / "a.tif",
            [data],
            number,
            options=options,
            photometric=photometric,
            fill_order=fill_order,
        )
        seen = read(tmp_path / "a.tif")
        assert np.array_equal(seen[:held], shown(rows[:held], photometric))
        assert (seen[held:] == 255).all()


@pytest.mark.parametrize("photometric", [0, 1])
@pytest.mark.parametrize(("compression", "number", "options"), KINDS)
def test_tiles_that_end_early(
    tmp_path: Path, compression: str, number: int, options: int, photometric: int
) -> None:
    rows, held = PICTURES["ends white"], 13
    tiles = [
        stream(tmp_path, rows[y : y + held, x : x + 48], compression, options)
        for y in (0, 16)
        for x in (0, 48, 96)
    ]
    write(tmp_path / "a.tif", tiles, number, options=options, photometric=photometric, tile=(48, 16))
    expected = shown(rows, photometric)
    expected[held:16] = expected[16 + held :] = 255
    assert np.array_equal(read(tmp_path / "a.tif"), expected)


@pytest.mark.parametrize("photometric", [0, 1])
@pytest.mark.parametrize(("compression", "number", "options"), KINDS)
def test_several_strips_that_end_early(
    tmp_path: Path, compression: str, number: int, options: int, photometric: int
) -> None:
    rows = PICTURES["checks"]
    strips = [stream(tmp_path, rows[y : y + 9], compression, options) for y in (0, 12, 24)]
    write(tmp_path / "a.tif", strips, number, options=options, photometric=photometric, rows=12)
    expected = shown(rows, photometric)
    expected[9:12] = expected[21:24] = 255
    assert np.array_equal(read(tmp_path / "a.tif"), expected)


@pytest.mark.parametrize("photometric", [0, 1])
@pytest.mark.parametrize(
    ("options", "mark"), [(0, END_OF_LINE), (1, END_OF_LINE + "1"), (4, "0000" + END_OF_LINE)]
)
def test_group_3_with_a_mark_of_the_end(tmp_path: Path, options: int, mark: str, photometric: int) -> None:
    # return to control: six empty lines (T.4 section 4.1.4)
    end = mark * 6
    control = int(end.ljust(-(-len(end) // 8) * 8, "0"), 2).to_bytes(-(-len(end) // 8), "big")
    rows = PICTURES["checks"]
    for held in (HEIGHT, 14):
        data = stream(tmp_path, rows[:held], "group3", options) + control
        write(tmp_path / "a.tif", [data], 3, options=options, photometric=photometric)
        seen = read(tmp_path / "a.tif")
        assert np.array_equal(seen[:held], shown(rows[:held], photometric))
        assert (seen[held:] == 255).all()


@pytest.mark.parametrize("width", [1, 2, 63, 64, 65, 2623])
@pytest.mark.parametrize(("compression", "number", "options"), KINDS)
def test_widths(tmp_path: Path, compression: str, number: int, options: int, width: int) -> None:
    rows = np.random.default_rng(width).integers(0, 2, (14, width), np.uint8)
    data = stream(tmp_path, rows, compression, options)
    write(tmp_path / "a.tif", [data], number, options=options, photometric=1, width=width)
    seen = read(tmp_path / "a.tif")
    assert np.array_equal(seen[:14], shown(rows, 1))
    assert (seen[14:] == 255).all()


@pytest.mark.parametrize("photometric", [0, 1])
@pytest.mark.parametrize("missing", [1, 2, 3, 5, 8])
@pytest.mark.parametrize(("compression", "number", "options"), KINDS)
def test_data_that_are_cut_off_within_a_row(
    tmp_path: Path, compression: str, number: int, options: int, missing: int, photometric: int
) -> None:
    rows = PICTURES["noise"]
    data = stream(tmp_path, rows[:20], compression, options)
    write(tmp_path / "a.tif", [data[:-missing]], number, options=options, photometric=photometric)
    seen = read(tmp_path / "a.tif")
    # a row of noise takes more than 12 bytes
    assert np.array_equal(seen[:19], shown(rows[:19], photometric))
    assert (seen[22:] == 255).all()


@pytest.mark.parametrize("photometric", [0, 1])
def test_group_4_without_a_mark_of_the_end(tmp_path: Path, photometric: int) -> None:
    rows = PICTURES["ends white"]
    data = stream(tmp_path, rows, "group4")
    bits = "".join(f"{byte:08b}" for byte in data)
    bits = bits[: bits.index(END_OF_LINE * 2)]
    cut = int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")
    write(tmp_path / "a.tif", [cut], 4, photometric=photometric)
    assert np.array_equal(read(tmp_path / "a.tif"), shown(rows, photometric))


@pytest.mark.parametrize("number", [2, 3, 4])
def test_data_without_a_row_are_damaged(tmp_path: Path, number: int) -> None:
    write(tmp_path / "a.tif", [bytes(64)], number, photometric=1)
    with pytest.raises(DecodeError):
        read(tmp_path / "a.tif")
