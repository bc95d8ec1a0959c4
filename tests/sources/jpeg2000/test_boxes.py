"""The boxes of JP2 and JPX files, written by hand."""

from __future__ import annotations

import os
import struct
from contextlib import suppress
from pathlib import Path

import pytest

from iipserve.errors import DecodeError, UnsupportedImage
from iipserve.sources.jpeg2000.boxes import (
    ADOBE_EXIF_UUID,
    EXIF_UUID,
    SIGNATURE,
    XMP_UUID,
    Boxes,
    Channel,
    ColorSpecification,
    LabRange,
    MappedChannel,
    PaletteColumn,
    read_boxes,
)

START = SIGNATURE + b"\0\0\0\x14ftypjp2 \0\0\0\0jp2 "
CODESTREAM = b"\xff\x4f\xff\x51" + bytes(20)
PROFILE = bytes(200)


def box(kind: bytes, content: bytes) -> bytes:
    """A box with a length of 4 bytes."""
    return struct.pack(">I4s", 8 + len(content), kind) + content


def long_box(kind: bytes, content: bytes) -> bytes:
    """A box with a length of 8 bytes."""
    return struct.pack(">I4sQ", 1, kind, 16 + len(content)) + content


def open_box(kind: bytes, content: bytes) -> bytes:
    """A box that reaches to the end of the file."""
    return struct.pack(">I4s", 0, kind) + content


def resolution(kind: bytes) -> bytes:
    """300 x 200 pixels per centimetre: 2 / 1 x 10^4 down, 30 / 1 x 10^3 across."""
    return box(kind, struct.pack(">HHHHbb", 2, 1, 30, 1, 4, 3))


def read(folder: Path, data: bytes) -> Boxes:
    path = folder / "a.jp2"
    path.write_bytes(data)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return read_boxes(lambda count, offset: os.pread(descriptor, count, offset), len(data))
    finally:
        os.close(descriptor)


LAB = struct.pack(">BBBI7I", 1, 0, 0, 14, 100, 0, 170, 128, 200, 96, 0x00443530)
PALETTE = b"\0\3\3" + bytes([7, 11, 0x87]) + b"\1\x0f\xff\xff" + b"\2\0\1\0" + b"\3\0\2\x80"
"""Three entries of 8, 12 and 8 signed bits."""
COLUMNS = (
    PaletteColumn(8, False, (1, 2, 3)),
    PaletteColumn(12, False, (0xFFF, 1, 2)),
    PaletteColumn(8, True, (-1, 0, -128)),
)
LINES = struct.pack(">HHHHHHHHHH", 3, 0, 0, 3, 1, 0, 2, 2, 1, 0)

