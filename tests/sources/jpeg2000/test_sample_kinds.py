"""Samples of JPEG 2000: depth, sign, palettes, chroma, profiles and opacity."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from iipserve.errors import UnsupportedImage
from iipserve.geometry import Size
from iipserve.image import ColorSpace
from iipserve.sources.jpeg2000 import FORMAT
from tests.contracts.source import open_source
from tests.images import gradient, smooth, write_jp2
from tests.sources.jpeg2000.files import patched
from tests.tiff_corpus.jp2_files import SRGB, codestream, enumerated, palette, profiled, write_picture
from tests.tiff_corpus.profiles import SRGB_PROFILE

DEPTH = 42
"""Where SIZ holds the depth of the first component, from SOC on (15444-1 A.5.1)."""


def test_signed_samples_are_moved_up(tmp_path: Path) -> None:
    picture = gradient((300, 200), 1)
    write_jp2(tmp_path / "a.j2k", picture)
    patched(tmp_path / "a.j2k", {DEPTH: b"\x87"})  # unsigned samples are stored less 128, signed as they are
    assert np.array_equal(open_source(FORMAT, tmp_path / "a.j2k").read_tile(0, 0, 0), picture)


def test_four_bits_fill_the_range(tmp_path: Path) -> None:
    picture = gradient((300, 200), 1) % 16
    write_jp2(tmp_path / "a.j2k", picture + 120)
    patched(tmp_path / "a.j2k", {DEPTH: b"\x03"})  # stored less 128, read plus 8
    source = open_source(FORMAT, tmp_path / "a.j2k")
    assert source.info.bits == 4
    assert np.array_equal(source.read_tile(0, 0, 0), picture * 17)


def test_luma_and_chroma_become_rgb(tmp_path: Path) -> None:
    picture = smooth((300, 200))
    write_jp2(tmp_path / "a.jp2", picture)
    data = (tmp_path / "a.jp2").read_bytes()
    (tmp_path / "a.jp2").write_bytes(data.replace(b"colr\x01\0\0\0\0\0\x10", b"colr\x01\0\0\0\0\0\x12"))
    expected = np.asarray(Image.fromarray(picture, "YCbCr").convert("RGB")).astype(int)
    pixels = open_source(FORMAT, tmp_path / "a.jp2").read_tile(0, 0, 0)
    assert np.abs(pixels - expected).max() <= 1


def test_more_than_16_bits_are_refused_with_the_reason(tmp_path: Path) -> None:
    write_jp2(tmp_path / "a.j2k", gradient((64, 64), 1))
    patched(tmp_path / "a.j2k", {DEPTH: b"\x17"})
    with pytest.raises(UnsupportedImage, match="24 bits per sample; at most 16 are supported"):
        open_source(FORMAT, tmp_path / "a.j2k")


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_signed_samples_of_any_depth_are_moved_up(tmp_path: Path, bits: int) -> None:
    picture = (
        np.random.default_rng(bits).integers(0, 1 << bits, (90, 80, 1)).astype("u1" if bits == 8 else "u2")
    )
    stream = bytearray(codestream(picture, bits))
    stream[DEPTH] |= 0x80  # unsigned samples are stored less half their range, signed ones as they are
    (tmp_path / "a.j2k").write_bytes(stream)
    source = open_source(FORMAT, tmp_path / "a.j2k")
    assert (source.info.bits, source.info.dtype) == (bits, "uint8" if bits == 8 else "uint16")
    assert np.array_equal(source.read_tile(0, 0, 0), picture)


def test_indices_into_a_palette_have_no_smaller_levels(tmp_path: Path) -> None:
    picture = gradient((700, 600), 1)
    table = np.arange(768).reshape(256, 3) % 256
    write_picture(tmp_path / "a.jp2", picture, 8, enumerated(SRGB), palette(table, 8))
    source = open_source(FORMAT, tmp_path / "a.jp2")
    assert [level.size for level in source.info.levels] == [Size(700, 600)]
    assert np.array_equal(source.read_tile(0, 0, 0), table[picture[:, :, 0]])


@pytest.mark.parametrize(
    ("bands", "side"), [(4, 1024), (5, 512), (16, 512), (17, 256), (300, 64), (1000, 64)]
)
def test_blocks_of_many_components_are_smaller(tmp_path: Path, bands: int, side: int) -> None:
    write_jp2(tmp_path / "a.j2k", gradient((2100, 1100), 1), numres=1)
    data = (tmp_path / "a.j2k").read_bytes()
    length = 38 + 3 * bands
    siz = struct.pack(">HH", 0xFF51, length) + data[6:40] + struct.pack(">H", bands) + data[42:45] * bands
    (tmp_path / "a.j2k").write_bytes(data[:2] + siz + data[45:])
    tile = open_source(FORMAT, tmp_path / "a.j2k").info.levels[0].tile
    assert max(tile.width, tile.height) <= side + 64
    assert tile.area * bands <= 5 * 1024 * 1024


def test_a_profile_for_other_colors_is_dropped(tmp_path: Path) -> None:
    picture = gradient((90, 80), 1)
    for box, kept in [
        (profiled(SRGB_PROFILE), False),
        (profiled(SRGB_PROFILE[:16] + b"GRAY" + SRGB_PROFILE[20:]), True),
    ]:
        write_picture(tmp_path / "a.jp2", picture, 8, box)
        source = open_source(FORMAT, tmp_path / "a.jp2")
        assert (source.info.icc is not None) is kept
        assert np.array_equal(source.read_tile(0, 0, 0), picture)


def test_color_and_opacity(tmp_path: Path) -> None:
    for bands, space in [
        (1, ColorSpace.GRAY),
        (2, ColorSpace.GRAY),
        (3, ColorSpace.SRGB),
        (4, ColorSpace.SRGB),
    ]:
        write_jp2(tmp_path / "a.jp2", gradient((64, 64), bands))
        info = open_source(FORMAT, tmp_path / "a.jp2").info
        assert (info.color_space, info.has_alpha, info.bits) == (space, bands in (2, 4), 8)
