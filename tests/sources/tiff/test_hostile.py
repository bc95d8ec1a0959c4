"""Broken and hostile TIFF files: the right error, for the part that is broken, and nothing else."""

from __future__ import annotations

import struct
import subprocess
import sys
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest

from iipserve.errors import DecodeError, IIPServeError, UnsupportedImage
from iipserve.geometry import Size
from tests.contracts.source import open_source, tiles_of
from tests.images import Picture, gradient, smooth, write_jpeg_pyramid, write_tiff_pyramid
from tests.sources.tiff.files import TILED, link_offset, overwrite, set_field, tile_place

SHORT, LONG = 3, 4
CODES = {SHORT: "H", LONG: "I"}


def tiny_tiff(fields: dict[int, tuple[int, ...]], data: bytes = b"", following: int = 0) -> bytes:
    """A TIFF file of one directory at byte 8, and `data` at the end. Values are LONG."""
    at = 8 + 2 + 12 * len(fields) + 4
    table, values = b"", b""
    for tag, numbers in sorted(fields.items()):
        packed = struct.pack(f"<{len(numbers)}I", *numbers)
        place = packed if len(numbers) == 1 else struct.pack("<I", at + len(values))
        values += b"" if len(numbers) == 1 else packed
        table += struct.pack("<HHI", tag, LONG, len(numbers)) + place
    return (
        b"II*\0" + struct.pack("<IH", 8, len(fields)) + table + struct.pack("<I", following) + values + data
    )


def fields_of(
    size: tuple[int, int], tile: tuple[int, int], offsets: list[int], counts: list[int], compression: int = 1
) -> dict[int, tuple[int, ...]]:
    """The fields of an RGB picture."""
    return {
        256: (size[0],), 257: (size[1],), 258: (8, 8, 8), 259: (compression,), 262: (2,), 277: (3,),
        322: (tile[0],), 323: (tile[1],), 324: tuple(offsets), 325: tuple(counts),
    }  # fmt: skip


def start_of_data(fields: dict[int, tuple[int, ...]]) -> int:
    """Offset of the data of `tiny_tiff`."""
    return len(tiny_tiff(fields))


UNREADABLE = [
    pytest.param(b"", id="nothing after the signature"),
    pytest.param(b"\0\0\0\0", id="no directory"),
    pytest.param(b"\x08\0\0\0\0\0" + bytes(20), id="an empty directory"),
    pytest.param(b"\x08\0\0\0\xff\xff" + bytes(70000 * 12), id="65535 fields"),
    pytest.param(b"\xff\xff\xff\xff" + bytes(100), id="a directory past the end"),
    pytest.param(b"\x08\0\0\0\x0a\0" + bytes(50), id="half a directory"),
]


@pytest.mark.parametrize("rest", UNREADABLE)
def test_without_a_directory(tmp_path: Path, rest: bytes) -> None:
    (tmp_path / "a.tif").write_bytes(b"II*\0" + rest)
    with pytest.raises(DecodeError):
        open_source(TILED, tmp_path / "a.tif")


def test_big_tiff_with_a_wild_directory(tmp_path: Path) -> None:
    for offset, fields in [(2**63 + 5, 0), (16, 2**64 - 1), (2**64 - 1, 3)]:
        data = b"II+\0" + struct.pack("<HHQQ", 8, 0, offset, fields) + bytes(100)
        (tmp_path / "a.tif").write_bytes(data)
        with pytest.raises(DecodeError):
            open_source(TILED, tmp_path / "a.tif")


FALSE_FIELDS: list[Any] = [
    pytest.param(fields_of((2**31 - 1, 2**31 - 1), (256, 256), [300], [1000]), DecodeError, "tiles", id="vast, one tile"),
    pytest.param(fields_of((100_000, 100_000), (256, 256), [300], [1000]), DecodeError, "tiles", id="large, one tile"),
    pytest.param(fields_of((0, 100), (64, 64), [300], [10]), DecodeError, "0 x 100", id="no width"),
    pytest.param(fields_of((100, 2**32 - 1), (64, 64), [300], [10]), DecodeError, "4294967295", id="2^32 rows"),
    pytest.param(fields_of((100, 100), (0, 64), [300], [10]), DecodeError, "0 x 64", id="no tile width"),
    pytest.param(
        fields_of((65536, 65536), (65536, 65536), [300], [1000], 8), UnsupportedImage, "65536", id="one huge tile"
    ),
    pytest.param(fields_of((64, 64), (64, 64), [], []), DecodeError, "lists 0", id="no offsets"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "error", "message"), FALSE_FIELDS)
