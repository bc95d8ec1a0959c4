from __future__ import annotations

import struct

import numpy as np

from iipserve.containers.gif import Frame, read_frames


def blocks(data: bytes) -> bytes:
    return (
        b"".join(bytes([len(data[at : at + 255])]) + data[at : at + 255] for at in range(0, len(data), 255))
        + b"\0"
    )


def image(x: int, y: int, width: int, height: int, local_colors: int = 0) -> bytes:
    flags = 0x80 | local_colors - 1 if local_colors else 0
    table = bytes(3 << local_colors) if local_colors else b""
    return struct.pack("<B4HB", 0x2C, x, y, width, height, flags) + table + b"\2" + blocks(bytes(20_000))


def control(disposal: int) -> bytes:
    return b"\x21\xf9\4" + bytes([disposal << 2, 0, 0, 0]) + b"\0"


HEAD = b"GIF89a" + struct.pack("<2HBBB", 100, 80, 0x81, 0, 0) + bytes(12)
FILE = b"".join(
    (
        HEAD, b"\x21\xfe" + blocks(b"comment" * 100), control(2), image(1, 2, 3, 4),
        b"\x21\xff" + blocks(b"NETSCAPE2.0"), image(5, 6, 7, 8, local_colors=3), control(3), image(0, 0, 100, 80), b";",
    )
)  # fmt: skip
FRAMES = [Frame(1, 2, 3, 4, 2), Frame(5, 6, 7, 8, 0), Frame(0, 0, 100, 80, 3)]


def frames_of(data: bytes) -> list[Frame]:
    return list(read_frames(lambda count, offset: data[offset : offset + count]))


def test_frames_with_extensions_between_them() -> None:
    assert frames_of(FILE) == FRAMES


def test_a_cut_file_has_the_frames_before_the_cut() -> None:
    rng = np.random.default_rng(1)
    for end in (0, 5, 13, 30, *rng.integers(0, len(FILE), 50)):
        frames = frames_of(FILE[:end])
        assert frames == FRAMES[: len(frames)]
