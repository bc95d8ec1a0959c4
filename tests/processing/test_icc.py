"""ICC profiles, compared with libvips' transforms."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import pyvips
from numpy.typing import NDArray

from iipserve import libvips
from iipserve.image import ColorSpace
from iipserve.processing.display import display_transform
from iipserve.processing.icc import ToSRGB, to_srgb
from tests.images import smooth
from tests.processing.sample_formats import context, info, kind

P3: bytes = pyvips.Image.profile_load("p3")
CMYK: bytes = pyvips.Image.profile_load("cmyk")


def gray_profile(gamma: float) -> bytes:
    """A profile of gray with a power curve: three tags in a display profile of version 2."""
    white = b"XYZ \0\0\0\0" + b"".join(int(v * 65536).to_bytes(4, "big") for v in (0.9642, 1.0, 0.8249))
    curve = b"curv\0\0\0\0" + (1).to_bytes(4, "big") + int(gamma * 256).to_bytes(2, "big") + b"\0\0"
    text = b"desc\0\0\0\0" + (5).to_bytes(4, "big") + b"gray\0" + bytes(78 + 5)
    tags, body, offset = b"", b"", 128 + 4 + 3 * 12
    for name, value in ((b"desc", text), (b"wtpt", white), (b"kTRC", curve)):
        padded = value + bytes(-len(value) % 4)
        tags += name + (offset + len(body)).to_bytes(4, "big") + len(value).to_bytes(4, "big")
        body += padded
    header = bytearray(128)
    header[0:4] = (offset + len(body)).to_bytes(4, "big")
    header[8:24] = b"\x02\x10\0\0" + b"mntrGRAYXYZ "
    header[36:40] = b"acsp"
    header[68:80] = white[8:]
    return bytes(header) + (3).to_bytes(4, "big") + tags + body


def by_libvips(pixels: NDArray[Any], profile: str, space: str) -> NDArray[Any]:
    image = libvips.from_pixels(pixels).copy(interpretation=space)
    options = {"intent": "relative", "black_point_compensation": True}
    return libvips.to_pixels(image.icc_transform("srgb", input_profile=profile, **options))


@pytest.mark.parametrize("bands", [3, 4])
def test_rgb(bands: int) -> None:
    picture = smooth((90, 70), bands)
    operation = ToSRGB().bound(context(info(icc=P3)))
    result = operation(picture)
    color = np.ascontiguousarray(picture[..., :3])
    assert np.abs(result[..., :3].astype(int) - by_libvips(color, "p3", "rgb")).max() <= 1
    assert (result[..., :3] != color).any()
    np.testing.assert_array_equal(result[..., 3:], picture[..., 3:])


@pytest.mark.parametrize("bands", [1, 2])
def test_gray(bands: int) -> None:
    picture = smooth((90, 70), bands)
    result = ToSRGB(gray_profile(1.0))(picture)
    assert result.shape == picture.shape
    light = picture[..., 0] / 255
    expected = 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    assert np.abs(result[..., 0] - expected).max() <= 0.51
    np.testing.assert_array_equal(result[..., 1:], picture[..., 1:])


def test_16_bits_stay_16() -> None:
    picture = smooth((40, 30)).astype(np.uint16) * 257 + 3
    result = ToSRGB(P3)(picture)
    share = picture / 65535
    light = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    # both have the same curve; columns are red, green and blue in XYZ of D50, of this profile and of sRGB
    wide = np.array([[0.51512, 0.29198, 0.15710], [0.24120, 0.69225, 0.06656], [0.0, 0.04182, 0.78308]])
    srgb = np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])
    matrix = np.linalg.inv(srgb) @ wide
    light = (light @ matrix.T).clip(0, 1)
    expected = 65535 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    # half a step of 8 bits: the profile's own numbers have few digits
    assert np.abs(result - expected).max() <= 128
    assert len(np.unique(result)) > 500


def test_16_bits_of_linear_gray_are_exact() -> None:
    codes = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1)
    light = codes / 65535
    expected = 65535 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    assert np.abs(ToSRGB(gray_profile(1.0))(codes) - expected).max() <= 1


@pytest.mark.parametrize(
    "profile", [None, b"", b"no profile", P3[:300], P3[:128] + bytes(352), CMYK, gray_profile(2.2)],
    ids=["unbound", "none", "text", "cut off", "emptied", "of CMYK", "of gray"],
)  # fmt: skip
def test_pixels_stay_without_a_profile_of_theirs(profile: bytes | None) -> None:
    picture = smooth((9, 9))
    assert ToSRGB(profile)(picture) is picture


def test_bound_takes_the_image_s_own() -> None:
    assert ToSRGB().bound(context(info(icc=P3))) == ToSRGB(P3)
    assert ToSRGB().bound(context(info())) == ToSRGB(b"")


@pytest.mark.parametrize("alpha", [False, True])
def test_cmyk_by_its_profile(alpha: bool) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (40, 40, 4 + alpha)).astype(np.uint8)
    to_display = display_transform(
        kind("uint8", 4 + alpha, space=ColorSpace.CMYK, alpha=alpha, profile=CMYK), ()
    )
    assert to_display is not None
    result = to_display(picture)
    inks = np.ascontiguousarray(picture[..., :4])
    assert np.abs(result[..., :3].astype(int) - by_libvips(inks, "cmyk", "cmyk")).max() <= 1
    np.testing.assert_array_equal(result[..., 3:], picture[..., 4:])


@pytest.mark.parametrize("profile", [P3, b"broken", CMYK[:5000]], ids=["of RGB", "text", "cut off"])
def test_cmyk_with_a_profile_that_is_no_good(profile: bytes) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (9, 9, 4)).astype(np.uint8)
    made = [
        display_transform(kind("uint8", 4, space=ColorSpace.CMYK, profile=given), ())
        for given in (profile, None)
    ]
    assert made[0] is not None
    assert made[1] is not None
    np.testing.assert_array_equal(made[0](picture), made[1](picture))


def test_threads_share_a_transform() -> None:
    transform = to_srgb(P3, 3)
    assert transform is to_srgb(P3, 3)
    assert transform is not None
    pictures = [
        np.random.default_rng(seed).integers(0, 256, (64, 64, 3)).astype(np.uint8) for seed in range(8)
    ]
    alone = [transform(picture) for picture in pictures]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(10):
            for result, expected in zip(pool.map(transform, pictures), alone, strict=True):
                np.testing.assert_array_equal(result, expected)
