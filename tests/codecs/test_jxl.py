"""JPEG XL output: pixels, loss, colors, profile, container."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import ClassVar

import imagecodecs
import numpy as np
import pillow_jxl  # noqa: F401  # lets Pillow read JPEG XL
import pytest
from micro_reader_codecs import jxl_decode_into
from PIL import Image, ImageCms

from iipserve.codecs import NO_METADATA, Metadata, jxl
from iipserve.codecs.jxl_container import with_metadata
from iipserve.plan import Encoding
from tests.codecs.samples import GRAY_PROFILE, RGB_PROFILE, check_exif, opened, with_bands
from tests.contracts.encoder import EVERYTHING, Deep, EncoderContract, Reader, picture
from tests.images import Picture, gradient


def read_libjxl(body: bytes) -> Picture | Deep:
    return with_bands(imagecodecs.jpegxl_decode(body))


def read_oxide(bands: int, bits: int) -> Reader:
    """jxl-oxide, written in Rust from the standard."""

    def read(body: bytes) -> Picture | Deep:
        pixels = np.empty(read_libjxl(body).shape, f"u{bits // 8}")
        height, width = pixels.shape[:2]
        assert jxl_decode_into(body, pixels.view(np.uint8)) == (width, height, bands, bits)
        return pixels

    return read


class TestJpegXl(EncoderContract):
    encoder = jxl.ENCODER
    encodings: ClassVar[Mapping[str, Encoding]] = {
        "lossless": Encoding("jxl", -1),
        "q100": Encoding("jxl", 100),
        "q90": Encoding("jxl", 90),
        "q50": Encoding("jxl", 50),
    }
    lossless = frozenset({"lossless", "q100"})
    tolerance = 40, 12
    agreement = 1
    longest_side = 1 << 18

    def readers(self, encoding: str, bands: int, bits: int) -> Mapping[str, Reader]:
        return {"libjxl": read_libjxl, "jxl-oxide": read_oxide(bands, bits)}

    def states_profile(self, name: str) -> bool:
        return False


DISTANCES = [
    (100, 0.1),
    (90, 1.0),
    (75, 2.35),
    (50, 4.6),
    (30, 6.4),
    (29, 6.5077),
    (15, 11.725),
    (6, 18.736),
    (5, 19.0),
    (0, 19.0),
]
"""As `cjxl -q` says them, up to 19; libjxl 0.12 and later halve images from 10 on."""


@pytest.mark.parametrize(("quality", "distance"), DISTANCES)
def test_distance_of_a_quality(quality: int, distance: float) -> None:
    assert jxl.distance(quality) == pytest.approx(min(distance, jxl.MAX_DISTANCE), abs=0.001)


def test_higher_qualities_are_longer() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (200, 300, 3), np.uint8)
    lengths = [
        len(jxl.encode(pixels, Encoding("jxl", quality), NO_METADATA)) for quality in (10, 50, 75, 90, 100)
    ]
    assert lengths == sorted(lengths)
    assert len(set(lengths)) == len(lengths)


@pytest.mark.parametrize("size", [(1, 9), (17, 1), (37, 53), (301, 203)], ids=str)
@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_readers_agree_at_the_lowest_quality(bands: int, size: tuple[int, int]) -> None:
    body = jxl.encode(picture(size, bands), Encoding("jxl", 0), NO_METADATA)
    apart = read_libjxl(body).astype(int) - read_oxide(bands, 8)(body)
    assert np.abs(apart).max() <= 1


def test_large_images_have_no_loss() -> None:
    pixels = gradient((2048, 1025), 3)
    body = jxl.encode(pixels, Encoding("jxl", 50), NO_METADATA)
    np.testing.assert_array_equal(read_libjxl(body), pixels)
    smaller = jxl.encode(pixels[:1024], Encoding("jxl", 50), NO_METADATA)
    assert not np.array_equal(read_libjxl(smaller), pixels[:1024])


@pytest.mark.parametrize("quality", [-1, 0, 75])
@pytest.mark.parametrize("bands", [2, 4])
def test_opacity_has_no_loss(bands: int, quality: int) -> None:
    pixels = picture((301, 203), bands)
    body = jxl.encode(pixels, Encoding("jxl", quality), NO_METADATA)
    np.testing.assert_array_equal(read_libjxl(body)[:, :, -1], pixels[:, :, -1])
    np.testing.assert_array_equal(read_oxide(bands, 8)(body)[:, :, -1], pixels[:, :, -1])


@pytest.mark.parametrize("quality", [-1, 90])
@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_colors_are_stated_as_srgb(bands: int, quality: int) -> None:
    """By the profile that libjxl makes of the statement of colors."""
    body = jxl.encode(picture((9, 5), bands), Encoding("jxl", quality), NO_METADATA)
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[np.newaxis])
    ramp = ramp if bands < 3 else ramp.convert("RGB")
    stated = ImageCms.ImageCmsProfile(BytesIO(opened(body).info["icc_profile"]))
    seen = ImageCms.profileToProfile(ramp, stated, ImageCms.createProfile("sRGB"), outputMode="RGB")
    assert seen is not None
    assert np.abs(np.asarray(seen).astype(int) - np.arange(256)[:, np.newaxis]).max() <= 1


def swapped_profile() -> bytes:
    """sRGB with red and green exchanged: nobody could mistake one for the other."""
    profile = bytearray(RGB_PROFILE)
    tags = {bytes(profile[at : at + 4]): at for at in range(132, 132 + 12 * profile[131], 12)}
    for name, other in ((b"rXYZ", b"gXYZ"), (b"gXYZ", b"rXYZ")):
        at, source = tags[name], tags[other]
        profile[at + 4 : at + 12] = RGB_PROFILE[source + 4 : source + 12]
    return bytes(profile)


SWAPPED_PROFILE = swapped_profile()


@pytest.mark.parametrize(("quality", "largest"), [(99, 16), (-1, 1)], ids=["lossy", "lossless"])
@pytest.mark.parametrize("bands", [3, 4])
def test_colors_are_converted_to_srgb(bands: int, quality: int, largest: int) -> None:
    pixels = picture((64, 50), bands)
    body = jxl.encode(pixels, Encoding("jxl", quality, profile=True), Metadata(icc=SWAPPED_PROFILE))
    expected = pixels[:, :, [1, 0, *range(2, bands)]].astype(int)
    for read in (read_libjxl, read_oxide(bands, 8)):
        assert np.abs(read(body).astype(int) - expected).max() <= largest


@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_pixels_with_an_srgb_profile_stay_as_they_are(bands: int) -> None:
    pixels = picture((40, 31), bands)
    for icc in (RGB_PROFILE, GRAY_PROFILE):
        body = jxl.encode(pixels, Encoding("jxl", -1, profile=True), Metadata(icc=icc))
        np.testing.assert_array_equal(read_libjxl(body), pixels)


DAMAGED_PROFILES = {
    "nothing but a header": SWAPPED_PROFILE[:128],
    "cut": SWAPPED_PROFILE[:-100],
    "not signed": SWAPPED_PROFILE[:36] + b"icpp" + SWAPPED_PROFILE[40:],
}


@pytest.mark.parametrize("icc", DAMAGED_PROFILES.values(), ids=DAMAGED_PROFILES.keys())
@pytest.mark.parametrize("quality", [-1, 50])
def test_damaged_profile_is_left_out(quality: int, icc: bytes) -> None:
    pixels = picture((40, 31), 3)
    known = Encoding("jxl", quality, profile=True)
    assert jxl.encode(pixels, known, Metadata(icc=icc)) == jxl.encode(pixels, known, NO_METADATA)


def test_a_bare_codestream_where_no_box_is_needed() -> None:
    """Which is what browsers and viewers decode first."""
    for quality in (-1, 75):
        known = Encoding("jxl", quality, profile=True)
        body = jxl.encode(picture((40, 31), 3), known, Metadata(icc=RGB_PROFILE))
        assert body.startswith(b"\xff\x0a")


@pytest.mark.parametrize("bits", [8, 16])
def test_boxes(bits: int) -> None:
    """ISO/IEC 18181-2: the level comes first, where it is not 5 (as libjxl has it for 16 bits)."""
    pixels = picture((40, 31), 3, bits)
    body = with_metadata(bytes(imagecodecs.jpegxl_encode(pixels, lossless=True)), EVERYTHING)
    kinds, at = [], 0
    while at < len(body):
        kinds.append(body[at + 4 : at + 8])
        at += int.from_bytes(body[at : at + 4], "big")
    level = [b"jxll"] if bits == 16 else []
    assert kinds == [b"JXL ", b"ftyp", *level, b"Exif", b"xml ", b"jxlc"]
    assert at == len(body)
    np.testing.assert_array_equal(read_libjxl(body), pixels)
    np.testing.assert_array_equal(read_oxide(3, bits)(body), pixels)
    check_exif(opened(body).getexif())
