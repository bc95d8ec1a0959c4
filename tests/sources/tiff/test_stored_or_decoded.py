"""Which stored tiles are answers as they are, and which have to be decoded: ranges, orientations, colors, masks."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from tests.contracts.source import open_source, tiles_of
from tests.sources.tiff.files import TILED, noise
from tests.tiff_corpus.layout import (
    BLACK_IS_ZERO,
    CIELAB,
    CMYK,
    JPEG,
    RGB,
    WEBP,
    WHITE_IS_ZERO,
    YCBCR,
    Layout,
)
from tests.tiff_corpus.tiff_writer import SHORT, Samples

S_MIN, S_MAX = 340, 341

PASSED: list[Any] = [
    pytest.param({}, True, id="no range"),
    pytest.param({S_MIN: (SHORT, [0]), S_MAX: (SHORT, [255])}, True, id="the full range"),
    pytest.param({S_MAX: (SHORT, [200])}, False, id="a range"),
    pytest.param({274: (SHORT, [1])}, True, id="upright"),
    pytest.param({274: (SHORT, [6])}, False, id="turned"),
]


@pytest.mark.parametrize(("fields", "passes"), PASSED)
@pytest.mark.parametrize("compression", [JPEG, WEBP])
def test_stored_tiles_are_answers_only_as_they_are(
    tmp_path: Path, compression: int, fields: dict[int, Any], passes: bool
) -> None:
    coded = {JPEG: imagecodecs.jpeg8_encode, WEBP: imagecodecs.webp_encode}[compression]
    layout = Layout(
        photometric=YCBCR if compression == JPEG else RGB,
        compression=compression,
        encode=lambda tile: bytes(coded(tile)),
        fields=fields,
    )
    layout.write(tmp_path / "a.tif", [noise(3, size=(128, 128))])
    source = open_source(TILED, tmp_path / "a.tif")
    format = "jpeg" if compression == JPEG else "webp"
    assert (source.stored_tile(0, 0, 0, format, profile=False) is not None) == passes


NOT_PASSED: list[Any] = [
    pytest.param(WHITE_IS_ZERO, 1, (), id="white is zero"),
    pytest.param(BLACK_IS_ZERO, 2, (0,), id="two bands"),
    pytest.param(CMYK, 4, (), id="CMYK"),
    pytest.param(CIELAB, 3, (), id="CIELAB"),
]


@pytest.mark.parametrize(("photometric", "bands", "extra"), NOT_PASSED)
def test_jpeg_tiles_of_other_colors_are_decoded(
    tmp_path: Path, photometric: int, bands: int, extra: tuple[int, ...]
) -> None:
    coding = {1: "GRAYSCALE", 2: "UNKNOWN", 3: "RGB", 4: "CMYK"}[bands]

    def encode(tile: Samples) -> bytes:
        pixels = tile[:, :, 0] if bands == 1 else tile
        return bytes(
            imagecodecs.jpeg8_encode(
                pixels, level=98, colorspace=coding, outcolorspace=coding, subsampling=(1, 1)
            )
        )

    pixels = np.add.outer(np.arange(128), np.arange(128) // 2)[:, :, None].repeat(bands, axis=2).astype("u1")
    layout = Layout(photometric=photometric, compression=JPEG, encode=encode, extra=extra)
    layout.write(tmp_path / "a.tif", [pixels])
    source = open_source(TILED, tmp_path / "a.tif")
    assert source.stored_tile(0, 0, 0, "jpeg", profile=False) is None
    shown = 255 - pixels if photometric == WHITE_IS_ZERO else pixels
    assert np.abs(source.read_tile(0, 0, 0).astype(int) - shown).max() <= 4


def test_tiles_that_a_mask_shows_whole_are_handed_out(tmp_path: Path) -> None:
    rasters = pytest.importorskip("tests.geo_rasters")
    mask = np.ones((80, 120), np.bool_)
    mask[20:30, 40:70] = False
    mask[79, 119] = False
    pixels = np.stack([np.full_like(rasters.positions(dtype="uint8")[0], value) for value in (200, 100, 50)])
    path = rasters.write_geotiff(
        tmp_path / "a.tif", pixels, mask=mask, tile=16, overviews=(2,), compress="JPEG", photometric="YCBCR"
    )
    source = open_source(TILED, path)
    passed = 0
    for level, column, row in tiles_of(source):
        tile = source.read_tile(level, column, row)
        stored = source.stored_tile(level, column, row, "jpeg", profile=False)
        assert (stored is not None) == bool((tile[..., 3] == 255).all())
        if stored is not None:
            shown = np.asarray(Image.open(io.BytesIO(stored)))[: tile.shape[0], : tile.shape[1]]
            np.testing.assert_allclose(shown, tile[..., :3], atol=2)
            passed += 1
    assert passed > 20
