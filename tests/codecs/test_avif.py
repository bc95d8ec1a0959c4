"""AVIF output: pixels, chroma layout, codecs, container."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import imagecodecs
import numpy as np
import pytest
import pyvips

from iipserve.codecs import Metadata, avif
from iipserve.errors import UnsupportedEncoding
from iipserve.plan import Encoding
from tests.codecs.samples import (
    GRAY_PROFILE,
    RGB_PROFILE,
    XMP,
    check_exif,
    opened,
    read_pillow,
    read_vips,
    with_bands,
)
from tests.contracts.encoder import EVERYTHING, EncoderContract, Reader, picture


class TestAvif(EncoderContract):
    encoder = avif.ENCODER
    encodings: ClassVar[Mapping[str, Encoding]] = {
        "lossless": Encoding("avif", -1),
        "q50": Encoding("avif", 50, "auto"),
        "q100": Encoding("avif", 100, "aom"),
    }
    lossless = frozenset({"lossless"})
    longest_side = 32768

    # libheif makes full chroma of half in another way, which shows where small pictures are steep
    agreement = 20

    def readers(self, encoding: str, bands: int, bits: int) -> Mapping[str, Reader]:
        return {
            "pillow": read_pillow,
            "imagecodecs": lambda body: with_bands(imagecodecs.avif_decode(body)),
            "libheif": read_vips,
        }


def export(metadata: Metadata, bands: int, quality: int = 50) -> bytes:
    return avif.encode(
        picture((40, 31), bands), Encoding("avif", quality, profile=True, metadata=True), metadata
    )


@pytest.mark.parametrize("quality", [-1, 50])
@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_metadata_read_back(bands: int, quality: int) -> None:
    image = opened(export(EVERYTHING, bands, quality))
    assert image.info.get("icc_profile") == (RGB_PROFILE if bands > 2 else None)
    assert image.info["xmp"] == XMP
    check_exif(image.getexif())


@pytest.mark.parametrize("bands", [3, 4])
def test_metadata_read_back_by_libvips(bands: int) -> None:
    image = pyvips.Image.new_from_buffer(export(EVERYTHING, bands), "", fail_on="warning")
    assert image.get("icc-profile-data") == RGB_PROFILE
    assert "A maker of cameras" in image.get("exif-ifd0-Make")


@pytest.mark.parametrize(
    "metadata", [Metadata(icc=RGB_PROFILE), Metadata(xmp=XMP), Metadata(exif=EVERYTHING.exif)]
)
@pytest.mark.parametrize("bands", [3, 4])
def test_one_kind_of_metadata_alone(bands: int, metadata: Metadata) -> None:
    image = opened(export(metadata, bands))
    assert image.info.get("icc_profile") == metadata.icc
    assert image.info.get("xmp") == metadata.xmp
    assert bool(image.info.get("exif")) == bool(metadata.exif)


def test_gray_profile_goes_into_gray() -> None:
    body = export(Metadata(icc=GRAY_PROFILE), 1)
    assert b"colrprof" + GRAY_PROFILE in body


LAYOUTS = [
    pytest.param(3, 50, "4:2:0", id="color"),
    pytest.param(3, 100, "4:2:0", id="color at the highest quality"),
    pytest.param(3, -1, "4:4:4", id="lossless color"),
    pytest.param(1, 50, "4:0:0", id="gray"),
    pytest.param(2, 50, "4:0:0", id="gray and alpha"),
    pytest.param(1, -1, "4:0:0", id="lossless gray"),
]


@pytest.mark.parametrize(("bands", "quality", "layout"), LAYOUTS)
def test_chroma_layout(bands: int, quality: int, layout: str) -> None:
    """By av1C of the AV1 file format, section 2.3.3: monochrome, subsampling across, subsampling down."""
    body = export(Metadata(), bands, quality)
    flags = body[body.index(b"av1C") + 6]
    found = {0b111: "4:0:0", 0b011: "4:2:0", 0b000: "4:4:4"}[flags >> 2 & 0b111]
    assert found == layout


@pytest.mark.parametrize("bands", [1, 2, 3])
def test_lossy_is_lossy(bands: int) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)[:, :, :bands]
    pixels = np.ascontiguousarray(pixels)
    pixels[:, :, -1] = 200 if bands == 2 else pixels[:, :, -1]
    lossy, lossless = (
        len(avif.encode(pixels, Encoding("avif", quality), Metadata())) for quality in (30, -1)
    )
    assert lossy < lossless / 2


@pytest.mark.parametrize("scheme", ["", "auto", "aom", "rav1e", "svt"])
def test_missing_codec_is_the_automatic_one(scheme: str) -> None:
    body = avif.encode(picture((40, 31), 3), Encoding("avif", 50, scheme), Metadata())
    assert read_pillow(body).shape == (31, 40, 3)


def test_unknown_codec_is_refused() -> None:
    with pytest.raises(
        UnsupportedEncoding, match="'x264' is unknown; the known codecs are auto, aom, rav1e, svt"
    ):
        avif.encode(picture((40, 31), 3), Encoding("avif", 50, "x264"), Metadata())