def test_sizes_that_cannot_be(
    tmp_path: Path, fields: dict[int, tuple[int, ...]], error: type[IIPServeError], message: str
) -> None:
    fields = {tag: numbers for tag, numbers in fields.items() if numbers}
    (tmp_path / "a.tif").write_bytes(tiny_tiff(fields, bytes(2000)))
    with pytest.raises(error, match=message):
        open_source(TILED, tmp_path / "a.tif")


def test_a_million_tiles_may_not_be_listed_for_a_small_file(tmp_path: Path) -> None:
    fields = fields_of((1_000_000, 1_000_000), (64, 64), [8], [8])
    data = bytearray(tiny_tiff(fields))
    at = data.index(struct.pack("<HHI", 324, LONG, 1))
    data[at + 4 : at + 8] = data[at + 16 : at + 20] = struct.pack("<I", 15625**2)
    (tmp_path / "a.tif").write_bytes(data)
    with pytest.raises(UnsupportedImage, match="244140625 tiles"):
        open_source(TILED, tmp_path / "a.tif")
    fields = fields_of((20_000, 20_000), (64, 64), [8], [8])
    data[:] = tiny_tiff(fields)
    data[at + 4 : at + 8] = data[at + 16 : at + 20] = struct.pack("<I", 313**2)
    (tmp_path / "a.tif").write_bytes(data)
    with pytest.raises(DecodeError, match="ends inside"):
        open_source(TILED, tmp_path / "a.tif")


class TestChains:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        write_tiff_pyramid(tmp_path / "a.tif", gradient((300, 200)), tile=(64, 64))
        return tmp_path / "a.tif"

    def sizes(self, path: Path) -> list[Size]:
        return [level.size for level in open_source(TILED, path).info.levels]

    def test_that_lead_to_themselves_end_there(self, path: Path) -> None:
        first = struct.unpack("<I", path.read_bytes()[4:8])[0]
        overwrite(path, link_offset(path, 1), struct.pack("<I", first))
        assert self.sizes(path) == [Size(300, 200), Size(150, 100)]
        overwrite(path, link_offset(path, 0), struct.pack("<I", first))
        assert self.sizes(path) == [Size(300, 200)]

    @pytest.mark.parametrize("target", [1, 2**32 - 1, 300])
    def test_that_lead_astray_end_there(self, path: Path, target: int) -> None:
        overwrite(path, link_offset(path, 0), struct.pack("<I", target))
        assert self.sizes(path)[0] == Size(300, 200)

    def test_of_sub_ifds_that_lead_astray(self, tmp_path: Path) -> None:
        path = tmp_path / "b.tif"
        write_tiff_pyramid(path, gradient((300, 200)), tile=(64, 64), subifds=True)
        first = struct.unpack("<I", path.read_bytes()[4:8])[0]
        set_field(path, 330, (first, 2**32 - 1, 0))
        assert self.sizes(path) == [Size(300, 200)]

    def test_that_never_end(self, tmp_path: Path) -> None:
        """A thousand directories, each of a slightly smaller picture: the number of levels is limited."""
        data, at = bytearray(b"II*\0" + struct.pack("<I", 8)), 8
        for number in range(1000):
            fields = fields_of((2000 - number, 2000 - number), (2000, 2000), [8], [8])
            fields |= {258: (8,), 254: (1,)}
            body = tiny_tiff(fields, following=at + 138)[8:]
            data += body
            at += len(body)
            assert len(body) == 138
        (tmp_path / "a.tif").write_bytes(data)
        assert 1 < len(self.sizes(tmp_path / "a.tif")) <= 256


TILE_PLACES = [
    pytest.param([4], [100], id="in the header"),
    pytest.param([2**32 - 10], [5], id="past the end"),
    pytest.param([20_000], [2**32 - 1], id="longer than the file"),
    pytest.param([400], [50], id="too short"),
    pytest.param([0], [64 * 64 * 3], id="nowhere"),
]


@pytest.mark.parametrize(("offsets", "counts"), TILE_PLACES)
def test_false_tile_offsets_and_byte_counts(tmp_path: Path, offsets: list[int], counts: list[int]) -> None:
    fields = fields_of((64, 64), (64, 64), offsets, counts)
    (tmp_path / "a.tif").write_bytes(tiny_tiff(fields, bytes(20_000)))
    source = open_source(TILED, tmp_path / "a.tif")
    with pytest.raises(DecodeError, match="tile 0,0 of level 0 is damaged"):
        source.read_tile(0, 0, 0)


