"""JPEG XL output: pixels, loss, colors, profile, container."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import ClassVar

import imagecodecs
import numpy as np
import pillow_jxl  # noqa: F401  # lets Pillow read JPEG XL
import pytest
from micro_reader_codecs import jxl_decode_into
from PIL import Image, ImageCms

from iipserve.codecs import NO_METADATA, Metadata, jxl
from iipserve.codecs.jxl_codestream import with_colors_stated
from iipserve.codecs.jxl_container import put_together, taken_apart
from iipserve.plan import Encoding
from tests.codecs.samples import GRAY_PROFILE, RGB_PROFILE, XMP, with_bands
from tests.contracts.encoder import EVERYTHING, Deep, EncoderContract, Reader, picture
from tests.images import Picture, smooth


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
        return name in self.lossless


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
"""As `cjxl -q` says them, up to 19."""


@pytest.mark.parametrize(("quality", "distance"), DISTANCES)
def test_distance_of_a_quality(quality: int, distance: float) -> None:
    assert jxl.distance(quality) == pytest.approx(distance, abs=0.001)


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


@pytest.mark.parametrize("quality", [-1, 0, 75])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("bands", [2, 4])
def test_opacity_has_no_loss(bands: int, bits: int, quality: int) -> None:
    pixels = picture((301, 203), bands, bits)
    body = jxl.encode(pixels, Encoding("jxl", quality), NO_METADATA)
    np.testing.assert_array_equal(read_libjxl(body)[:, :, -1], pixels[:, :, -1])
    np.testing.assert_array_equal(read_oxide(bands, bits)(body)[:, :, -1], pixels[:, :, -1])


def stated_profile(body: bytes) -> bytes:
    """The profile that libjxl makes of the statement of colors, or finds as it is."""
    return bytes(Image.open(io.BytesIO(body)).info["icc_profile"])


@pytest.mark.parametrize("quality", [-1, 90])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_colors_are_stated_as_srgb(bands: int, bits: int, quality: int) -> None:
    body = jxl.encode(picture((9, 5), bands, bits), Encoding("jxl", quality), NO_METADATA)
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[np.newaxis])
    ramp = ramp if bands < 3 else ramp.convert("RGB")
    stated = ImageCms.ImageCmsProfile(io.BytesIO(stated_profile(body)))
    seen = ImageCms.profileToProfile(ramp, stated, ImageCms.createProfile("sRGB"), outputMode="RGB")
    assert seen is not None
    assert np.abs(np.asarray(seen).astype(int) - np.arange(256)[:, np.newaxis]).max() <= 1


@pytest.mark.parametrize("quality", [0, 50, 90, 99])
def test_loss_in_16_bits_is_that_in_8(quality: int) -> None:
    """Though samples take the way over linear light."""
    shallow = smooth((301, 203))
    deep = shallow.astype(np.uint16) * np.uint16(257)
    losses = [
        np.abs(
            read_libjxl(jxl.encode(pixels, Encoding("jxl", quality), NO_METADATA)) / highest
            - pixels / highest
        )
        for pixels, highest in ((shallow, 255), (deep, 65535))
    ]
    assert losses[1].mean() == pytest.approx(losses[0].mean(), rel=0.1, abs=0.001)


def with_platform(platform: bytes, maker: bytes = b"lcms") -> bytes:
    return RGB_PROFILE[:4] + maker + RGB_PROFILE[8:40] + platform + RGB_PROFILE[44:]


def longer(length: int) -> bytes:
    """With bytes behind its tags that nobody reads."""
    filler = np.random.default_rng(1).bytes(length - len(RGB_PROFILE))
    return length.to_bytes(4, "big") + RGB_PROFILE[4:] + filler


PROFILES = {
    "as it is": RGB_PROFILE,
    "another maker": with_platform(b"APPL", b"ADBE"),
    "no maker": with_platform(b"APPL", bytes(4)),
    "Microsoft": with_platform(b"MSFT"),
    "Silicon Graphics": with_platform(b"SGI "),
    "Sun": with_platform(b"SUNW"),
    "no platform": with_platform(bytes(4)),
    "unknown platform": with_platform(b"SAGX"),
    "half-known platform": with_platform(b"AXXX"),
    "4096 bytes": longer(4096),
    "65000 bytes": longer(65_000),
    "300,000 bytes": longer(300_000),
}


@pytest.mark.parametrize("icc", PROFILES.values(), ids=PROFILES.keys())
@pytest.mark.parametrize("bits", [8, 16])
def test_profile_read_back(bits: int, icc: bytes) -> None:
    pixels = picture((40, 31), 3, bits)
    body = jxl.encode(pixels, Encoding("jxl", -1, profile=True), Metadata(icc=icc))
    assert stated_profile(body) == icc
    np.testing.assert_array_equal(read_libjxl(body), pixels)
    np.testing.assert_array_equal(read_oxide(3, bits)(body), pixels)


@pytest.mark.parametrize("bands", [1, 2])
def test_gray_profile_goes_into_gray(bands: int) -> None:
    pixels = picture((40, 31), bands)
    body = jxl.encode(pixels, Encoding("jxl", -1, profile=True), Metadata(icc=GRAY_PROFILE))
    assert stated_profile(body) == GRAY_PROFILE


DAMAGED_PROFILES = {
    "nothing but a header": RGB_PROFILE[:128],
    "cut": RGB_PROFILE[:-1],
    "too long": RGB_PROFILE + b"\0",
    "not signed": RGB_PROFILE[:36] + b"icpp" + RGB_PROFILE[40:],
}


@pytest.mark.parametrize("icc", DAMAGED_PROFILES.values(), ids=DAMAGED_PROFILES.keys())
@pytest.mark.parametrize("quality", [-1, 50])
def test_damaged_profile_is_left_out(quality: int, icc: bytes) -> None:
    pixels = picture((40, 31), 3)
    known = Encoding("jxl", quality, profile=True)
    assert jxl.encode(pixels, known, Metadata(icc=icc)) == jxl.encode(pixels, known, NO_METADATA)


def wide_gamut_profile() -> bytes:
    """Red and green changed places in sRGB: nobody could mistake one for the other."""
    profile = bytearray(RGB_PROFILE)
    tags = {bytes(profile[at : at + 4]): at for at in range(132, 132 + 12 * profile[131], 12)}
    for name, other in ((b"rXYZ", b"gXYZ"), (b"gXYZ", b"rXYZ")):
        at, source = tags[name], tags[other]
        profile[at + 4 : at + 12] = RGB_PROFILE[source + 4 : source + 12]
    return bytes(profile)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("bands", [3, 4])
def test_loss_takes_colors_out_of_their_profile(bands: int, bits: int) -> None:
    pixels = picture((64, 50), bands, bits)
    body = jxl.encode(pixels, Encoding("jxl", 99, profile=True), Metadata(icc=wide_gamut_profile()))
    seen = read_libjxl(body).astype(int)
    expected = pixels[:, :, [1, 0, *range(2, bands)]].astype(int)
    assert np.abs(seen - expected).max() <= 16 * (257 if bits == 16 else 1)


def test_a_bare_codestream_where_no_box_is_needed() -> None:
    """Which is what browsers and viewers decode first."""
    for quality in (-1, 75):
        body = jxl.encode(
            picture((40, 31), 3), Encoding("jxl", quality, profile=True), Metadata(icc=RGB_PROFILE)
        )
        assert body.startswith(b"\xff\x0a")


@pytest.mark.parametrize("bits", [8, 16])
def test_boxes(bits: int) -> None:
    """ISO/IEC 18181-2: the level stands first, where it is not 5."""
    known = Encoding("jxl", -1, profile=True, metadata=True)
    body = jxl.encode(picture((40, 31), 3, bits), known, EVERYTHING)
    kinds, at = [], 0
    while at < len(body):
        kinds.append(body[at + 4 : at + 8])
        at += int.from_bytes(body[at : at + 4], "big")
    level = [b"jxll"] if bits == 16 else []
    assert kinds == [b"JXL ", b"ftyp", *level, b"Exif", b"xml ", b"jxlc"]
    assert at == len(body)


def in_parts(codestream: bytes) -> bytes:
    """A file whose codestream is cut into two boxes, one with a long length, the last with none."""
    mark = bytes.fromhex("0000000c 4a584c20 0d0a870a 00000014 66747970 6a786c20 00000000 6a786c20")
    first, last = codestream[:100], codestream[100:]
    parts = b"\0\0\0\x01jxlp" + (20 + len(first)).to_bytes(8, "big") + b"\0\0\0\0" + first
    return mark + b"\0\0\0\x09jxll\x0a" + parts + b"\0\0\0\0jxlp\x80\0\0\x01" + last


def test_a_codestream_in_parts_is_joined() -> None:
    codestream = jxl.encode(picture((40, 31), 3), Encoding("jxl", -1), NO_METADATA)
    body = in_parts(codestream)
    np.testing.assert_array_equal(read_libjxl(body), picture((40, 31), 3))
    assert taken_apart(body) == (codestream, b"\x0a")


def test_metadata_alone_make_a_container() -> None:
    codestream = jxl.encode(picture((40, 31), 3), Encoding("jxl", -1), NO_METADATA)
    body = put_together(codestream, b"", Metadata(xmp=XMP))
    assert taken_apart(body) == (codestream, b"")
    np.testing.assert_array_equal(read_libjxl(body), picture((40, 31), 3))


UNKNOWN_HEADS = {
    "a JPEG file": bytes.fromhex("ffd8ffe000104a464946"),
    "nothing but defaults": imagecodecs.jpegxl_encode(np.zeros((8, 8, 3), np.uint8), distance=1.0),
    "floating point": imagecodecs.jpegxl_encode(
        np.zeros((8, 8, 3), np.float32), distance=1.0, usecontainer=False
    ),
    "nothing": b"",
}


@pytest.mark.parametrize("codestream", UNKNOWN_HEADS.values(), ids=UNKNOWN_HEADS.keys())
def test_an_unknown_head_is_not_guessed_at(codestream: bytes) -> None:
    with pytest.raises(ValueError, match="unknown layout"):
        with_colors_stated(bytes(codestream))
