"""Items of HEIF files, put together by hand, and AVIF of two encoders."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from iipserve.containers import av1, heif
from iipserve.containers.boxes import pack

LIMITED, FULL = (b"nclx" + struct.pack(">HHHB", 1, 13, 6, full) for full in (0, 0x80))
GRAY_AV1, COLOR_AV1 = b"\x81\0\x1c\0", b"\x81\0\x0c\0"
ALPHA = bytes(4) + heif.ALPHA[0] + b"\0"


def full_box(kind: bytes, content: bytes, version: int = 0, flags: int = 0) -> bytes:
    return pack(kind, struct.pack(">I", version << 24 | flags) + content)


def infe(number: int, kind: bytes, hidden: bool = False) -> bytes:
    return full_box(b"infe", struct.pack(">HH", number, 0) + kind + b"\0", 2, int(hidden))


def reference(kind: bytes, source: int, *targets: int) -> bytes:
    return pack(kind, struct.pack(f">HH{len(targets)}H", source, len(targets), *targets))


def file_of(
    items: Iterable[bytes],
    references: Iterable[bytes] = (),
    properties: dict[int, list[tuple[bytes, bytes]]] | None = None,
) -> bytes:
    """A file without data, whose primary item is the first."""
    items, known, associations = list(items), b"", []
    count = 0
    for number, kinds in (properties or {}).items():
        known += b"".join(pack(*each) for each in kinds)
        indices = bytes(range(count + 1, count + 1 + len(kinds)))
        associations.append(struct.pack(">HB", number, len(kinds)) + indices)
        count += len(kinds)
    ipma = full_box(b"ipma", struct.pack(">I", len(associations)) + b"".join(associations))
    children = (
        full_box(b"pitm", struct.pack(">H", 1)),
        full_box(b"iinf", struct.pack(">H", len(items)) + b"".join(items)),
        full_box(b"iref", b"".join(references)),
        pack(b"iprp", pack(b"ipco", known) + ipma),
    )
    return pack(b"ftyp", b"avif\0\0\0\0") + full_box(b"meta", b"".join(children))


def read(data: bytes) -> tuple[list[heif.CodedImage], int]:
    return heif.coded_images(lambda count, offset: data[offset : offset + count], len(data))


def test_parts_thumbnails_and_masks_are_not_images() -> None:
    data = file_of(
        [infe(1, b"grid"), infe(2, b"hvc1", hidden=True), infe(3, b"hvc1"), infe(4, b"av01"), infe(5, b"Exif"), infe(6, b"jpeg")],
        [reference(b"dimg", 1, 2), reference(b"thmb", 3, 1), reference(b"auxl", 4, 1)],
        {4: [(b"auxC", ALPHA), (b"av1C", GRAY_AV1), (b"colr", LIMITED)], 2: [(b"hvcC", bytes(16) + b"\xfd" + bytes(6))]},
    )  # fmt: skip
    assert read(data) == ([heif.CodedImage(b"hvc1", False, True), heif.CodedImage(b"jpeg", False, False)], 0)


@pytest.mark.parametrize(
    ("kind", "configuration", "color", "is_limited_gray"),
    [
        (b"av01", (b"av1C", GRAY_AV1), LIMITED, True),
        (b"av01", (b"av1C", GRAY_AV1), FULL, False),
        (b"av01", (b"av1C", COLOR_AV1), LIMITED, False),
        (b"hvc1", (b"hvcC", bytes(16) + b"\xfc" + bytes(6)), LIMITED, False),
        (b"hvc1", (b"hvcC", bytes(16) + b"\xfd" + bytes(6)), LIMITED, False),
    ],
)
@pytest.mark.parametrize("in_grid", [False, True])
def test_range_of_gray(
    kind: bytes, configuration: tuple[bytes, bytes], color: bytes, is_limited_gray: bool, in_grid: bool
) -> None:
    if in_grid:
        items, references = [infe(1, b"grid"), infe(2, kind, hidden=True)], [reference(b"dimg", 1, 2)]
        properties = {1: [(b"colr", color)], 2: [configuration]}
    else:
        items, references, properties = [infe(1, kind)], [], {1: [configuration, (b"colr", color)]}
    assert read(file_of(items, references, properties)) == (
        [heif.CodedImage(kind, is_limited_gray, False)],
        0,
    )


def test_damaged_files_have_no_images() -> None:
    data = file_of([infe(1, b"av01")], (), {1: [(b"av1C", GRAY_AV1), (b"colr", LIMITED)]})
    assert read(data[:40]) == ([], 0)
    assert read(b"") == ([], 0)
    rng = np.random.default_rng(1)
    for _ in range(500):
        damaged = bytearray(data)
        damaged[rng.integers(0, len(data))] = rng.integers(0, 256)
        images, primary = read(bytes(damaged))
        assert primary in range(max(1, len(images)))


# -- sequence headers of AV1 -------------------------------------------------------------------------


@pytest.mark.parametrize("range_name", ["limited", "full"])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_range_in_the_bitstream(mode: str, range_name: str) -> None:
    buffer = io.BytesIO()
    options = {"subsampling": "4:0:0"} if mode == "L" else {}
    Image.new(mode, (16, 16)).save(buffer, "AVIF", range=range_name, **options)
    data = buffer.getvalue()
    assert av1.is_limited(data[data.index(b"mdat") + 4 :]) is (range_name == "limited")


def test_range_in_an_animation() -> None:
    """Its sequence header is not reduced."""
    buffer = io.BytesIO()
    frames = [Image.new("RGB", (16, 16), (value, 0, 0)) for value in (0, 200)]
    frames[0].save(buffer, "AVIF", range="limited", save_all=True, append_images=frames[1:])
    data = buffer.getvalue()
    assert av1.is_limited(data[data.rindex(b"mdat") + 4 :])


def test_range_of_another_encoder() -> None:
    data = imagecodecs.avif_encode(np.zeros((16, 16), np.uint8), pixelformat="400")
    assert not av1.is_limited(data[data.index(b"mdat") + 4 :])


@pytest.mark.parametrize(
    "data", [b"", b"\x0a", b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff", b"\x0a\x02\0\0", b"\x12\0" * 9]
)
def test_damaged_bitstreams_have_full_range(data: bytes) -> None:
    assert not av1.is_limited(data)