def deflate_bomb() -> bytes:
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(64)) + packer.flush()


COMPRESSED: list[Any] = [
    pytest.param(8, lambda: zlib.compress(bytes(1000)), id="deflate too short"),
    pytest.param(5, lambda: imagecodecs.lzw_encode(bytes(1000)), id="LZW too short"),
    pytest.param(50000, lambda: imagecodecs.zstd_encode(bytes(1000)), id="zstd too short"),
    pytest.param(32773, lambda: b"\x81\0" * 5, id="PackBits too short"),
    *(
        pytest.param(number, lambda: b"this is not what it should be. " * 20, id=f"text as {number}")
        for number in (5, 7, 8, 32773, 33003, 34712, 50000, 50001)
    ),
    *(
        pytest.param(number, lambda: b"\0", id=f"one byte as {number}")
        for number in (1, 5, 7, 8, 34712, 50001)
    ),
]


@pytest.mark.parametrize(("compression", "make"), COMPRESSED)
def test_tiles_that_are_not_what_they_should_be(
    tmp_path: Path, compression: int, make: Callable[[], bytes]
) -> None:
    data = make()
    fields = fields_of((64, 64), (64, 64), [0], [len(data)], compression)
    fields[324] = (start_of_data(fields),)
    (tmp_path / "a.tif").write_bytes(tiny_tiff(fields, data))
    source = open_source(TILED, tmp_path / "a.tif")
    tracemalloc.start()
    try:
        with pytest.raises(DecodeError, match="tile 0,0 of level 0 is damaged"):
            source.read_tile(0, 0, 0)
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("compression", "make"),
    [
        pytest.param(8, deflate_bomb, id="deflate"),
        pytest.param(50000, lambda: imagecodecs.zstd_encode(bytes(1 << 26)), id="zstd"),
        pytest.param(32773, lambda: b"\x81\0" * (1 << 19), id="PackBits"),
    ],
)
def test_what_goes_on_past_the_tile_is_not_unpacked(
    tmp_path: Path, compression: int, make: Callable[[], bytes]
) -> None:
    data = make()
    fields = fields_of((64, 64), (64, 64), [0], [len(data)], compression)
    fields[324] = (start_of_data(fields),)
    (tmp_path / "a.tif").write_bytes(tiny_tiff(fields, data))
    grown = subprocess.run(
        [sys.executable, "-c", READ_AND_MEASURE, str(tmp_path / "a.tif")],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
    ).stdout
    assert int(grown) < 20_000, "kB more than before; 64 MB are packed"


