"""Files that libvips opens: pixels, scaling, memory and descriptors."""

from __future__ import annotations

import gc
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import pyvips
import tifffile
from PIL import Image

from iipserve.errors import ImageNotFound, ImageUnavailable
from iipserve.geometry import Region, Size
from iipserve.sources import Source
from iipserve.sources.vips import FORMAT
from iipserve.sources.vips.source import _page_of
from tests.contracts.source import SourceContract, open_file, open_source, tiles_of
from tests.images import Picture, gradient, smooth, write_tiff_pyramid
from tests.sources.vips.files import as_image, open_if_known, whole
from tests.tiff_corpus.stacks import TURNS


class VipsContract(SourceContract):
    format_name = "vips"
    picture = gradient((600, 401))

    @staticmethod
    def write(path: Path, picture: Picture) -> None:
        raise TypeError("a contract needs a file")

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        self.write(tmp_path / "picture", self.picture)
        return tmp_path / "picture"

    @pytest.fixture
    def source(self, path: Path) -> Source:
        return open_source(FORMAT, path)

    @pytest.fixture
    def levels(self) -> list[Picture]:
        return [self.picture]

    def test_regions_are_slices(self, source: Source, levels: list[Picture]) -> None:
        for x, y, width, height in [
            (0, 0, 600, 401),
            (599, 400, 1, 1),
            (17, 23, 300, 200),
            (0, 390, 600, 11),
        ]:
            pixels = source.read_region(0, Region(x, y, width, height), Size(width, height))
            self.check(pixels, levels[0][y : y + height, x : x + width])

    @pytest.mark.parametrize("size", [Size(1, 1), Size(300, 200), Size(37, 19), Size(700, 500)], ids=str)
    def test_regions_have_exactly_the_size_asked(self, source: Source, size: Size) -> None:
        pixels = source.read_region(0, Region(0, 0, 600, 400), size)
        assert pixels.shape == (size.height, size.width, self.picture.shape[2])


class TestJpeg(VipsContract):
    picture = smooth((600, 401))
    tolerance = 4

    @staticmethod
    def write(path: Path, picture: Picture) -> None:
        as_image(picture).save(path, "JPEG", quality=95)


class TestGrayJpeg(TestJpeg):
    picture = smooth((600, 401), 1)


class TestPng(VipsContract):
    @staticmethod
    def write(path: Path, picture: Picture) -> None:
        as_image(picture).save(path, "PNG")


class TestPngWithOpacity(TestPng):
    picture = gradient((600, 401), 4)


class TestGrayPngWithOpacity(TestPng):
    picture = gradient((600, 401), 2)


class TestLosslessWebp(VipsContract):
    @staticmethod
    def write(path: Path, picture: Picture) -> None:
        as_image(picture).save(path, "WEBP", lossless=True, exact=True)


class TestStripedTiff(VipsContract):
    @staticmethod
    def write(path: Path, picture: Picture) -> None:
        tifffile.imwrite(path, picture, rowsperstrip=7, compression="zlib", predictor=True, photometric="rgb")


class TestTiledTiff(VipsContract):
    """Read tile by tile, without unpacking."""

    picture = gradient((600, 401), 4)

    @staticmethod
    def write(path: Path, picture: Picture) -> None:
        write_tiff_pyramid(path, [picture], tile=(128, 64), compression="lzw")


class TestGif(VipsContract):
    picture = np.repeat(gradient((600, 401), 1), 3, axis=2)

    @staticmethod
    def write(path: Path, picture: Picture) -> None:
        as_image(picture[:, :, :1]).save(path, "GIF")

    @pytest.fixture
    def levels(self, source: Source) -> list[Picture]:
        """libvips 8.14 gives gray GIFs three bands, later ones may give one."""
        return [self.picture[:, :, : source.info.bands]]


def test_avif(tmp_path: Path) -> None:
    picture = smooth((300, 200))
    as_image(picture).save(tmp_path / "a", "AVIF", quality=90)
    assert np.abs(whole(open_source(FORMAT, tmp_path / "a")).astype(int) - picture).max() <= 6


