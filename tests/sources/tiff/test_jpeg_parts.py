"""Parts of JPEG tiles, whose rows below are not decoded, equal slices of the whole tiles."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from iipserve.geometry import Region
from iipserve.sources.tiff import FORMAT
from tests.contracts.source import open_source
from tests.images import Picture, jpeg_of, write_jpeg_pyramid

SIDE = 128
NOISE: Picture = np.random.default_rng(7).integers(0, 256, (SIDE + 40, 2 * SIDE, 3), np.uint8)
"""Every sample of subsampled color differs from the next."""


def write_tile(path: Path, stream: bytes, subsampling: tuple[int, int]) -> None:
    """Write a file of one tile."""
    tifffile.imwrite(
        path, iter([stream]), shape=(SIDE, SIDE, 3), dtype="uint8", tile=(SIDE, SIDE), compression="jpeg",
        photometric="ycbcr", subsampling=subsampling, metadata=None,
    )  # fmt: skip


def check_parts(path: Path, whole: NDArray[Any], column: int = 0, row: int = 0) -> None:
    """Compare parts that end at every row of a tile with the tile."""
    source = open_source(FORMAT, path)
    x, y = column * SIDE, row * SIDE
    for bottom in range(1, whole.shape[0] + 1):
        top = bottom // 2
        part = Region(x + 5, y + top, 9, bottom - top)
        found = source.read_part(0, column, row, part)
        assert np.array_equal(found, whole[top:bottom, 5:14])


@pytest.mark.parametrize("subsampling", [(1, 1), (2, 1), (2, 2), (4, 1)], ids=str)
@pytest.mark.parametrize("photometric", ["ycbcr", "rgb", "minisblack"])
def test_inner_tiles(tmp_path: Path, photometric: str, subsampling: tuple[int, int]) -> None:
    path, picture = tmp_path / "picture.tif", NOISE[..., : 1 if photometric == "minisblack" else 3]
    write_jpeg_pyramid(path, [picture], tile=(SIDE, SIDE), photometric=photometric, subsampling=subsampling)
    stream = jpeg_of(np.ascontiguousarray(picture[:SIDE, :SIDE]), photometric, subsampling, 90)
    whole = np.asarray(imagecodecs.jpeg8_decode(stream)).reshape(SIDE, SIDE, -1)
    assert np.array_equal(open_source(FORMAT, path).read_tile(0, 0, 0), whole)
    check_parts(path, whole)


def test_tiles_of_the_last_row(tmp_path: Path) -> None:
    """Their padding is not decoded."""
    path = tmp_path / "picture.tif"
    write_jpeg_pyramid(path, [NOISE], tile=(SIDE, SIDE))
    padded = np.pad(NOISE[SIDE:, SIDE:], ((0, SIDE - 40), (0, 0), (0, 0)), mode="edge")
    whole = imagecodecs.jpeg8_decode(jpeg_of(padded, "ycbcr", (2, 2), 90))[:40]
    assert np.array_equal(open_source(FORMAT, path).read_tile(0, 1, 1), whole)
    check_parts(path, whole, 1, 1)


def test_color_at_half_the_rows(tmp_path: Path) -> None:
    """4:4:0, in which colors are interpolated between rows only."""
    path = tmp_path / "picture.tif"
    tile = np.ascontiguousarray(NOISE[:SIDE, :SIDE])
    stream = bytes(imagecodecs.jpeg8_encode(tile, level=90, subsampling=(1, 2)))
    write_tile(path, stream, (2, 2))
    check_parts(path, np.asarray(imagecodecs.jpeg8_decode(stream)))


@pytest.mark.parametrize(
    "options",
    [{"progressive": True}, {"restart_marker_rows": 1}, {"restart_marker_blocks": 3}, {"optimize": True}],
    ids=str,
)
def test_other_scans(tmp_path: Path, options: dict[str, Any]) -> None:
    """Progressive scans go over the tile several times; restart markers follow where decoding ends."""
    path, buffer = tmp_path / "picture.tif", io.BytesIO()
    Image.fromarray(NOISE[:SIDE, :SIDE]).save(buffer, "JPEG", quality=80, subsampling=2, **options)
    write_tile(path, buffer.getvalue(), (2, 2))
    check_parts(path, np.asarray(imagecodecs.jpeg8_decode(buffer.getvalue())))
