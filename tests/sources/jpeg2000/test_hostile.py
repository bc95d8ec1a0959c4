"""Damaged JPEG 2000 files and false headers, and descriptors."""

from __future__ import annotations

import hashlib
import os
import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from iipserve.errors import DecodeError, IIPServeError, UnsupportedImage
from iipserve.geometry import Size
from iipserve.sources import Source
from iipserve.sources.jpeg2000 import FORMAT
from tests.contracts.source import open_file, open_source, tiles_of
from tests.images import gradient, smooth, write_jp2
from tests.open_files import open_paths
from tests.sources.jpeg2000.files import patched

# -- broken files ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def gray_file(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("jpeg2000") / "gray.jp2"
    write_jp2(path, gradient((700, 500), 1))
    return path.read_bytes()


def siz(width: int, height: int, tile_width: int, tile_height: int) -> dict[int, bytes]:
    """Changes of SIZ: image and tile size."""
    return {8: struct.pack(">II", width, height), 24: struct.pack(">II", tile_width, tile_height)}


FALSE_HEADERS = [
    pytest.param(siz(4_000_000_000, 4_000_000_000, 4_000_000_000, 4_000_000_000), "declares an image", id="4e9 square"),
    pytest.param(siz(100_000, 100_000, 100_000, 100_000), "too short for one tile", id="100,000 square"),
    pytest.param(siz(60_000, 60_000, 1, 1), "3600000000 tiles", id="too many tiles"),
    pytest.param(siz(0, 500, 700, 500), "declares an image", id="no width"),
    pytest.param(siz(700, 500, 0, 0), "do not cover", id="tiles without size"),
    pytest.param({40: b"\0\0"}, "0 components", id="no components"),
    pytest.param({40: b"\xff\xff"}, "65535 components", id="too many components"),
    pytest.param({40: b"\0\x09"}, "damaged", id="components beyond the segment"),
    pytest.param({43: b"\0"}, "components are damaged", id="no horizontal step"),
    pytest.param({45: b"\xff\x52\x00\x01"}, "damaged or cut off", id="a segment of length 1"),
    pytest.param({45: b"\xff\x52\xff\xff"}, "damaged", id="a segment over the rest"),
    pytest.param({51: b"\0\0"}, "components or layers", id="no layers"),
    pytest.param({54: b"\x40"}, "coding style", id="64 decompositions"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "reason"), FALSE_HEADERS)
def test_false_headers_are_refused(
    tmp_path: Path, gray_file: bytes, changes: dict[int, bytes], reason: str
) -> None:
    path = tmp_path / "a.jp2"
    path.write_bytes(gray_file)
    patched(path, changes)
    with pytest.raises(DecodeError, match=reason) as caught:
        open_source(FORMAT, path)
    assert str(tmp_path) not in str(caught.value)


def test_a_huge_untiled_image_is_refused_for_its_memory(tmp_path: Path, gray_file: bytes) -> None:
    path = tmp_path / "a.jp2"
    path.write_bytes(gray_file)
    patched(path, siz(200_000, 200_000, 200_000, 200_000))
    with path.open("r+b") as file:
        file.truncate(1 << 34)  # a hole, so that the length fits the claim
    start = gray_file.find(b"jp2c") - 4
    with path.open("r+b") as file:
        file.seek(start)
        file.write(b"\0\0\0\0")
    with pytest.raises(UnsupportedImage, match="must be tiled"):
        open_source(FORMAT, path)


def test_declared_tiles_without_data_are_errors_of_these_tiles(tmp_path: Path, gray_file: bytes) -> None:
    path = tmp_path / "a.jp2"
    path.write_bytes(gray_file)
    patched(path, siz(100_000, 100_000, 1000, 1000))
    source = open_source(FORMAT, path)
    assert source.info.size == Size(100_000, 100_000)
    with pytest.raises(DecodeError, match="tile 50,50 of level 0 cannot be decoded"):
        source.read_tile(0, 50, 50)


