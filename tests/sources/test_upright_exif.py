"""Orientation in Exif blocks, written by hand and by Pillow."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from PIL import Image

from iipserve.sources.upright_exif import upright_exif


def block(order: str, *entries: bytes, start: int = 8) -> bytes:
    """A TIFF structure of one directory."""
    mark = b"II" if order == "<" else b"MM"
    header = struct.pack(order + "2sHI", mark, 42, start) + bytes(start - 8)
    return header + struct.pack(order + "H", len(entries)) + b"".join(entries) + bytes(4)


def short(order: str, tag: int, value: int) -> bytes:
    return struct.pack(order + "HHIHH", tag, 3, 1, value, 0)


def long(order: str, tag: int, value: int) -> bytes:
    return struct.pack(order + "HHII", tag, 4, 1, value)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("make", [short, long])
@pytest.mark.parametrize("start", [8, 26])
def test_the_orientation_becomes_1_and_nothing_else_changes(order: str, make: object, start: int) -> None:
    assert callable(make)
    others = short(order, 256, 6), make(order, 274, 6), short(order, 277, 6)
    upright = short(order, 256, 6), make(order, 274, 1), short(order, 277, 6)
    assert upright_exif(block(order, *others, start=start)) == block(order, *upright, start=start)


def test_of_a_real_file() -> None:
    exif = Image.Exif()
    exif[274], exif[0x013B], exif[0x010E] = 8, "A. Painter", "A view"
    changed = Image.Exif()
    changed.load(upright_exif(exif.tobytes().removeprefix(b"Exif\0\0")))
    assert dict(changed) == {274: 1, 0x013B: "A. Painter", 0x010E: "A view"}


UNCHANGED = [
    pytest.param(b"", id="empty"),
    pytest.param(b"II*\0", id="cut off"),
    pytest.param(b"rubbish and more of it", id="no TIFF structure"),
    pytest.param(block("<"), id="no fields"),
    pytest.param(b"II*\0\xff\xff\xff\xff" + bytes(30), id="directory past the end"),
    pytest.param(struct.pack("<2sHIH", b"II", 42, 8, 65535) + short("<", 256, 6), id="more fields than there are"),
    pytest.param(block("<", struct.pack("<HHII", 274, 5, 1, 6)), id="a fraction"),
    pytest.param(block("<", struct.pack("<HHII", 274, 3, 3, 6)), id="three numbers"),
]  # fmt: skip


@pytest.mark.parametrize("exif", UNCHANGED)
def test_what_is_no_orientation_stays(exif: bytes) -> None:
    assert upright_exif(exif) == exif


def test_any_bytes_come_out_as_many() -> None:
    rng = np.random.default_rng(7)
    whole = block("<", short("<", 274, 6), short("<", 277, 3))
    for _ in range(300):
        data = bytearray(whole)
        data[rng.integers(2, len(data))] = rng.integers(0, 256)
        part = bytes(data[: rng.integers(0, len(data) + 1)])
        assert len(upright_exif(part)) == len(part)
