"""What has to be decoded to read a region: the cost that a source states."""

from __future__ import annotations

from pathlib import Path

import imagecodecs
import pyvips

from iipserve.geometry import Region, Size
from iipserve.sources import jpeg2000, vips
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
