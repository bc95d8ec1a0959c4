"""Boxes by hand, and those of real files."""

from __future__ import annotations

import io
import struct

import pytest
from PIL import Image

from iipserve.containers.boxes import MAX_BOXES, Box, pack, unpack, walk

CASES = [
    pytest.param(pack(b"free", b"abc") + pack(b"skip", b""), [(b"free", b"abc"), (b"skip", b"")], id="two"),
    pytest.param(struct.pack(">I4sQ", 1, b"long", 19) + b"abc", [(b"long", b"abc")], id="length of 8 bytes"),
    pytest.param(struct.pack(">I4s", 0, b"last") + b"abc", [(b"last", b"abc")], id="to the end"),
    pytest.param(struct.pack(">I4s", 99, b"last") + b"abc", [(b"last", b"abc")], id="longer than the file"),
    pytest.param(struct.pack(">I4s", 7, b"bad ") + bytes(50), [], id="shorter than its header"),
    pytest.param(struct.pack(">I4sQ", 1, b"bad ", 15) + bytes(50), [], id="shorter than its long header"),
    pytest.param(pack(b"free", b"") + b"\0\0\0", [(b"free", b"")], id="a few bytes after it"),
    pytest.param(b"", [], id="empty"),
]


@pytest.mark.parametrize(("data", "found"), CASES)
def test_boxes_in_memory(data: bytes, found: list[tuple[bytes, bytes]]) -> None:
    assert list(unpack(data)) == found


def walked(data: bytes, *superboxes: bytes) -> list[Box]:
    return list(walk(lambda count, offset: data[offset : offset + count], 0, len(data), superboxes))


def test_superboxes_are_entered() -> None:
    data = pack(b"jp2h", pack(b"ihdr", b"x") + pack(b"res ", pack(b"resc", b""))) + pack(b"jp2c", b"y")
    kinds = [box.kind for box in walked(data, b"jp2h", b"res ")]
    assert kinds == [b"ihdr", b"resc", b"jp2c"]
    assert [box.kind for box in walked(data)] == [b"jp2h", b"jp2c"]


def test_damage_ends_the_superbox_it_is_in() -> None:
    data = pack(b"jp2h", pack(b"ihdr", b"x") + struct.pack(">I4s", 3, b"bad ") + bytes(8)) + pack(
        b"jp2c", b"y"
    )
    assert [box.kind for box in walked(data, b"jp2h")] == [b"ihdr", b"jp2c"]


def test_boxes_end_with_their_superbox() -> None:
    data = pack(b"jp2h", struct.pack(">I4s", 99, b"long") + b"abc") + pack(b"jp2c", b"y")
    assert walked(data, b"jp2h") == [Box(b"long", 16, 19), Box(b"jp2c", 27, 28)]


@pytest.mark.parametrize("data", [pack(b"free", b"") * (MAX_BOXES + 9), b"\0\0\0\x08jp2h" * (MAX_BOXES + 9)])
def test_the_number_of_boxes_is_bounded(data: bytes) -> None:
    assert len(walked(data, b"jp2h")) <= MAX_BOXES


def test_boxes_of_a_real_file() -> None:
    file = io.BytesIO()
    Image.new("RGB", (16, 16)).save(file, "AVIF")
    found = list(unpack(file.getvalue()))
    assert [kind for kind, _ in found] == [b"ftyp", b"meta", b"mdat"]
    assert b"".join(pack(kind, content) for kind, content in found) == file.getvalue()
