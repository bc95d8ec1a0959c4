"""What has to be decoded to read a region: the cost that a source states."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import imagecodecs
import pytest
import pyvips
import tifffile

from iipserve.geometry import Region, Size
from iipserve.sources import jpeg2000, tiff, vips
from tests.contracts.source import open_source
from tests.images import gradient

CORNER = Region(0, 0, 10, 10)


def test_file_decoded_from_top_to_bottom_is_unpacked_once(tmp_path: Path) -> None:
    picture = gradient((600, 500))
    pyvips.Image.new_from_array(picture).write_to_file(str(tmp_path / "a.png"))
    source = open_source(vips.FORMAT, tmp_path / "a.png")
    assert source.decoded_pixels(0, CORNER) == 600 * 500
    source.read_region(0, CORNER, Size(10, 10))
    assert source.decoded_pixels(0, CORNER) == 100


@pytest.mark.parametrize(
    ("name", "options", "pixel_bytes"),
    [
        pytest.param("a.png", {}, 0, id="PNG"),
        pytest.param("a.png", {"interlace": True}, 3, id="interlaced PNG"),
        pytest.param("a.jpg", {}, 0, id="JPEG"),
        pytest.param("a.jpg", {"interlace": True, "subsample_mode": "off"}, 6, id="progressive JPEG"),
        pytest.param("a.jpg", {"interlace": True, "subsample_mode": "on"}, 3, id="the same, 4:2:0"),
        pytest.param("a.webp", {}, 8, id="WebP"),
        pytest.param("a.gif", {}, 8, id="GIF"),
    ],
)
def test_memory_until_a_file_is_unpacked(
    name: str, options: dict[str, Any], pixel_bytes: int, tmp_path: Path
) -> None:
    pyvips.Image.new_from_array(gradient((640, 512))).write_to_file(str(tmp_path / name), **options)
    source = open_source(vips.FORMAT, tmp_path / name)
    assert source.decoding_memory(0, CORNER) == pixel_bytes * 640 * 512
    source.read_region(0, CORNER, Size(10, 10))
    assert source.decoding_memory(0, CORNER) == 0


def test_overview_does_not_unpack_all(tmp_path: Path) -> None:
    """JPEG is decoded anew for regions at another scale."""
    pyvips.Image.new_from_array(gradient((640, 512))).jpegsave(str(tmp_path / "a.jpg"), interlace=True)
    source = open_source(vips.FORMAT, tmp_path / "a.jpg")
    before = source.decoding_memory(0, CORNER)
    source.read_region(0, Region(0, 0, 640, 512), Size(64, 51))
    assert source.decoding_memory(0, CORNER) == before


@pytest.mark.parametrize(("rows", "held"), [(512, 512), (16, 16)])
def test_strips_are_decoded_as_a_whole(rows: int, held: int, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", gradient((640, 512)), rowsperstrip=rows, compression="adobe_deflate")
    source = open_source(tiff.FORMAT, tmp_path / "a.tif")
    assert source.decoding_memory(0, CORNER) == 2 * held * 640 * 3


def test_high_throughput_tiles_are_decoded_as_a_whole_and_kept(tmp_path: Path) -> None:
    """Untiled, so that any region costs all of the image at first (2100 x 1100 are blocks of 1024 at most)."""
    path = tmp_path / "a.jph"
    path.write_bytes(imagecodecs.htj2k_encode(gradient((2100, 1100)), reversible=True))
    source = open_source(jpeg2000.FORMAT, path)
    assert source.decoded_pixels(0, CORNER) == 2100 * 1100
    source.read_tile(0, 0, 0)
    tile = source.info.levels[0].tile
    assert source.decoded_pixels(0, CORNER) == tile.area < 2100 * 1100


def test_other_jpeg_2000_is_decoded_in_blocks(tmp_path: Path) -> None:
    path = tmp_path / "a.jp2"
    path.write_bytes(imagecodecs.jpeg2k_encode(gradient((1500, 1100)), level=0))
    source = open_source(jpeg2000.FORMAT, path)
    tile = source.info.levels[0].tile
    assert source.decoded_pixels(0, CORNER) == tile.area < 1500 * 1100