@pytest.mark.parametrize("mode", ["1", "P"])
def test_shallow_and_palette_files_are_expanded(tmp_path: Path, mode: str) -> None:
    image = as_image(smooth((300, 200))).convert(mode)
    image.save(tmp_path / "a", "PNG")
    expected = np.asarray(image.convert("L" if mode == "1" else "RGB")).reshape(200, 300, -1)
    assert np.array_equal(whole(open_source(FORMAT, tmp_path / "a")), expected)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_jpeg_xl(tmp_path: Path, dtype: str, bands: int) -> None:
    picture = smooth((60, 40), bands).astype(dtype)
    picture = (
        picture / np.float32(255)
        if dtype == "float32"
        else picture * np.array(257 if dtype == "uint16" else 1, dtype)
    )
    (tmp_path / "a").write_bytes(imagecodecs.jpegxl_encode(picture.squeeze(), lossless=True))
    source = open_if_known(tmp_path / "a", "jxlload")
    if source:
        assert (source.info.dtype, source.info.has_alpha) == (dtype, bands in (2, 4))
        assert np.array_equal(source.read_region(0, Region(0, 0, 60, 40), Size(60, 40)), picture)


# -- scaling ---------------------------------------------------------------------------------------


def test_a_whole_ratio_takes_means(tmp_path: Path) -> None:
    picture = gradient((600, 400))
    as_image(picture).save(tmp_path / "a", "PNG")
    pixels = open_source(FORMAT, tmp_path / "a").read_region(0, Region(100, 40, 400, 200), Size(200, 100))
    means = picture[40:240, 100:500].reshape(100, 2, 200, 2, 3).mean(axis=(1, 3))
    assert np.abs(pixels - means).max() < 1.5  # rounded once for each axis


@pytest.mark.parametrize("format", ["PNG", "JPEG", "TIFF"])
@pytest.mark.parametrize("bands", [3, 4])
def test_much_smaller_pictures_come_from_an_overview_and_look_the_same(
    tmp_path: Path, format: str, bands: int
) -> None:
    picture = smooth((2003, 1501), bands if format == "PNG" else 3)
    as_image(picture).save(tmp_path / "a", format)
    source = open_source(FORMAT, tmp_path / "a")
    for region in (Region(0, 0, 2003, 1501), Region(801, 403, 1202, 1000)):
        pixels = source.read_region(0, region, Size(100, 75))
        part = as_image(picture).crop((region.x, region.y, region.right, region.bottom))
        expected = np.asarray(part.resize((100, 75), Image.Resampling.BOX)).astype(int)
        assert np.abs(pixels - expected).max() <= 4


def test_reduction_does_not_alias(tmp_path: Path) -> None:
    board = (np.indices((1024, 1024)).sum(axis=0) % 2 * 255).astype(np.uint8)
    Image.fromarray(board).save(tmp_path / "a", "PNG")
    source = open_source(FORMAT, tmp_path / "a")
    for size in (Size(512, 512), Size(300, 300), Size(100, 90)):
        pixels = source.read_region(0, Region(0, 0, 1024, 1024), size)
        inside = pixels[2:-2, 2:-2].astype(int)
        assert np.abs(inside - 127.5).max() <= 4


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_pictures_are_reduced_like_upright_ones(tmp_path: Path, orientation: int) -> None:
    picture = smooth((1203, 901))
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = np.ascontiguousarray(TURNS[orientation](picture))
    as_image(stored).save(tmp_path / "turned", "PNG", exif=exif)
    as_image(picture).save(tmp_path / "upright", "PNG")
    turned, upright = (open_source(FORMAT, tmp_path / name) for name in ("turned", "upright"))
    for region, size in [
        (Region(0, 0, 1203, 901), Size(120, 90)),  # from an overview
        (Region(100, 50, 600, 400), Size(300, 200)),
        (Region(100, 50, 600, 400), Size(190, 310)),
        (Region(100, 50, 60, 40), Size(100, 90)),
    ]:
        apart = turned.read_region(0, region, size).astype(int) - upright.read_region(0, region, size)
        assert np.abs(apart).max() <= 1


