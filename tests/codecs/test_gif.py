"""GIF output: gray exactly, color in at most 256 colors, nothing but pixels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import imagecodecs
import numpy as np

from iipserve.codecs import NO_METADATA, Metadata, gif
from iipserve.plan import Encoding
from tests.codecs.samples import opened, read_pillow, read_vips
from tests.contracts.encoder import EVERYTHING, EncoderContract, Reader, picture
from tests.images import gradient, smooth
from tests.processing.test_icc import gray_profile

GIF = Encoding("gif", 75)


class TestGif(EncoderContract):
    encoder = gif.ENCODER
    encodings: ClassVar[Mapping[str, Encoding]] = {"gif": GIF}
    tolerance = 90, 8
    longest_side = 65535

    def readers(self, encoding: str, bands: int, bits: int) -> Mapping[str, Reader]:
        return {
            "pillow": lambda body: np.asarray(opened(body).convert("RGB")),
            "imagecodecs": imagecodecs.gif_decode,
            "libvips": lambda body: np.ascontiguousarray(read_vips(body)[..., :3]),
        }

    def states_profile(self, name: str) -> bool:
        return False


def test_gray_is_exact() -> None:
    pixels = gradient((301, 203), 1)
    np.testing.assert_array_equal(read_pillow(gif.encode(pixels, GIF, NO_METADATA))[..., :1], pixels)


def test_few_colors_are_exact() -> None:
    colors = np.random.default_rng(1).integers(0, 256, (40, 3), np.uint8)
    pixels = np.ascontiguousarray(colors[np.random.default_rng(2).integers(0, 40, (90, 70))])
    decoded = np.asarray(opened(gif.encode(pixels, GIF, NO_METADATA)).convert("RGB"))
    assert np.abs(decoded.astype(int) - pixels).max() <= 4


def test_large_images_have_the_nearest_colors_of_one_palette() -> None:
    """By brute force over the palette, for some of the pixels; the table has 5 bits for each band."""
    pixels = smooth((2000, 1100))
    image = opened(gif.encode(pixels, GIF, NO_METADATA))
    palette = np.array(image.getpalette(), int).reshape(-1, 3)
    chosen = np.asarray(image.convert("RGB")).reshape(-1, 3)[::997].astype(int)
    wanted = pixels.reshape(-1, 3)[::997].astype(int)
    nearest = np.sqrt(np.square(wanted[:, None] - palette).sum(axis=2).min(axis=1))
    assert (np.sqrt(np.square(wanted - chosen).sum(axis=1)) - nearest).max() <= 2 * np.sqrt(3 * 4**2)
    assert np.abs(wanted - chosen).mean() < 5


def test_there_is_nothing_but_the_picture() -> None:
    image = opened(gif.encode(picture((40, 31), 3), Encoding("gif", 75, metadata=True), EVERYTHING))
    assert image.format == "GIF"
    assert not {"icc_profile", "xmp", "exif", "comment"} & image.info.keys()


def test_other_colors_become_srgb() -> None:
    """A profile of linear gray: the formula of IEC 61966-2-1."""
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    linear = np.arange(256) / 255
    curve = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    body = gif.encode(pixels, Encoding("gif", 75, profile=True), Metadata(icc=gray_profile(1.0)))
    assert np.abs(read_pillow(body)[..., 0].ravel() - curve * 255).max() <= 1.5
