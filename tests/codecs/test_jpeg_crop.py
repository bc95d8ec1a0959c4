"""Lossless cropping of JPEG files."""

from __future__ import annotations

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from iipserve.codecs import Metadata, jpeg, jpeg_transform
from iipserve.geometry import Size
from iipserve.plan import Encoding
from tests.codecs.samples import RGB_PROFILE, opened, read_pillow, with_bands
from tests.images import Picture, gradient, smooth

ADOBE_RGB = b"\xff\xee\x00\x0eAdobe\x00\x64\0\0\0\0\0"


def ycbcr(size: tuple[int, int] = (256, 256)) -> bytes:
    return jpeg.encode(smooth(size), Encoding("jpeg", 90), Metadata())


def ycbcr_444() -> bytes:
    return bytes(imagecodecs.jpeg8_encode(gradient((256, 256)), level=90, subsampling="444"))


def rgb() -> bytes:
    """Coded without color transform, as TIFF writers do at high quality: Adobe marker, no JFIF."""
    return bytes(
        imagecodecs.jpeg8_encode(gradient((256, 256)), level=90, colorspace="RGB", outcolorspace="RGB")
    )


def gray() -> bytes:
    return bytes(imagecodecs.jpeg8_encode(gradient((256, 256), 1)[:, :, 0], level=90))


def with_profile() -> bytes:
    return jpeg.encode(smooth((256, 256)), Encoding("jpeg", 90, profile=True), Metadata(icc=RGB_PROFILE))


def progressive() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(smooth((256, 256))).save(buffer, "JPEG", quality=90, progressive=True)
    return buffer.getvalue()


FILES = [ycbcr, ycbcr_444, rgb, gray, with_profile, progressive]
SIZES = [
    Size(256, 256),
    Size(256, 99),
    Size(256, 1),
    Size(137, 256),
    Size(1, 256),
    Size(203, 77),
    Size(1, 1),
    Size(16, 16),
]
READERS = {"pillow": read_pillow, "imagecodecs": lambda body: with_bands(imagecodecs.jpeg8_decode(body))}

needs_library = pytest.mark.skipif(jpeg_transform.turbojpeg() is None, reason="libturbojpeg is not installed")


@needs_library
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("make", FILES, ids=lambda make: make.__name__)
def test_crop_is_the_corner_of_the_whole(make: Callable[[], bytes], size: Size) -> None:
    body = make()
    cut = jpeg.crop(body, size)
    assert cut is not None
    for reader, read in READERS.items():
        corner = read(body)[: size.height, : size.width]
        result = read(cut)
        assert result.shape == corner.shape, reader
        inner = 0 if make in (ycbcr_444, rgb, gray) else 2
        # halved chroma is interpolated from beyond the edge, which is gone
        exact = np.s_[: size.height - inner or None, : size.width - inner or None]
        if min(size.width, size.height) > inner:
            np.testing.assert_array_equal(result[exact], corner[exact], err_msg=reader)
        assert np.abs(result.astype(int) - corner).max() <= (0 if inner == 0 else 12), reader


@needs_library
def test_rgb_crop_keeps_its_colors_and_marker() -> None:
    cut = jpeg.crop(rgb(), Size(100, 50))
    assert cut is not None
    assert ADOBE_RGB in cut
    assert b"JFIF" not in cut
    assert opened(cut).info["adobe_transform"] == 0


@needs_library
@pytest.mark.parametrize("size", [Size(100, 256), Size(256, 100), Size(100, 100)], ids=str)
def test_crop_keeps_profile_and_jfif(size: Size) -> None:
    cut = jpeg.crop(with_profile(), size)
    assert cut is not None
    image = opened(cut)
    assert image.info["icc_profile"] == RGB_PROFILE
    assert image.info["jfif"] == 0x101


def test_bottom_edge_needs_no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jpeg, "cut", lambda body, size: None)
    body = ycbcr()
    cut = jpeg.crop(body, Size(256, 99))
    assert cut is not None
    assert len(cut) == len(body)
    assert sum(a != b for a, b in zip(cut, body, strict=True)) <= 2
    assert jpeg.crop(body, Size(255, 256)) is None
    assert jpeg.crop(progressive(), Size(256, 99)) is None


def test_whole_file_comes_back_as_it_is() -> None:
    body = ycbcr()
    assert jpeg.crop(body, Size(256, 256)) is body


def test_without_the_library_there_is_no_crop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jpeg_transform, "LIBRARIES", ("libno-such-library.so",))
    jpeg_transform.turbojpeg.cache_clear()
    try:
        assert jpeg_transform.turbojpeg() is None
        assert jpeg.crop(ycbcr(), Size(100, 256)) is None
    finally:
        jpeg_transform.turbojpeg.cache_clear()


@needs_library
def test_side_of_broken_units_is_cut_where_it_can_be() -> None:
    cut = jpeg.crop(ycbcr((250, 203)), Size(249, 201))
    assert cut is not None
    assert read_pillow(cut).shape == (201, 249, 3)


@needs_library
def test_threads_crop_at_once() -> None:
    body = ycbcr()
    expected = jpeg.crop(body, Size(100, 100))
    with ThreadPoolExecutor(8) as pool:
        results = set(pool.map(lambda _: jpeg.crop(body, Size(100, 100)), range(200)))
    assert results == {expected}


def patched(body: bytes, offset: int, value: bytes) -> bytes:
    return body[:offset] + value + body[offset + len(value) :]


def frame_offset(body: bytes) -> int:
    return body.index(b"\xff\xc0\x00\x11\x08")


DAMAGED = {
    "empty": b"",
    "no JPEG": b"II*\0" * 100,
    "only SOI": b"\xff\xd8",
    "text": b"\xff\xd8 is not enough for a picture",
    "cut in the tables": ycbcr()[:300],
    "cut in the frame header": ycbcr()[: frame_offset(ycbcr()) + 7],
    "cut in the scan": ycbcr()[:-2000],
    "segment of length 0": patched(ycbcr(), 22, b"\0\0"),
    "segment of length 65535": patched(ycbcr(), 22, b"\xff\xff"),
    "height 0": patched(ycbcr(), frame_offset(ycbcr()) + 5, b"\0\0"),
    "declared 65535 x 65535": patched(ycbcr(), frame_offset(ycbcr()) + 5, b"\xff\xff\xff\xff"),
    "no components": patched(ycbcr(), frame_offset(ycbcr()) + 9, b"\0"),
    "smaller than asked for": ycbcr((90, 90)),
    "fill bytes without end": b"\xff\xd8" + b"\xff" * 5000,
}


@pytest.mark.parametrize("body", DAMAGED.values(), ids=DAMAGED.keys())
def test_damaged_file_is_not_cropped(body: bytes) -> None:
    assert jpeg.crop(body, Size(100, 100)) is None


@pytest.mark.parametrize("seed", range(40))
def test_flipped_bytes_do_no_harm(seed: int) -> None:
    random = np.random.default_rng(seed)
    body: Picture = np.frombuffer(ycbcr(), np.uint8).copy()
    body[random.integers(0, len(body), 12)] = random.integers(0, 256, 12)
    cut = jpeg.crop(body.tobytes(), Size(100, 100))
    assert cut is None or cut[:2] == b"\xff\xd8"