@pytest.mark.parametrize("tiles", [(256, 256), None], ids=["tiled", "untiled"])
def test_a_truncated_file_fails_for_the_tiles_it_misses_and_no_other(
    tmp_path: Path, tiles: tuple[int, int] | None
) -> None:
    picture = gradient((1000, 701))
    path = tmp_path / "a.jp2"
    write_jp2(path, picture, **({"tilesize": tiles} if tiles else {}))
    os.truncate(path, path.stat().st_size * 6 // 10)
    source = open_source(FORMAT, path)
    good, messages = 0, []
    for _, column, row in [tile for tile in tiles_of(source) if tile[0] == 0]:
        try:
            pixels = source.read_tile(0, column, row)
        except DecodeError as error:
            messages.append(str(error))
            continue
        assert np.array_equal(pixels, picture[row * 256 : row * 256 + 256, column * 256 : column * 256 + 256])
        good += 1
    assert messages
    assert all("cut off or missing" in message and str(tmp_path) not in message for message in messages)
    assert good > 0 or tiles is None


@pytest.mark.parametrize("length", [12, 30, 60, 100, 150, 200])
def test_a_header_cut_off_is_an_error(tmp_path: Path, gray_file: bytes, length: int) -> None:
    (tmp_path / "a.jp2").write_bytes(gray_file[:length])
    with pytest.raises((DecodeError, UnsupportedImage)):
        open_source(FORMAT, tmp_path / "a.jp2").read_tile(0, 0, 0)


def test_damaged_data_never_does_worse_than_an_error(tmp_path: Path, gray_file: bytes) -> None:
    rng = np.random.default_rng(20)
    path = tmp_path / "a.jp2"
    outcomes = set()
    for _ in range(150):
        data = np.frombuffer(gray_file, np.uint8).copy()
        places = rng.integers(12, 250 if rng.random() < 0.7 else len(data), 4)
        data[places] = rng.integers(0, 256, 4)
        path.write_bytes(data.tobytes())
        try:
            source = open_source(FORMAT, path)
            size = source.info.levels[-1].size
            assert source.read_tile(len(source.info.levels) - 1, 0, 0).shape[0] <= size.height
            outcomes.add("pixels")
        except IIPServeError as error:
            outcomes.add(type(error).__name__)
    assert outcomes == {"pixels", "DecodeError", "UnsupportedImage"}


def test_what_openjpeg_says_is_kept_apart_by_thread(tmp_path: Path, gray_file: bytes) -> None:
    good, bad = tmp_path / "good.jp2", tmp_path / "bad.jp2"
    good.write_bytes(gray_file)
    bad.write_bytes(gray_file)
    patched(bad, {53: b"\x05"})  # an unknown component transform
    sources = [open_source(FORMAT, path) for path in (good, bad)] * 20

    def outcome(source: Source) -> str:
        try:
            return hashlib.md5(source.read_tile(1, 0, 0).tobytes()).hexdigest()
        except DecodeError as error:
            return str(error)

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(outcome, sources))
    assert len(set(outcomes[0::2])) == 1
    assert len(set(outcomes[1::2])) == 1
    assert "OpenJPEG: Invalid multiple component transformation" in outcomes[1]


# -- files and descriptors -------------------------------------------------------------------------


def test_a_replaced_file_is_not_mixed_with_the_old_one(tmp_path: Path) -> None:
    old, new = gradient((600, 400)), smooth((600, 400))
    path = tmp_path / "a.jp2"
    write_jp2(path, old, tilesize=(256, 256))
    source = open_source(FORMAT, path)
    first = source.read_tile(0, 0, 0)
    write_jp2(tmp_path / "b.jp2", new, tilesize=(256, 256))
    (tmp_path / "b.jp2").replace(path)
    assert np.array_equal(first, old[:256, :256])
    assert np.array_equal(source.read_tile(0, 1, 0), old[:256, 256:512])
    assert np.array_equal(open_source(FORMAT, path).read_tile(0, 1, 0), new[:256, 256:512])


def test_the_descriptor_lives_as_long_as_the_source(tmp_path: Path, gray_file: bytes) -> None:
    (tmp_path / "a.jp2").write_bytes(gray_file)
    source: Source | None = FORMAT.open(open_file(tmp_path / "a.jp2"))
    assert len(open_paths(tmp_path)) == 1
    del source
    assert not open_paths(tmp_path)


def test_a_refused_file_is_closed(tmp_path: Path, gray_file: bytes) -> None:
    (tmp_path / "a.jp2").write_bytes(gray_file[:100])
    with pytest.raises(DecodeError):
        FORMAT.open(open_file(tmp_path / "a.jp2"))
    assert not open_paths(tmp_path)
