"""JPEG XL in sRGB, against the pictures that the files were made from and another reader."""

from __future__ import annotations

from pathlib import Path

import imagecodecs
import numpy as np
import pillow_jxl
import pytest
from PIL import Image

from iipserve.codecs import Metadata, jxl_container
from iipserve.containers import jxl as container
from iipserve.errors import DecodeError, ImageNotFound, UnsupportedImage
from iipserve.geometry import Region
from iipserve.image import ColorSpace
from iipserve.sources import Source, jxl, vips
from tests.contracts.source import SourceContract, open_source
from tests.images import Picture, gradient, smooth


def shown(path: Path) -> Picture:
    source = open_source(jxl.FORMAT, path)
    return source.read_region(0, Region.of_size(source.info.size), source.info.size)  # type: ignore[return-value]


class TestJxl(SourceContract):
    format_name = "jxl"

    @pytest.fixture
    def levels(self) -> list[Picture]:
        return [gradient((600, 401))]

    @pytest.fixture
    def source(self, tmp_path: Path, levels: list[Picture]) -> Source:
        (tmp_path / "a").write_bytes(imagecodecs.jpegxl_encode(levels[0], lossless=True))
        return open_source(jxl.FORMAT, tmp_path / "a")


@pytest.mark.parametrize("bands", [1, 2, 3, 4])
@pytest.mark.parametrize(
    "size", [(1, 1), (8, 8), (64, 64), (61, 40), (120, 100), (160, 90), (200, 100), (300, 700)]
)
def test_bands_and_sizes(tmp_path: Path, bands: int, size: tuple[int, int]) -> None:
    picture = smooth(size, bands)
    (tmp_path / "a").write_bytes(
        imagecodecs.jpegxl_encode(picture.squeeze(2) if bands == 1 else picture, lossless=True)
    )
    info = open_source(jxl.FORMAT, tmp_path / "a").info
    assert (info.has_alpha, info.color_space) == (
        bands in (2, 4),
        ColorSpace.SRGB if bands > 2 else ColorSpace.GRAY,
    )
    assert np.array_equal(shown(tmp_path / "a"), picture)


def test_another_reader_shows_the_same(tmp_path: Path) -> None:
    assert pillow_jxl
    picture = smooth((90, 60))
    (tmp_path / "a.jxl").write_bytes(imagecodecs.jpegxl_encode(picture, distance=1.0))
    with Image.open(tmp_path / "a.jxl") as image:
        expected = np.asarray(image.convert("RGB")).astype(int)
    assert np.abs(shown(tmp_path / "a.jxl") - expected).max() <= 1


def test_the_first_frame_of_an_animation(tmp_path: Path) -> None:
    frames = np.stack([np.full((20, 30, 3), value, np.uint8) for value in (10, 100, 200)])
    (tmp_path / "a").write_bytes(imagecodecs.jpegxl_encode(frames, lossless=True))
    assert (shown(tmp_path / "a") == 10).all()
    with pytest.raises(ImageNotFound):
        open_source(jxl.FORMAT, tmp_path / "a", layer=1)


def test_animations_are_never_read_by_libvips(tmp_path: Path) -> None:
    """It shows the last frame."""
    frames = np.stack([np.full((20, 30, 3), value, np.uint16) for value in (10, 100, 200)])
    (tmp_path / "a").write_bytes(imagecodecs.jpegxl_encode(frames, lossless=True))
    for format in (jxl.FORMAT, vips.FORMAT):
        with pytest.raises(UnsupportedImage, match=r"JPEG XL|JXL"):
            open_source(format, tmp_path / "a")


def test_metadata_of_a_container(tmp_path: Path) -> None:
    body = imagecodecs.jpegxl_encode(smooth((90, 60)), lossless=True)
    exif = Image.Exif()
    exif[0x013B] = "A. Painter"
    block = exif.tobytes().removeprefix(b"Exif\0\0")
    (tmp_path / "a").write_bytes(
        jxl_container.with_metadata(bytes(body), Metadata(exif=block, xmp=b"<x:xmpmeta/>"))
    )
    info = open_source(jxl.FORMAT, tmp_path / "a").info
    assert info.exif is not None
    assert b"A. Painter" in info.exif
    assert info.xmp == b"<x:xmpmeta/>"
    assert np.array_equal(shown(tmp_path / "a"), smooth((90, 60)))


def test_other_colors_are_refused_by_name(tmp_path: Path) -> None:
    """imagecodecs writes 16 bits as linear light."""
    picture = smooth((90, 60)).astype(np.uint16) * 257
    (tmp_path / "a").write_bytes(imagecodecs.jpegxl_encode(picture, lossless=True))
    with pytest.raises(UnsupportedImage, match="other colors than sRGB"):
        open_source(jxl.FORMAT, tmp_path / "a")


