"""Tile-parts that take turns, of writers that count them wrongly or not at all, in files that are cut off."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from iipserve.errors import DecodeError
from iipserve.sources.jpeg2000 import FORMAT
from tests.contracts.source import open_source, tiles_of
from tests.tiff_corpus.jp2_encoder import Grid, Part, encode, random_planes

GRID = Grid(0, 0, 600, 500, (200, 200))
GRAY = [Part()]
SOT, EOC = b"\xff\x90", b"\xff\xd9"
COUNT_AT = 11
"""Offset of TNsot in a tile-part."""


def tile_parts(stream: bytes) -> Iterator[bytes]:
    position = stream.index(SOT)
    while stream[position : position + 2] == SOT:
        (length,) = struct.unpack_from(">I", stream, position + 6)
        yield stream[position : position + length]
        position += length


def in_turns(stream: bytes, count: int) -> list[bytes]:
    """Main header, tile-parts in order of TPsot with this TNsot, and the end."""
    parts = [
        part[:COUNT_AT] + bytes([count]) + part[COUNT_AT + 1 :]
        for part in sorted(tile_parts(stream), key=lambda part: part[COUNT_AT - 1])
    ]
    return [stream[: stream.index(SOT)], *parts, EOC]


@pytest.mark.parametrize("count", [0, 5, 6], ids=["none", "one too few", "right"])
def test_cut_off_tiles_are_errors(tmp_path: Path, count: int) -> None:
    planes = random_planes(GRID, GRAY)
    pieces = in_turns(encode(GRID, GRAY, planes, tp_on=1, tp_flag=ord("R")), count)
    (tmp_path / "whole.j2k").write_bytes(b"".join(pieces))
    whole = open_source(FORMAT, tmp_path / "whole.j2k")
    (tmp_path / "cut.j2k").write_bytes(b"".join(pieces[:-4])[:-1])
    cut = open_source(FORMAT, tmp_path / "cut.j2k")
    failed = 0
    for level, column, row in tiles_of(whole):
        expected = whole.read_tile(level, column, row)
        try:
            pixels = cut.read_tile(level, column, row)
        except DecodeError:
            failed += 1
        else:
            assert np.array_equal(pixels, expected), (level, column, row)
    assert 0 < failed < len(tiles_of(whole))