def test_deep_samples_are_reduced_too(tmp_path: Path) -> None:
    picture = smooth((1203, 901), 4).astype(np.uint16) * 257
    (tmp_path / "a").write_bytes(imagecodecs.png_encode(picture))
    source = open_source(FORMAT, tmp_path / "a")
    for size in (Size(401, 300), Size(120, 90)):
        pixels = source.read_region(0, Region(0, 0, 1203, 901), size)
        assert pixels.dtype == np.uint16
        as_bytes = np.rint(pixels.astype(np.float64) / 257).astype(np.uint8)
        expected = np.asarray(
            as_image(smooth((1203, 901), 4)).resize((size.width, size.height), Image.Resampling.BOX)
        )
        assert np.abs(as_bytes.astype(int) - expected).max() <= 4


# -- files and memory ------------------------------------------------------------------------------


def test_a_replaced_file_is_not_mixed_with_the_old_one(tmp_path: Path) -> None:
    old, new = gradient((600, 400)), 255 - gradient((600, 400))
    path = tmp_path / "a"
    as_image(old).save(path, "PNG")
    source = open_source(FORMAT, path)
    as_image(new).save(tmp_path / "b", "PNG")
    (tmp_path / "b").replace(path)
    assert np.array_equal(source.read_tile(0, 1, 1), old[256:, 256:512])
    assert np.array_equal(open_source(FORMAT, path).read_tile(0, 1, 1), new[256:, 256:512])


def test_another_file_on_the_same_descriptor_shows_its_own_pixels(tmp_path: Path) -> None:
    pictures = [gradient((300, 300)), 255 - gradient((300, 300))]
    for number, picture in enumerate(pictures):
        as_image(picture).save(tmp_path / str(number), "PNG")
    for _ in range(3):
        for number, picture in enumerate(pictures):
            source = open_source(FORMAT, tmp_path / str(number))
            assert np.array_equal(whole(source), picture)
            del source
            gc.collect()


def test_the_descriptor_lives_as_long_as_the_source(tmp_path: Path) -> None:
    as_image(gradient((300, 300))).save(tmp_path / "a", "PNG")
    file = open_file(tmp_path / "a")
    source: Source | None = FORMAT.open(file)
    assert source is not None
    source.read_tile(0, 0, 0)
    os.fstat(file.descriptor)
    del source
    gc.collect()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(file.descriptor)


def test_a_file_is_unpacked_once_whatever_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    as_image(gradient((1000, 700))).save(tmp_path / "a", "PNG")
    source = open_source(FORMAT, tmp_path / "a")
    calls = []
    original = pyvips.Operation.call
    monkeypatch.setattr(
        pyvips.Operation, "call", lambda name, *a, **k: calls.append(name) or original(name, *a, **k)
    )
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda tile: source.read_tile(*tile), tiles_of(source) * 2))
    assert calls.count("pngload_source") == 1


def test_a_full_disk_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    as_image(gradient((300, 300))).save(tmp_path / "a", "PNG")
    source = open_source(FORMAT, tmp_path / "a")
    usage = shutil.disk_usage(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
        with pytest.raises(ImageUnavailable, match="no room"):
            source.read_tile(0, 0, 0)
    assert source.read_tile(0, 0, 0).shape == (256, 256, 3)


@pytest.mark.parametrize(("primary", "pages"), [(0, [0, 1, 2, 3]), (2, [2, 0, 1, 3]), (3, [3, 0, 1, 2])])
def test_the_primary_image_of_heif_is_the_first_layer(primary: int, pages: list[int]) -> None:
    image = pyvips.Image.black(4, 3)
    image.set_type(pyvips.GValue.gint_type, "heif-primary", primary)
    # of layer 0 no page is named, which is the primary one
    assert [primary, *(_page_of(image, layer, 4) for layer in range(1, 4))] == pages
    with pytest.raises(ImageNotFound, match="has 0 to 3"):
        _page_of(image, 4, 4)