READ_AND_MEASURE = """
import contextlib, pathlib, resource, sys
from iipserve.errors import DecodeError
from tests.sources.tiff.files import TILED
from tests.contracts.source import open_source
source = open_source(TILED, pathlib.Path(sys.argv[1]))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with contextlib.suppress(DecodeError):  # the count may be refused for being too large
    assert not source.read_tile(0, 0, 0).any()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def codestream_of(size: tuple[int, int], bands: int) -> bytes:
    pixels = smooth(size, bands)
    return bytes(imagecodecs.jpeg2k_encode(pixels.squeeze(), codecformat="j2k", reversible=True, level=0))


def patched(data: bytes, at: int, value: bytes) -> bytes:
    return data[:at] + value + data[at + len(value) :]


JPEG2000: list[Any] = [
    pytest.param(lambda: codestream_of((64, 64), 1), id="one band"),
    pytest.param(lambda: codestream_of((80, 64), 3), id="wider than the tile"),
    pytest.param(lambda: codestream_of((32, 64), 3), id="narrower than the tile"),
    pytest.param(lambda: patched(codestream_of((64, 64), 3), 8, b"\xff\xff\xff\xff" * 2), id="4e9 x 4e9"),
    pytest.param(
        lambda: patched(codestream_of((64, 64), 3), 16, b"\xff\xff\xff\xff" * 2), id="origin past the end"
    ),
    pytest.param(lambda: codestream_of((64, 64), 3)[:200], id="cut"),
    pytest.param(
        lambda: bytes(imagecodecs.jpeg2k_encode(smooth((64, 64)).astype("u2"), codecformat="j2k")),
        id="16 bits",
    ),
]


@pytest.mark.parametrize("make", JPEG2000)
def test_codestreams_that_are_not_the_tile(tmp_path: Path, make: Callable[[], bytes]) -> None:
    data = make()
    fields = fields_of((64, 64), (64, 64), [0], [len(data)], 34712)
    fields[324] = (start_of_data(fields),)
    (tmp_path / "a.tif").write_bytes(tiny_tiff(fields, data))
    with pytest.raises(DecodeError):
        open_source(TILED, tmp_path / "a.tif").read_tile(0, 0, 0)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.999])
def test_a_cut_file_serves_what_it_still_holds(tmp_path: Path, share: float) -> None:
    path = tmp_path / "a.tif"
    pixels = gradient((500, 400))
    write_tiff_pyramid(path, [pixels], tile=(64, 64), compression="lzw")
    whole = path.read_bytes()
    length = int(len(whole) * share)
    places = [tile_place(path, index) for index in range(8 * 7)]
    path.write_bytes(whole[:length])
    source = open_source(TILED, path)
    missing = 0
    for index, (offset, count) in enumerate(places):
        row, column = divmod(index, 8)
        if offset + count <= length:
            expected = pixels[row * 64 : row * 64 + 64, column * 64 : column * 64 + 64]
            assert np.array_equal(source.read_tile(0, column, row), expected)
        else:
            missing += 1
            with pytest.raises(DecodeError, match=f"tile {column},{row} of level 0"):
                source.read_tile(0, column, row)
    assert missing > 0


def test_a_file_cut_while_it_is_open(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    write_jpeg_pyramid(path, smooth((300, 200)), tile=(64, 64))
    source = open_source(TILED, path)
    offset, count = tile_place(path, 3)
    with path.open("r+b") as file:
        file.truncate(offset + count // 2)
    assert source.stored_tile(0, 0, 0, "jpeg", profile=False) is not None
    with pytest.raises(DecodeError):
        source.stored_tile(0, 3, 0, "jpeg", profile=False)
    with pytest.raises(DecodeError):
        source.read_tile(0, 3, 0)


def test_messages_name_no_path(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(b"II*\0" + bytes(4))
    with pytest.raises(DecodeError) as caught:
        open_source(TILED, tmp_path / "a.tif")
    assert str(tmp_path) not in str(caught.value)


def plain(path: Path, pixels: Picture, **options: Any) -> None:
    write_tiff_pyramid(path, pixels, tile=(64, 48), **options)


def jpeg(path: Path, pixels: Picture, **options: Any) -> None:
    write_jpeg_pyramid(path, pixels, tile=(64, 48), **options)


SEEDS: list[Any] = [
    pytest.param(plain, {}, id="uncompressed"),
    pytest.param(plain, {"compression": "lzw", "predictor": True, "byteorder": ">"}, id="LZW"),
    pytest.param(plain, {"compression": "adobe_deflate", "bigtiff": True, "subifds": True}, id="deflate"),
    pytest.param(plain, {"compression": "zstd"}, id="zstd"),
    pytest.param(plain, {"compression": "webp"}, id="WebP"),
    pytest.param(plain, {"compression": 33003}, id="JPEG 2000"),
    pytest.param(jpeg, {}, id="JPEG"),
    pytest.param(jpeg, {"shared_tables": False, "photometric": "rgb"}, id="JPEG with own tables"),
]


@pytest.mark.parametrize(("write", "options"), SEEDS)
def test_changed_bytes_bring_out_only_errors_of_ours(
    tmp_path: Path, write: Callable[..., None], options: dict[str, Any]
) -> None:
    path = tmp_path / "a.tif"
    write(path, smooth((150, 100)), **options)
    whole = path.read_bytes()
    rng = np.random.default_rng(len(whole))
    for _ in range(60):
        data = bytearray(whole)
        for at in rng.integers(8, rng.choice([400, len(data)]), 4):
            data[at] = rng.integers(0, 256)
        path.write_bytes(data)
        try_everything(path)


def try_everything(path: Path) -> None:
    """Read what can be read; errors of the tree are fine."""
    try:
        source = open_source(TILED, path)
    except IIPServeError:
        return
    for tile in tiles_of(source)[:12]:
        for read in (
            lambda tile=tile: source.read_tile(*tile),
            lambda tile=tile: source.stored_tile(*tile, "jpeg", profile=True),
            lambda tile=tile: source.stored_tile(*tile, "webp", profile=False),
        ):
            try:
                read()
            except IIPServeError:
                continue