CASES = [
    pytest.param(box(b"jp2h", box(b"colr", b"\x01\0\0\0\0\0\x10")), "colors", [ColorSpecification(16)], id="sRGB"),
    pytest.param(box(b"jp2h", box(b"colr", b"\x02\0\0" + PROFILE)), "colors", [ColorSpecification(icc=PROFILE)], id="restricted ICC"),
    pytest.param(box(b"jp2h", box(b"colr", b"\x03\0\0" + PROFILE)), "colors", [ColorSpecification(icc=PROFILE)], id="any ICC"),
    pytest.param(box(b"jp2h", box(b"colr", b"\x02\0\0abc")), "colors", [], id="no ICC profile"),
    pytest.param(box(b"jp2h", box(b"colr", b"\x01")), "colors", [], id="color cut off"),
    pytest.param(box(b"jplh", box(b"cgrp", box(b"colr", b"\x01\0\0\0\0\0\x11"))), "colors", [ColorSpecification(17)], id="JPX color group"),
    pytest.param(
        box(b"jp2h", box(b"colr", b"\x01\0\0\0\0\0\x10") + box(b"colr", b"\x02\0\0" + PROFILE)), "colors",
        [ColorSpecification(16), ColorSpecification(icc=PROFILE)], id="colors in file order",
    ),
    pytest.param(box(b"jp2h", box(b"colr", LAB)), "colors",
        [ColorSpecification(14, lab=(LabRange(100, 0), LabRange(170, 128), LabRange(200, 96)))], id="CIELab ranges"),
    pytest.param(box(b"jp2h", box(b"colr", b"\x01\0\0\0\0\0\x0e")), "colors", [ColorSpecification(14)], id="CIELab without ranges"),
    pytest.param(box(b"jp2h", box(b"colr", LAB[:20])), "colors", [ColorSpecification(14)], id="CIELab cut off"),
    pytest.param(box(b"jp2h", box(b"pclr", PALETTE)), "palette", COLUMNS, id="palette"),
    pytest.param(box(b"jp2h", box(b"pclr", PALETTE) + box(b"pclr", b"\0\1\1\7\0")), "palette", COLUMNS, id="the first palette counts"),
    pytest.param(
        box(b"jp2h", box(b"cmap", b"\0\0\1\2\0\5\0\0\0\0")), "mapping", (MappedChannel(0, 2), MappedChannel(5, None)),
        id="component mapping",
    ),
    pytest.param(
        box(b"jp2h", box(b"cdef", LINES)), "channels", [Channel(0, 0, 3), Channel(1, 0, 2), Channel(2, 1, 0)], id="channels",
    ),
    pytest.param(box(b"jp2h", box(b"cdef", b"\0\2\0\0\0\0\0\1\0")), "channels", [Channel(0, 0, 1)], id="channels cut off"),
    pytest.param(box(b"uuid", XMP_UUID + b"<x/>"), "xmp", b"<x/>", id="XMP"),
    pytest.param(long_box(b"uuid", XMP_UUID + b"<x/>"), "xmp", b"<x/>", id="length of 8 bytes"),
    pytest.param(box(b"uuid", EXIF_UUID + b"II*\0abc"), "exif", b"II*\0abc", id="Exif"),
    pytest.param(box(b"uuid", EXIF_UUID + b"Exif\0\0II*\0"), "exif", b"II*\0", id="Exif with its mark"),
    pytest.param(box(b"uuid", ADOBE_EXIF_UUID + b"MM\0*"), "exif", b"MM\0*", id="Exif by Adobe"),
    pytest.param(box(b"uuid", bytes(16) + b"other"), "xmp", None, id="another UUID"),
]  # fmt: skip


@pytest.mark.parametrize(("boxes", "field", "value"), CASES)
def test_fields(tmp_path: Path, boxes: bytes, field: str, value: object) -> None:
    assert getattr(read(tmp_path, START + boxes + box(b"jp2c", CODESTREAM)), field) == value
    # what follows the codestream counts too
    assert getattr(read(tmp_path, START + box(b"jp2c", CODESTREAM) + boxes), field) == value


@pytest.mark.parametrize("kind", [b"resc", b"resd"])
def test_resolution_is_vertical_first(tmp_path: Path, kind: bytes) -> None:
    boxes = read(tmp_path, START + box(b"jp2h", box(b"res ", resolution(kind))) + box(b"jp2c", CODESTREAM))
    assert boxes.resolution is not None
    assert (boxes.resolution.x, boxes.resolution.y) == (30_000, 20_000)


def test_a_resolution_of_zero_is_none(tmp_path: Path) -> None:
    zero = box(b"res ", box(b"resc", struct.pack(">HHHHbb", 1, 0, 1, 0, 0, 0)))
    assert read(tmp_path, START + box(b"jp2h", zero) + box(b"jp2c", CODESTREAM)).resolution is None


@pytest.mark.parametrize("make", [box, long_box, open_box])
def test_the_codestream_is_found(tmp_path: Path, make: object) -> None:
    assert callable(make)
    data = START + box(b"jp2h", b"") + make(b"jp2c", CODESTREAM)
    start, end = read(tmp_path, data).codestream
    assert data[start:end] == CODESTREAM


