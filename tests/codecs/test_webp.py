"""WebP output: pixels and container."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import imagecodecs
import numpy as np
import pytest
import pyvips
from micro_reader_codecs import webp_decode_into

from iipserve.codecs import Metadata, webp
from iipserve.plan import Encoding
from tests.codecs.samples import (
    RGB_PROFILE,
    XMP,
    check_exif,
    exif_block,
    opened,
    read_pillow,
    read_rust,
    read_vips,
)
from tests.contracts.encoder import EVERYTHING, EncoderContract, Reader, picture
from tests.images import gradient


class TestWebp(EncoderContract):
    encoder = webp.ENCODER
    encodings: ClassVar[Mapping[str, Encoding]] = {
        "lossless": Encoding("webp", -1),
        "q50": Encoding("webp", 50),
        "q100": Encoding("webp", 100),
    }
    lossless = frozenset({"lossless"})
    longest_side = 16382

    def readers(self, encoding: str, bands: int, bits: int) -> Mapping[str, Reader]:
        return {
            "pillow": read_pillow,
            "imagecodecs": imagecodecs.webp_decode,
            "rust": read_rust(webp_decode_into, 4 if bands in (2, 4) else 3, bits),
            "libvips": read_vips,
        }

    def gray_when_written(self, name: str, bands: int) -> bool:
        return False


def export(metadata: Metadata, bands: int, quality: int) -> bytes:
    return webp.encode(
        picture((40, 31), bands), Encoding("webp", quality, profile=True, metadata=True), metadata
    )


@pytest.mark.parametrize("quality", [-1, 50])
@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_metadata_read_back(bands: int, quality: int) -> None:
    image = opened(export(EVERYTHING, bands, quality))
    assert image.info["icc_profile"] == RGB_PROFILE
    assert image.info["xmp"] == XMP
    assert image.mode == ("RGBA" if bands in (2, 4) else "RGB")
    check_exif(image.getexif())


@pytest.mark.parametrize("bands", [3, 4])
def test_metadata_read_back_by_libvips(bands: int) -> None:
    image = pyvips.Image.new_from_buffer(export(EVERYTHING, bands, 50), "", fail_on="warning")
    assert image.get("icc-profile-data") == RGB_PROFILE
    assert image.get("xmp-data") == XMP
    assert "A maker of cameras" in image.get("exif-ifd0-Make")
    assert image.bands == bands


@pytest.mark.parametrize("extra", [b"", b"\0"], ids=["even", "odd"])
def test_chunks_are_padded_to_even_lengths(extra: bytes) -> None:
    body = export(
        Metadata(icc=RGB_PROFILE + extra, exif=exif_block() + extra, xmp=XMP + extra[:0] + b" " * len(extra)),
        3,
        50,
    )
    assert len(body) % 2 == 0
    assert int.from_bytes(body[4:8], "little") == len(body) - 8
    assert opened(body).info["icc_profile"] == RGB_PROFILE + extra


def test_metadata_without_a_place_change_nothing() -> None:
    without_place = Metadata(text=EVERYTHING.text)
    assert export(without_place, 3, 50) == export(Metadata(), 3, 50)


def test_lossless_keeps_colors_under_transparency() -> None:
    pixels = gradient((64, 50), 4)
    pixels[:, :, 3] = 0
    pixels[0, 0, 3] = 9
    body = webp.encode(pixels, Encoding("webp", -1), Metadata())
    np.testing.assert_array_equal(read_pillow(body), pixels)


def test_lossy_is_lossy() -> None:
    """imagecodecs' own default is near-lossless, eight times as long."""
    pixels = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    lossy, lossless = (
        len(webp.encode(pixels, Encoding("webp", quality), Metadata())) for quality in (50, -1)
    )
    assert lossy < lossless / 2
