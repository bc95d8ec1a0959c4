"""Every file of the corpus in JPEG 2000, in TIFF strips and for libvips, against the pixels that it was made from."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import tifffile
from PIL import Image

from iipserve.errors import ImageNotFound
from iipserve.geometry import Region, Size
from iipserve.image import StackLayer
from iipserve.sources import OpenFile, Source, jpeg2000, vips
from iipserve.sources.jpeg2000.openjpeg_library import glymur
from tests.contracts.source import SourceContract, open_file, open_source
from tests.sources.tiff.files import STRIPPED
from tests.tiff_corpus import Written
from tests.tiff_corpus.further import KINDS
from tests.tiff_corpus.tiff_writer import Samples

FORMATS = {"jpeg2000": jpeg2000.FORMAT, "tiff": STRIPPED, "vips": vips.FORMAT}


class Case(NamedTuple):
    """One kind, as a file."""

    name: str
    path: Path
    written: Written


def format_of(name: str) -> str:
    """As `ImageInfo.format`."""
    return {"jp2": "jpeg2000", "strips": "tiff"}.get(name.partition("-")[0], "vips")


def opened(name: str, path: Path, layer: int = 0) -> Source:
    return open_source(FORMATS[format_of(name)], path, layer=layer)


def made(name: str, path: Path) -> Written:
    """Write a file; glymur warns of odd properties, which some files are made for."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return KINDS[name](path)


@pytest.fixture(scope="module", params=KINDS)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    name = str(request.param)
    path = tmp_path_factory.mktemp("kind") / "a"
    return Case(name, path, made(name, path))


class TestEveryKind(SourceContract):
    @pytest.fixture(autouse=True)
    def describe(self, case: Case) -> None:
        self.tolerance = case.written.tolerance
        self.format_name = format_of(case.name)

    @pytest.fixture
    def levels(self, case: Case) -> Sequence[Samples]:
        return case.written.levels

    @pytest.fixture
    def source(self, case: Case) -> Source:
        return opened(case.name, case.path)

    def test_describes_its_samples(self, source: Source, case: Case) -> None:
        info, written = source.info, case.written
        kind = (written.bits, written.color_space, written.has_alpha)
        assert (info.bits, info.color_space, info.has_alpha) == kind
        assert info.band_ranges == tuple(written.ranges)
        assert [layer.name for layer in info.stack] == [name for name, _ in written.layers]

    def test_regions_are_slices(self, source: Source, levels: Sequence[Samples]) -> None:
        if not source.reads_regions:
            return
        for x, y, width, height in [(0, 0, 600, 450), (599, 449, 1, 1), (17, 23, 300, 200)]:
            pixels = source.read_region(0, Region(x, y, width, height), Size(width, height))
            self.check(pixels, levels[0][y : y + height, x : x + width])

    def test_regions_have_exactly_the_size_asked(self, source: Source, levels: Sequence[Samples]) -> None:
        if not source.reads_regions:
            return
        for size in (Size(1, 1), Size(300, 225), Size(37, 19), Size(700, 500)):
            pixels = source.read_region(0, Region(0, 0, 600, 450), size)
            assert pixels.shape == (size.height, size.width, levels[0].shape[2])
            assert pixels.dtype == levels[0].dtype

    def test_every_picture_of_a_stack(self, case: Case) -> None:
        for layer, (_, levels) in enumerate(case.written.layers):
            source = opened(case.name, case.path, layer)
            assert len(source.info.stack) == len(case.written.layers)
            self.check(source.read_tile(0, 0, 0), self.expected(levels, source, 0, 0, 0))


PROFILED = ["jp2-rgb16-profile", "jp2-cmyk-profile", "jpeg-cmyk-profile"]


@pytest.mark.parametrize("name", PROFILED)
def test_profiles_are_kept(tmp_path: Path, name: str) -> None:
    made(name, tmp_path / "a")
    icc = opened(name, tmp_path / "a").info.icc
    assert icc is not None
    assert icc[36:40] == b"acsp"