def test_the_first_codestream_counts_and_ends_with_the_file(tmp_path: Path) -> None:
    data = START + box(b"jp2c", CODESTREAM) + box(b"jp2c", CODESTREAM + b"second")
    assert read(tmp_path, data).codestream == (len(START) + 8, len(START) + 8 + len(CODESTREAM))
    cut = (START + box(b"jp2c", CODESTREAM))[:-5]
    assert read(tmp_path, cut).codestream == (len(START) + 8, len(cut))


BROKEN = [
    pytest.param(START, UnsupportedImage, "no codestream", id="no codestream"),
    pytest.param(START + box(b"ftbl", bytes(20)), UnsupportedImage, "no codestream", id="fragments"),
    pytest.param(START + box(b"jp2c", b""), DecodeError, "ends before", id="nothing in it"),
    pytest.param(START + b"\0\0\0\3jp2c" + CODESTREAM, UnsupportedImage, "no codestream", id="a length of 3"),
    pytest.param(START + box(b"free", b"") * 5000, UnsupportedImage, "no codestream", id="boxes without end"),
    pytest.param(START + box(b"jp2h", b"") * 5000 + box(b"jp2c", CODESTREAM), UnsupportedImage, "no codestream", id="containers without end"),
    pytest.param(START + box(b"jp2h", box(b"pclr", b"\0")), DecodeError, "palette is cut off", id="palette without a header"),
    pytest.param(START + box(b"jp2h", box(b"pclr", PALETTE[:-1])), DecodeError, "palette of 3 entries", id="palette cut off"),
    pytest.param(START + box(b"jp2h", box(b"pclr", b"\xff\xff\1\7" + bytes(70000))), DecodeError, "palette of 65535 entries", id="palette too long"),
    pytest.param(START + box(b"jp2h", box(b"pclr", b"\0\3\0")), DecodeError, "0 columns", id="palette of no columns"),
    pytest.param(START + b"\0\0\0\1free" + b"\xff" * 8, UnsupportedImage, "no codestream", id="a length of 2^64 - 1"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "error", "reason"), BROKEN)
def test_broken_files(tmp_path: Path, data: bytes, error: type[Exception], reason: str) -> None:
    with pytest.raises(error, match=reason):
        read(tmp_path, data)


def test_nested_containers_do_not_recurse(tmp_path: Path) -> None:
    nested = box(b"jp2c", CODESTREAM)
    for _ in range(3000):
        nested = box(b"jp2h", nested)
    assert read(tmp_path, START + nested).codestream[1] == len(START) + len(nested)


def test_a_box_may_reach_past_its_container(tmp_path: Path) -> None:
    for kind in (b"uuid", b"colr", b"pclr", b"cdef", b"cmap", b"resc"):
        inside = struct.pack(">I4sQ", 1, kind, 2**40)
        for length in range(8, 17):
            container = struct.pack(">I4s", 8 + length, b"jp2h") + inside
            with suppress(DecodeError, UnsupportedImage):  # what follows may not be found
                assert read(tmp_path, START + container + box(b"jp2c", CODESTREAM)).codestream[0] > 0


def test_huge_metadata_is_passed_over(tmp_path: Path) -> None:
    large = box(b"uuid", XMP_UUID + bytes(17 << 20))
    assert not read(tmp_path, START + large + box(b"jp2c", CODESTREAM)).xmp


def test_lists_without_end_are_cut_off(tmp_path: Path) -> None:
    lists = box(
        b"jp2h",
        box(b"cdef", b"\0\0" + bytes(6 * 100_000))
        + box(b"cmap", bytes(4 * 100_000))
        + box(b"colr", b"\1\0\0\0\0\0\x10") * 100,
    )
    boxes = read(tmp_path, START + lists + box(b"jp2c", CODESTREAM))
    assert (len(boxes.channels), len(boxes.mapping), len(boxes.colors)) == (16384, 16384, 16)
