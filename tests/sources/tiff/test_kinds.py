"""Every kind of sample, color, compression and orientation, against the picture that the files were made from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import tifffile
from PIL import Image

from iipserve.sources import Source
from tests.contracts.source import SourceContract, open_source, tiles_of
from tests.sources.tiff.files import TILED
from tests.tiff_corpus import KINDS, Written
from tests.tiff_corpus.tiff_writer import Samples


class Case(NamedTuple):
    """One kind, as a file."""

    name: str
    path: Path
    written: Written


@pytest.fixture(scope="module", params=KINDS)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    name = str(request.param)
    path = tmp_path_factory.mktemp("kind") / "a.tif"
    return Case(name, path, KINDS[name](path))


class TestEveryKind(SourceContract):
    format_name = "tiff"

    @pytest.fixture(autouse=True)
    def tolerate(self, case: Case) -> None:
        self.tolerance = case.written.tolerance

    @pytest.fixture
    def levels(self, case: Case) -> Sequence[Samples]:
        return case.written.levels

    @pytest.fixture
    def source(self, case: Case) -> Source:
        return open_source(TILED, case.path)

    def test_describes_its_samples(self, source: Source, case: Case) -> None:
        info, written = source.info, case.written
        assert (info.bits, info.color_space, info.has_alpha) == (
            written.bits,
            written.color_space,
            written.has_alpha,
        )
        assert info.band_ranges == tuple(written.ranges)
        assert len(info.stack) == len(written.layers)

    def test_hands_out_only_tiles_that_need_nothing(self, source: Source, case: Case) -> None:
        plain = {"jpeg-gray8": "jpeg", "jpeg-rgb8": "jpeg", "webp-rgb8": "webp"}
        for format in ("jpeg", "webp"):
            body = source.stored_tile(0, 0, 0, format, profile=False)
            assert (body is not None) == (plain.get(case.name) == format)


AS_STORED = [
    "gray8", "gray12", "gray16", "gray32", "rgb8", "rgb12", "rgb16", "rgb16-deflate-predictor", "rgb16-zstd",
    "rgb16-big-endian-predictor", "gray12-packbits-big-endian", "gray16-lzma", "gray32-big-endian-predictor", "bands8",
    "int16", "int32", "float32", "float32-deflate-predictor", "float32-big-endian-predictor", "rgb-float32",
    "float32-nan", "cmyk", "cmyk16", "cielab8", "cielab16", "cielab-float", "rgb16-opacity", "rgb-float-opacity",
    "ccitt-group3", "ccitt-group4", "lerc-rgb8", "lerc-gray16-deflate", "jpeg2000-rgb16", "webp-rgb8",
]  # fmt: skip


@pytest.mark.parametrize("name", AS_STORED)
def test_tifffile_reads_the_same(tmp_path: Path, name: str) -> None:
    """Another reader finds the same samples in the files."""
    path = tmp_path / "a.tif"
    KINDS[name](path)
    with tifffile.TiffFile(path) as file:
        whole = file.pages.first.asarray()
    source = open_source(TILED, path)
    for level, column, row in tiles_of(source):
        if level == 0:
            part = whole[row * 128 : row * 128 + 128, column * 128 : column * 128 + 128]
            tile = source.read_tile(level, column, row).squeeze()
            shown = part.astype(np.uint8) * 255 if part.dtype == bool else part
            assert np.array_equal(tile, shown, equal_nan=part.dtype.kind == "f")


AS_SEEN = ["ycc-444", "ycc-420-studio", "ycc-411", "palette8", "white-is-zero8", "gray1", "jpeg-rgb8"]


@pytest.mark.parametrize("name", AS_SEEN)
def test_libtiff_shows_the_same(tmp_path: Path, name: str) -> None:
    """RGB from Pillow, by libtiff's own conversion."""
    path = tmp_path / "a.tif"
    KINDS[name](path)
    with Image.open(path) as image:
        whole = np.asarray(image.convert("RGB"))
    source = open_source(TILED, path)
    for column, row in [(0, 0), (1, 1), (4, 3)]:
        part = whole[row * 128 : row * 128 + 128, column * 128 : column * 128 + 128]
        shown = np.broadcast_to(source.read_tile(0, column, row), part.shape)
        # it works in whole numbers
        assert np.abs(shown.astype(int) - part).max() <= 3