# -- the files are what they are called: other readers find the same in them ---------------------------

BY_GLYMUR = [
    "jp2-gray10", "jp2-gray12", "jp2-gray16", "jp2-rgb12", "jp2-rgb16", "jp2-rgb16-tiles", "jp2-palette8",
    "jp2-palette12", "jp2-cmyk8", "jp2-cmyk16", "jp2-bands5", "jp2-rgb16-opacity", "jp2-gray16-opacity",
]  # fmt: skip


@pytest.mark.parametrize("name", BY_GLYMUR)
def test_glymur_shows_the_same(tmp_path: Path, name: str) -> None:
    """With palette, component mapping and channel definitions applied by OpenJPEG."""
    path = tmp_path / "a.jp2"
    made(name, path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole = glymur.Jp2k(path)[:]
    source = opened(name, path)
    for column, row in [(0, 0), (source.info.size.width // source.info.levels[0].tile.width - 1, 0)]:
        tile = source.info.levels[0].tile
        part = whole[row * tile.height :, column * tile.width :][: tile.height, : tile.width]
        assert np.array_equal(source.read_tile(0, column, row).squeeze(), part)


AS_STORED = [
    "strips-gray8", "strips-gray12", "strips-gray16", "strips-gray32", "strips-rgb8", "strips-rgb12", "strips-rgb16",
    "strips-rgb16-deflate-predictor", "strips-rgb16-zstd", "strips-bands8", "strips-int16", "strips-int32",
    "strips-float32", "strips-float32-nan", "strips-cmyk", "strips-cmyk16", "strips-cielab8", "strips-rgb16-opacity",
    "strips-one",
]  # fmt: skip


@pytest.mark.parametrize("name", AS_STORED)
def test_tifffile_reads_the_same(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.tif"
    made(name, path)
    with tifffile.TiffFile(path) as file:
        part = file.pages.first.asarray()[256:, 256:512]
    tile = opened(name, path).read_tile(0, 1, 1).squeeze()
    assert np.array_equal(tile, part, equal_nan=part.dtype.kind == "f")


AS_SEEN = [
    *(f"jpeg-orientation{number}" for number in range(1, 9)), "webp-orientation6", "jpeg-cmyk", "png-palette",
    "strips-palette8", "strips-white-is-zero8", "strips-jpeg", "strips-old-jpeg", "strips-ycc-420-studio",
]  # fmt: skip


@pytest.mark.parametrize("name", AS_SEEN)
def test_pillow_shows_the_same(tmp_path: Path, name: str) -> None:
    from PIL import ImageOps

    path = tmp_path / "a"
    made(name, path)
    with Image.open(path) as image:
        upright = ImageOps.exif_transpose(image)
        whole = np.asarray(upright if upright.mode == "CMYK" else upright.convert("RGB"))
    part = whole[256:, 256:512]
    shown = np.broadcast_to(opened(name, path).read_tile(0, 1, 1), part.shape)
    assert np.abs(shown.astype(int) - part).max() <= 4


# -- layers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["gif-animation", "strips-stack-of-pages", "strips-gray8", "png8-3"])
@pytest.mark.parametrize("layer", [-1, 4, 100_000])
def test_a_layer_that_is_not_there(tmp_path: Path, name: str, layer: int) -> None:
    made(name, tmp_path / "a")
    file: OpenFile = replace(open_file(tmp_path / "a"), layer=layer)
    with pytest.raises(ImageNotFound, match=r"no image"):
        FORMATS[format_of(name)].open(file)


def test_stacks_have_scales(tmp_path: Path) -> None:
    made("strips-stack", tmp_path / "a")
    stack = opened("strips-stack", tmp_path / "a").info.stack
    assert stack == (StackLayer("450 nm", 0.5), StackLayer("550 nm", 1.5), StackLayer("650 nm", 2.5))