@pytest.mark.parametrize("cut", [40, 200, 2000])
def test_cut_files_are_an_error(tmp_path: Path, cut: int) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (200, 300, 3), np.uint8)
    body = imagecodecs.jpegxl_encode(noise, lossless=True)
    (tmp_path / "a").write_bytes(body[:cut])
    with pytest.raises(DecodeError):
        shown(tmp_path / "a")


def test_damaged_headers_never_do_worse_than_an_error(tmp_path: Path) -> None:
    body = np.frombuffer(imagecodecs.jpegxl_encode(smooth((30, 20)), lossless=True), np.uint8)
    rng = np.random.default_rng(3)
    for _ in range(300):
        data = body.copy()
        data[rng.integers(2, 20)] = rng.integers(0, 256)
        (tmp_path / "a").write_bytes(data.tobytes())
        try:
            source = open_source(jxl.FORMAT, tmp_path / "a")
            if source.info.size.area < 1_000_000:
                source.read_tile(0, 0, 0)
        except (DecodeError, UnsupportedImage):
            continue


# -- headers -----------------------------------------------------------------------------------------


def packed(*fields: tuple[int, int]) -> bytes:
    """Values and their counts of bits, lowest bit first, after the signature."""
    value = position = 0
    for number, count in fields:
        value |= number << position
        position += count
    return container.BARE + value.to_bytes(position // 8 + 64, "little")


SMALL = ((1, 1), (4, 5), (0, 3), (9, 5))
"""40 high, 80 wide."""
EIGHT_BITS, NO_CHANNELS = ((0, 1), (0, 2)), ((0, 2),)


def read(data: bytes) -> container.Header:
    return container.read_header(lambda count, offset: data[offset : offset + count], len(data))


def test_sizes_of_headers() -> None:
    assert read(packed(*SMALL, (1, 1))) == container.Header(80, 40)
    large = read(packed((0, 1), (1, 2), (4999, 13), (0, 3), (2, 2), (199_999, 18), (1, 1)))
    assert (large.width, large.height) == (200_000, 5000)
    wide = read(packed((0, 1), (0, 2), (89, 9), (5, 3), (1, 1)))
    assert (wide.width, wide.height) == (160, 90)


def test_orientation_preview_and_animation_of_headers() -> None:
    extra = (
        (5, 3), (1, 1), *SMALL,  # orientation 6, an intrinsic size
        (1, 1), (1, 1), (0, 2), (1, 3),  # a preview of 16 x 16
        (1, 1), (2, 2), (24, 10), (0, 2), (1, 2), (0, 3), (0, 1),  # an animation
    )  # fmt: skip
    header = read(packed(*SMALL, (0, 1), (1, 1), *extra, *EIGHT_BITS, (1, 1), *NO_CHANNELS, (1, 1), (1, 1)))
    assert (header.orientation, header.has_preview, header.is_animated) == (6, True, True)
    assert (header.bits, header.is_srgb) == (8, True)


@pytest.mark.parametrize(
    ("colors", "is_srgb", "is_gray"),
    [
        (((1, 1),), True, False),
        (((0, 1), (1, 1), (0, 2)), False, False),  # a profile
        (((0, 1), (0, 1), (0, 2), (1, 2), (1, 2), (0, 1), (2, 2), (11, 4)), True, False),
        (((0, 1), (0, 1), (1, 2), (1, 2), (0, 1), (2, 2), (11, 4)), True, True),
        (
            ((0, 1), (0, 1), (0, 2), (1, 2), (2, 2), (9, 4), (0, 1), (2, 2), (11, 4)),
            False,
            False,
        ),  # P3's primaries
        (((0, 1), (0, 1), (0, 2), (1, 2), (1, 2), (1, 1), (45455, 24)), False, False),  # a gamma
    ],
)
def test_colors_of_headers(colors: tuple[tuple[int, int], ...], is_srgb: bool, is_gray: bool) -> None:
    header = read(packed(*SMALL, (0, 1), (0, 1), *EIGHT_BITS, (1, 1), *NO_CHANNELS, (0, 1), *colors))
    assert (header.is_srgb, header.is_gray) == (is_srgb, is_gray)


def test_channels_of_headers() -> None:
    named = ((0, 1), (0, 2), *EIGHT_BITS, (0, 2), (1, 2), (2, 4), (0x6161, 16), (1, 1))
    header = read(packed(*SMALL, (0, 1), (0, 1), *EIGHT_BITS, (1, 1), (1, 2), *named, (0, 1), (1, 1)))
    assert (header.extra_channels, header.has_alpha, header.is_premultiplied) == (1, True, True)
    assert header.is_srgb
